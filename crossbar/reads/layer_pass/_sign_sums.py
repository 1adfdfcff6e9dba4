"""Compiled sums of signs, four of which are looked up at once, and of signs under gates.

For a mask bit m and an input z = ±1, m z = (z + y)/2 with y = z where m is 1 and −z elsewhere, so
that y is a sign, too. A gated sum is therefore half the sum of two sums of signs, Σ z w and Σ y w,
of which reads of one input share the first. Sums S of four signs are looked up as (S + π)/2, with
π = 0 or 1 to make it whole: two of them fit into a byte, whatever the digits.

Functions that are called for every column take addresses in the place of arrays, because numba
counts the references to arrays that it passes.
"""

# mypy: ignore-errors

from typing import NamedTuple

import numpy as np
from numba import njit

from crossbar.reads._doubles import copy_ints, int_at, splat_int
from crossbar.reads._kernels import READS_PER_BLOCK, aligned
from crossbar.reads._vectors import add_ints, load, multiply_ints, splat, store
from crossbar.reads.layer_pass._sign_look_ups import (
    BYTES_OF_TOTALS,
    add_gates_of_digits,
    add_inputs,
)


class SignTables(NamedTuple):
    """A matrix (word lines, columns) for sums of signs: unit Σ_d factors[d] (2 Σ entries − odd_d).

    Whole numbers whose sums fit into int32 are added up as such, with digits Σ_d steps[d] entries_d
    of any values.

    Attributes:
        entries: (S + π)/2 of four weights, (columns, digits, octets, 2, 16) int8, with octets a
            multiple of 2 · depth; the weights of entry t have the sign + where their bit is set.
        odd: Σ π, (columns, digits) int32; of all digits together, (columns, 1), if there are steps.
        factors: Value of each digit in units, (digits,), from 1 on; (1,) if there are steps.
        unit: Value of the whole number 1.
        depth: Octets whose entries fit into bytes, 1 or 2.
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


@njit(nogil=True, inline="always")
def address(array):
    """Return the address of an array, as a signed number that stays whole in sums."""
    return np.int64(array.ctypes.data)


@njit(nogil=True, inline="always")
def take_totals(known, in_turn, row_of, total):
    """Set 64 int32 to the sums of rows that are known. Arrays are addresses.

    in_turn: whether the reads see rows that follow each other, of which `known` is the first.
    """
    if in_turn:
        for at in range(0, BYTES_OF_TOTALS, 32):
            store(total, at, load(known, at))
    else:
        for i in range(0, READS_PER_BLOCK, 8):
            copy_ints(total, 4 * i, known, row_of + 8 * i)


@njit(nogil=True, inline="always")
def fold_digits(steps, first, digits, total):
    """Set the 64 totals of digit 0 to Σ_d steps[d] total_d, d ≥ first. Arrays are addresses."""
    for at in range(0, BYTES_OF_TOTALS, 32):
        whole = splat(np.uint64(0))
        for d in range(first, digits):
            digit = load(total, d * BYTES_OF_TOTALS + at)
            whole = add_ints(whole, multiply_ints(digit, splat_int(int_at(steps + 4 * d))))
        store(total, at, whole)


@njit(nogil=True, inline="always")
def add_totals(digits, total, more):
    """Add 64 int32 of each digit to others. Arrays are addresses."""
    for at in range(0, digits * BYTES_OF_TOTALS, 32):
        store(total, at, add_ints(load(total, at), load(more, at)))


@njit(nogil=True)
def take_rows(plus, of_reads, ends, row_of, bits, halves):
    """Lay out the inputs of the 64 reads of a block: a byte of `bits` for each octet and read, and
    the same split in fours, 64 bytes of low bits and 64 of high bits for each octet.

    ends: first and last read of the block that count, its first one, and that of `of_reads`. Other
    reads repeat the nearest one. Return whether the rows follow each other.
    """
    begin, end, start, first = ends
    in_turn = True
    for r in range(READS_PER_BLOCK):
        row_of[r] = of_reads[min(max(start + r, begin), end - 1) - first]
        in_turn &= row_of[r] == row_of[0] + r
    for octet in range(plus.shape[1]):
        for r in range(READS_PER_BLOCK):
            bits[octet * READS_PER_BLOCK + r] = plus[row_of[r], octet]
        for r in range(READS_PER_BLOCK):
            byte = bits[octet * READS_PER_BLOCK + r]
            halves[octet * 2 * READS_PER_BLOCK + r] = byte & np.uint8(15)
            halves[(octet * 2 + 1) * READS_PER_BLOCK + r] = byte >> np.uint8(4)
    return in_turn


@njit(nogil=True, inline="always")
def sums_of(tables):
    """Return what sums need: entries and steps, addresses, the latter 0 for none; digits, octets
    and depth; digits that may come later; digits kept.
    """
    digits, octets = tables.entries.shape[1:3]
    steps = address(tables.steps) if tables.steps.size else 0
    kept = 1 if steps else digits
    return address(tables.entries), steps, digits, octets, tables.depth, tables.later, kept


@njit(nogil=True, inline="always")
def totals_of_inputs(table, j, halves, first, total):
    """Set the totals of column j to the sums of z in the digits from `first` on.

    Arrays are addresses, table: see `sums_of`.
    """
    entries, steps, digits, octets, depth, _, _ = table
    for at in range(0, digits * BYTES_OF_TOTALS, 32):
        store(total, at, splat(np.uint64(0)))
    for d in range(first, digits):
        to = total + d * BYTES_OF_TOTALS
        add_inputs(depth, entries + (j * digits + d) * octets * 32, octets, halves, to)
    if steps:
        fold_digits(steps + 4 * j * digits, first, digits, total)


@njit(nogil=True, inline="always")
def totals_of_gates(table, j, bits, masks, of_z, first, total):
    """Set the totals of column j to the sums of y in the digits from `first` on, and of z unless
    `of_z` is 0.

    Arrays are addresses, table: see `sums_of`.
    """
    entries, steps, digits, octets, depth, _, kept = table
    for at in range(0, digits * BYTES_OF_TOTALS, 32):
        store(total, at, splat(np.uint64(0)) if steps or not of_z else load(of_z, at))
    here, to = entries + (j * digits + first) * octets * 32, total + first * BYTES_OF_TOTALS
    add_gates_of_digits(depth, here, digits - first, octets, bits, masks, to)
    if steps:
        fold_digits(steps + 4 * j * digits, first, digits, total)
        if of_z:
            add_totals(kept, total, of_z)


@njit(nogil=True, inline="always")
def _clear_for_later(table, total):
    """Clear the totals of later digits but the first, where the latter holds the whole sum."""
    if table[1]:
        for at in range(BYTES_OF_TOTALS, table[5] * BYTES_OF_TOTALS, 32):
            store(total, at, splat(np.uint64(0)))


@njit(nogil=True, inline="always")
def _fold_later(table, j, total):
    """Add the totals of later digits to the whole sum."""
    if table[1] and table[5] > 1:
        fold_digits(table[1] + 4 * j * table[2], 0, table[5], total)


@njit(nogil=True, inline="always")
def add_later_of_inputs(table, j, halves, total):
    """Add to totals of column j the sums of z in the digits that were left for later."""
    entries, _, digits, octets, depth, later, _ = table
    _clear_for_later(table, total)
    for d in range(later):
        to = total + d * BYTES_OF_TOTALS
        add_inputs(depth, entries + (j * digits + d) * octets * 32, octets, halves, to)
    _fold_later(table, j, total)


@njit(nogil=True, inline="always")
def add_later_of_gates(table, j, bits, masks, total):
    """Add to totals of column j the sums of y in the digits that were left for later."""
    entries, _, digits, octets, depth, later, _ = table
    _clear_for_later(table, total)
    here = entries + j * digits * octets * 32
    add_gates_of_digits(depth, here, later, octets, bits, masks, total)
    _fold_later(table, j, total)


@njit(nogil=True, inline="always")
def block_ends(block, first, last):
    """Return the reads of a block among first … last − 1, its first read, and `first`."""
    start = block * READS_PER_BLOCK
    return max(first, start), min(last, start + READS_PER_BLOCK), start, first


@njit(nogil=True)
def _row_sums(tables, plus, every, first, last, out, scratch):
    columns = len(tables.entries)
    bits, halves, total, row_of = scratch
    table = sums_of(tables)
    kept = table[-1]
    flat, rows = out.reshape(-1), out.shape[2]
    for block in range(first // READS_PER_BLOCK, (last - 1) // READS_PER_BLOCK + 1):
        ends = block_ends(block, first, last)
        take_rows(plus, every, ends, row_of, bits, halves)
        begin, end, start, _ = ends
        for j in range(columns):
            totals_of_inputs(table, j, address(halves), 0, address(total))
            for d in range(kept):
                for r in range(begin, end):
                    flat[(j * kept + d) * rows + r] = total[d * READS_PER_BLOCK + r - start]


@njit(nogil=True, cache=True)
def row_sums(tables, plus, first, last, out):
    """Write out[j, d, r] = Σ entries of column j, digit d, under rows first … last − 1.

    With steps, digit 0 is the only one, and stands for all of them.
    """
    digits, octets = tables.entries.shape[1:3]
    bits, halves = aligned(octets * 64), aligned(octets * 128)
    halves[:] = 0
    total = np.empty(digits * READS_PER_BLOCK, np.int32)
    row_of = np.empty(READS_PER_BLOCK, np.int64)
    scratch = bits, halves, total, row_of
    _row_sums(tables, plus, np.arange(first, last), first, last, out, scratch)
