"""Compiled sums of signs, four of which are looked up at once, of 64 reads.

Functions that are called for every column take addresses in the place of arrays, because numba
counts the references to arrays that it passes.
"""

# mypy: ignore-errors

import numpy as np
from numba import njit

from crossbar.reads._kernels import EVERY_BIT, READS_PER_BLOCK
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
)

#: Octets of inputs whose sums a signed short holds: 128 · 2 · 63 < 2^15.
_OCTETS_PER_SHORT = 128
#: Bytes of the int32 totals of a block.
BYTES_OF_TOTALS = 4 * READS_PER_BLOCK
_NIBBLES = np.uint64(0x0F0F0F0F0F0F0F0F)


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
