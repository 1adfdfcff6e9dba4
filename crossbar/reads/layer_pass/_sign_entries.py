"""Compiled: the entries e = (S + π)/2 of four weights, and their digits; see `sign_tables`.

S is the sum of the weights with one of the 16 choices of their signs, and π is 0 or 1. Tables are
those of `crossbar.reads.digits`: sums of the weights that are chosen, without signs.
"""

# mypy: ignore-errors

import numpy as np
from numba import njit

from devices.compiled_loops import compiled_loop

#: Base of the digits, −63 … 63: the sum of two of them fits into a signed byte.
BASE = 127
#: Largest whole number of two such digits.
LARGEST_OF_TWO = (BASE**2 - 1) // 2
#: Number of entries of four weights.
_ENTRIES = 16


@njit(nogil=True)
def _whole(tables, values, whole):
    """Write the entries of a column as whole numbers, (octets · 2 · 16,) int32; return Σ π.

    tables: Those of the column, (digits, octets · 2 · 16) int8. values: Values of the digits,
    (digits,) int32. With the sum T of the chosen weights, S = 2 T − of_all.
    """
    whole[:] = 0
    for d in range(len(values)):
        of_digit, value = tables[d], values[d]
        for i in range(len(whole)):
            whole[i] += value * np.int32(of_digit[i])
    odd = 0
    for begin in range(0, len(whole), _ENTRIES):
        of_all = whole[begin + _ENTRIES - 1]
        half = of_all >> 1
        odd += of_all & 1
        for i in range(begin, begin + _ENTRIES):
            whole[i] -= half
    return odd


@njit(nogil=True, inline="always")
def _largest_of_four(entries, begin):
    """Return the largest size of the sixteen entries of four weights."""
    most = 0
    for i in range(begin, begin + _ENTRIES):
        most = max(most, abs(np.int32(entries[i])))
    return most


@compiled_loop()
def reach_of(entries, reach):
    """Write reach[j, d], the largest size of a sum of the entries of column j, digit d.

    entries: (columns, digits, octets · 2 · 16) int8. reach: (columns, digits) int64.
    """
    for j in range(len(entries)):
        for d in range(entries.shape[1]):
            of_digit = entries[j, d]
            reach[j, d] = 0
            for begin in range(0, len(of_digit), _ENTRIES):
                reach[j, d] += _largest_of_four(of_digit, begin)


@compiled_loop()
def whole_sizes(tables, values, odd, largest, sums):
    """Write Σ π, the largest entry and the largest sum of entries of each column, in size.

    tables: (columns, digits, octets · 2 · 16) int8. values: As of `_whole`. odd, largest, sums:
    (columns,) int64.
    """
    whole = np.empty(tables.shape[2], np.int32)
    for j in range(len(tables)):
        odd[j] = _whole(tables[j], values, whole)
        largest[j] = sums[j] = 0
        for begin in range(0, len(whole), _ENTRIES):
            most = _largest_of_four(whole, begin)
            largest[j] = max(largest[j], most)
            sums[j] += most


@compiled_loop()
def split_entries(tables, values, steps, entries):
    """Write the entries of each column in digits, (columns, digits, octets · 2 · 16) int8.

    tables, values: As of `whole_sizes`. steps: Values of the new digits, (columns, digits) int32,
    of which the last two reach the largest entry.

    The last digit leaves as small a rest as it can, then the one before does, and so on. Of two
    such digits, the one nearer to 0 is taken: 63 of 63.5, since two times 64 exceeds a byte.
    """
    whole = np.empty(tables.shape[2], np.int32)
    digits = steps.shape[1]
    for j in range(len(tables)):
        _whole(tables[j], values, whole)
        for d in range(digits - 1, -1, -1):
            step = np.float64(steps[j, d])
            to = entries[j, d]
            for i in range(len(whole)):
                quotient = whole[i] / step
                digit = np.copysign(np.ceil(np.abs(quotient) - 0.5), quotient)
                to[i] = np.int8(digit)
                whole[i] -= np.int32(digit * step)
