"""Compiled loops of reads of cells with telegraph traps. They check nothing.

A trap that is refreshed is drawn anew from its stationary law. Refreshes are a Poisson process of
the trap's rate λ, so that a trap is refreshed between two reads with probability 1 − e^{−λΔ}. For
the 64 reads of a block and one column, the refreshes of all its traps are drawn as one process:
exponential gaps along an axis on which each read has a stretch of length Σ λΔ, and in it each trap
one of λΔ. Fast traps are drawn on every read instead.

Refreshes and gates are functions of (key, block of 64 reads, column) alone. States are carried from
read to read. No result depends on threads or on how reads are batched.
"""

# mypy: ignore-errors

import math

import numpy as np
from numba import njit

from crossbar.reads._kernels import READS_PER_BLOCK
from crossbar.reads._lanes import draw_gates, gated_lane_sum, lane_sum, reads_of_block
from crossbar.reads._sfc64 import WARM_UP, sfc64_fill, sfc64_seed

#: Words of a generator that are drawn at once.
_POOL = 64


@njit(nogil=True, inline="always")
def _of_column(traps, s, j):
    """Return cells, amplitudes and states of the traps of column j."""
    begin, end = traps.start[j], traps.start[j + 1]
    at = 0 if traps.is_shared else begin
    return traps.cell[at : at + end - begin], traps.delta[at : at + end - begin], s[begin:end]


@njit(nogil=True, cache=True)
def fill_weights(traps, s, additive, cells, columns):
    """Fill values and weights of `cells` from the states of traps, for some columns."""
    lines = cells.weights.shape[1]
    for j in range(columns[0], columns[1]):
        own, delta, captured = _of_column(traps, s, j)
        values, weights = cells.values[j], cells.weights[j]
        values[:] = np.float32(1)
        for t in range(len(own)):
            if captured[t]:
                if additive:
                    values[own[t]] -= delta[t]
                else:
                    values[own[t]] *= np.float32(1) - delta[t]
        weights[:] = np.float32(0)
        for cell in range(len(values)):
            values[cell] = cells.fixed[j, cell] + cells.moving[j, cell] * values[cell]
            weights[cell % lines] += values[cell]


@njit(nogil=True, inline="always")
def _toggle(t, own, delta, s, additive, fixed, moving, values, weights):
    """Change the state of trap t, the value of its cell, and the weight of its word line."""
    s[t] ^= np.uint8(1)
    cell = own[t]
    k = t
    while k > 0 and own[k - 1] == cell:
        k -= 1
    left = np.float32(1)
    while k < len(own) and own[k] == cell:
        if s[k]:
            left = left - delta[k] if additive else left * (np.float32(1) - delta[k])
        k += 1
    values[cell] = fixed[cell] + moving[cell] * left
    lines = len(weights)
    if len(values) > lines:
        line = cell if cell < lines else cell - lines
        weights[line] = values[line] + values[line + lines]
    else:
        weights[cell] = values[cell]


@njit(nogil=True, inline="always")
def _fill_gaps(pool, gaps, state, counter):
    """Draw words, and standard exponential numbers of their upper 40 bits."""
    sfc64_fill(pool, state, counter)
    for i in range(_POOL):
        gaps[i] = -math.log((np.float64(np.int64(pool[i] >> np.uint64(24))) + 0.5) * 2.0**-40)


@njit(nogil=True, inline="always")
def _trap_at(place, total, cumulative, guide, count):
    """Return the trap on whose stretch a place in [0, total) lies."""
    t = min(int(place / total * count), count - 1)
    if len(cumulative):
        t = guide[t]
        while t < count - 1 and cumulative[t] <= place:
            t += 1
    return t


@njit(nogil=True)
def _draw_refreshes(traps, j, key, number, pool, gaps, state, reads, found, captured):
    """Draw the refreshes of a column's traps in the first `reads` reads of a block, in order.

    Write which trap, counted from read to read, and whether it is then captured. Return how many
    there are; those beyond the length of `found` are not written.
    """
    total = traps.total[j]
    if total <= 0:
        return 0
    begin, end = traps.start[j], traps.start[j + 1]
    count = end - begin
    own = (begin, end) if len(traps.cumulative) else (0, 0)
    cumulative, guide = traps.cumulative[own[0] : own[1]], traps.guide[own[0] : own[1]]
    p1 = traps.p1[:count] if traps.is_shared else traps.p1[begin:end]
    counter = np.uint64(1 + WARM_UP)
    sfc64_seed(state, key, number, np.uint64(1))
    place, n = 0.0, 0
    while True:
        _fill_gaps(pool, gaps, state, counter)
        counter += np.uint64(_POOL // 8)
        for i in range(_POOL):
            place += gaps[i]
            read = int(place / total)
            if read >= reads:
                return n
            if n < len(found):
                t = _trap_at(place - read * total, total, cumulative, guide, count)
                found[n] = read * count + t
                captured[n] = np.uint32(pool[i] & np.uint64(0xFFFFFF)) < p1[t]
            n += 1


@njit(nogil=True, inline="always")
def _refreshes(traps, j, key, number, scratch, reads, found, captured):
    """Return what `_draw_refreshes` writes, in longer arrays if these are too short."""
    pool, gaps, state = scratch
    n = _draw_refreshes(traps, j, key, number, pool, gaps, state, reads, found, captured)
    if n > len(found):
        found, captured = np.empty(2 * n, np.int64), np.empty(2 * n, np.uint8)
        _draw_refreshes(traps, j, key, number, pool, gaps, state, reads, found, captured)
    return n, found, captured


@njit(nogil=True)
def _read_column(
    own, delta, s, additive, fixed, moving, values, weights, found, captured, fast, limits, words,
    masks, low, x, rows, reads, out, scratch,
):  # fmt: skip
    """Read one column: its traps switch before each read of `reads`, from and to, of a block.

    found, captured: its refreshes, as of `_draw_refreshes`. fast, limits, words: its fast traps,
    P(captured) given their state, and a word for each of them and each read. masks: gates, (octets,
    64), or (0, 64) for none. rows: where in x the inputs of each read begin.
    """
    count, many = len(own), len(fast)
    gated = len(masks) > 0
    e = np.searchsorted(found, reads[0] * count)
    for r in range(reads[0], reads[1]):
        while e < len(found) and found[e] < (r + 1) * count:
            t = found[e] - r * count
            if captured[e] != s[t]:
                _toggle(t, own, delta, s, additive, fixed, moving, values, weights)
            e += 1
        for k in range(many):
            t = fast[k]
            if (words[r * many + k] < limits[k, s[t]]) != s[t]:
                _toggle(t, own, delta, s, additive, fixed, moving, values, weights)
        i = r - reads[0]
        if gated:
            u = gated_lane_sum(weights, x, rows[i], masks, r, scratch)
            if low:
                u = (1 - low) * u + low * lane_sum(weights, x, rows[i], scratch)
            out[i] = u
        else:
            out[i] = lane_sum(weights, x, rows[i], scratch)


@njit(nogil=True, cache=True)
def trap_sums(traps, s, additive, cells, x, rows, keys, gate, span, columns, out):
    """Write out[r − first, j] = Σ_i x_ri ξ_rij W_ij(r) of reads first … last − 1, and advance s.

    traps: `TrapArrays`. s: states of all traps, column after column, uint8. additive: how the traps
    of a cell combine. cells: `CellValues`. x: (rows, lines) float32. rows: read first + i sees
    rows[i]. keys: words of the generators of refreshes, fast traps and gates, (3, 2). gate: digits
    of its probability, empty for no gate, and the factor of a gate that does not conduct. span:
    first, last. columns: those that are read, from and to.
    """
    lines = cells.weights.shape[1]
    flat_x, starts = x.reshape(-1), rows * lines
    masks = np.empty((lines // 8 if len(gate[0]) else 0, READS_PER_BLOCK), np.uint8)
    state, lanes = np.empty((3, 8), np.uint64), np.empty(8, np.float32)
    scratch = (np.empty(_POOL, np.uint64), np.empty(_POOL), state)
    found, captured = np.empty(_POOL, np.int64), np.empty(_POOL, np.uint8)
    most = np.diff(traps.fast_start).max()
    words = np.empty(8 * (-(-most * READS_PER_BLOCK // 16)), np.uint64)
    numbers = words.view(np.uint32)
    for block in range(span[0] // READS_PER_BLOCK, (span[1] - 1) // READS_PER_BLOCK + 1):
        reads = reads_of_block(block, span[0], span[1])
        at = block * READS_PER_BLOCK + reads[0] - span[0]
        here = slice(at, at + reads[1] - reads[0])
        for j in range(columns[0], columns[1]):
            number = block * out.shape[1] + j
            n, found, captured = _refreshes(
                traps, j, keys[0], number, scratch, reads[1], found, captured
            )
            fast = slice(traps.fast_start[j], traps.fast_start[j + 1])
            if fast.start < fast.stop:
                eights = -(-(fast.stop - fast.start) * reads[1] // 16)
                sfc64_seed(state, keys[1], number, np.uint64(1))
                sfc64_fill(words[: 8 * eights], state, np.uint64(1 + WARM_UP))
            if len(masks):
                draw_gates(masks, state, keys[2], number, gate[0])
            own, delta, of_column = _of_column(traps, s, j)
            _read_column(
                own, delta, of_column, additive, cells.fixed[j], cells.moving[j], cells.values[j],
                cells.weights[j], found[:n], captured[:n], traps.fast[fast], traps.limits[fast],
                numbers, masks, gate[1], flat_x, starts[here], reads, out[here, j], lanes,
            )  # fmt: skip
