"""Compiled sums of products in float32, added in 32 lanes: the same numbers on every processor."""

# mypy: ignore-errors

import numpy as np
from numba import njit

from crossbar.reads._kernels import READS_PER_BLOCK, draw_masks
from crossbar.reads._sfc64 import WARM_UP, sfc64_seed
from crossbar.reads._vectors import (
    add_floats,
    bit_and,
    load,
    multiply_floats,
    splat,
    spread_bits,
    store,
)

#: Word lines are padded to a multiple of this number.
LANES = 32


@njit(nogil=True, inline="always")
def _total(a, b, c, d, lanes):
    """Return the sum of 32 lanes."""
    store(lanes, 0, add_floats(add_floats(a, b), add_floats(c, d)))
    low = (lanes[0] + lanes[4]) + (lanes[1] + lanes[5])
    return low + ((lanes[2] + lanes[6]) + (lanes[3] + lanes[7]))


@njit(nogil=True, inline="always")
def lane_sum(weights, x, at, lanes):
    """Return Σ_i weights[i] x[at + i]; `lanes` is scratch of eight float32."""
    a = b = c = d = splat(np.uint64(0))
    for i in range(0, len(weights), LANES):
        a = add_floats(a, multiply_floats(load(weights, i), load(x, at + i)))
        b = add_floats(b, multiply_floats(load(weights, i + 8), load(x, at + i + 8)))
        c = add_floats(c, multiply_floats(load(weights, i + 16), load(x, at + i + 16)))
        d = add_floats(d, multiply_floats(load(weights, i + 24), load(x, at + i + 24)))
    return _total(a, b, c, d, lanes)


@njit(nogil=True, inline="always")
def _gated(weights, x, at, i, mask):
    product = multiply_floats(load(weights, i), load(x, at + i))
    return bit_and(product, spread_bits(mask))


@njit(nogil=True, inline="always")
def gated_lane_sum(weights, x, at, masks, r, lanes):
    """Return the same sum over the inputs whose gate conducts.

    masks: (octets, 64), bit i of the byte of octet o and read r gates input 8 o + i.
    """
    a = b = c = d = splat(np.uint64(0))
    for i in range(0, len(weights), LANES):
        o = i // 8
        a = add_floats(a, _gated(weights, x, at, i, masks[o, r]))
        b = add_floats(b, _gated(weights, x, at, i + 8, masks[o + 1, r]))
        c = add_floats(c, _gated(weights, x, at, i + 16, masks[o + 2, r]))
        d = add_floats(d, _gated(weights, x, at, i + 24, masks[o + 3, r]))
    return _total(a, b, c, d, lanes)


@njit(nogil=True, inline="always")
def read_sum(weights, x, at, masks, r, low, lanes):
    """Return the sum of read r, whose gates multiply inputs by 1 or by low; no masks: no gates."""
    if not len(masks):
        return lane_sum(weights, x, at, lanes)
    u = gated_lane_sum(weights, x, at, masks, r, lanes)
    if low:
        u = (1 - low) * u + low * lane_sum(weights, x, at, lanes)
    return u


@njit(nogil=True, inline="always")
def draw_gates(masks, state, key, number, p_bits):
    """Draw the gates of one column in 64 reads: a function of the key and the number alone."""
    sfc64_seed(state, key, number, np.uint64(1))
    draw_masks(state, np.uint64(1 + WARM_UP), p_bits, masks)


@njit(nogil=True, inline="always")
def reads_of_block(block, first, last):
    """Return the reads of first … last − 1 that a block of 64 has, from and to, within it."""
    begin = block * READS_PER_BLOCK
    return max(first - begin, 0), min(last - begin, READS_PER_BLOCK)
