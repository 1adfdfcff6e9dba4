"""Which reads of a run a chip is making: the context in which its layers are called."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

import numpy as np

from crossbar.reads.span import Span
from devices.seeding import child

#: Key below a layer's seed of the calls after the first; the read-out has the keys before it.
LATER_CALLS = 3
#: Key below a layer's seed of rows that are not those of the images, by the first read of the span.
APART = 4


@dataclass(frozen=True)
class Reads:
    """Some reads of a run. Their numbers and the seed decide what they draw.

    Attributes:
        span: The reads. The images that come with it begin at the first that the span needs.
        sampling: "exact" or "moments", see `TiledArray.read`.
        seed: Seed of the run. Every layer draws from the child that its position in the network
            names.
        calls: How often each layer was called so far, by its position. A layer that is called
            several times in one pass draws anew each time.
    """

    span: Span
    sampling: str
    seed: np.random.SeedSequence
    calls: dict[int, int] = field(default_factory=dict)

    def seed_of(self, position: int) -> np.random.SeedSequence:
        """Return the seed of the next call of the layer at a position."""
        call = self.calls.get(position, 0)
        self.calls[position] = call + 1
        own = child(self.seed, position)
        return own if call == 0 else child(own, LATER_CALLS, call)

    def span_for(self, rows: int) -> Span:
        """Return the reads of a layer whose input has that many rows.

        There is one row for each read, or for each image, or several for each read (time steps,
        the positions of a sequence), those of one read side by side. Other numbers of rows, such
        as those of inputs that are the same for the whole batch, are reads of their own.
        """
        if rows == self.span.reads:
            return self.span.each()
        if rows == self._images:
            return self.span
        if rows and rows % self.span.reads == 0:
            return self.span.each().at(rows // self.span.reads)
        return Span(0, rows)

    def draws_apart(self, rows: int) -> bool:
        """Return whether a layer with that many rows of inputs reads them apart from the images.

        Its reads have numbers of their own, which begin at 0 in every span, so that each span needs
        a seed of its own.
        """
        images = (self.span.reads, self._images)
        return rows not in images and (not rows or rows % self.span.reads > 0)

    @property
    def _images(self) -> int:
        """Number of images that the span needs."""
        span = self.span
        return (span.last - 1) // span.repeats - span.first // span.repeats + 1


_CURRENT: ContextVar[Reads | None] = ContextVar("reads", default=None)


@contextmanager
def reading(reads: Reads) -> Iterator[None]:
    """Set the reads that layers on tiles make when they are called inside the `with` block."""
    token = _CURRENT.set(reads)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def reads_now() -> Reads | None:
    """Return the reads of the innermost `reading`; None outside."""
    return _CURRENT.get()


def call_now(position: int) -> int:
    """Return which call of the layer at a position in its pass is being read; 0 outside."""
    reads = reads_now()
    return 0 if reads is None else max(0, reads.calls.get(position, 0) - 1)


def current_reads() -> Reads:
    """Return the reads of the innermost `reading`.

    Raises:
        RuntimeError: A layer was called by itself, outside `reading`.
    """
    reads = _CURRENT.get()
    if reads is None:
        raise RuntimeError(
            "a layer on tiles was called outside a read of its chip; call the chip, as chip(x) or "
            "chip.sample(x, samples)"
        )
    return reads
