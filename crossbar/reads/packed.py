"""Ternary inputs as bits, packed eight to a byte."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crossbar.reads._kernels import READS_PER_BLOCK, pack_signs
from crossbar.reads.span import Span
from crossbar.threads import run_each, threads_now
from devices.validation import Floats

Bits = NDArray[np.uint8]
#: Synapse reads below which starting a second thread costs more than it saves (measured on two
#: cores).
_WORTH_A_THREAD = 1 << 23
#: Reads that share random numbers: some of them cost as much as all.
READS_TOGETHER = READS_PER_BLOCK
#: `Packed.active` of inputs among which there is no 0.
EVERYWHERE: Bits = np.empty((0, 0), dtype=np.uint8)


def in_threads(work: Callable[[Span], object], span: Span, cost: float, multiple: int = 1) -> None:
    """Call `work` on parts of the span in parallel, cut where the blocks of reads are.

    Args:
        work: Function of a part.
        span: The reads to divide.
        cost: Rough size of all the work in synapse reads; small work stays in one thread.
        multiple: Further number of which the cuts are multiples.
    """
    step = math.lcm(READS_PER_BLOCK, multiple)
    parts = span.split(threads_now() if cost > _WORTH_A_THREAD else 1, step)
    run_each(lambda i: work(parts[i]), len(parts))


def add_in_threads(u: Floats, sums: Floats, factor: Floats | None = None) -> None:
    """Add sums, times a factor, to u (reads, outputs) in its place.

    Args:
        u: What is added to.
        sums: Numbers that broadcast against u. With a factor they are of u's shape, and their
            memory is used.
        factor: Numbers that broadcast against u, or None for 1.
    """

    def rows(a: Floats, part: slice) -> Floats:
        return a[part] if a.ndim == 2 and len(a) == len(u) else a

    def work(part: Span) -> None:
        here = slice(part.first, part.last)
        more = rows(sums, here)
        if factor is not None:
            more = np.multiply(more, rows(factor, here), out=more)
        u[here] += more

    in_threads(work, Span(0, len(u)), 20 * u.size)


@dataclass(frozen=True)
class Packed:
    """Rows of ternary inputs as bits; the first input of a row is the lowest bit.

    Attributes:
        plus: Bit set where the input is +1, (rows, octets).
        active: Bit set where the input is not 0, (rows, octets); (0, 0) if no input is 0. Fewer
            rows repeat: those of the windows of an image serve all images.
        inputs: Number of inputs in a row.
        are_ones: Whether inputs are known to be 0 and 1 only.
    """

    plus: Bits
    active: Bits
    inputs: int
    are_ones: bool = False

    @classmethod
    def of(cls, x: NDArray[np.float64] | NDArray[np.int8]) -> tuple["Packed", NDArray[np.bool_]]:
        """Return x (rows, inputs) packed, and for every row whether it is ternary: all inputs in
        {−1, 0, +1}.
        """
        in_order = np.ascontiguousarray(x)
        rows, n = x.shape
        plus, active = np.empty((2, rows, -(-n // 8)), np.uint8)
        ternary, binary = np.empty((2, rows), dtype=bool)
        in_threads(
            lambda part: pack_signs(in_order, plus, active, ternary, binary, part.first, part.last),
            Span(0, rows),
            100 * x.size,
        )
        return cls(plus, EVERYWHERE if binary.all() else active, n), ternary

    def __len__(self) -> int:
        return len(self.plus)

    @property
    def has_zeros(self) -> bool:
        """Whether some input is 0."""
        return len(self.active) > 0

    def signs(self) -> NDArray[np.int8]:
        """Return the inputs as int8, (rows, inputs)."""
        plus = np.unpackbits(self.plus, axis=1, count=self.inputs, bitorder="little").view(np.int8)
        if not self.has_zeros:
            return 2 * plus - 1
        active = np.unpackbits(self._every_active, axis=1, count=self.inputs, bitorder="little")
        return 2 * plus - active.view(np.int8)

    def positive(self) -> NDArray[np.bool_]:
        """Return whether each input is +1, (rows, inputs)."""
        bits = np.unpackbits(self.plus, axis=1, count=self.inputs, bitorder="little")
        return bits.view(np.bool_)

    @property
    def _every_active(self) -> Bits:
        """`active` with a row for every row of inputs."""
        return np.resize(self.active, self.plus.shape)

    def absolute(self) -> "Packed":
        """Return |x|."""
        if self.has_zeros:
            return Packed(self._every_active, self.active, self.inputs, True)
        return Packed(np.full_like(self.plus, 255), self.active, self.inputs, True)

    def zeros(self) -> "Packed | None":
        """Return 1 for every input that is 0, and 0 for the others; None if no input is 0."""
        if not self.has_zeros:
            return None
        every = ~self._every_active
        # Bits beyond the last input belong to no cell.
        every[:, -1] &= 255 >> (-self.inputs % 8)
        return Packed(every, every, self.inputs, True)
