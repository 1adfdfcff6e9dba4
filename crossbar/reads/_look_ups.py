"""Compiled sums of packed inputs, four of which are looked up at once.

A table holds, for every column and every four inputs, the 16 sums of their weights. Four bits
select one sum, and one vector instruction selects for 32 reads at a time.
"""

# mypy: ignore-errors

import numpy as np
from numba import njit

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
    subtract_bytes,
)

#: Ways to look sums up: any inputs under masks; +1 of ±1 without masks; 0 and 1 under masks.
_MASKED, _SIGNS, _ONES = 0, 1, 2
#: Octets of inputs whose sums a signed short holds: 128 · 8 · 31 < 2^15.
_OCTETS_PER_SHORT = 128


@njit(nogil=True, inline="always")
def _signed(table, mask, plus):
    """Return sums of four inputs of 32 reads, in bytes.

    The sum over conducting cells with z = −1 is subtracted from that over those with z = +1.
    """
    positive = bit_and(mask, plus)
    return subtract_bytes(lookup(table, positive), lookup(table, bit_xor(mask, positive)))


@njit(nogil=True, inline="always")
def _octet(tables, at, plus, z, masks, m):
    """Return sums of eight inputs of 64 reads, in bytes.

    The first two vectors are sums of the low four inputs, the last two of the high four.
    """
    low = load_table(tables, at)
    high = load_table(tables, at + 16)
    nibble = splat(np.uint64(0x0F0F0F0F0F0F0F0F))
    first = load(masks, m)
    second = load(masks, m + 32)
    a = _signed(low, bit_and(first, nibble), load(plus, z))
    b = _signed(low, bit_and(second, nibble), load(plus, z + 32))
    c = _signed(high, bit_and(right_4_of_shorts(first), nibble), load(plus, z + 64))
    d = _signed(high, bit_and(right_4_of_shorts(second), nibble), load(plus, z + 96))
    return a, b, c, d


@njit(nogil=True, inline="always")
def _octet_of_signs(tables, at, plus, z):
    """Return sums of those of eight inputs that are +1: one look-up each."""
    low = load_table(tables, at)
    high = load_table(tables, at + 16)
    a, b = lookup(low, load(plus, z)), lookup(low, load(plus, z + 32))
    return a, b, lookup(high, load(plus, z + 64)), lookup(high, load(plus, z + 96))


@njit(nogil=True, inline="always")
def _octet_of_ones(tables, at, masks, m):
    """Return the same sums where no conducting input is −1: one look-up each."""
    low = load_table(tables, at)
    high = load_table(tables, at + 16)
    nibble = splat(np.uint64(0x0F0F0F0F0F0F0F0F))
    first, second = load(masks, m), load(masks, m + 32)
    a, b = lookup(low, bit_and(first, nibble)), lookup(low, bit_and(second, nibble))
    c = lookup(high, bit_and(right_4_of_shorts(first), nibble))
    return a, b, c, lookup(high, bit_and(right_4_of_shorts(second), nibble))


@njit(nogil=True, inline="always")
def _octet_of(mode, tables, start, octet, plus, masks):
    """Return sums of eight inputs of 64 reads, in bytes, by the way that `mode` names."""
    at = start + octet * 32
    if mode == _SIGNS:
        return _octet_of_signs(tables, at, plus, octet * 128)
    if mode == _ONES:
        return _octet_of_ones(tables, at, masks, octet * 64)
    return _octet(tables, at, plus, octet * 128, masks, octet * 64)


@njit(nogil=True, inline="always")
def _sum(mode, tables, start, octets, depth, plus, masks, total, at):
    """Add one digit's sums over all octets to 64 int32.

    Sums are kept in bytes for `depth` octets, in shorts for 128 octets, and then added to `total`.
    """
    zero = splat(np.uint64(0))
    for begin in range(0, octets, _OCTETS_PER_SHORT):
        end = min(octets, begin + _OCTETS_PER_SHORT)
        p = q = r = s = zero
        if depth == 1:  # one octet fills a byte: add shorts at once
            for octet in range(begin, end):
                a, b, c, d = _octet_of(mode, tables, start, octet, plus, masks)
                p = add_shorts(p, pair_sum(interleave_low(a, c)))
                q = add_shorts(q, pair_sum(interleave_high(a, c)))
                r = add_shorts(r, pair_sum(interleave_low(b, d)))
                s = add_shorts(s, pair_sum(interleave_high(b, d)))
        else:
            for few in range(begin, end, depth):
                a = b = c = d = zero
                for octet in range(few, min(few + depth, end)):
                    e, f, g, h = _octet_of(mode, tables, start, octet, plus, masks)
                    a = add_bytes(a, e)
                    b = add_bytes(b, f)
                    c = add_bytes(c, g)
                    d = add_bytes(d, h)
                p = add_shorts(p, pair_sum(interleave_low(a, c)))
                q = add_shorts(q, pair_sum(interleave_high(a, c)))
                r = add_shorts(r, pair_sum(interleave_low(b, d)))
                s = add_shorts(s, pair_sum(interleave_high(b, d)))
        add_to_ints(total, at, p, q)
        add_to_ints(total, at + 32, r, s)


@njit(nogil=True, inline="always")
def sum_of_all(tables, start, octets):
    """Return the sum of one digit of all inputs: that of the last entries of the tables."""
    every = 0
    for at in range(start + 15, start + 32 * octets, 16):
        every += tables[at]
    return np.int32(every)


@njit(nogil=True, inline="always")
def add_digit(ones, masked, every, tables, start, octets, depth, plus, masks, total, at):
    """Add one digit's sums over all octets to 64 int32 that are 0, with the fewest look-ups.

    ones: whether no input is −1. masked: whether masks are drawn, or some input is 0. every: the
    sum of the digits of all inputs, as of `sum_of_all`; used without masks.
    """
    if ones:
        _sum(_ONES, tables, start, octets, depth, plus, masks, total, at)
    elif masked:
        _sum(_MASKED, tables, start, octets, depth, plus, masks, total, at)
    else:
        # All inputs are ±1: twice the sum over those that are +1, minus the sum of all weights.
        _sum(_SIGNS, tables, start, octets, depth, plus, masks, total, at)
        of_digit = total[at : at + 64]
        for i in range(64):
            of_digit[i] += of_digit[i] - every
