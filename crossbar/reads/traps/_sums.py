"""Compiled reads of any inputs by cells with telegraph traps, added up in float32.

Before each read the weights are set anew of word lines whose traps switch. What traps do is a
function of (key, block of 64 reads, column) and of their states alone: `_switches` draws traps
that seldom switch, `_planes` many traps that are alike; others are drawn as a word each. No
result depends on threads or on how reads are batched. The loops check nothing.
"""

# mypy: ignore-errors

import numpy as np
from numba import njit

from crossbar.reads._kernels import READS_PER_BLOCK
from crossbar.reads._lanes import draw_gates, read_sum, reads_of_block
from crossbar.reads._sfc64 import WARM_UP, sfc64_fill, sfc64_seed
from crossbar.reads.traps._exponentials import POOL
from crossbar.reads.traps._planes import draw_planes, pack_states, room_of_planes
from crossbar.reads.traps._switches import (
    away,
    draw_switches,
    read_of,
    room_of_switches,
    trap_of,
)
from crossbar.reads.traps._weights import factor_of, of_column, set_weights, weight_of
from devices.compiled_loops import compiled_loop


@njit(nogil=True, inline="always")
def _touch(switches, own, first, delta, s, parts, scratch):
    """Load what the switching traps change: all at once takes a tenth of one after the other."""
    touched = np.float32(0)
    for e in range(len(switches)):
        t = trap_of(switches[e])
        line = own[t] >> 1
        touched += parts[4 * line] + delta[t] + np.float32(s[t]) + np.float32(first[2 * line])
    scratch[0] = touched


@njit(nogil=True)
def _read_column(
    of_traps, additive, parts, weights, switches, limits, words, states, masks, low, x, rows, reads,
    out, scratch,
):  # fmt: skip
    """Read one column: its traps switch before each read of `reads`, from and to, of a block.

    of_traps: as of `of_column`. switches: of traps that seldom switch. limits, words: P(captured)
    given their state of traps that are drawn as words, and their words, one for each read and trap.
    states: of traps drawn as bits, as of `draw_planes`. What traps of other kinds need is empty.
    masks: gates, (octets, 64), or (0, 64) for none. rows: where in x the inputs of each read begin.
    """
    own, first, delta, s = of_traps
    lines, many = len(first) // 2, len(s)
    _touch(switches, own, first, delta, s, parts, scratch)
    e = 0
    for r in range(reads[0], reads[1]):
        while e < len(switches) and read_of(switches[e]) <= r:
            t = trap_of(switches[e])
            s[t] ^= np.uint8(1)
            line = own[t] >> 1
            positive = factor_of(2 * line, first, delta, s, additive)
            negative = factor_of(2 * line + 1, first, delta, s, additive)
            weights[line] = weight_of(line, parts, positive, negative)
            e += 1
        if len(states):
            sides = many // lines
            octets = len(states) // sides
            for k in range(many):
                line = k // sides
                octet = states[(k % sides) * octets + (line >> 3), r]
                s[k] = (octet >> np.uint8(line & 7)) & np.uint8(1)
            set_weights(first, delta, s, additive, parts, weights)
        elif len(limits):
            for k in range(many):
                s[k] = words[r * many + k] < limits[k, s[k]]
            set_weights(first, delta, s, additive, parts, weights)
        i = r - reads[0]
        out[i] = read_sum(weights, x, rows[i], masks, r, low, scratch)


@compiled_loop()
def trap_sums(
    traps, in_planes, planes, s, kept, additive, parts, weights, x, rows, keys, gate, span, columns,
    out,
):  # fmt: skip
    """Write out[r − first, j] = Σ_i x_ri ξ_rij W_ij(r) of reads first … last − 1, and advance s.

    traps: `TrapArrays`. in_planes, planes: whether they are drawn as bits, and by which law.
    s, kept, additive, keys, gate, span, columns: as of `switch_sums`. parts: of each word line,
    what traps do not change, and what those of its positive and of its negative cell multiply,
    (columns, lines · 4) float32. weights: room for (columns, lines) float32. x: (rows, lines)
    float32. rows: read first + i sees rows[i].
    """
    lines = weights.shape[1]
    for j in range(columns[0], columns[1]):
        _own, first, delta, of_traps = of_column(traps, s, j)
        set_weights(first, delta, of_traps, additive, parts[j], weights[j])
    flat_x, starts = x.reshape(-1), rows * lines
    masks = np.empty((lines // 8 if len(gate[0]) else 0, READS_PER_BLOCK), np.uint8)
    state, lanes = np.empty((3, 8), np.uint64), np.empty(8, np.float32)
    most = np.diff(traps.start).max()
    far, visits = np.empty(most // 64 + 1, np.uint64), np.empty(most // 64 + 1, np.uint64)
    room = room_of_switches(most)
    found, ordered = np.empty(POOL, np.int64), np.empty(POOL, np.int64)
    words = np.empty(8 * (-(-most * READS_PER_BLOCK // 16)) * (len(traps.limits) > 0), np.uint64)
    in_lines = len(traps.cell_start[0]) // 2
    sides = most // in_lines
    octets = (in_lines + 7) // 8 * sides * in_planes
    bits, of_planes = np.zeros((octets + 31) // 32 * 32, np.uint8), room_of_planes(octets)
    states = np.empty((octets, READS_PER_BLOCK), np.uint8)
    last = (span[1] - 1) // READS_PER_BLOCK + 1
    for block in range(span[0] // READS_PER_BLOCK, last):
        reads = reads_of_block(block, span[0], span[1])
        at = block * READS_PER_BLOCK + reads[0] - span[0]
        here = slice(at, at + reads[1] - reads[0])
        for j in range(columns[0], columns[1]):
            number = block * out.shape[1] + j
            column, n = of_column(traps, s, j), 0
            begin = 0 if traps.is_shared else traps.start[j]
            if block == last - 1:
                kept[traps.start[j] : traps.start[j + 1]] = column[3]
            if in_planes:
                pack_states(column[3], sides, bits)
                draw_planes(bits, planes, keys[0], number, reads, of_planes, states)
            elif len(traps.limits):
                eights = -(-len(column[3]) * reads[1] // 16)
                sfc64_seed(state, keys[0], number, np.uint64(1))
                sfc64_fill(words[: 8 * eights], state, np.uint64(1 + WARM_UP))
            else:
                away(column[3], traps.kind[begin:], far, visits)
                since = max(span[2] - block * READS_PER_BLOCK, 0)
                n, found, ordered = draw_switches(
                    traps, j, far, visits, keys[0], number, (since, reads[1]), room, found, ordered
                )
            if len(masks):
                draw_gates(masks, state, keys[1], number, gate[0])
            _read_column(
                column, additive, parts[j], weights[j], ordered[:n], traps.limits[begin:],
                words.view(np.uint32), states, masks, gate[1], flat_x, starts[here], reads,
                out[here, j], lanes,
            )  # fmt: skip
