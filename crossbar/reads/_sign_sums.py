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

from crossbar.reads._doubles import copy_ints
from crossbar.reads._kernels import READS_PER_BLOCK, aligned
from crossbar.reads._vectors import (
    add_bytes,
    add_shorts,
    add_to_ints,
    bit_and,
    bit_xor,
    interleave_high,
    interleave_low,
    load,
    load_table,
    lookup,
    pair_sum,
    right_4_of_shorts,
    splat,
    store,
)

#: Octets of inputs whose sums a signed short holds: 128 · 4 · 31 < 2^15.
_OCTETS_PER_SHORT = 128
#: Bytes of the int32 totals of a block.
BYTES_OF_TOTALS = 4 * READS_PER_BLOCK
_EVERY = np.uint64(0xFFFFFFFFFFFFFFFF)
_NIBBLES = np.uint64(0x0F0F0F0F0F0F0F0F)


class SignTables(NamedTuple):
    """A matrix (word lines, columns) for sums of signs: unit Σ_d factors[d] (2 Σ entries − odd_d).

    Attributes:
        entries: (S + π)/2 of four weights, (columns, digits, octets, 2, 16) int8, with octets a
            multiple of 2 · depth; the weights of entry t have the sign + where their bit is set.
        odd: Σ π, (columns, digits) int32.
        factors: Value of each digit in units, (digits,).
        unit: Value of the whole number 1.
        depth: Octets whose entries fit into bytes, 1 or 2.
    """

    entries: np.ndarray
    odd: np.ndarray
    factors: np.ndarray
    unit: float
    depth: int


@njit(nogil=True, inline="always")
def address(array):
    """Return the address of an array, as a signed number that stays whole in sums."""
    return np.int64(array.ctypes.data)


@njit(nogil=True, inline="always")
def _of_gates(entries, at, bits, masks, octet):
    """Return entries of eight signs y of 64 reads, in bytes: two vectors. Arrays are addresses."""
    nibbles, line = splat(_NIBBLES), octet * 64
    low, high = load_table(entries, at), load_table(entries, at + 16)
    every = splat(_EVERY)
    first = bit_xor(bit_xor(load(bits, line), load(masks, line)), every)
    second = bit_xor(bit_xor(load(bits, line + 32), load(masks, line + 32)), every)
    a = lookup(low, bit_and(first, nibbles))
    b = lookup(low, bit_and(second, nibbles))
    a = add_bytes(a, lookup(high, bit_and(right_4_of_shorts(first), nibbles)))
    b = add_bytes(b, lookup(high, bit_and(right_4_of_shorts(second), nibbles)))
    return a, b


@njit(nogil=True, inline="always")
def _of_inputs(entries, at, halves, octet):
    """Return entries of eight signs z of 64 reads, in bytes; the bits are split in fours."""
    low, high, line = load_table(entries, at), load_table(entries, at + 16), octet * 128
    a = add_bytes(lookup(low, load(halves, line)), lookup(high, load(halves, line + 64)))
    b = add_bytes(lookup(low, load(halves, line + 32)), lookup(high, load(halves, line + 96)))
    return a, b


@njit(nogil=True, inline="always")
def _widened(sums, first, second):
    """Add entries in bytes, two vectors of 64 reads twice, to shorts."""
    p, q, r, s = sums
    p = add_shorts(p, pair_sum(interleave_low(first[0], second[0])))
    q = add_shorts(q, pair_sum(interleave_high(first[0], second[0])))
    r = add_shorts(r, pair_sum(interleave_low(first[1], second[1])))
    s = add_shorts(s, pair_sum(interleave_high(first[1], second[1])))
    return p, q, r, s


@njit(nogil=True, inline="always")
def _no_sums():
    zero = splat(np.uint64(0))
    return zero, zero, zero, zero


@njit(nogil=True, inline="always")
def _add_shorts(sums, total):
    """Add shorts to 64 int32 at an address."""
    p, q, r, s = sums
    add_to_ints(total, 0, p, q)
    add_to_ints(total, 128, r, s)


@njit(nogil=True, inline="always")
def _both(first, second):
    """Add entries of two octets in bytes."""
    return add_bytes(first[0], second[0]), add_bytes(first[1], second[1])


@njit(nogil=True)
def add_gates(depth, entries, octets, bits, masks, total):
    """Add the entries of signs y of all octets, a multiple of 2 · depth, to 64 int32.

    depth: octets whose entries fit into bytes, 1 or 2. bits, masks: those of z and of the gates.
    Arrays are addresses.
    """
    for begin in range(0, octets, _OCTETS_PER_SHORT):
        sums = _no_sums()
        for octet in range(begin, min(octets, begin + _OCTETS_PER_SHORT), 2 * depth):
            at = octet * 32
            first = _of_gates(entries, at, bits, masks, octet)
            second = _of_gates(entries, at + 32, bits, masks, octet + 1)
            if depth == 2:
                third = _of_gates(entries, at + 64, bits, masks, octet + 2)
                fourth = _of_gates(entries, at + 96, bits, masks, octet + 3)
                first, second = _both(first, second), _both(third, fourth)
            sums = _widened(sums, first, second)
        _add_shorts(sums, total)


@njit(nogil=True)
def add_inputs(depth, entries, octets, halves, total):
    """Add the entries of signs z in the same way; halves: their bits, split in fours."""
    for begin in range(0, octets, _OCTETS_PER_SHORT):
        sums = _no_sums()
        for octet in range(begin, min(octets, begin + _OCTETS_PER_SHORT), 2 * depth):
            at = octet * 32
            first = _of_inputs(entries, at, halves, octet)
            second = _of_inputs(entries, at + 32, halves, octet + 1)
            if depth == 2:
                third = _of_inputs(entries, at + 64, halves, octet + 2)
                fourth = _of_inputs(entries, at + 96, halves, octet + 3)
                first, second = _both(first, second), _both(third, fourth)
            sums = _widened(sums, first, second)
        _add_shorts(sums, total)


@njit(nogil=True, inline="always")
def clear_totals(total):
    """Set 64 int32 at an address to 0."""
    for at in range(0, BYTES_OF_TOTALS, 32):
        store(total, at, splat(np.uint64(0)))


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
def block_ends(block, first, last):
    """Return the reads of a block among first … last − 1, its first read, and `first`."""
    start = block * READS_PER_BLOCK
    return max(first, start), min(last, start + READS_PER_BLOCK), start, first


@njit(nogil=True)
def _row_sums(tables, plus, every, first, last, out, scratch):
    columns, digits, octets = tables.entries.shape[:3]
    bits, halves, total, row_of = scratch
    at_total, at_entries = address(total), address(tables.entries)
    flat, rows = out.reshape(-1), out.shape[2]
    for block in range(first // READS_PER_BLOCK, (last - 1) // READS_PER_BLOCK + 1):
        ends = block_ends(block, first, last)
        take_rows(plus, every, ends, row_of, bits, halves)
        begin, end, start, _ = ends
        for k in range(columns * digits):
            clear_totals(at_total)
            here = at_entries + k * octets * 32
            add_inputs(tables.depth, here, octets, address(halves), at_total)
            for r in range(begin, end):
                flat[k * rows + r] = total[r - start]


@njit(nogil=True, cache=True)
def row_sums(tables, plus, first, last, out):
    """Write out[j, d, r] = Σ entries of column j, digit d, under rows first … last − 1."""
    octets = tables.entries.shape[2]
    bits, halves = aligned(octets * 64), aligned(octets * 128)
    halves[:] = 0
    total, row_of = np.empty(READS_PER_BLOCK, np.int32), np.empty(READS_PER_BLOCK, np.int64)
    scratch = bits, halves, total, row_of
    _row_sums(tables, plus, np.arange(first, last), first, last, out, scratch)
