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

import numpy as np
from numba import njit

from crossbar.reads._kernels import READS_PER_BLOCK
from crossbar.reads._lanes import draw_gates, read_sum, reads_of_block
from crossbar.reads._sfc64 import WARM_UP, sfc64_fill, sfc64_seed

#: Words of a generator that are drawn at once.
_POOL = 64
_f = np.float32
_i = np.int32
_u = np.uint32
#: Bits of √½ as float32: mantissas lie between it and √2.
_ROOT_HALF = _i(0x3F3504F3)
_MANTISSA_BITS = _i(23)
_MOST = _i(0x7FFFFFFF)


@njit(nogil=True, inline="always")
def _of_column(traps, s, j):
    """Return cells, first traps of word lines, amplitudes and states of the traps of column j."""
    begin, end = traps.start[j], traps.start[j + 1]
    at = 0 if traps.is_shared else begin
    here = slice(at, at + end - begin)
    first = traps.line_start[0 if traps.is_shared else j]
    return traps.cell[here], first, traps.delta[here], s[begin:end]


@njit(nogil=True, inline="always")
def _set_weight(line, own, first, delta, s, additive, parts, weights):
    """Set the weight of a word line from the states of its traps; without branches on them."""
    one = np.float32(1)
    positive = negative = one
    for k in range(first[line], first[line + 1]):
        lost = delta[k] * np.float32(s[k])
        of_negative = np.float32(own[k] & 1) * lost
        of_positive = lost - of_negative
        if additive:
            positive, negative = positive - of_positive, negative - of_negative
        else:
            positive, negative = positive * (one - of_positive), negative * (one - of_negative)
    at = 4 * line
    weights[line] = parts[at] + (parts[at + 1] * positive + parts[at + 2] * negative)


@njit(nogil=True, inline="always")
def _set_weights(own, first, delta, s, additive, parts, weights):
    """Set the weights of all word lines of a column."""
    for line in range(len(first) - 1):
        _set_weight(line, own, first, delta, s, additive, parts, weights)
    weights[len(first) - 1 :] = np.float32(0)


@njit(nogil=True, inline="always")
def _exponential(lower, upper):
    """Return the standard exponential number −ln(1 − v) of a word's two halves.

    v has 39 bits, and float32 is relatively exact near 0, where it matters that all places are
    reached. With 1 − v = 2^e m the logarithm is e ln 2 + 2 artanh((m − 1)/(m + 1)); for e = 0,
    m − 1 is −v.
    """
    whole = _i(upper >> _u(1))
    v = _f(whole) * _f(2.0**-31) + (_f(_i(lower >> _u(24))) + _f(0.5)) * _f(2.0**-39)
    bits = _f((_f(_i(_MOST - whole)) + _f(0.5)) * _f(2.0**-31)).view(np.int32)
    exponent = _i(_i(bits - _ROOT_HALF) >> _MANTISSA_BITS)
    rest = _i(bits - _i(exponent << _MANTISSA_BITS)).view(np.float32) - _f(1)
    near = _f(_i(exponent == _i(0)))
    t = rest * (_f(1) - near) - v * near
    q = t / (_f(2) + t)
    z = q * q
    # 2/3, 2/5, 2/7, 2/9 up to a minimax correction (FreeBSD's e_logf.c).
    p = (_f(0.24279078841) * z + _f(0.28498786688)) * z
    p = ((p + _f(0.40000972152)) * z + _f(0.66666662693)) * z
    return _f(exponent) * _f(-0.69314718056) - q * (_f(2) + p)


# The numpy error model has no test for division by zero, which would keep LLVM from making vectors.
@njit(nogil=True, error_model="numpy")
def _fill_gaps(words, gaps):
    """Fill standard exponential numbers made of the upper 39 bits of words.

    words: (2 · gaps,) uint32, the lower half of each word first.
    """
    for i in range(_POOL):
        gaps[i] = _exponential(words[2 * i], words[2 * i + 1])


@njit(nogil=True, error_model="numpy")
def _place(places, reads, last, total, traps, begin, count, which):
    """Find the traps on whose stretches places lie, and return how many are before read `last`.

    places: where refreshes are; they become places within the read, which `reads` is set to. Each
    loop loads for all of them at once what the next one needs: the memory is slower than the
    arithmetic.
    """
    many, most, per_place = 0, count - 1, count / total
    for i in range(len(places)):
        read = places[i] / total
        if read >= last:  # of traps that hardly ever switch it may be beyond all whole numbers
            break
        reads[i] = np.int64(read)
        places[i] -= reads[i] * total
        which[i] = max(0, min(np.int64(places[i] * per_place), most))
        many += 1
    if traps.is_shared:
        return many
    for i in range(many):
        which[i] = np.int64(traps.guide[begin + which[i]])
    for i in range(many):
        k = begin + which[i]
        while k < begin + most and traps.cumulative[k] <= places[i]:
            k += 1
        which[i] = k
    return many


@njit(nogil=True, error_model="numpy")
def _draw_switches(traps, s, j, key, number, scratch, reads, found):
    """Draw the refreshes of a column's traps in a block, and write those that change a state.

    Write to `found` (2, room), in order of time, before which of the reads `reads`, from and to,
    and which trap switches. Return how many do; those beyond the room are not written.
    """
    total = traps.total[j]
    if total <= 0:
        return 0
    pool, gaps, places, when, which, state = scratch
    begin, count = traps.slow_start[j], traps.slow_start[j + 1] - traps.slow_start[j]
    words = pool.view(np.uint32)
    counter = np.uint64(1 + WARM_UP)
    sfc64_seed(state, key, number, np.uint64(1))
    place, n, many = 0.0, 0, _POOL
    while many == _POOL:
        sfc64_fill(pool, state, counter)
        counter += np.uint64(_POOL // 8)
        _fill_gaps(words, gaps)
        for i in range(_POOL):
            place += np.float64(gaps[i])
            places[i] = place
        many = _place(places, when, reads[1], total, traps, begin, count, which)
        for i in range(many):
            t, p1 = which[i], traps.slow[0, 1]
            if not traps.is_shared:
                t, p1 = np.int64(traps.slow[which[i], 0]), traps.slow[which[i], 1]
            captured = np.uint8((words[2 * i] & _u(0xFFFFFF)) < p1)
            if when[i] >= reads[0] and captured != s[t]:
                s[t] = captured
                if n < found.shape[1]:
                    found[0, n], found[1, n] = when[i], t
                n += 1
    return n


@njit(nogil=True, inline="always")
def _switches(traps, s, j, key, number, scratch, reads, found):
    """Return what `_draw_switches` writes, in longer arrays if these are too short.

    States stay as they were before.
    """
    before = s.copy()
    n = _draw_switches(traps, s, j, key, number, scratch, reads, found)
    s[:] = before
    if n > found.shape[1]:
        found = np.empty((2, 2 * n), np.int32)
        _draw_switches(traps, s, j, key, number, scratch, reads, found)
        s[:] = before
    return n, found


@njit(nogil=True, inline="always")
def _touch(found, own, first, delta, s, parts, scratch):
    """Load what the switching traps change: all at once takes a tenth of one after the other."""
    touched = np.float32(0)
    for e in range(found.shape[1]):
        t = found[1, e]
        line = own[t] >> 1
        touched += parts[4 * line] + delta[t] + np.float32(s[t]) + np.float32(first[line])
    scratch[0] = touched


@njit(nogil=True)
def _redraw(s, words, limit, more):
    """Draw traps anew that are all alike: P(captured) is that of `limit`, or higher by `more`."""
    for k in range(len(s)):
        s[k] = words[k] < limit + more * _u(s[k])


@njit(nogil=True)
def _weigh(s, sides, delta, parts, weights):
    """Set the weights of word lines whose cells have one trap each, all of them alike."""
    one = np.float32(1)
    if sides == 2:
        for line in range(len(s) // 2):
            positive, negative = one - delta * _f(s[2 * line]), one - delta * _f(s[2 * line + 1])
            moving = parts[4 * line + 1] * positive + parts[4 * line + 2] * negative
            weights[line] = parts[4 * line] + moving
    else:
        for line in range(len(s)):
            weights[line] = parts[4 * line] + parts[4 * line + 1] * (one - delta * _f(s[line]))


@njit(nogil=True)
def _read_column(
    own, first, delta, s, additive, alone, parts, weights, found, fast, limits, words, masks, low,
    x, rows, reads, out, scratch,
):  # fmt: skip
    """Read one column: its traps switch before each read of `reads`, from and to, of a block.

    alone: whether all traps are alike, one in each cell. found: its switches, as of
    `_draw_switches`. fast, limits, words: its fast traps, P(captured) given their state, and a word
    for each of them and each read. masks: gates, (octets, 64), or (0, 64) for none. rows: where in
    x the inputs of each read begin.
    """
    many = len(fast)
    _touch(found, own, first, delta, s, parts, scratch)
    e, count = 0, found.shape[1]
    for r in range(reads[0], reads[1]):
        while e < count and found[0, e] <= r:
            t = found[1, e]
            s[t] ^= np.uint8(1)
            _set_weight(own[t] >> 1, own, first, delta, s, additive, parts, weights)
            e += 1
        if many == len(own) and alone:
            _redraw(s, words[r * many : (r + 1) * many], limits[0, 0], limits[0, 1] - limits[0, 0])
            _weigh(s, len(own) // (len(first) - 1), delta[0], parts, weights)
        elif many:
            for k in range(many):
                s[fast[k]] = words[r * many + k] < limits[k, s[fast[k]]]
            _set_weights(own, first, delta, s, additive, parts, weights)
        i = r - reads[0]
        out[i] = read_sum(weights, x, rows[i], masks, r, low, scratch)


@njit(nogil=True, cache=True)
def trap_sums(traps, s, additive, parts, weights, x, rows, keys, gate, span, columns, out):
    """Write out[r − first, j] = Σ_i x_ri ξ_rij W_ij(r) of reads first … last − 1, and advance s.

    traps: `TrapArrays`. s: states of all traps, column after column, uint8. additive: how the traps
    of a cell combine. parts: of each word line, what traps do not change, and what those of its
    positive and of its negative cell multiply, (columns, lines · 4) float32. weights: room for
    (columns, lines) float32. x: (rows, lines) float32. rows: read first + i sees rows[i]. keys:
    words of the generators of refreshes, fast traps and gates, (3, 2). gate: digits of its
    probability, empty for no gate, and the factor of a gate that does not conduct. span: first,
    last. columns: those that are read, from and to.
    """
    lines = weights.shape[1]
    for j in range(columns[0], columns[1]):
        own, starts_of_lines, delta, of_column = _of_column(traps, s, j)
        _set_weights(own, starts_of_lines, delta, of_column, additive, parts[j], weights[j])
    flat_x, starts = x.reshape(-1), rows * lines
    masks = np.empty((lines // 8 if len(gate[0]) else 0, READS_PER_BLOCK), np.uint8)
    state, lanes = np.empty((3, 8), np.uint64), np.empty(8, np.float32)
    scratch = (
        np.empty(_POOL, np.uint64), np.empty(_POOL, _f), np.empty(_POOL),
        np.empty(_POOL, np.int64), np.empty(_POOL, np.int64), state,
    )  # fmt: skip
    found = np.empty((2, _POOL), np.int32)
    most = np.diff(traps.fast_start).max()
    words = np.empty(8 * (-(-most * READS_PER_BLOCK // 16)), np.uint64)
    numbers = words.view(np.uint32)
    for block in range(span[0] // READS_PER_BLOCK, (span[1] - 1) // READS_PER_BLOCK + 1):
        reads = reads_of_block(block, span[0], span[1])
        at = block * READS_PER_BLOCK + reads[0] - span[0]
        here = slice(at, at + reads[1] - reads[0])
        for j in range(columns[0], columns[1]):
            number = block * out.shape[1] + j
            own, starts_of_lines, delta, of_column = _of_column(traps, s, j)
            n, found = _switches(traps, of_column, j, keys[0], number, scratch, reads, found)
            fast = slice(traps.fast_start[j], traps.fast_start[j + 1])
            if fast.start < fast.stop:
                eights = -(-(fast.stop - fast.start) * reads[1] // 16)
                sfc64_seed(state, keys[1], number, np.uint64(1))
                sfc64_fill(words[: 8 * eights], state, np.uint64(1 + WARM_UP))
            if len(masks):
                draw_gates(masks, state, keys[2], number, gate[0])
            _read_column(
                own, starts_of_lines, delta, of_column, additive, traps.is_alone, parts[j],
                weights[j], found[:, :n], traps.fast[fast], traps.limits[fast], numbers, masks,
                gate[1], flat_x, starts[here], reads, out[here, j], lanes,
            )  # fmt: skip
