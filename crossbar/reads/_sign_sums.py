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
from crossbar.reads._kernels import READS_PER_BLOCK, _buffer
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
        entries: (S + π)/2 of four weights, (columns, digits, octets, 2, 16) int8, octets even; the
            weights of entry t have the sign + where their bit is set in t.
        odd: Σ π, (columns, digits) int32.
        factors: Value of each digit in units, (digits,).
        unit: Value of the whole number 1.
    """

    entries: np.ndarray
    odd: np.ndarray
    factors: np.ndarray
    unit: float


@njit(nogil=True, inline="always")
def address(array):
    """Return the address of an array, as a signed number that stays whole in sums."""
    return np.int64(array.ctypes.data)


@njit(nogil=True, inline="always")
def _eight(entries, at, first, second):
    """Return entries of eight signs of 64 reads, in bytes; the bits of octets are two vectors."""
    nibbles = splat(_NIBBLES)
    low, high = load_table(entries, at), load_table(entries, at + 16)
    a = lookup(low, bit_and(first, nibbles))
    b = lookup(low, bit_and(second, nibbles))
    a = add_bytes(a, lookup(high, bit_and(right_4_of_shorts(first), nibbles)))
    b = add_bytes(b, lookup(high, bit_and(right_4_of_shorts(second), nibbles)))
    return a, b


@njit(nogil=True, inline="always")
def _signs(gated, bits, masks, at):
    """Return the bits of an octet of 64 reads: of y if gated, otherwise of z."""
    if gated:
        every = splat(_EVERY)
        first = bit_xor(bit_xor(load(bits, at), load(masks, at)), every)
        second = bit_xor(bit_xor(load(bits, at + 32), load(masks, at + 32)), every)
    else:
        first, second = load(bits, at), load(bits, at + 32)
    return first, second


@njit(nogil=True, inline="always")
def add_entries(gated, entries, octets, bits, masks, total):
    """Add the entries of all octets, an even number of them, to 64 int32. Arrays are addresses.

    gated: whether the signs are y, otherwise z.
    """
    for begin in range(0, octets, _OCTETS_PER_SHORT):
        p = q = r = s = splat(np.uint64(0))
        for octet in range(begin, min(octets, begin + _OCTETS_PER_SHORT), 2):
            first, second = _signs(gated, bits, masks, octet * 64)
            third, fourth = _signs(gated, bits, masks, octet * 64 + 64)
            a, b = _eight(entries, octet * 32, first, second)
            c, d = _eight(entries, octet * 32 + 32, third, fourth)
            p = add_shorts(p, pair_sum(interleave_low(a, c)))
            q = add_shorts(q, pair_sum(interleave_high(a, c)))
            r = add_shorts(r, pair_sum(interleave_low(b, d)))
            s = add_shorts(s, pair_sum(interleave_high(b, d)))
        add_to_ints(total, 0, p, q)
        add_to_ints(total, 128, r, s)


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
def take_rows(plus, of_reads, ends, row_of, bits):
    """Lay out the inputs of the 64 reads of a block: a byte of `bits` for each octet and read.

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
    return in_turn


@njit(nogil=True, inline="always")
def block_ends(block, first, last):
    """Return the reads of a block among first … last − 1, its first read, and `first`."""
    start = block * READS_PER_BLOCK
    return max(first, start), min(last, start + READS_PER_BLOCK), start, first


@njit(nogil=True)
def _row_sums(entries, plus, every, first, last, out, scratch):
    columns, digits, octets = entries.shape[:3]
    bits, total, row_of = scratch
    at_bits, at_total, at_entries = address(bits), address(total), address(entries)
    flat, rows = out.reshape(-1), out.shape[2]
    for block in range(first // READS_PER_BLOCK, (last - 1) // READS_PER_BLOCK + 1):
        ends = block_ends(block, first, last)
        take_rows(plus, every, ends, row_of, bits)
        begin, end, start, _ = ends
        for k in range(columns * digits):
            clear_totals(at_total)
            here = at_entries + k * octets * 32
            add_entries(False, here, octets, at_bits, at_bits, at_total)
            for r in range(begin, end):
                flat[k * rows + r] = total[r - start]


@njit(nogil=True, cache=True)
def row_sums(entries, plus, first, last, out):
    """Write out[j, d, r] = Σ entries of column j, digit d, under rows first … last − 1."""
    bits = _buffer(entries.shape[2] * 64)
    bits[:] = 0
    total, row_of = np.empty(READS_PER_BLOCK, np.int32), np.empty(READS_PER_BLOCK, np.int64)
    _row_sums(entries, plus, np.arange(first, last), first, last, out, (bits, total, row_of))
