"""Compiled tables of weights that change where a trap switches. They check nothing.

The weights of a column are whole numbers in three balanced digits, and every four of them have a
table of 16 sums for each digit, as in `digits.py`. A change of one weight is added to its tables.
"""

# mypy: ignore-errors

import numpy as np
from numba import njit

from crossbar.reads._kernels import DIGIT_BASE, READS_PER_BLOCK
from crossbar.reads._vectors import add_bytes, add_changes, bit_and, load, splat, store

#: Digits of a weight, and the largest whole number that they write.
DIGITS = 3
LARGEST = (DIGIT_BASE**DIGITS - 1) // 2
_BASE = np.uint32(DIGIT_BASE)
_EIGHT = 8


def _entries_of_inputs():
    """Return masks of the entries that add input i of eight, (8, 32)."""
    entries = np.zeros((_EIGHT, 2, 16), np.uint8)
    for i in range(_EIGHT):
        for t in range(16):
            entries[i, i // 4, t] = 255 * (t >> i % 4 & 1)
    return entries.reshape(-1)


_ENTRIES = _entries_of_inputs()


@njit(nogil=True, inline="always")
def change_weight(tables, line, old, new):
    """Change the weight of a word line in the tables, flat (digits, octets, 32), old to new."""
    octets = len(tables) // (32 * DIGITS)
    at, entries = 32 * (line >> 3), load(_ENTRIES, 32 * (line & 7))
    # With all digits 31 higher, both numbers are positive.
    old, new = np.uint32(old + LARGEST), np.uint32(new + LARGEST)
    for _ in range(DIGITS):
        rest, other = np.uint32(new // _BASE), np.uint32(old // _BASE)
        change = np.uint32(np.uint32(new - rest * _BASE) - np.uint32(old - other * _BASE))
        word = np.uint64(np.uint8(change)) * np.uint64(0x0101010101010101)
        store(tables, at, add_bytes(load(tables, at), bit_and(splat(word), entries)))
        old, new = other, rest
        at += 32 * octets


@njit(nogil=True, inline="always")
def add_change(change, line, since, inputs, masks, total, at):
    """Add a change of the weight of a word line to the sums of the reads from `since` on.

    inputs, masks: those of the block, as of `take_inputs`, flat. total: int32, sums of the block's
    64 reads from total[at] on.
    """
    of_inputs, of_masks = (line >> 2) * READS_PER_BLOCK, (line >> 3) * READS_PER_BLOCK
    bit, mask_bit = np.uint8(1 << (line & 3)), np.uint8(1 << (line & 7))
    for begin in range(0, READS_PER_BLOCK, 8):
        add_changes(
            total, at + begin, change, inputs, of_inputs + begin, bit, masks, of_masks + begin,
            mask_bit, np.int32(since - begin),
        )  # fmt: skip
