"""Compiled normals of a layer's pass, drawn for 64 reads and taken column by column."""

# mypy: ignore-errors

from typing import NamedTuple

import numpy as np
from numba import njit

from crossbar.reads._kernels import READS_PER_BLOCK
from crossbar.reads._normals import fill_normals
from crossbar.reads._sign_sums import address
from crossbar.reads._vectors import transpose_floats

#: Bytes of 64 float32.
LINE = 4 * READS_PER_BLOCK


class Normals(NamedTuple):
    """Fresh normals of the sums of a layer.

    Attributes:
        key: Their key, two uint64; see `fill_normals`, which draws them read after read.
        std: What they are multiplied by, (columns,) float32; empty for none.
    """

    key: np.ndarray
    std: np.ndarray


@njit(nogil=True)
def draw_noise(law, columns, ends, normals):
    """Draw the normals of a block's reads, (3, 64 · columns), read after read."""
    begin, end, _, _ = ends
    for k in range(3):
        if law.noises[k].std.size:
            of_reads = normals[k, : (end - begin) * columns]
            fill_normals(of_reads, law.noises[k].key, begin * columns)


@njit(nogil=True)
def take_noise(law, columns, ends, j, normals, out):
    """Write eight columns of the noise of a block's reads, from j on, to `out` (3, 8, 64).

    Eight at a time, since a cache line holds the numbers of sixteen. Called, not inlined:
    references to its arrays would be counted for columns without noise, too.
    """
    begin, end, start, _ = ends
    some, step = min(8, columns - j), 4 * columns
    for k in range(3):
        std = law.noises[k].std
        if not std.size:
            continue
        reads = 0
        while some == 8 and reads + 8 <= end - begin:
            to = address(out[k]) + 4 * (begin - start + reads)
            transpose_floats(to, LINE, address(normals[k]) + 4 * j + reads * step, step)
            reads += 8
        for r in range(reads, end - begin):
            for i in range(some):
                out[k, i, begin - start + r] = normals[k, r * columns + j + i]
        for i in range(some):
            factor = std[j + i]
            for r in range(begin - start, end - start):
                out[k, i, r] *= factor
