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
from crossbar.reads.layer_pass._addresses import (
    BYTES_OF_NOISE,
    Added,
    Comparators,
    Inputs,
    Kinds,
    Known,
    KnownSums,
    Matrices,
    Noises,
    Signs,
    Summed,
    Totals,
    address,
    address_if,
    matrix_of,
    reads_of_block,
)
from crossbar.reads.layer_pass._columns import (
    add_later,
    add_up,
    decide,
    finish,
    finish_apart,
)
from crossbar.reads.layer_pass._noise import draw_noise, reads_at_once, take_noise
from crossbar.reads.layer_pass._out import targets_of, write_column
from crossbar.reads.layer_pass._records import Scratch
from crossbar.reads.layer_pass._sign_sums import take_rows
from devices.compiled_loops import compiled_loop


@njit(nogil=True, inline="always")
def _sums_known(sums, first_row, consecutive):
    """Return the `KnownSums` of sums of rows, `Rows.main` or `Rows.path`."""
    at = address_if(sums)
    return KnownSums(at + 4 * first_row * consecutive * (at > 0), sums.shape[2])


@njit(nogil=True, inline="always")
def _memory(scratch, consecutive):
    """Return the addresses of inputs, signs and totals, as `add_up` takes them."""
    inputs = Inputs(address(scratch.nibbles), address(scratch.row_of), consecutive)
    signs = Signs(address(scratch.bits), address(scratch.masks), address(scratch.ones))
    z, y = address(scratch.z), address(scratch.y)
    return inputs, signs, Totals(z, y, address(scratch.path), address(scratch.cells))


@njit(nogil=True, inline="always")
def _noises(law, scratch):
    """Return the addresses of the noise of main array, path and bias lines, 0 for none."""
    noise = address(scratch.noise)
    return Noises(
        main=noise * (law.noises[0].std.size > 0),
        path=(noise + 8 * BYTES_OF_NOISE) * (law.noises[1].std.size > 0),
        bias=(noise + 16 * BYTES_OF_NOISE) * (law.noises[2].std.size > 0),
    )


@njit(nogil=True, inline="always")
def _comparators(law):
    """Return what decides, `Comparators`."""
    margins, of_variance = address_if(law.margins), address_if(law.of_variance)
    return Comparators(law.amperes, address_if(law.offsets), margins, of_variance)


@njit(nogil=True, inline="always")
def _summed(totals, gated, shared, cells_vary):
    """Return the totals of which `finish` makes currents, `Summed`.

    shared: Whether the deterministic path has the sums of z of the main array.
    """
    return Summed(
        main=totals.y if gated else totals.z,
        shift=np.int32(0 if gated else 1),
        path=totals.z if shared else totals.path,
        cells=totals.cells * cells_vary,
    )


@njit(nogil=True)
def _pass_of_block(main, path, cells, rows, law, reads, consecutive, out, scratch):
    """Write the reads of a block, column after column; arguments as of `layer_pass`.

    reads: `Reads`. consecutive: Whether the reads see rows that follow each other. Columns come in
    order: the generator of the masks goes on from one to the next, and bits of eight columns are
    gathered before they are written.
    """
    columns, octets = len(main.entries), rows.plus.shape[1]
    matrices = Matrices(matrix_of(main), matrix_of(path), matrix_of(cells))
    first_row = scratch.row_of[0]
    of_main = _sums_known(rows.main, first_row, consecutive)
    known = Known(of_main, _sums_known(rows.path, first_row, consecutive))
    inputs, signs, totals = _memory(scratch, consecutive)
    noises, comparators = _noises(law, scratch), _comparators(law)
    noisy, decides = noises.main + noises.path + noises.bias > 0, comparators.offsets != 0
    added = Added(address_if(law.a), address_if(law.bias), address_if(law.threshold))
    column, fired = address(scratch.column), address(scratch.fired)
    stds = address(scratch.stds) * law.cells_vary
    targets, as_bits = targets_of(out, columns, reads), len(out.plus) > 0
    generator, planes = address(scratch.generator), address_if(law.planes)
    gated, shared = law.p_digits != 0 or planes != 0, matrices.path.entries == matrices.main.entries
    own_path = added.a != 0 and not shared
    kinds = Kinds(comparators.margins != 0, gated, law.cells_vary, own_path)
    summed = _summed(totals, gated, shared, law.cells_vary)
    # Masks are drawn for the octets of inputs, not those of tables, as `masked_sums` draws them.
    counter, no_bit = np.uint64(1 + WARM_UP), np.uint8(0)
    words = np.uint64(octets * (OWN_DIGITS if planes else law.p_digit_count))
    for j in range(columns):
        if planes:
            of_column = planes + j * octets * OWN_DIGITS
            draw_own_masks(generator, counter, of_column, octets, signs.masks)
        elif gated:
            digits, count = np.uint64(law.p_digits), law.p_digit_count
            draw_words(generator, counter, digits, count, octets, signs.masks)
        counter += words
        if noisy and j % 8 == 0:
            take_noise(law, columns, reads, j, scratch.normals, scratch.noise)
        bit = np.uint8(1) << np.uint8(j % 8 if as_bits else 0) if decides else no_bit
        add_up(matrices, known, kinds, j, inputs, signs, totals)
        if not comparators.margins:
            to = fired if decides else column
            finish(matrices, summed, noises, added, comparators, j, bit, to, 0)
        else:
            finish(matrices, summed, noises, added, comparators, j, no_bit, column, stds)
            if decide(column, stds, noises.main, comparators, j, bit, fired):
                add_later(matrices, known, kinds, j, inputs, signs, totals)
                finish_apart(matrices, summed, noises, added, comparators, j, bit, fired, 0)
        write_column(targets, reads, j, column, fired)


@compiled_loop()
def layer_pass(main, path, cells, rows, law, first, last, out):
    """Write a layer's reads first … last − 1: main sums, noise, path, biases, comparators.

    main, path: `SignTables`. The path has the very array `main.entries` if its sums of z are those
    of the main array. cells: `SignTables` of variances, see `conducting_tables`; any without such.
    rows: `Rows`. law: `Law`. out: `Out`, of which one array is written; states begin with the first
    location of an input.

    With margins, the leading digits are added up first, and the others only for columns in which
    these leave open what a comparator of the 64 reads does.
    """
    columns, digits, octets = main.entries.shape[:3]
    octets = max(octets, path.entries.shape[2], cells.entries.shape[2])
    bits, nibbles, masks = aligned(octets * 64), aligned(octets * 128), aligned(octets * 64)
    bits[:] = 0
    nibbles[:] = 0
    masks[:] = 0
    scratch = Scratch(
        bits=bits,
        nibbles=nibbles,
        masks=masks,
        ones=np.full(octets * 64, 255, np.uint8),
        z=np.empty(digits * READS_PER_BLOCK, np.int32),
        y=np.empty(digits * READS_PER_BLOCK, np.int32),
        path=np.empty(path.entries.shape[1] * READS_PER_BLOCK, np.int32),
        cells=np.empty(cells.entries.shape[1] * READS_PER_BLOCK, np.int32),
        column=np.empty(READS_PER_BLOCK),
        stds=np.empty(READS_PER_BLOCK),
        normals=np.empty((3, reads_at_once(columns) * columns + 8), np.float32),
        noise=np.zeros((3, 8, READS_PER_BLOCK), np.float32),
        fired=np.empty(READS_PER_BLOCK, np.uint8),
        generator=np.empty((3, 8), np.uint64),
        row_of=np.empty(READS_PER_BLOCK, np.int64),
    )
    for block in range(first // READS_PER_BLOCK, (last - 1) // READS_PER_BLOCK + 1):
        reads = reads_of_block(block, first, last)
        consecutive = take_rows(rows.plus, rows.of_reads, reads, scratch.row_of, bits, nibbles)
        if law.p_digits or len(law.planes):
            sfc64_seed(scratch.generator, law.key, block, np.uint64(1))
        draw_noise(law, columns, reads, last, scratch.normals)
        _pass_of_block(main, path, cells, rows, law, reads, consecutive, out, scratch)
