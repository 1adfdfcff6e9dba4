"""Compiled loops: arrays and scalars in, `out` written, no validation. Slow twins stand in tests/reference.py.

The blank-out kernel owns its random numbers, since there the drawing is the work. Generator: SFC64 (Doty-Humphrey,
PractRand 0.94), one lane per column, all lanes with the same counter. For every group of 64 consecutive reads, lane j
starts from the words (key0, key1, j·2³² + group) and counter 1, and discards 18 rounds. A group is drawn in runs of four
reads: for each word of 64 inputs, for each of the four reads, one mask. A mask is therefore a function of (key, column,
read, word) alone: no result depends on threads, or on how reads are batched.
"""

# mypy: ignore-errors

from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

GROUP = 64  # reads between two seedings of the lanes
RUN = 4  # reads that share a pass over the planes: each plane is loaded once for all of them
WARM_UP = 18


@intrinsic
def popcount(typing_context: Any, word: Any) -> Any:
    """Number of set bits of a uint64, by the processor's or LLVM's own means."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), codegen


@njit(nogil=True, inline="always")
def _advance(a, b, c, counter, out):
    """One round of SFC64 in every lane; out receives the 64 random bits of each."""
    for j in range(len(a)):
        word = a[j] + b[j] + counter
        a[j] = b[j] ^ (b[j] >> np.uint64(11))
        b[j] = c[j] + (c[j] << np.uint64(3))
        c[j] = ((c[j] << np.uint64(24)) | (c[j] >> np.uint64(40))) + word
        out[j] = word


@njit(nogil=True, inline="always")
def _draw_halves(a, b, c, counter, on, mask, ones):
    """Masks with P(bit) = ½, kept where `on` is set; ones counts them. One loop: a pass costs as much as a plane."""
    for j in range(len(a)):
        word = a[j] + b[j] + counter
        a[j] = b[j] ^ (b[j] >> np.uint64(11))
        b[j] = c[j] + (c[j] << np.uint64(3))
        c[j] = ((c[j] << np.uint64(24)) | (c[j] >> np.uint64(40))) + word
        kept = word & on
        mask[j] = kept
        ones[j] += popcount(kept)


@njit(nogil=True, inline="always")
def _draw_masks(a, b, c, counter, p_bits, on, mask, ones, word):
    """Masks with P(bit) = Σ p_bits[i] 2^(i − len): from the lowest digit on, OR a random word for 1, AND for 0."""
    _advance(a, b, c, counter, mask)
    for i in range(1, len(p_bits)):
        _advance(a, b, c, counter + np.uint64(i), word)
        if p_bits[i]:
            for j in range(len(a)):
                mask[j] |= word[j]
        else:
            for j in range(len(a)):
                mask[j] &= word[j]
    for j in range(len(a)):
        kept = mask[j] & on
        mask[j] = kept
        ones[j] += popcount(kept)


@njit(nogil=True, cache=True)
def blank_out_sums(planes, negative, active, repeats, locations, origin, key, p_bits, k0, scale, first, last, out):
    """Write u of reads first … last − 1: out[r − origin, j] = scale (k0 Σ m z + Σ m z q), q the planes' odd integers.

    planes: (words, bits, columns) uint64, bit set where the digit of weight 2^bit is −1. negative, active: (inputs,
    words) uint64, bit set where z = −1, where z ≠ 0; read r sees the row that `Span.rows` says, with first = origin.
    """
    words, bits, columns = planes.shape
    a, b, c = np.empty(columns, np.uint64), np.empty(columns, np.uint64), np.empty(columns, np.uint64)
    mask, word = np.empty((RUN, columns), np.uint64), np.empty(columns, np.uint64)
    ones, minus, signs = (
        np.empty((RUN, columns), np.uint64),
        np.empty((RUN, columns), np.uint64),
        np.zeros((RUN, columns), np.uint64),
    )
    full = np.int64((1 << bits) - 1)
    rows = np.empty(RUN, np.int64)
    base = origin // (repeats * locations)
    for group in range(first - first % GROUP, last, GROUP):
        counter = np.uint64(1)
        for j in range(columns):
            a[j], b[j] = key[0], key[1]
            c[j] = (np.uint64(j) << np.uint64(32)) | np.uint64(group // GROUP)
        for _ in range(WARM_UP):
            _advance(a, b, c, counter, word)
            counter += np.uint64(1)
        for start in range(group, min(group + GROUP, last), RUN):
            ones[:], minus[:], signs[:] = 0, 0, 0
            for r in range(RUN):
                read = min(max(start + r, first), last - 1)
                rows[r] = (read // (repeats * locations) - base) * locations + read % locations
            for w in range(words):
                for r in range(RUN):
                    on = active[rows[r], w]
                    if len(p_bits) == 1:
                        _draw_halves(a, b, c, counter, on, mask[r], ones[r])
                    else:
                        _draw_masks(a, b, c, counter, p_bits, on, mask[r], ones[r], word)
                    counter += np.uint64(len(p_bits))
                z0, z1 = negative[rows[0], w], negative[rows[1], w]
                z2, z3 = negative[rows[2], w], negative[rows[3], w]
                if k0 != 0:
                    for j in range(columns):
                        signs[0, j] += popcount(mask[0, j] & z0)
                        signs[1, j] += popcount(mask[1, j] & z1)
                        signs[2, j] += popcount(mask[2, j] & z2)
                        signs[3, j] += popcount(mask[3, j] & z3)
                for p in range(bits if start + RUN > first else 0):  # reads before the first are drawn, not summed
                    plane, shift = planes[w, p], np.uint64(p)
                    for j in range(columns):
                        digits = plane[j]
                        minus[0, j] += popcount((digits ^ z0) & mask[0, j]) << shift
                        minus[1, j] += popcount((digits ^ z1) & mask[1, j]) << shift
                        minus[2, j] += popcount((digits ^ z2) & mask[2, j]) << shift
                        minus[3, j] += popcount((digits ^ z3) & mask[3, j]) << shift
            for r in range(max(first - start, 0), min(RUN, last - start)):
                for j in range(columns):
                    drawn = np.int64(ones[r, j])
                    total = full * drawn - 2 * np.int64(minus[r, j])
                    out[start + r - origin, j] = scale * (k0 * (drawn - 2 * np.int64(signs[r, j])) + total)
