"""Compiled look-ups: the entries of signs, of four at once, for the 64 reads of a block.

An octet is eight inputs. Its entries are two tables of 16 bytes, for the low and the high four
inputs; its bits are a byte for each read. Entries are added up in bytes, those of 1 or 2 octets
(`depth`), then in shorts, and then in the int32 of a total. A block is two vectors of 32 reads.

Arrays are addresses, see `_addresses`.
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

#: Octets whose entries, two of each octet, a signed short holds: 128 · 2 · 63 < 2^15. It is a
#: multiple of 2 · depth.
_OCTETS_PER_SHORT = 128
#: Bytes of the int32 totals of a digit in a block.
BYTES_OF_TOTALS = 4 * READS_PER_BLOCK
_LOW_NIBBLES = np.uint64(0x0F0F0F0F0F0F0F0F)


@njit(nogil=True, inline="always")
def _signs_of_gates(bits, masks, at):
    """Return low and high nibbles of eight signs y of 32 reads.

    y is z where the gate conducts and −z elsewhere: its bit is 1 where those of both are equal.
    """
    every, nibbles = splat(EVERY_BIT), splat(_LOW_NIBBLES)
    signs = bit_xor(bit_xor(load(bits, at), load(masks, at)), every)
    return bit_and(signs, nibbles), bit_and(right_4_of_shorts(signs), nibbles)


@njit(nogil=True, inline="always")
def _of_gates(entries, at, bits, masks, octet):
    """Return the entries of eight signs y of 64 reads, in bytes: two vectors.

    entries + at: Address of the octet's tables. bits, masks: Those of all octets.
    """
    low, high = load_table(entries, at), load_table(entries, at + 16)
    low_signs, high_signs = _signs_of_gates(bits, masks, octet * 64)
    a = add_bytes(lookup(low, low_signs), lookup(high, high_signs))
    low_signs, high_signs = _signs_of_gates(bits, masks, octet * 64 + 32)
    b = add_bytes(lookup(low, low_signs), lookup(high, high_signs))
    return a, b


@njit(nogil=True, inline="always")
def _of_inputs(entries, at, nibbles, octet):
    """Return the entries of eight signs z in the same way; nibbles: Those of all octets."""
    low, high, signs = load_table(entries, at), load_table(entries, at + 16), octet * 128
    a = add_bytes(lookup(low, load(nibbles, signs)), lookup(high, load(nibbles, signs + 64)))
    b = add_bytes(lookup(low, load(nibbles, signs + 32)), lookup(high, load(nibbles, signs + 96)))
    return a, b


@njit(nogil=True, inline="always")
def _widened(sums, first, second):
    """Add entries in bytes to shorts, four vectors of 16 reads.

    first, second: Entries of different octets, of 64 reads in two vectors each. Interleaved, those
    of the same read are neighbors. `add_to_ints` brings the reads back into order.
    """
    p, q, r, s = sums
    p = add_shorts(p, pair_sum(interleave_low(first[0], second[0])))
    q = add_shorts(q, pair_sum(interleave_high(first[0], second[0])))
    r = add_shorts(r, pair_sum(interleave_low(first[1], second[1])))
    s = add_shorts(s, pair_sum(interleave_high(first[1], second[1])))
    return p, q, r, s


@njit(nogil=True, inline="always")
def _no_sums():
    """Return zeros: shorts of 64 reads."""
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
    """Return the sums of the entries of two octets, in bytes."""
    return add_bytes(first[0], second[0]), add_bytes(first[1], second[1])


@njit(nogil=True)
def add_gates(depth, entries, octets, bits, masks, total):
    """Add the entries of signs y of all octets to 64 int32 at `total`.

    depth: As of `SignTables`. entries: Those of a column and digit. octets: Their number, a
    multiple of 2 · depth. bits, masks: Those of the inputs and of the gates, as of `Scratch`.
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
def _widened_half(sums, entries, first, second):
    """Add the entries of the signs of two octets, for 32 of the 64 reads, to shorts.

    sums: Two vectors of 16 reads. entries: Address of the tables of both octets. first, second:
    Signs of an octet each, see `_signs_of_gates`.
    """
    a = lookup(load_table(entries, 0), first[0])
    a = add_bytes(a, lookup(load_table(entries, 16), first[1]))
    b = lookup(load_table(entries, 32), second[0])
    b = add_bytes(b, lookup(load_table(entries, 48), second[1]))
    p = add_shorts(sums[0], pair_sum(interleave_low(a, b)))
    q = add_shorts(sums[1], pair_sum(interleave_high(a, b)))
    return p, q


@njit(nogil=True, inline="always")
def _no_half():
    """Return zeros: shorts of 32 reads."""
    zero = splat(np.uint64(0))
    return zero, zero


@njit(nogil=True)
def _add_gates_of_two(entries, octets, bits, masks, total):
    """Add what `add_gates` adds for two digits of depth 1, whose signs are made once."""
    digit = octets * 32
    for read in (0, 32):
        for begin in range(0, octets, _OCTETS_PER_SHORT):
            low, high = _no_half(), _no_half()
            for octet in range(begin, min(octets, begin + _OCTETS_PER_SHORT), 2):
                at = entries + octet * 32
                first = _signs_of_gates(bits, masks, octet * 64 + read)
                second = _signs_of_gates(bits, masks, octet * 64 + 64 + read)
                low = _widened_half(low, at, first, second)
                high = _widened_half(high, at + digit, first, second)
            add_to_ints(total, 4 * read, low[0], low[1])
            add_to_ints(total + BYTES_OF_TOTALS, 4 * read, high[0], high[1])


@njit(nogil=True)
def _add_gates_of_three(entries, octets, bits, masks, total):
    """Add what `add_gates` adds for three digits of depth 1, whose signs are made once."""
    digit = octets * 32
    for read in (0, 32):
        for begin in range(0, octets, _OCTETS_PER_SHORT):
            low, middle, high = _no_half(), _no_half(), _no_half()
            for octet in range(begin, min(octets, begin + _OCTETS_PER_SHORT), 2):
                at = entries + octet * 32
                first = _signs_of_gates(bits, masks, octet * 64 + read)
                second = _signs_of_gates(bits, masks, octet * 64 + 64 + read)
                low = _widened_half(low, at, first, second)
                middle = _widened_half(middle, at + digit, first, second)
                high = _widened_half(high, at + 2 * digit, first, second)
            add_to_ints(total, 4 * read, low[0], low[1])
            add_to_ints(total + BYTES_OF_TOTALS, 4 * read, middle[0], middle[1])
            add_to_ints(total + 2 * BYTES_OF_TOTALS, 4 * read, high[0], high[1])


@njit(nogil=True)
def add_gates_of_digits(depth, entries, digits, octets, bits, masks, total):
    """Add the entries of signs y to the totals of all digits; other arguments as of `add_gates`.

    entries, total: Those of the first digit; those of the others follow. Loops of two and of three
    digits are written out, so that their sums stay in registers.
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
def add_inputs(depth, entries, octets, nibbles, total):
    """Add the entries of signs z to 64 int32 at `total`; other arguments as of `add_gates`.

    nibbles: Those of the inputs, as of `Scratch`.
    """
    for begin in range(0, octets, _OCTETS_PER_SHORT):
        sums = _no_sums()
        for octet in range(begin, min(octets, begin + _OCTETS_PER_SHORT), 2 * depth):
            at = octet * 32
            first = _of_inputs(entries, at, nibbles, octet)
            second = _of_inputs(entries, at + 32, nibbles, octet + 1)
            if depth == 2:
                third = _of_inputs(entries, at + 64, nibbles, octet + 2)
                fourth = _of_inputs(entries, at + 96, nibbles, octet + 3)
                first, second = _both(first, second), _both(third, fourth)
            sums = _widened(sums, first, second)
        _add_shorts(sums, total)
