"""Compiled tables of weights that change where a trap switches. They check nothing.

The weights of a column are whole numbers in three balanced digits, and every four of them have a
table of 16 sums for each digit, as in `digits.py`. A change of one weight is added to its tables.
"""

# mypy: ignore-errors

import numpy as np
from numba import njit

from crossbar.reads._kernels import DIGIT_BASE, READS_PER_BLOCK
from crossbar.reads._vectors import add_bytes, add_where, bit_and, load, splat, store, which_have

#: Digits of a weight, and the largest whole number that they write.
DIGITS = 3
LARGEST = (DIGIT_BASE**DIGITS - 1) // 2
_BASE = np.uint32(DIGIT_BASE)
_EIGHT, _HALF = 8, np.uint32(DIGIT_BASE // 2)


def _entries_of_inputs():
    """Return masks of the entries that add input i of eight, (8, 32)."""
    entries = np.zeros((_EIGHT, 2, 16), np.uint8)
    for i in range(_EIGHT):
        for t in range(16):
            entries[i, i // 4, t] = 255 * (t >> i % 4 & 1)
    return entries.reshape(-1)


_ENTRIES = _entries_of_inputs()


@njit(nogil=True, inline="always")
def _in_entries(digit, entries):
    """Return what a digit of an input adds to the entries of its octet, in bytes."""
    return bit_and(splat(np.uint64(np.uint8(digit)) * np.uint64(0x0101010101010101)), entries)


@njit(nogil=True)
def set_tables(tables, whole):
    """Set the tables, flat (digits, octets, 32), to those of the weights of word lines."""
    size = len(tables) // DIGITS
    for octet in range(len(whole) // _EIGHT):
        first = second = third = splat(np.uint64(0))
        for i in range(_EIGHT):
            entries = load(_ENTRIES, 32 * i)
            # With all digits 31 higher, numbers are positive.
            number = np.uint32(whole[_EIGHT * octet + i] + LARGEST)
            rest = np.uint32(number // _BASE)
            last = np.uint32(rest // _BASE)
            digit = np.uint32(number - rest * _BASE) - _HALF
            first = add_bytes(first, _in_entries(digit, entries))
            digit = np.uint32(rest - last * _BASE) - _HALF
            second = add_bytes(second, _in_entries(digit, entries))
            third = add_bytes(third, _in_entries(last - _HALF, entries))
        store(tables, 32 * octet, first)
        store(tables, size + 32 * octet, second)
        store(tables, 2 * size + 32 * octet, third)


@njit(nogil=True, inline="always")
def change_weight(tables, line, old, new):
    """Change the weight of a word line in the tables, flat (digits, octets, 32), old to new."""
    octets = len(tables) // (32 * DIGITS)
    at, entries = 32 * (line >> 3), load(_ENTRIES, 32 * (line & 7))
    old, new = np.uint32(old + LARGEST), np.uint32(new + LARGEST)
    for _ in range(DIGITS):
        rest, other = np.uint32(new // _BASE), np.uint32(old // _BASE)
        change = np.uint32(np.uint32(new - rest * _BASE) - np.uint32(old - other * _BASE))
        store(tables, at, add_bytes(load(tables, at), _in_entries(change, entries)))
        old, new = other, rest
        at += 32 * octets


@njit(nogil=True, inline="always")
def inputs_of_line(line, inputs):
    """Return in which of the 64 reads of a block a word line has the input +1, as bits.

    inputs: as of `take_inputs`, flat.
    """
    return which_have(inputs, (line >> 2) * READS_PER_BLOCK, np.uint8(1 << (line & 3)))


@njit(nogil=True, inline="always")
def masks_of_line(line, masks):
    """Return in which of the 64 reads of a block the input of a word line counts, as bits.

    masks: (octets, 64), flat.
    """
    return which_have(masks, (line >> 3) * READS_PER_BLOCK, np.uint8(1 << (line & 7)))


@njit(nogil=True, inline="always")
def add_change(change, plus, counts, total):
    """Add a change of a weight to the sums of the 64 reads of a block.

    plus, counts: in which of them its input is +1, and counts.
    """
    add_where(total, 0, plus & counts, np.int32(change + change))
    add_where(total, 0, counts, np.int32(-change))
