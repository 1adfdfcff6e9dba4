"""Which reads of a run a chip is making: the context in which its layers are called."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np

from crossbar.reads.span import Span
from devices.seeding import child


class Stream(IntEnum):
    """Random streams of a layer in one run, below the seed that its position names.

    LATER_CALLS has a stream for each call of a pass after the first, and APART one for each span
    whose rows are not those of the images.
    """

    ARRAYS = 0
    COMPARATOR_NOISE = 1
    LOGISTIC = 2
    LATER_CALLS = 3
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

    def next_call(self, position: int, rows: int) -> tuple[Span, np.random.SeedSequence]:
        """Return the reads of the next call of a layer, and the seed of what it draws.

        Args:
            position: The layer's position, which names its streams.
            rows: Rows of the inputs, see `span_for`. Rows that are not those of the images have
                numbers that begin at 0 in every span, and therefore a seed for each span.
        """
        call = self.calls.get(position, 0)
        self.calls[position] = call + 1
        seed = child(self.seed, position)
        if call > 0:
            seed = child(seed, Stream.LATER_CALLS, call)
        if not self._are_of_images(rows):
            seed = child(seed, Stream.APART, self.span.first)
        return self.span_for(rows), seed

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
        if self._are_of_images(rows):
            return self.span.each().at(rows // self.span.reads)
        return Span(0, rows)

    def _are_of_images(self, rows: int) -> bool:
        """Return whether that many rows are those of the images, one or several for each."""
        return rows == self._images or (rows > 0 and rows % self.span.reads == 0)

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
