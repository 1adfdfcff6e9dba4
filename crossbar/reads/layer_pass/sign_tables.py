"""Tables of sums of signs, and what their leading digits tell of a sum.

The idea of a pass, from a weight to a comparator:

- Signs. Inputs are z = ±1. The 16 sums S = ±w_1 ± w_2 ± w_3 ± w_4 of four whole weights are all
  even or all odd. A table holds the whole numbers e = (S + π)/2, with π = 0 or 1, and is looked up
  with the four bits of z. Added up over all fours, Σ z w = 2 Σ e(z) − Σ π.
- Gates. For a mask bit m, m z = (z + y)/2 with y = z where m = 1 and y = −z where m = 0, so that y
  is a sign, too. Hence Σ m z w = Σ e(z) + Σ e(y) − Σ π. The reads of an input share Σ e(z).
- Noisy cells. The variance of a sum of cells behind gates is Σ m v. With a sign s = +1 where m = 1
  and −1 elsewhere, m = (1 + s)/2 and Σ m v = Σ e(s) + Σ e(1) − Σ π; only Σ e(s) changes.
- Digits. Entries are split into signed bytes, e = Σ_d steps_d e_d, of which digit 0 is the lowest
  one, and whose |e_d| ≤ 63, so that two of them may be added up in a byte. The last two digits have
  the base 127, and with the column's own step they reach its largest entry. Weights of one digit,
  of more than four, with a pedestal, or whose sums exceed int32 keep the digits of
  `crossbar.reads.digits`, to the base 63.
- Leading digits. The last two digits are the leading ones, and are added up first. What the others
  and rounding can change of a current is its margin (`Bounds`, `layer_pass.LayerPass`). The sign of
  a larger current is known. If one of 64 currents is not larger, the later digits of the column are
  added to its totals, and all digits decide.
"""

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
from devices.validation import Floats

_LARGEST_BYTE = 127
_LARGEST_INT = 2**31 - 1
_NO_STEPS = np.empty((0, 0), np.int32)
#: Digits of a sum that are added up before others.
_LEADING = 2
#: Share of a variance up to which all digits but one may be left for later.
_SMALL = 0.05
#: Most digits to the base 63 of weights that are split anew. Entries of four such weights are below
#: 63^4, so that steps are below 2,000, and two digits hold what the last two leave of an entry.
_MOST_DIGITS = 4

Entries = NDArray[np.int8]


class SignTables(NamedTuple):
    """A matrix (word lines, columns) for sums of signs: unit Σ_d factors[d] (2 Σ entries − odd_d).

    With steps, the digits of an entry are joined into one whole number, Σ_d steps[d] entries_d,
    whose sums fit into int32, before they are scaled; d is then 0 alone. Loops read the arrays from
    their addresses, therefore all are contiguous.

    Attributes:
        entries: (S + π)/2 of four weights, (columns, digits, octets, 2, 16) int8, from the lowest
            digit on. Entry t is that of signs + where a bit of t is set, and the first weight has
            the lowest bit. Octets are a multiple of 2 · depth; entries of those that were added for
            it, and of weights behind the last word line, are 0.
        odd: Σ π, (columns, digits) int32; of all digits together, (columns, 1), if there are steps.
        factors: Value of each digit in units, (digits,) float64, of which the first is 1; (1,) if
            there are steps.
        unit: Value of the whole number 1 in weight units.
        depth: Octets of which two entries each are added up in a signed byte, 1 or 2.
        steps: Whole value of each digit, (columns, digits) int32, that of the first one 1; (0, 0)
            if digits are added up one by one.
        later: Number of the first digits, which change sums the least and may be added up later.
    """

    entries: np.ndarray
    odd: np.ndarray
    factors: np.ndarray
    unit: float
    depth: int
    steps: np.ndarray
    later: int


def sign_tables(tables: DigitTables) -> SignTables:
    """Return tables of sums of weights as tables of sums of signs."""
    steps, odd = _steps(tables)
    if len(steps):
        entries = np.empty((*steps.shape, *tables.tables.shape[2:]), np.int8)
        of_digits = tables.tables.reshape(*tables.tables.shape[:2], -1)
        split_entries(of_digits, _values(tables), steps, entries.reshape(*steps.shape, -1))
        return _padded(entries, odd[:, None], np.ones(1), tables.unit, steps)
    # With the sum T of the weights whose sign is + and that of all four, S = 2 T − of_all, so that
    # (S + π)/2 = T − (of_all − π)/2. Of four digits up to 31, it is 62 at most.
    of_all = tables.tables[..., 15]
    entries = tables.tables - (of_all >> 1)[..., None]
    odd = (of_all & 1).sum(axis=(2, 3), dtype=np.int32)
    return _padded(entries, odd, tables.factors, tables.unit, steps)


def _values(tables: DigitTables) -> NDArray[np.int32]:
    """Return the values of digits that are whole numbers."""
    return DIGIT_BASE ** np.arange(tables.digits, dtype=np.int32)


def _steps(tables: DigitTables) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return steps and Σ π of whole numbers; no steps for one digit, or where sums exceed int32.

    The last two digits have the values step and 127 step. This step is the smallest with which they
    reach the largest entry of the column. What they leave of an entry is at most step/2.
    Up to two digits before them, with the values 1 and 127, hold that; all columns have as many.
    """
    digits, columns = tables.digits, tables.columns
    odd, largest, sums = np.zeros((3, columns), np.int64)
    none = _NO_STEPS, odd.astype(np.int32)
    if not 1 < digits <= _MOST_DIGITS or not np.array_equal(tables.factors, _values(tables)):
        return none
    of_digits = tables.tables.reshape(columns, digits, -1)
    whole_sizes(of_digits, _values(tables), odd, largest, sums)
    # A total is Σ e(z) + Σ e(y) − Σ π or 2 Σ e(z) − Σ π. Leading digits may round an entry up to
    # not quite twice its size.
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
    """Bounds of sums of entries Σ e, in weight units. A sum of signs is about two of these.

    Attributes:
        left_out: Largest change of a sum of entries by the digits that may come later, (columns,).
        largest: Largest size of a sum of entries, (columns,).
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
    """Return tables for sums Σ m v over the gates that conduct, whatever the inputs ±1 are.

    Such a sum is Σ e(s) + Σ e(1) − Σ π. The part that never changes is put into `odd`.
    """
    signs = sign_tables(tables)
    one_leading = signs._replace(later=signs.entries.shape[1] - 1)
    bounds = Bounds.of(one_leading)
    if bounds.left_out.sum() < _SMALL * bounds.largest.sum():
        signs = one_leading
    ones = signs.entries[..., 15].sum(axis=(2, 3), dtype=np.int32)
    if len(signs.steps):
        ones = (ones * signs.steps).sum(axis=1, dtype=np.int32, keepdims=True)
    return signs._replace(odd=np.ascontiguousarray(signs.odd - ones))
