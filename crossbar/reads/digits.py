"""Conductances as whole numbers in digits small enough for tables of bytes: what packed reads look their sums up in.

A matrix is written as unit · (q + k0) with whole numbers q, and those in balanced digits to the base 63: q = Σ_d 63^d q_d
with |q_d| ≤ 31, so that the sums of four weights fit into bytes. A pedestal k0 that is no whole number is a digit of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crossbar.reads._kernels import DIGIT_BASE, fill_tables
from devices.validation import Floats

#: Digits of weights that lie on no grid, relative to the largest: error below 4e-6 where gates are drawn, else below 5e-15.
DRAWN_DIGITS, SUMMED_DIGITS = 3, 8
_MOST_DIGITS = 4  # of weights on a grid; a finer grid is none
_ON_GRID = 1e-9  # distance from a grid, relative to the largest, that rounding explains
_DEEPEST = 8  # octets added up in bytes; more save nothing


@dataclass(frozen=True)
class DigitTables:
    """A matrix (word lines, columns) as tables (columns, digits, octets, 2, 16): value = unit Σ_d factors[d] digit_d.

    Entry t of a table is the sum of those of its four weights whose bit is set in t. depth: octets whose sums fit into bytes.
    exact: the values lie on the grid (to rounding); else each is off by at most unit/2.
    """

    tables: NDArray[np.int8]
    factors: Floats
    unit: float
    depth: int
    exact: bool

    @property
    def columns(self) -> int:
        """Number of bit lines."""
        return len(self.tables)

    @property
    def digits(self) -> int:
        """Number of digits that a weight takes, a pedestal off the grid counted as one."""
        return self.tables.shape[1]


def _largest(digits: int) -> int:
    return (DIGIT_BASE**digits - 1) // 2


def _whole(values: Floats, unit: float, size: float) -> NDArray[np.int64] | None:
    """Return values/unit as whole numbers, or None where they are none, or too large."""
    if size > unit * _largest(_MOST_DIGITS):
        return None
    q = np.rint(values / unit)
    return (
        q.astype(np.int64) if np.abs(values - q * unit).max(initial=0) <= _ON_GRID * size else None
    )


def _on_grid(
    values: Floats, step: float, size: float
) -> tuple[NDArray[np.int64], float, float] | None:
    """Return q, k0 and the unit of values on a grid of that step, which may start anywhere; None where they lie on none."""
    low, high = float(values.min()), float(values.max())
    if high - low <= 1e-12 * size:
        return np.ones(values.shape, np.int64), 0.0, (low + high) / 2
    if step <= 0:
        return None
    q = _whole(values, step, size)
    if q is None:
        q = _whole(values - low, step, size)
        if q is None:
            return None
        divisor = max(int(np.gcd.reduce(q, axis=None)), 1)
        middle = int(q.max()) // divisor // 2
        return q // divisor - middle, low / (step * divisor) + middle, step * divisor
    divisor = max(int(np.gcd.reduce(q, axis=None)), 1)
    return q // divisor, 0.0, step * divisor


def digit_tables(matrices: Sequence[Floats], step: float, digits: int) -> list[DigitTables]:
    """Return the tables of matrices (word lines, columns) in one common unit, so that their sums may cancel exactly.

    step: of the grid on which their values may lie, starting anywhere; 0 for none. digits: how many the largest value takes
    where they lie on no grid.
    """
    values = np.concatenate([m.ravel() for m in matrices])
    size = float(np.abs(values).max(initial=0.0))
    grid = (
        (np.zeros(values.shape, np.int64), 0.0, 1.0) if size == 0 else _on_grid(values, step, size)
    )
    exact = grid is not None
    if grid is None:
        unit = size / _largest(digits)
        grid = np.rint(values / unit).astype(np.int64), 0.0, unit
    q, k0, unit = grid
    edges = np.cumsum([m.size for m in matrices])[:-1]
    parts = zip(np.split(q, edges), matrices, strict=True)
    return [_tables(part.reshape(m.shape), k0, unit, exact) for part, m in parts]


def _tables(q: NDArray[np.int64], k0: float, unit: float, exact: bool) -> DigitTables:
    inputs, columns = q.shape
    largest, digits = int(np.abs(q).max(initial=0)), 1
    while largest > _largest(digits):
        digits += 1
    factors = [float(DIGIT_BASE**d) for d in range(digits)] + ([k0] if k0 else [])
    tables = np.empty((columns, len(factors), -(-inputs // 8), 2, 16), np.int8)
    most = fill_tables(q, DIGIT_BASE, tables[:, :digits])
    if k0:
        most = max(most, fill_tables(np.ones_like(q), DIGIT_BASE, tables[:, digits:]))
    return DigitTables(tables, np.array(factors), unit, min(127 // most, _DEEPEST), exact)
