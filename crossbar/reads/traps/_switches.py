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
from crossbar.reads.traps._exponentials import POOL, fill_exponentials

#: Where the read of a switch stands in its number; the trap is in the bits below.
_READ = np.int64(32)
_TRAP = np.int64(0xFFFFFFFF)
_NEVER = np.int64(1 << 14)


@njit(nogil=True)
def room_of_switches(traps):
    """Return what `draw_switches` needs for columns of up to that many traps."""
    return (
        np.empty(POOL, np.uint64), np.empty(POOL, np.float32), np.empty(traps, np.int16),
        np.empty(traps // 64 + 1, np.uint64), np.empty(READS_PER_BLOCK + 1, np.int64),
        np.empty((3, 8), np.uint64), np.empty(POOL, np.float32),
        (np.empty(POOL, np.int64), np.empty(POOL, np.int64), np.empty(POOL)),
    )  # fmt: skip


@njit(nogil=True, inline="always")
def _after(read, number, back):
    """Return the read at which a trap is back that is away at `read`."""
    return np.int64(read + 1) + np.int64(min(number * back, np.float32(_NEVER)))


@njit(nogil=True, error_model="numpy")
def _draw_returns(traps, begin, far, visits, state, reads, room, found):
    """Draw when quick traps return that are away at the start of a block.

    Return how many do before its end, and the counter. They are written to `found`, as many as fit.
    """
    pool, numbers, until, mean = room[0], room[1], room[2], traps.back
    counter, at, n = np.uint64(1 + WARM_UP), POOL, 0
    for i in range(len(far)):
        word = far[i] & visits[i]
        while word:
            t = 64 * i + np.int64(trailing_zeros(word))
            word &= word - np.uint64(1)
            if at == POOL:
                sfc64_fill(pool, state, counter)
                counter += np.uint64(POOL // 8)
                fill_exponentials(pool.view(np.uint32), numbers)
                at = 0
            back = _after(reads[0] - 1, numbers[at], mean[begin + t])
            at += 1
            until[t] = back
            found[min(n, len(found) - 1)] = (back << _READ) | t
            n += back < reads[1]
    return n, counter


@njit(nogil=True, error_model="numpy")
def _find(axis, j, at, numbers, place, last, candidates):
    """Find the traps of candidates, and return how many there are before read `last`, and a place.

    j: column of the axis. at: first trap of the column on it. numbers: exponential gaps. place:
    where the last candidate was. candidates: reads, places on the axis and shares of stretches.
    Each loop loads for all of them what the next one needs: the memory is slower than the
    arithmetic.
    """
    reads, spots, shares = candidates
    classes, ends, guide = axis.class_start[j], axis.class_end[j], axis.guide[j]
    per_bound, total, many = axis.per_bound, ends[-1], 0
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
        spots[i] = guide[np.int64(shares[i] * per_guide)]
        shares[i] *= total
    for i in range(many):
        c = spots[i]
        while c < len(ends) - 1 and shares[i] >= ends[c]:
            c += 1
        first, after = np.int64(classes[c]), np.int64(classes[c + 1])
        # The class ends at a whole number of stretches, so that what is left counts backwards.
        rest = max(0.0, ends[c] - shares[i]) * per_bound[c]
        spot = min(np.int64(rest), after - first - 1)
        shares[i] = rest - spot
        spots[i] = at + first + spot
    return many, place


@njit(nogil=True, error_model="numpy")
def _draw(traps, j, far, visits, key, number, reads, room, found):
    """Draw the switches of a column's traps in a block, in any order.

    Return how many there are; as many as fit are written to `found`.
    """
    pool, numbers, until, now, _counts, state, gaps, candidates = room
    axis, mean = traps.axis, traps.back
    place_of, share_of = axis.place, axis.share.reshape(-1)
    begin = 0 if traps.is_shared else traps.start[j]
    of_axis, of_column = (0, 0) if traps.is_shared else (axis.start[j], j)
    until[: traps.start[j + 1] - traps.start[j]] = -1
    for i in range(len(far)):
        now[i] = far[i] & ~visits[i]
    sfc64_seed(state, key, number * READS_PER_BLOCK + reads[0], np.uint64(1))
    n, counter = _draw_returns(traps, begin, far, visits, state, reads, room, found)
    place, at, most, many = 0.0, POOL, len(found) - 1, POOL
    when, spots, shares = candidates
    if axis.class_end[of_column, -1] <= 0:
        return n
    while many == POOL:
        sfc64_fill(pool, state, counter)
        counter += np.uint64(POOL // 8)
        fill_exponentials(pool.view(np.uint32), gaps)
        last = np.float64(reads[1] - reads[0])
        many, place = _find(axis, of_column, of_axis, gaps, place, last, candidates)
        for i in range(many):
            r, t = when[i] + reads[0], np.int64(place_of[spots[i]])
            bit = np.uint64(1) << np.uint64(t & 63)
            is_away = np.int64(now[t >> 6] & bit != 0)
            if shares[i] < share_of[2 * spots[i] + is_away] and until[t] < r:
                found[min(n, most)] = (r << _READ) | t
                n += 1
                until[t] = r
                if share_of[2 * spots[i] + 1] > 0:
                    now[t >> 6] ^= bit
                    continue
                if at == POOL:
                    sfc64_fill(pool, state, counter)
                    counter += np.uint64(POOL // 8)
                    fill_exponentials(pool.view(np.uint32), numbers)
                    at = 0
                back = _after(r, numbers[at], mean[begin + t])
                at += 1
                until[t] = back
                found[min(n, most)] = (back << _READ) | t
                n += back < reads[1]
    return n


@njit(nogil=True)
def draw_switches(traps, j, far, visits, key, number, reads, room, found, ordered):
    """Return the switches of a column's traps before the reads `reads`, from and to, of a block.

    traps: `TrapArrays`. far, visits: as of `away`, before the first read. number: that of the
    column in the block. found, ordered: room for them, replaced by longer arrays where it does not
    suffice.

    Return how many switches there are, and both arrays. In the second they stand in order of
    time, as of `read_of` and `trap_of`.
    """
    n = _draw(traps, j, far, visits, key, number, reads, room, found)
    if n >= len(found):
        found, ordered = np.empty(2 * n, np.int64), np.empty(2 * n, np.int64)
        _draw(traps, j, far, visits, key, number, reads, room, found)
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
    far[:] = 0
    visits[:] = 0
    for t in range(len(s)):
        far[t >> 6] |= np.uint64((s[t] ^ kind[t]) & np.uint8(1)) << np.uint64(t & 63)
        visits[t >> 6] |= np.uint64(kind[t] >> np.uint8(1)) << np.uint64(t & 63)
