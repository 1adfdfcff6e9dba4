"""Conductances as whole numbers in digits: the tables in which packed reads look their sums up.

A matrix is written as unit · (q + k0) with whole numbers q in balanced digits to the base 63: q =
Σ_d 63^d q_d with |q_d| ≤ 31, so that the sums of four weights fit into bytes. A pedestal k0 that is
not a whole number becomes an extra digit.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crossbar.reads._kernels import DIGIT_BASE, add_digits, fill_tables
from devices.validation import Floats

Whole = NDArray[np.int64]

#: Digits of weights that lie on no grid. Three give an error below 4e-6 of the largest weight,
#: enough where gates are drawn; four give 6e-8, the precision of float32, enough where noise is
#: added to a sum; eight give 5e-15, for sums that must equal a float64 product.
DRAWN_DIGITS = 3
NOISY_DIGITS = 4
SUMMED_DIGITS = 8
#: Most digits of weights on a grid; a finer grid is treated as continuous.
_MOST_DIGITS = 4
#: Distance from the grid, relative to the largest value, that rounding errors explain.
_ROUNDING = 1e-9
#: Spread, relative to the largest value, below which values count as one.
_CONSTANT = 1e-12
#: Octets of inputs added up in bytes before they are widened; more save nothing (measured).
_MOST_OCTETS = 8


@dataclass(frozen=True)
class DigitTables:
    """A matrix (word lines, columns) as lookup tables: value = unit Σ_d factors[d] digit_d.

    Attributes:
        tables: Sums of four weights, (columns, digits, octets, 2, 16). Entry t adds up those of the
            four whose bit is set in t.
        factors: Value of each digit in units, (digits,).
        unit: Value of the whole number 1.
        depth: Octets whose sums fit into bytes.
        exact: True if the values lie on the grid to rounding; otherwise each is off by at most
            unit/2.
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
        """Number of digits of a weight; a pedestal off the grid counts as one."""
        return self.tables.shape[1]


def digit_tables(matrices: Sequence[Floats], spacing: float, digits: int) -> list[DigitTables]:
    """Return the tables of matrices in one common unit, so that their sums may cancel exactly.

    Args:
        matrices: The matrices, each (word lines, columns).
        spacing: Spacing of a grid on which their values may lie, starting anywhere; 0 for
            continuous values.
        digits: Digits of the largest value where the values lie on no grid.
    """
    values = np.concatenate([m.ravel() for m in matrices])
    largest = float(np.abs(values).max(initial=0.0))
    if largest == 0:
        grid: tuple[Whole, float, float] | None = np.zeros(values.shape, np.int64), 0.0, 1.0
    else:
        grid = _on_grid(values, spacing, largest)
    exact = grid is not None
    if grid is None:
        unit = largest / _largest_whole(digits)
        grid = np.rint(values / unit).astype(np.int64), 0.0, unit
    q, k0, unit = grid
    edges = np.cumsum([m.size for m in matrices])[:-1]
    parts = zip(np.split(q, edges), matrices, strict=True)
    return [_tables(part.reshape(m.shape), k0, unit, exact) for part, m in parts]


def drawn_digits(matrices: Iterable[Floats], spacing: float) -> tuple[int, bool]:
    """Return the digits of the tables of these matrices, and whether the tables are exact.

    The tables are those of `digit_tables(matrices, spacing, DRAWN_DIGITS)`.

    Args:
        matrices: The matrices, each (word lines, columns), or blocks of their columns.
        spacing: As of `digit_tables`.
    """
    if spacing > 0:
        tables = digit_tables(list(matrices), spacing, DRAWN_DIGITS)
        return max(t.digits for t in tables), all(t.exact for t in tables)
    ends = [(float(m.min()), float(m.max())) for m in matrices]
    low, high = min(low for low, _ in ends), max(high for _, high in ends)
    largest = max(abs(low), abs(high))
    if high - low <= _CONSTANT * largest:
        return 1, True
    unit = largest / _largest_whole(DRAWN_DIGITS)
    return _digits_of(int(np.rint(largest / unit))), False


def column_sums(matrix: Floats) -> Floats:
    """Return the sums of the columns of a matrix, added up in digits as `gated_sums` adds them.

    They are the sums over inputs of one of the tables `digit_tables([matrix], 0, SUMMED_DIGITS)`.
    """
    low, high = float(matrix.min()), float(matrix.max())
    largest = max(abs(low), abs(high))
    if high - low <= _CONSTANT * largest:
        return np.full(matrix.shape[1], (low + high) / 2 * float(len(matrix)))
    unit = largest / _largest_whole(SUMMED_DIGITS)
    digits = _digits_of(int(np.rint(largest / unit)))
    totals = np.zeros((digits, matrix.shape[1]), np.int64)
    add_digits(matrix, unit, totals)
    sums = np.zeros(matrix.shape[1])
    for d in range(digits):
        sums += float(DIGIT_BASE**d) * totals[d]
    return unit * sums


def _digits_of(largest: int) -> int:
    """Return the number of balanced digits of whole numbers up to `largest`."""
    digits = 1
    while largest > _largest_whole(digits):
        digits += 1
    return digits


def _largest_whole(digits: int) -> int:
    """Return the largest whole number of that many balanced digits."""
    return (DIGIT_BASE**digits - 1) // 2


def _whole_numbers(values: Floats, unit: float, largest: float) -> Whole | None:
    """Return values/unit as whole numbers; None if they are not whole, or need too many digits."""
    if largest > unit * _largest_whole(_MOST_DIGITS):
        return None
    q = np.rint(values / unit)
    off = np.abs(values - q * unit).max(initial=0)
    return q.astype(np.int64) if off <= _ROUNDING * largest else None


def _on_grid(values: Floats, spacing: float, largest: float) -> tuple[Whole, float, float] | None:
    """Return (q, k0, unit) of values on a grid that may start anywhere.

    The result is None if they lie on no grid of this spacing.
    """
    low, high = float(values.min()), float(values.max())
    if high - low <= _CONSTANT * largest:
        return np.ones(values.shape, np.int64), 0.0, (low + high) / 2
    if spacing <= 0:
        return None
    q = _whole_numbers(values, spacing, largest)
    if q is not None:
        divisor = max(int(np.gcd.reduce(q, axis=None)), 1)
        return q // divisor, 0.0, spacing * divisor
    q = _whole_numbers(values - low, spacing, largest)
    if q is None:
        return None
    divisor = max(int(np.gcd.reduce(q, axis=None)), 1)
    middle = int(q.max()) // divisor // 2
    return q // divisor - middle, low / (spacing * divisor) + middle, spacing * divisor


def _tables(q: NDArray[np.int64], k0: float, unit: float, exact: bool) -> DigitTables:
    """Return the tables of whole numbers q (word lines, columns) with a pedestal k0, both in
    units.
    """
    inputs, columns = q.shape
    digits = _digits_of(int(np.abs(q).max(initial=0)))
    factors = [float(DIGIT_BASE**d) for d in range(digits)] + ([k0] if k0 else [])
    tables = np.empty((columns, len(factors), -(-inputs // 8), 2, 16), np.int8)
    most = fill_tables(q, DIGIT_BASE, tables[:, :digits])
    if k0:
        most = max(most, fill_tables(np.ones_like(q), DIGIT_BASE, tables[:, digits:]))
    return DigitTables(tables, np.array(factors), unit, min(127 // most, _MOST_OCTETS), exact)
