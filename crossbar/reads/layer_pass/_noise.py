"""Compiled normals of a layer's pass, drawn for blocks of reads and taken column by column."""

# mypy: ignore-errors

from numba import njit

from crossbar.reads._kernels import READS_PER_BLOCK
from crossbar.reads._normals import fill_normals
from crossbar.reads._vectors import transpose_floats
from crossbar.reads.layer_pass._addresses import BYTES_OF_NOISE, address

#: Normals that are drawn at once, about. `fill_normals` draws 1,024 at a time. For few columns, 64
#: reads need only some of these, and the next 64 reads would draw them again; 16 · 64 reads need
#: all of them, whatever the number of columns.
_AT_ONCE = 1 << 14
_MOST_BLOCKS = 16


@njit(nogil=True, inline="always")
def reads_at_once(columns):
    """Return the number of reads whose normals are drawn at once, in whole blocks."""
    blocks = _MOST_BLOCKS
    while blocks > 1 and blocks * READS_PER_BLOCK * columns > _AT_ONCE:
        blocks //= 2
    return blocks * READS_PER_BLOCK


@njit(nogil=True, inline="always")
def _drawn_from(columns, reads):
    """Return the first read of those whose normals are drawn with a block's."""
    return max(reads.first, reads.start - reads.start % reads_at_once(columns))


@njit(nogil=True)
def draw_noise(law, columns, reads, last, normals):
    """Draw the normals of a block of reads, and of the blocks drawn with it, unless that is done.

    They are written read after read to `normals`, (3, reads_at_once · columns + 8) float32, for
    main array, path and bias lines. The 8 numbers at the end stay undefined: `take_noise` reads
    eight columns at a time, also where fewer are left. last: the read after the pass.
    """
    begin = reads.begin
    if begin > _drawn_from(columns, reads):
        return
    at_once = reads_at_once(columns)
    end = min(last, reads.start - reads.start % at_once + at_once)
    for k in range(3):
        if law.noises[k].std.size:
            of_reads = normals[k, : (end - begin) * columns]
            fill_normals(of_reads, law.noises[k].key, begin * columns)


@njit(nogil=True)
def take_noise(law, columns, reads, j, normals, out):
    """Write eight columns of the noise of a block's reads, from j on, to `out` (3, 8, 64) float32.

    They are normals times their standard deviations, for main array, path and bias lines. Eight
    columns are taken at a time, since a cache line holds the numbers of sixteen. What is written
    for columns behind the last one is undefined; noise of reads outside begin … end − 1 is left as
    it was. Called, not inlined: references to its arrays would be counted for columns without
    noise, too.
    """
    begin, end, start, _ = reads
    some, step = min(8, columns - j), 4 * columns
    before = begin - _drawn_from(columns, reads)
    for k in range(3):
        std = law.noises[k].std
        if not std.size:
            continue
        done = 0
        while done + 8 <= end - begin:
            to = address(out[k]) + 4 * (begin - start + done)
            source = address(normals[k]) + 4 * j + (before + done) * step
            transpose_floats(to, BYTES_OF_NOISE, source, step)
            done += 8
        for r in range(done, end - begin):
            for i in range(some):
                out[k, i, begin - start + r] = normals[k, (before + r) * columns + j + i]
        for i in range(some):
            factor = std[j + i]
            for r in range(begin - start, end - start):
                out[k, i, r] *= factor
