"""Compiled draws of traps that are refreshed on most reads, as planes of bits. They check nothing.

A trap keeps its state with probability e^{−λΔ} from read to read, and is otherwise drawn anew from
its stationary law. Two planes of bits are drawn for the 64 reads of a block and all traps of a
column: which traps are drawn anew, and their new states. Every bit has exactly its probability p,
and is not rounded to the digits that are drawn: these give k/2^m, the largest below p, and bits
that are 0 are set with the probability that is missing, by exponential gaps from one to the next.

Planes are functions of (key, block of 64 reads, column) alone.
"""

# mypy: ignore-errors

import numpy as np
from numba import njit

from crossbar.reads._kernels import READS_PER_BLOCK, draw_masks
from crossbar.reads._sfc64 import WARM_UP, sfc64_fill, sfc64_seed
from crossbar.reads._vectors import (
    bit_and,
    bit_xor,
    interleave_high,
    interleave_low,
    load,
    splat,
    store,
)
from crossbar.reads.traps._exponentials import POOL, fill_exponentials

#: Octets of traps in a vector, and reads whose bytes are transposed at once.
_OCTETS, _READS = 32, 16


@njit(nogil=True, error_model="numpy")
def _fill_plane(plane, state, counter, law, pool, gaps):
    """Draw a plane of independent bits, (64-byte groups, 64), and return the next counter.

    law: `PlaneLaw`.
    """
    digits, hazard = law.digits, law.hazard
    if len(digits):
        draw_masks(state, counter, digits, plane)
        counter += np.uint64(len(plane) * len(digits))
    else:
        plane[:] = 0
    flat, place = plane.reshape(-1), np.int64(-1)
    last = 8 * len(flat)
    while hazard > 0 and place < last:
        sfc64_fill(pool, state, counter)
        counter += np.uint64(POOL // 8)
        fill_exponentials(pool.view(np.uint32), gaps)
        for i in range(POOL):
            gap = gaps[i] / hazard
            if gap >= last - 1 - place:
                place = last
                break
            place += 1 + np.int64(gap)
            flat[place >> 3] |= np.uint8(1 << (place & 7))
    if law.is_complement:
        for i in range(0, len(flat), 32):
            store(flat, i, bit_xor(load(flat, i), splat(~np.uint64(0))))
    return counter


@njit(nogil=True)
def _transpose(scratch, masks, octet, read):
    """Write 16 reads of 32 octets, (2, 16, 32), to masks (octets, 64), from an octet and read on.

    Bytes of rows i and i + 8 are interleaved four times over, in both halves of the vectors.
    """
    flat = scratch.reshape(-1)
    half = _READS * _OCTETS
    for stage in range(4):
        source, to = half * (stage % 2), half * (1 - stage % 2)
        for i in range(_READS // 2):
            a, b = load(flat, source + _OCTETS * i), load(flat, source + _OCTETS * (i + 8))
            store(flat, to + 2 * _OCTETS * i, interleave_low(a, b))
            store(flat, to + 2 * _OCTETS * i + _OCTETS, interleave_high(a, b))
    words, out = flat.view(np.uint64), masks.reshape(-1).view(np.uint64)
    for i in range(min(_READS, len(masks) - octet)):
        at = ((octet + i) * READS_PER_BLOCK + read) // 8
        out[at], out[at + 1] = words[4 * i], words[4 * i + 1]
    for i in range(min(_READS, len(masks) - octet - _READS)):
        at = ((octet + _READS + i) * READS_PER_BLOCK + read) // 8
        out[at], out[at + 1] = words[4 * i + 2], words[4 * i + 3]


@njit(nogil=True)
def _step(bits, refreshed, fresh, scratch, masks):
    """Step the traps of a column through 64 reads, and write their states at each of them.

    bits: states before and after, one bit for each trap, in octets padded to vectors. refreshed,
    fresh: planes, (reads, octets) and what a last vector reads beyond them. masks: (octets, 64).
    """
    octets = len(masks)
    flat = scratch.reshape(-1)
    for octet in range(0, octets, _OCTETS):
        s = load(bits, octet)
        for read in range(0, READS_PER_BLOCK, _READS):
            for i in range(_READS):
                at = (read + i) * octets + octet
                s = bit_xor(s, bit_and(bit_xor(s, load(fresh, at)), load(refreshed, at)))
                store(flat, _OCTETS * i, s)
            _transpose(scratch, masks, octet, read)
        store(bits, octet, s)


@njit(nogil=True)
def room_of_planes(octets):
    """Return what `draw_planes` needs for columns of that many octets of traps."""
    size = octets * READS_PER_BLOCK
    return (
        np.empty(size + _OCTETS, np.uint8), np.empty(size + _OCTETS, np.uint8),
        np.empty((2, _READS, _OCTETS), np.uint8), np.empty(POOL, np.uint64),
        np.empty(POOL, np.float32), np.empty((3, 8), np.uint64),
    )  # fmt: skip


@njit(nogil=True)
def draw_planes(bits, law, key, number, reads, room, masks):
    """Write the states of a column's traps in the reads `reads`, from and to, of a block.

    bits: their states before the first of these reads, one bit for each, in octets padded to
    vectors of 32; they become those of the last one. law: `PlaneLaw` of new draws and of the states
    that they draw. number: that of the column in the block. masks: (octets,
    64), bit i of the byte of octet o and read r is trap 8 o + i; other reads repeat the nearest one
    or the states before.
    """
    refreshed, fresh, scratch, pool, gaps, state = room
    octets = len(masks)
    size = octets * READS_PER_BLOCK
    sfc64_seed(state, key, number, np.uint64(1))
    counter = np.uint64(1 + WARM_UP)
    planes = refreshed[:size].reshape(octets, READS_PER_BLOCK)
    counter = _fill_plane(planes, state, counter, law[0], pool, gaps)
    planes = fresh[:size].reshape(octets, READS_PER_BLOCK)
    _fill_plane(planes, state, counter, law[1], pool, gaps)
    refreshed[: reads[0] * octets] = 0
    refreshed[reads[1] * octets : size] = 0
    _step(bits, refreshed, fresh, scratch, masks)


@njit(nogil=True)
def pack_states(s, sides, bits):
    """Pack states of traps, word line after word line, into octets of each side in turn."""
    lines = len(s) // sides
    octets = (lines + 7) // 8
    bits[:] = 0
    for side in range(sides):
        for line in range(lines):
            bit = s[line * sides + side] << np.uint8(line & 7)
            bits[side * octets + (line >> 3)] |= np.uint8(bit)


@njit(nogil=True)
def unpack_states(bits, sides, s):
    """Write the states that `pack_states` packed."""
    lines = len(s) // sides
    octets = (lines + 7) // 8
    for side in range(sides):
        for line in range(lines):
            octet = bits[side * octets + (line >> 3)]
            s[line * sides + side] = (octet >> np.uint8(line & 7)) & np.uint8(1)
