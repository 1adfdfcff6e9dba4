"""Compiled pass of a layer: gated sums, deterministic path, biases and comparators, by columns.

Its numbers are those of `_kernels.masked_sums` and of numpy's additions behind it, bit for bit.
"""

# mypy: ignore-errors

import numpy as np
from numba import njit

from crossbar.reads._kernels import (
    OWN_DIGITS,
    READS_PER_BLOCK,
    aligned,
    draw_own_masks,
    draw_words,
)
from crossbar.reads._sfc64 import WARM_UP, sfc64_seed
from crossbar.reads.layer_pass._columns import (
    add_later,
    add_up,
    decide,
    finish,
    finish_apart,
    scale_of,
)
from crossbar.reads.layer_pass._noise import LINE, draw_noise, reads_at_once, take_noise
from crossbar.reads.layer_pass._out import address_if, targets_of, write_column
from crossbar.reads.layer_pass._records import Scratch
from crossbar.reads.layer_pass._sign_sums import address, block_ends, sums_of, take_rows


@njit(nogil=True, inline="always")
def _sums_and_scales(main, path, cells):
    """Return what `add_up` and `finish` need of tables."""
    sums = sums_of(main), sums_of(path), sums_of(cells)
    return sums, (scale_of(main), scale_of(path), scale_of(cells))


@njit(nogil=True, inline="always")
def _sums_known(rows, scratch, in_turn):
    """Return addresses and numbers of the sums under rows, from the row of the first read on."""
    skip = 4 * scratch.row_of[0] * in_turn
    main, path = address_if(rows.main), address_if(rows.path)
    of_main = main + skip * (main > 0), rows.main.shape[2]
    return of_main, (path + skip * (path > 0), rows.path.shape[2])


@njit(nogil=True, inline="always")
def _memory(scratch, in_turn):
    """Return addresses of the inputs, of the gates and of the totals, as `add_up` takes them."""
    inputs = address(scratch.halves), address(scratch.row_of), in_turn
    gates = address(scratch.bits), address(scratch.masks), address(scratch.every)
    of_z, of_y = address(scratch.of_z), address(scratch.of_y)
    return inputs, gates, (of_z, of_y, address(scratch.of_path), address(scratch.of_cells))


@njit(nogil=True, inline="always")
def _additions(law, scratch):
    """Return addresses of noise, and of what else is added to sums, as `finish` takes them."""
    noise = address(scratch.noise)
    noises = (
        noise * (law.noises[0].std.size > 0),
        (noise + 8 * LINE) * (law.noises[1].std.size > 0),
        (noise + 16 * LINE) * (law.noises[2].std.size > 0),
    )
    return noises, (address_if(law.a), address_if(law.bias), address_if(law.threshold))


@njit(nogil=True)
def _pass_of_block(main, path, cells, rows, law, ends, in_turn, out, scratch):
    """Write the reads of a block, column after column."""
    columns, drawn = len(main.entries), rows.plus.shape[1]
    sums, scales = _sums_and_scales(main, path, cells)
    known = _sums_known(rows, scratch, in_turn)
    inputs, gates, totals = _memory(scratch, in_turn)
    noises, added = _additions(law, scratch)
    noisy = noises[0] + noises[1] + noises[2] > 0
    fires = law.amperes, address_if(law.offsets)
    margins = address_if(law.margins), address_if(law.of_variance)
    line, octet = address(scratch.line), address(scratch.octet)
    to, stds = octet if fires[1] else line, address(scratch.stds) * law.cells_vary
    targets, as_bits = targets_of(out, columns, ends), len(out.plus) > 0
    state, planes, counter = address(scratch.state), address_if(law.planes), np.uint64(1 + WARM_UP)
    gated, shared = law.digits != 0 or planes != 0, address(path.entries) == address(main.entries)
    kinds = margins[0] != 0, gated, law.cells_vary, added[0] != 0 and not shared
    words = np.uint64(drawn * (OWN_DIGITS if planes else law.many))
    of_path = totals[0] if shared else totals[2]
    summed = totals[1] if gated else totals[0], of_path, totals[3] * law.cells_vary
    shift = np.int32(0 if gated else 1)
    for j in range(columns):
        if planes:
            draw_own_masks(state, counter, planes + j * drawn * OWN_DIGITS, drawn, gates[1])
        elif gated:
            draw_words(state, counter, np.uint64(law.digits), law.many, drawn, gates[1])
        counter += words
        if noisy and j % 8 == 0:
            take_noise(law, columns, ends, j, scratch.normals, scratch.noise)
        bit = np.uint8(1) << np.uint8(j % 8 if as_bits else 0) if fires[1] else np.uint8(0)
        add_up(sums, known, kinds, j, inputs, gates, totals)
        if not margins[0]:
            finish(scales, summed, shift, noises, added, fires, j, bit, to, 0)
        else:
            finish(scales, summed, shift, noises, added, fires, j, np.uint8(0), line, stds)
            if decide(line, stds, noises[0], margins, j, bit, octet):
                add_later(sums, known, kinds, j, inputs, gates, totals)
                finish_apart(scales, summed, shift, noises, added, fires, j, bit, octet, 0)
        write_column(targets, ends, j, line, octet)


@njit(nogil=True, cache=True)
def layer_pass(main, path, cells, rows, law, first, last, out):
    """Write a layer's reads first … last − 1: main sums, noise, path, biases, comparators.

    main, path: `SignTables`. cells: those of variances, for sums over the gates that conduct.
    rows: `Rows`. law: `Law`. out: `Out`, whose states begin with the first location of an input.

    With margins, the leading digits are added up first, and the others only for columns in which
    these leave open what a comparator of the 64 reads does.
    """
    columns, digits, octets = main.entries.shape[:3]
    octets = max(octets, path.entries.shape[2], cells.entries.shape[2])
    bits, halves, masks = aligned(octets * 64), aligned(octets * 128), aligned(octets * 64)
    bits[:] = 0
    halves[:] = 0
    masks[:] = 0
    every = np.full(octets * 64, 255, np.uint8)
    scratch = Scratch(
        bits,
        halves,
        masks,
        np.empty(digits * READS_PER_BLOCK, np.int32),
        np.empty(digits * READS_PER_BLOCK, np.int32),
        np.empty(path.entries.shape[1] * READS_PER_BLOCK, np.int32),
        np.empty(cells.entries.shape[1] * READS_PER_BLOCK, np.int32),
        every,
        np.empty(READS_PER_BLOCK),
        np.empty(READS_PER_BLOCK),
        np.empty((3, reads_at_once(columns) * columns + 8), np.float32),
        np.zeros((3, 8, READS_PER_BLOCK), np.float32),
        np.empty(READS_PER_BLOCK, np.uint8),
        np.empty((3, 8), np.uint64),
        np.empty(READS_PER_BLOCK, np.int64),
    )
    for block in range(first // READS_PER_BLOCK, (last - 1) // READS_PER_BLOCK + 1):
        ends = block_ends(block, first, last)
        in_turn = take_rows(rows.plus, rows.of_reads, ends, scratch.row_of, bits, halves)
        if law.digits or len(law.planes):
            sfc64_seed(scratch.state, law.key, block, np.uint64(1))
        draw_noise(law, columns, ends, last, scratch.normals)
        _pass_of_block(main, path, cells, rows, law, ends, in_turn, out, scratch)
