"""Tables of sums of signs, and what their leading digits tell of a sum."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from crossbar.reads._kernels import DIGIT_BASE
from crossbar.reads.digits import DigitTables
from crossbar.reads.layer_pass._sign_entries import (
    BASE,
    LARGEST_OF_TWO,
    reach_of,
    split_entries,
    whole_sizes,
)
from crossbar.reads.layer_pass._sign_sums import SignTables
from devices.validation import Floats

_LARGEST_BYTE = 127
_LARGEST_INT = 2**31 - 1
_NO_STEPS = np.empty((0, 0), np.int32)
#: Digits of a sum that are added up before others.
_LEADING = 2
#: Share of a variance up to which all digits but one may be left for later.
_SMALL = 0.05
#: Most digits of whole numbers whose entries fit into int32.
_MOST_DIGITS = 4

Entries = NDArray[np.int8]


def sign_tables(tables: DigitTables) -> SignTables:
    """Return tables of sums of weights as tables of sums of signs."""
    steps, odd = _steps(tables)
    if len(steps):
        entries = np.empty((*steps.shape, *tables.tables.shape[2:]), np.int8)
        of_digits = tables.tables.reshape(*tables.tables.shape[:2], -1)
        split_entries(of_digits, _values(tables), steps, entries.reshape(*steps.shape, -1))
        return _padded(entries, odd[:, None], np.ones(1), tables.unit, steps)
    of_all = tables.tables[..., 15]
    entries = tables.tables - (of_all >> 1)[..., None]
    odd = (of_all & 1).sum(axis=(2, 3), dtype=np.int32)
    return _padded(entries, odd, tables.factors, tables.unit, steps)


def _values(tables: DigitTables) -> NDArray[np.int32]:
    """Return the values of digits that are whole numbers."""
    return DIGIT_BASE ** np.arange(tables.digits, dtype=np.int32)


def _steps(tables: DigitTables) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return steps and Σ π of whole numbers; no steps for one digit, or where sums exceed int32.

    The last two digits have the base 127. The value of the lower one is the smallest with which
    they reach the largest entry of the column; the digits before hold the rest.
    """
    digits, columns = tables.digits, tables.columns
    odd, largest, sums = np.zeros((3, columns), np.int64)
    none = _NO_STEPS, odd.astype(np.int32)
    if not 1 < digits <= _MOST_DIGITS or not np.array_equal(tables.factors, _values(tables)):
        return none
    of_digits = tables.tables.reshape(columns, digits, -1)
    whole_sizes(of_digits, _values(tables), odd, largest, sums)
    # Two sums of signs, each of two entries for an octet.
    if 4 * sums.max(initial=0) >= _LARGEST_INT:
        return none
    step = np.maximum(-(-largest // LARGEST_OF_TWO), 1)
    rest = step // 2
    before = 0 if not rest.any() else 1 if rest.max() <= BASE // 2 else 2
    powers = np.repeat([BASE ** np.arange(before)], columns, axis=0)
    steps = np.column_stack([powers, step, BASE * step]).astype(np.int32)
    return steps, odd.astype(np.int32)


def _padded(
    entries: Entries,
    odd: NDArray[np.int32],
    factors: NDArray[np.float64],
    unit: float,
    steps: NDArray[np.int32],
) -> SignTables:
    """Return tables with as many octets as loops take at a time; arguments as of `SignTables`."""
    depth = 2 if 4 * int(np.abs(entries).max()) <= _LARGEST_BYTE else 1
    pad = [(0, 0), (0, 0), (0, -entries.shape[2] % (2 * depth)), (0, 0), (0, 0)]
    later = max(entries.shape[1] - _LEADING, 0)
    return SignTables(np.pad(entries, pad), odd, factors, unit, depth, steps, later)


class Bounds(NamedTuple):
    """Bounds of sums of entries, in weight units.

    Attributes:
        left_out: Largest change of a sum by the digits that may come later, (columns,).
        largest: Largest sum, (columns,).
    """

    left_out: Floats
    largest: Floats

    @classmethod
    def of(cls, tables: SignTables) -> "Bounds":
        """Return the bounds of tables: sums of the largest entries of each four weights."""
        values = tables.unit * (tables.steps if len(tables.steps) else tables.factors)
        sums = np.empty(tables.entries.shape[:2], np.int64)
        reach_of(tables.entries.reshape(*sums.shape, -1), sums)
        reach = sums * np.abs(values)  # pedestals, and weights that are all the same, may be < 0
        return cls(reach[:, : tables.later].sum(axis=1), reach.sum(axis=1))

    def times(self, factor: float) -> "Bounds":
        """Return the bounds of the same entries in a unit that is `factor` times as large."""
        return Bounds(factor * self.left_out, factor * self.largest)


def conducting_tables(tables: DigitTables) -> SignTables:
    """Return tables for sums over the gates that conduct, whatever the inputs ±1 are.

    With a sign +1 for a gate that conducts and −1 for others, such a sum is half the sum of the
    signed entries plus half the sum of all entries, which never changes.
    """
    signs = sign_tables(tables)
    shorter = signs._replace(later=signs.entries.shape[1] - 1)
    bounds = Bounds.of(shorter)
    if bounds.left_out.sum() < _SMALL * bounds.largest.sum():
        signs = shorter
    ones = signs.entries[..., 15].sum(axis=(2, 3), dtype=np.int32)
    if len(signs.steps):
        ones = (ones * signs.steps).sum(axis=1, dtype=np.int32, keepdims=True)
    return signs._replace(odd=np.ascontiguousarray(signs.odd - ones))
