"""Blank-out on packed bits: 64 cells a machine word, weights as bit planes, every gate drawn on its own on every read.

A weight is written in the digits ±1: w = scale (k0 + Σ_b 2^b d_b), so that a sum over inputs z = ±1 under a mask m is
scale (k0 Σ m z + Σ_b 2^b (|m| − 2 |(d_b ⊕ z) ∧ m|)), counts of bits alone.
"""

import math
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossbar._kernels import GROUP, blank_out_sums
from crossbar.span import Span
from devices._checks import Floats, integer

Words = NDArray[np.uint64]
P_BITS = 16  # a gate's p is drawn as the nearest multiple of 2^-16, or exactly where it is one
OFF_GRID_BITS = 14  # planes of conductances that lie on no grid: error below 1e-4 of full scale
_SMALL = 1 << 22  # synapse reads below which a second thread costs more than it brings

_threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def set_threads(n: int) -> int:
    """Use `n` threads for packed reads from now on; return how many it was before. No result depends on it."""
    global _threads
    before, _threads = _threads, integer("threads", n, at_least=1)
    return before


@contextmanager
def threads(n: int) -> Iterator[None]:
    """Use `n` threads for packed reads inside the `with`. No result depends on it."""
    before = set_threads(n)
    try:
        yield
    finally:
        set_threads(before)


@dataclass(frozen=True)
class BitPlanes:
    """A matrix (word lines, columns) as planes (words, bits, columns): value = scale (k0 + Σ_b ± 2^b).

    exact: the values lie on the planes' grid (to rounding); else the error is at most scale.
    """

    planes: Words
    k0: float
    scale: float
    exact: bool

    @property
    def bits(self) -> int:
        """Number of planes."""
        return self.planes.shape[1]


def pack(bits: NDArray[np.bool_]) -> Words:
    """Return (rows, n) truth values as (rows, ceil(n/64)) words, the first value in the lowest bit."""
    rows, n = bits.shape
    padded = np.zeros((rows, -(-n // 64) * 64), dtype=bool)
    padded[:, :n] = bits
    return np.packbits(padded, axis=1, bitorder="little").view("<u8").astype(np.uint64, copy=False)


def bit_planes(matrix: Floats, step: float) -> BitPlanes:
    """Return the planes of a matrix (word lines, columns) whose values may be multiples of `step` (0: of nothing).

    On a grid: as few planes as its range needs, exact. Else OFF_GRID_BITS planes over the matrix's own range.
    """
    low, high = float(matrix.min()), float(matrix.max())
    index, spacing, exact = None, 0.0, True
    if step > 0 and high > low:
        multiples = np.rint((matrix - low) / step)  # the grid starts at the lowest value, which need not be a multiple
        if np.abs(matrix - low - multiples * step).max() <= 1e-9 * max(abs(low), abs(high)):
            above = multiples.astype(np.int64)
            divisor, lowest = int(np.gcd.reduce(above, axis=None)), round(low / step)
            if abs(low - lowest * step) <= 1e-9 * max(abs(low), abs(high)):
                divisor, low = math.gcd(divisor, 2 * lowest), lowest * step  # a whole k0 keeps sums of zero exact
            index, spacing = above // divisor, divisor * step
    if high == low:
        index, spacing = np.zeros(matrix.shape, np.int64), 2 * low
    if index is None or int(index.max()).bit_length() > OFF_GRID_BITS:
        if low < 0 < high:  # a symmetric range needs no k0, which costs as much as a plane
            high = max(-low, high)
            low = -high
        spacing, exact = (high - low) / (2**OFF_GRID_BITS - 1), False
        index = np.rint((matrix - low) / spacing).astype(np.int64)
    bits = max(1, int(index.max()).bit_length())
    planes = np.stack([pack((index >> b & 1 == 0).T).T for b in range(bits)], axis=1)
    k0 = 2 * low / spacing + 2**bits - 1 if spacing else 0.0
    rounded = round(k0)
    return BitPlanes(
        np.ascontiguousarray(planes), rounded if abs(k0 - rounded) < 1e-9 * max(1, abs(k0)) else k0, spacing / 2, exact
    )


def gate_bits(p: float) -> NDArray[np.uint8] | None:
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
class PackedInputs:
    """Inputs in {−1, 0, +1}, (rows, words) each: where negative, where not zero."""

    negative: Words
    active: Words

    @classmethod
    def of(cls, x: NDArray[Any]) -> "PackedInputs | None":
        """Return x (rows, inputs) packed, or None where some input is none of −1, 0, +1."""
        if not ((x == 1) | (x == -1) | (x == 0)).all():
            return None
        return cls(pack(x < 0), pack(x != 0))

    @classmethod
    def of_signs(cls, positive: NDArray[np.bool_]) -> "PackedInputs":
        """Return ±1 states packed, given as truth values (rows, inputs), True for +1."""
        rows, n = positive.shape
        return cls(pack(~positive), np.repeat(pack(np.ones((1, n), dtype=bool)), rows, axis=0))


def masked_sums(
    matrix: BitPlanes, inputs: PackedInputs, span: Span, seed: np.random.SeedSequence, p: float, *, signed: bool = True
) -> Floats:
    """Return Σ_j m_j x_j w_ji of every read of the span, (reads, columns); same `seed`, same masks m, in any matrix.

    signed=False: Σ_j m_j |x_j| w_ji under the same masks.
    """
    digits = gate_bits(p)
    assert digits is not None
    key = seed.generate_state(2, np.uint64)
    out = np.empty((span.reads, matrix.planes.shape[2]))
    negative = inputs.negative if signed else np.zeros_like(inputs.negative)
    lines = (matrix.planes, negative, inputs.active, span.repeats, span.locations, span.first)
    fixed = (*lines, key, digits, float(matrix.k0), matrix.scale)
    workers = _threads if span.reads * matrix.planes.size * 64 > _SMALL else 1
    parts = span.split(workers, GROUP)

    def run(part: Span) -> Any:
        return blank_out_sums(*fixed, part.first, part.last, out)

    if len(parts) == 1:
        run(parts[0])
    else:
        with ThreadPoolExecutor(len(parts)) as pool:
            list(pool.map(run, parts))
    return out
