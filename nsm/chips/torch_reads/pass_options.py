"""How the layers of one run of passes are read, and where random numbers come from."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

import torch

from nsm.chips.torch_reads.random_bits import Draw


@dataclass(frozen=True)
class TorchReads:
    """How the layers of a run are read.

    Attributes:
        sampling: "exact" or "moments".
        generator: Random numbers of everything but gates.
        key: Key of the random bits of gates, a whole number of 64 bits.
        calls: Numbers of the reads of arrays, in the order in which they happen.
    """

    sampling: str
    generator: torch.Generator
    key: int
    calls: Iterator[int] = field(default_factory=itertools.count)

    def next_draw(self) -> Draw:
        """Return the random bits of the next read of an array."""
        return Draw(self.key, next(self.calls))


_CURRENT: ContextVar[TorchReads] = ContextVar("torch_reads")


@contextmanager
def torch_reads(reads: TorchReads) -> Iterator[None]:
    """Set how layers are read when they are called inside the `with` block."""
    token = _CURRENT.set(reads)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def current_reads() -> TorchReads:
    """Return how layers are read now; inside `torch_reads` only."""
    return _CURRENT.get()
