"""Compiled normals of a layer's pass, drawn for blocks of reads and taken column by column."""

# mypy: ignore-errors

from typing import NamedTuple

import numpy as np
from numba import njit

from crossbar.reads._kernels import READS_PER_BLOCK
from crossbar.reads._normals import fill_normals
from crossbar.reads._vectors import transpose_floats
from crossbar.reads.layer_pass._sign_sums import address

#: Bytes of 64 float32.
LINE = 4 * READS_PER_BLOCK
#: Normals that are drawn at once, about. They are drawn by the 1,024, of which 64 reads of few
#: columns need only a part; 16 · 64 reads need all of them.
_AT_ONCE = 1 << 14
_MOST_BLOCKS = 16


class Normals(NamedTuple):
    """Fresh normals of the sums of a layer.

    Attributes:
        key: Their key, two uint64; see `fill_normals`, which draws them read after read.
        std: What they are multiplied by, (columns,) float32; empty for none.
    """

    key: np.ndarray
    std: np.ndarray


@njit(nogil=True, inline="always")
def reads_at_once(columns):
    """Return the number of reads whose normals are drawn at once, in whole blocks."""
    blocks = _MOST_BLOCKS
    while blocks > 1 and blocks * READS_PER_BLOCK * columns > _AT_ONCE:
        blocks //= 2
    return blocks * READS_PER_BLOCK


@njit(nogil=True, inline="always")
def _drawn_from(columns, ends):
    """Return the first read of those whose normals are drawn with a block's."""
    _, _, start, first = ends
    return max(first, start - start % reads_at_once(columns))


@njit(nogil=True)
def draw_noise(law, columns, ends, last, normals):
    """Draw the normals of a block of reads, and of those drawn with it, unless that is done.

    They are written read after read to normals, (3, reads_at_once · columns + 8), since
    `take_noise` reads eight columns also at the end. last: the end of the pass.
    """
    begin, _, start, _ = ends
    if begin > _drawn_from(columns, ends):
        return
    at_once = reads_at_once(columns)
    end = min(last, start - start % at_once + at_once)
    for k in range(3):
        if law.noises[k].std.size:
            of_reads = normals[k, : (end - begin) * columns]
            fill_normals(of_reads, law.noises[k].key, begin * columns)


@njit(nogil=True)
def take_noise(law, columns, ends, j, normals, out):
    """Write eight columns of the noise of a block's reads, from j on, to `out` (3, 8, 64).

    Eight at a time, since a cache line holds the numbers of sixteen; from the last column on they
    are undefined. Called, not inlined: references to its arrays would be counted for columns
    without noise, too.
    """
    begin, end, start, _ = ends
    some, step = min(8, columns - j), 4 * columns
    before = begin - _drawn_from(columns, ends)
    for k in range(3):
        std = law.noises[k].std
        if not std.size:
            continue
        reads = 0
        while reads + 8 <= end - begin:
            to = address(out[k]) + 4 * (begin - start + reads)
            source = address(normals[k]) + 4 * j + (before + reads) * step
            transpose_floats(to, LINE, source, step)
            reads += 8
        for r in range(reads, end - begin):
            for i in range(some):
                out[k, i, begin - start + r] = normals[k, (before + r) * columns + j + i]
        for i in range(some):
            factor = std[j + i]
            for r in range(begin - start, end - start):
                out[k, i, r] *= factor
