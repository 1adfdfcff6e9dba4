"""Which reads of a run a chip is making: the context in which its layers are called."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import numpy as np

from crossbar.reads.span import Span


@dataclass(frozen=True)
class Reads:
    """Some reads of a run. Their numbers and the seed decide what they draw.

    Attributes:
        span: The reads. The images that come with it begin at the first that the span needs.
        sampling: "exact" or "moments", see `TiledArray.read`.
        seed: Seed of the run. Every layer draws from the child that its position in the network
            names.
    """

    span: Span
    sampling: str
    seed: np.random.SeedSequence

    def span_for(self, rows: int) -> Span:
        """Return the reads of a layer whose input has that many rows.

        One for each read, or one for each image.
        """
        return self.span.each() if rows == self.span.reads else self.span


_CURRENT: ContextVar[Reads | None] = ContextVar("reads", default=None)


@contextmanager
def reading(reads: Reads) -> Iterator[None]:
    """Set the reads that layers on tiles make when they are called inside the `with` block."""
    token = _CURRENT.set(reads)
    try:
        yield
    finally:
        _CURRENT.reset(token)


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
