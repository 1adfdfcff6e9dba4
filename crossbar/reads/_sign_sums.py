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
from crossbar.reads._kernels import EVERY_BIT, READS_PER_BLOCK, aligned
from crossbar.reads._vectors import (
    add_bytes,
    add_ints,
    add_shorts,
    add_to_ints,
    bit_and,
    bit_xor,
    interleave_high,
    interleave_low,
    load,
    load_table,
    lookup,
    multiply_ints,
    pair_sum,
    right_4_of_shorts,
    splat,
    store,
)

#: Octets of inputs whose sums a signed short holds: 128 · 4 · 31 < 2^15.
_OCTETS_PER_SHORT = 128
#: Bytes of the int32 totals of a block.
BYTES_OF_TOTALS = 4 * READS_PER_BLOCK
_NIBBLES = np.uint64(0x0F0F0F0F0F0F0F0F)


class SignTables(NamedTuple):
    """A matrix (word lines, columns) for sums of signs: unit Σ_d factors[d] (2 Σ entries − odd_d).

    Whole numbers whose digits have the values 1, b, b², … are added up as whole numbers.

    Attributes:
        entries: (S + π)/2 of four weights, (columns, digits, octets, 2, 16) int8, with octets a
            multiple of 2 · depth; the weights of entry t have the sign + where their bit is set.
        odd: Σ π, (columns, digits) int32; of all digits together, (columns, 1), if there is a base.
        factors: Value of each digit in units, (digits,), from 1 on; (1,) if there is a base.
        unit: Value of the whole number 1.
        depth: Octets whose entries fit into bytes, 1 or 2.
        base: b, if sums of whole numbers fit into int32; 0 if digits are added up one by one.
    """

    entries: np.ndarray
    odd: np.ndarray
    factors: np.ndarray
    unit: float
    depth: int
    base: int


@njit(nogil=True, inline="always")
def address(array):
    """Return the address of an array, as a signed number that stays whole in sums."""
    return np.int64(array.ctypes.data)


@njit(nogil=True, inline="always")
def _of_gates(entries, at, bits, masks, octet):
    """Return entries of eight signs y of 64 reads, in bytes: two vectors. Arrays are addresses."""
    nibbles, line = splat(_NIBBLES), octet * 64
    low, high = load_table(entries, at), load_table(entries, at + 16)
    every = splat(EVERY_BIT)
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


@njit(nogil=True, inline="always")
def _signs_of_gates(bits, masks, at):
    """Return the bits of eight signs y of 32 reads, split in fours. Arrays are addresses."""
    every, nibbles = splat(EVERY_BIT), splat(_NIBBLES)
    signs = bit_xor(bit_xor(load(bits, at), load(masks, at)), every)
    return bit_and(signs, nibbles), bit_and(right_4_of_shorts(signs), nibbles)


@njit(nogil=True, inline="always")
def _widened_half(sums, entries, first, second):
    """Add the entries of the signs of two octets, of 32 reads, to shorts."""
    a = lookup(load_table(entries, 0), first[0])
    a = add_bytes(a, lookup(load_table(entries, 16), first[1]))
    b = lookup(load_table(entries, 32), second[0])
    b = add_bytes(b, lookup(load_table(entries, 48), second[1]))
    p = add_shorts(sums[0], pair_sum(interleave_low(a, b)))
    q = add_shorts(sums[1], pair_sum(interleave_high(a, b)))
    return p, q


@njit(nogil=True, inline="always")
def _no_half():
    zero = splat(np.uint64(0))
    return zero, zero


@njit(nogil=True)
def _add_gates_of_two(entries, octets, bits, masks, total):
    """Add what `add_gates` adds for two digits, whose signs are made once."""
    digit = octets * 32
    for line in (0, 32):
        for begin in range(0, octets, _OCTETS_PER_SHORT):
            low, high = _no_half(), _no_half()
            for octet in range(begin, min(octets, begin + _OCTETS_PER_SHORT), 2):
                at = entries + octet * 32
                first = _signs_of_gates(bits, masks, octet * 64 + line)
                second = _signs_of_gates(bits, masks, octet * 64 + 64 + line)
                low = _widened_half(low, at, first, second)
                high = _widened_half(high, at + digit, first, second)
            add_to_ints(total, 4 * line, low[0], low[1])
            add_to_ints(total + BYTES_OF_TOTALS, 4 * line, high[0], high[1])


@njit(nogil=True)
def _add_gates_of_three(entries, octets, bits, masks, total):
    """Add what `add_gates` adds for three digits, whose signs are made once."""
    digit = octets * 32
    for line in (0, 32):
        for begin in range(0, octets, _OCTETS_PER_SHORT):
            low, middle, high = _no_half(), _no_half(), _no_half()
            for octet in range(begin, min(octets, begin + _OCTETS_PER_SHORT), 2):
                at = entries + octet * 32
                first = _signs_of_gates(bits, masks, octet * 64 + line)
                second = _signs_of_gates(bits, masks, octet * 64 + 64 + line)
                low = _widened_half(low, at, first, second)
                middle = _widened_half(middle, at + digit, first, second)
                high = _widened_half(high, at + 2 * digit, first, second)
            add_to_ints(total, 4 * line, low[0], low[1])
            add_to_ints(total + BYTES_OF_TOTALS, 4 * line, middle[0], middle[1])
            add_to_ints(total + 2 * BYTES_OF_TOTALS, 4 * line, high[0], high[1])


@njit(nogil=True)
def add_gates_of_digits(depth, entries, digits, octets, bits, masks, total):
    """Add the entries of signs y to the totals of all digits; arguments as of `add_gates`.

    Loops of two and of three digits are written out, so that their sums stay in registers.
    """
    of_digit, d = octets * 32, 0
    while depth == 1 and digits - d >= 3:
        _add_gates_of_three(
            entries + d * of_digit, octets, bits, masks, total + d * BYTES_OF_TOTALS
        )
        d += 3
    if depth == 1 and digits - d == 2:
        _add_gates_of_two(entries + d * of_digit, octets, bits, masks, total + d * BYTES_OF_TOTALS)
        d += 2
    while d < digits:
        add_gates(depth, entries + d * of_digit, octets, bits, masks, total + d * BYTES_OF_TOTALS)
        d += 1


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


@njit(nogil=True, inline="always")
def fold_digits(base, digits, total):
    """Replace the 64 totals of digit 0 by Σ_d base^d total_d. total: an address."""
    values = splat(np.uint64(base) * np.uint64(0x0000000100000001))
    for at in range(0, BYTES_OF_TOTALS, 32):
        whole = load(total, (digits - 1) * BYTES_OF_TOTALS + at)
        for d in range(digits - 2, -1, -1):
            digit = load(total, d * BYTES_OF_TOTALS + at)
            whole = add_ints(multiply_ints(whole, values), digit)
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
    """Return what sums need: entries, an address; digits, octets, depth and base; digits kept."""
    digits, octets = tables.entries.shape[1:3]
    kept = 1 if tables.base else digits
    return address(tables.entries), digits, octets, tables.depth, tables.base, kept


@njit(nogil=True, inline="always")
def totals_of_inputs(table, j, halves, total):
    """Set the totals of column j to the sums of z. Arrays are addresses, table: see `sums_of`."""
    entries, digits, octets, depth, base, _ = table
    for d in range(digits):
        to = total + d * BYTES_OF_TOTALS
        clear_totals(to)
        add_inputs(depth, entries + (j * digits + d) * octets * 32, octets, halves, to)
    if base:
        fold_digits(base, digits, total)


@njit(nogil=True, inline="always")
def totals_of_gates(table, j, bits, masks, of_z, total):
    """Set the totals of column j to the sums of y, and of z unless `of_z` is 0.

    Arrays are addresses, table: see `sums_of`.
    """
    entries, digits, octets, depth, base, kept = table
    for at in range(0, digits * BYTES_OF_TOTALS, 32):
        store(total, at, splat(np.uint64(0)) if base or not of_z else load(of_z, at))
    here = entries + j * digits * octets * 32
    add_gates_of_digits(depth, here, digits, octets, bits, masks, total)
    if base:
        fold_digits(base, digits, total)
        if of_z:
            add_totals(kept, total, of_z)


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
            totals_of_inputs(table, j, address(halves), address(total))
            for d in range(kept):
                for r in range(begin, end):
                    flat[(j * kept + d) * rows + r] = total[d * READS_PER_BLOCK + r - start]


@njit(nogil=True, cache=True)
def row_sums(tables, plus, first, last, out):
    """Write out[j, d, r] = Σ entries of column j, digit d, under rows first … last − 1.

    With a base, digit 0 is the only one, and stands for all of them.
    """
    digits, octets = tables.entries.shape[1:3]
    bits, halves = aligned(octets * 64), aligned(octets * 128)
    halves[:] = 0
    total = np.empty(digits * READS_PER_BLOCK, np.int32)
    row_of = np.empty(READS_PER_BLOCK, np.int64)
    scratch = bits, halves, total, row_of
    _row_sums(tables, plus, np.arange(first, last), first, last, out, scratch)
