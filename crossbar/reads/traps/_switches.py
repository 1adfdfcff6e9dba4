"""Compiled draws of traps that seldom switch between two reads. They check nothing.

From read to read a trap leaves the state in which it is more often with probability a, and returns
to it with probability b; these are the transitions of telegraph noise over the read period. For the
64 reads of a block and one column, switches are candidates of one Poisson process: exponential gaps
along an axis on which each read has a stretch, and in it each trap one. A candidate counts in a
share of its trap's stretch: −ln(1 − a), or −ln(1 − b) for a slow trap that is away. Quick traps
draw how long they are away, a geometric number of reads, when they leave and at the block's start.

Switches are functions of (key, block of 64 reads, column) and of the states before the block alone.
"""

# mypy: ignore-errors

import numpy as np
from numba import njit
from numba.cpython.unsafe.numbers import trailing_zeros

from crossbar.reads._kernels import READS_PER_BLOCK
from crossbar.reads._sfc64 import WARM_UP, sfc64_fill, sfc64_seed
from crossbar.reads._vectors import which_have
from crossbar.reads.traps._exponentials import POOL, fill_exponentials

#: Where the read of a switch stands in its number; the trap is in the bits below.
_READ = np.int64(32)
_TRAP = np.int64(0xFFFFFFFF)
_NEVER = np.int64(1 << 14)
#: Bits of `TrapArrays.kind`.
_CAPTURED, _QUICK = np.uint8(1), np.uint8(2)


@njit(nogil=True)
def room_of_switches(traps):
    """Return what `draw_switches` needs for columns of up to that many traps."""
    return (
        np.empty(POOL, np.uint64), np.empty(POOL + 1, np.float32), np.empty(traps, np.int32),
        np.empty(traps // 64 + 1, np.uint64), np.empty(READS_PER_BLOCK + 1, np.int64),
        np.empty((3, 8), np.uint64), np.empty(POOL, np.float32),
        (np.empty(POOL, np.int64), np.empty(POOL, np.int64), np.empty(POOL)),
    )  # fmt: skip


@njit(nogil=True, inline="always")
def _after(read, number, back):
    """Return the read at which a trap is back that is away at `read`."""
    return np.int64(read + 1) + np.int64(min(number * back, np.float32(_NEVER)))


@njit(nogil=True, inline="always")
def _fill(pool, state, counter, numbers):
    """Draw the next exponential numbers, and return the next counter."""
    sfc64_fill(pool, state, counter)
    fill_exponentials(pool.view(np.uint32), numbers)
    return counter + np.uint64(POOL // 8)


@njit(nogil=True, error_model="numpy", inline="always")
def _draw_returns(begin, far, visits, mean, state, reads, pool, numbers, until, found):
    """Draw when quick traps return that are away at the start of a block.

    Return how many do before its end, and the counter. They are written to `found`, as many as fit.
    """
    counter, at, n, most = np.uint64(1 + WARM_UP), POOL, 0, len(found) - 1
    for i in range(len(far)):
        word = far[i] & visits[i]
        while word:
            t = np.uintp(64 * i + np.int64(trailing_zeros(word)))
            word &= word - np.uint64(1)
            if at == POOL:
                counter, at = _fill(pool, state, counter, numbers), 0
            back = _after(reads[0] - 1, numbers[np.uintp(at)], mean[np.uintp(begin) + t])
            at += 1
            until[t] = back
            found[np.uintp(min(n, most))] = (back << _READ) | np.int64(t)
            n += back < reads[1]
    return n, counter


@njit(nogil=True, error_model="numpy", inline="always")
def _find(classes, ends, guide, per_bound, at, numbers, place, last, reads, spots, shares):
    """Find the traps of candidates, and return how many there are before read `last`, and a place.

    classes, ends, guide, per_bound: fields of `Axis`, of one column. at: first trap of the column
    on the axis. numbers: exponential gaps. place: where the last candidate was. reads, spots,
    shares: those of candidates, places on the axis and shares of stretches.
    Each loop loads for all of them what the next one needs: the memory is slower than the
    arithmetic.
    """
    total, many, last_class = ends[len(ends) - 1], 0, np.uintp(len(ends) - 1)
    of_read, per_guide = 1 / total, len(guide) * (1 - 1e-15)
    for i in range(POOL):
        place += np.float64(numbers[i])
        read = place * of_read
        many += read < last
        # Reads of traps that hardly ever switch may be beyond all whole numbers.
        read = min(read, last)
        reads[i] = np.int64(read)
        shares[i] = read - reads[i]
    for i in range(many):
        spots[i] = guide[np.uintp(shares[i] * per_guide)]
        shares[i] *= total
    for i in range(many):
        # The first step has no branch, which would be predicted wrongly; others are rare.
        c = np.uintp(spots[i])
        c += np.uintp(np.uintp(c < last_class) & np.uintp(shares[i] >= ends[c]))
        while c < last_class and shares[i] >= ends[c]:
            c += np.uintp(1)
        first, after = np.int64(classes[c]), np.int64(classes[c + np.uintp(1)])
        # The class ends at a whole number of stretches, so that what is left counts backwards.
        rest = max(0.0, ends[c] - shares[i]) * per_bound[c]
        spot = min(np.int64(rest), after - first - 1)
        shares[i] = rest - spot
        spots[i] = at + first + spot
    return many, place


@njit(nogil=True, error_model="numpy", inline="always")
def _draw(traps, j, far, visits, key, number, reads, room, found):
    """Draw the switches of a column's traps in a block, in any order.

    Return how many there are; as many as fit are written to `found`, whose last place is spare.
    The loop over candidates has no branch on what is random: one that is predicted wrongly takes
    longer than all the rest. Arrays are not taken out of tuples in it, which counts references.
    """
    pool, numbers, until, now, _counts, state, gaps, candidates = room
    when, spots, shares = candidates
    axis, mean = traps.axis, traps.back
    values = axis.record.reshape(-1)
    whole = values.view(np.int32)
    begin = 0 if traps.is_shared else traps.start[j]
    of_axis, of_column = (0, 0) if traps.is_shared else (axis.start[j], j)
    classes, ends = axis.class_start[of_column], axis.class_end[of_column]
    guide, per_bound = axis.guide[of_column], axis.per_bound
    until[: traps.start[j + 1] - traps.start[j]] = -1
    for i in range(len(far)):
        now[i] = far[i] & ~visits[i]
    sfc64_seed(state, key, number * READS_PER_BLOCK + reads[0], np.uint64(1))
    n, counter = _draw_returns(
        begin, far, visits, mean, state, reads, pool, numbers, until, found
    )  # fmt: skip
    place, at, many, most = 0.0, POOL, POOL * (ends[len(ends) - 1] > 0), len(found) - 1
    last = np.float64(reads[1] - reads[0])
    while many == POOL:
        counter = _fill(pool, state, counter, gaps)
        many, place = _find(
            classes, ends, guide, per_bound, of_axis, gaps, place, last, when, spots, shares
        )  # fmt: skip
        for i in range(many):
            r, record = when[i] + reads[0], np.uintp(4) * np.uintp(spots[i])
            t = np.uintp(whole[record + np.uintp(3)])
            word, bit = t >> np.uintp(6), t & np.uintp(63)
            is_away = np.uintp(now[word] >> bit) & np.uintp(1)
            is_quick = values[record + np.uintp(1)] <= 0
            counts = (shares[i] < values[record + is_away]) & (until[t] < r)
            visits_now = counts & is_quick
            if visits_now & (at == POOL):
                counter, at = _fill(pool, state, counter, numbers), 0
            back = _after(r, numbers[np.uintp(at)], values[record + np.uintp(2)])
            at += visits_now
            changed = r + ((back - r) & -np.int64(is_quick))
            until[t] ^= (until[t] ^ changed) & -np.int64(counts)
            now[word] ^= np.uint64(counts & ~is_quick) << np.uint64(bit)
            found[np.uintp(min(n, most))] = (r << _READ) | np.int64(t)
            n += counts
            found[np.uintp(min(n, most))] = (back << _READ) | np.int64(t)
            n += visits_now & (back < reads[1])
    return n


@njit(nogil=True, error_model="numpy")
def draw_switches(traps, j, far, visits, key, number, reads, room, found, ordered):
    """Return the switches of a column's traps before the reads `reads`, from and to, of a block.

    traps: `TrapArrays`. far, visits: as of `away`, before the first read. number: that of the
    column in the block. found, ordered: room for them, replaced by longer arrays where it does not
    suffice.

    Return how many switches there are, and both arrays. In the second they stand in order of
    time, as of `read_of` and `trap_of`.
    """
    n = len(found)
    while n >= len(found):
        n = _draw(traps, j, far, visits, key, number, reads, room, found)
        if n >= len(found):
            found, ordered = np.empty(2 * n, np.int64), np.empty(2 * n, np.int64)
            n = len(found)
    counts = room[4]
    counts[:] = 0
    for i in range(n):
        counts[(found[i] >> _READ) + 1] += 1
    for r in range(READS_PER_BLOCK):
        counts[r + 1] += counts[r]
    for i in range(n):
        r = found[i] >> _READ
        ordered[counts[r]] = found[i]
        counts[r] += 1
    return n, found, ordered


@njit(nogil=True, inline="always")
def read_of(switch):
    """Return before which read of its block a trap switches."""
    return switch >> _READ


@njit(nogil=True, inline="always")
def trap_of(switch):
    """Return which trap of its column switches."""
    return switch & _TRAP


@njit(nogil=True)
def away(s, kind, far, visits):
    """Write which traps are away from their more frequent state, and which are quick, as bits.

    s, kind: states and kinds of the traps of a column, as of `TrapArrays`.
    """
    whole = len(s) // 64
    for i in range(whole):
        far[i] = which_have(s, 64 * i, _CAPTURED) ^ which_have(kind, 64 * i, _CAPTURED)
        visits[i] = which_have(kind, 64 * i, _QUICK)
    far[whole:] = 0
    visits[whole:] = 0
    for t in range(64 * whole, len(s)):
        far[t >> 6] |= np.uint64((s[t] ^ kind[t]) & _CAPTURED) << np.uint64(t & 63)
        visits[t >> 6] |= np.uint64(kind[t] >> np.uint8(1)) << np.uint64(t & 63)


@njit(nogil=True)
def states_of(far, kind, s):
    """Write the states s of traps that are away from their more frequent ones as `away` tells."""
    for t in range(len(s)):
        s[t] = (np.uint8(far[t >> 6] >> np.uint64(t & 63)) ^ kind[t]) & _CAPTURED
