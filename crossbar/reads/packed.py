"""Blank-out on packed bits: inputs and gates a bit each, every gate drawn on its own on every read, sums looked up."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from crossbar.reads._kernels import BLOCK, masked_sums, pack_signs
from crossbar.reads.digits import DigitTables
from crossbar.reads.span import Span
from crossbar.threads import run_each, threads_now
from devices.validation import Floats

Bits = NDArray[np.uint8]
P_BITS = 16  # a gate's p is drawn as the nearest multiple of 2^-16, or exactly where it is one
_SMALL = 1 << 21  # synapse reads below which a second thread costs more than it brings
_UNGATED = np.empty(0, dtype=np.uint8)
EVERYWHERE: Bits = np.empty((0, 0), dtype=np.uint8)


def in_threads(work: Callable[[Span], object], span: Span, cost: float) -> None:
    """Do `work` on parts of the span at once, cut where the blocks of reads are; cost: roughly, in synapse reads."""
    parts = span.split(threads_now() if cost > _SMALL else 1, BLOCK)
    run_each(lambda i: work(parts[i]), len(parts))


def gate_bits(p: float) -> Bits | None:
    """Return the binary digits by which masks with probability p are drawn, lowest first; None where p rounds to 0 or 1.

    Exact for p = k/2^m with m ≤ 16; any other p is rounded to the nearest multiple of 2^-16 (see `drawn_p`).
    """
    k = round(p * 2**P_BITS)
    if not 0 < k < 2**P_BITS:
        return None
    digits = [k >> i & 1 for i in range(P_BITS)]
    return np.array(digits[digits.index(1) :], dtype=np.uint8)


def drawn_p(p: float) -> float:
    """Return the probability with which packed masks conduct: p, or the multiple of 2^-16 nearest to it."""
    return float(Fraction(round(p * 2**P_BITS), 2**P_BITS))


@dataclass(frozen=True)
class Packed:
    """Inputs in {−1, 0, +1} as bits (rows, octets), the first in the lowest bit: where +1, and where not 0.

    active (0, 0): nowhere is an input 0.
    """

    plus: Bits
    active: Bits
    inputs: int

    @classmethod
    def of(cls, x: NDArray[np.float64] | NDArray[np.int8]) -> tuple["Packed", NDArray[np.bool_]]:
        """Return x (rows, inputs) packed, and for every row whether that says it all: no input but −1, 0 and +1."""
        in_order, (rows, n) = np.ascontiguousarray(x), x.shape
        plus, active = np.empty((2, rows, -(-n // 8)), np.uint8)
        whole, full = np.empty((2, rows), dtype=bool)
        in_threads(
            lambda part: pack_signs(in_order, plus, active, whole, full, part.first, part.last),
            Span(0, rows),
            100 * x.size,
        )
        return cls(plus, EVERYWHERE if full.all() else active, n), whole

    def __len__(self) -> int:
        return len(self.plus)

    @property
    def has_zeros(self) -> bool:
        """Whether some input is 0."""
        return len(self.active) > 0

    def signs(self) -> NDArray[np.int8]:
        """Return the inputs as int8 (rows, inputs)."""
        plus = np.unpackbits(self.plus, axis=1, count=self.inputs, bitorder="little").view(np.int8)
        if not self.has_zeros:
            return 2 * plus - 1
        active = np.unpackbits(self.active, axis=1, count=self.inputs, bitorder="little").view(
            np.int8
        )
        return 2 * plus - active

    def absolute(self) -> "Packed":
        """Return |x|."""
        if self.has_zeros:
            return Packed(self.active, self.active, self.inputs)
        return Packed(np.full_like(self.plus, 255), self.active, self.inputs)


def gated_sums(
    matrix: DigitTables,
    inputs: Packed,
    span: Span,
    seed: np.random.SeedSequence | None = None,
    p: float = 1.0,
    *,
    scaled: bool = True,
) -> Floats:
    """Return Σ_j m_j x_j w_ji of every read of the span, (reads, columns); same `seed`, same masks m, in any matrix.

    Without a seed nothing is drawn: every m is 1. scaled=False: in the matrix's own unit.
    """
    out = np.empty((span.reads, matrix.columns))
    if not out.size:
        return out
    p_bits = _UNGATED if seed is None else gate_bits(p)
    key = (
        np.zeros(2, np.uint64)
        if seed is None
        else seed.generate_state(2, np.uint64).astype(np.uint64)
    )
    assert p_bits is not None
    rows, unit = span.rows, matrix.unit if scaled else 1.0
    tables = (matrix.tables, matrix.factors, matrix.depth, inputs.plus, inputs.active)

    def work(part: Span) -> None:
        here = slice(part.first - span.first, part.last - span.first)
        masked_sums(*tables, rows[here], key, p_bits, unit, part.first, part.last, out[here])

    in_threads(work, span, math.prod(out.shape) * 8.0 * inputs.plus.shape[1])
    return out
