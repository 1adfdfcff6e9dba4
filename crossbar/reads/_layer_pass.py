"""Compiled pass of a layer: gated sums, deterministic path, biases and comparators, by columns.

Its numbers are those of `_kernels.masked_sums` and of numpy's additions behind it, bit for bit.
"""

# mypy: ignore-errors

from typing import NamedTuple

import numpy as np
from numba import njit

from crossbar.reads._doubles import (
    add_doubles,
    copy_byte,
    copy_word,
    double_at,
    doubles_of_floats,
    doubles_of_ints,
    int_at,
    multiply_doubles,
    root_doubles,
    splat_double,
    store_signs,
)
from crossbar.reads._kernels import (
    OWN_DIGITS,
    READS_PER_BLOCK,
    aligned,
    draw_own_masks,
    draw_words,
)
from crossbar.reads._layer_noise import LINE, Normals, draw_noise, reads_at_once, take_noise
from crossbar.reads._sfc64 import WARM_UP, sfc64_seed
from crossbar.reads._sign_sums import (
    BYTES_OF_TOTALS,
    address,
    block_ends,
    sums_of,
    take_rows,
    take_totals,
    totals_of_gates,
    totals_of_inputs,
)
from crossbar.reads._vectors import load, store


class Rows(NamedTuple):
    """Inputs ±1 of a pass.

    Attributes:
        plus: Bit set where the input is +1, (rows, octets).
        of_reads: Row that each read sees, (reads,).
        main: Σ entries of the main matrix under each row, (columns, digits, rows) int32, from
            `row_sums`; (0, 0, 0) where they are added in the pass.
        path: The same of the deterministic path; (0, 0, 0) if its tables are those of `main`.
    """

    plus: np.ndarray
    of_reads: np.ndarray
    main: np.ndarray
    path: np.ndarray


class Law(NamedTuple):
    """What is drawn, and what is added.

    Attributes:
        key: Key of the masks, two uint64.
        digits: Binary digits of the probability that all masks share, the lowest first; 0 without
            gates, and where each mask has its own.
        many: Number of these digits.
        planes: Digits of every mask's own probability, (columns, octets, digits), see
            `draw_own_masks`; (0, 0, 0) for none.
        cells_vary: Whether cells behind gates are noisy; the tables `cells` hold their variances.
        noises: What is added to the sums of main array, deterministic path and bias lines; those of
            the main array are multiplied by the standard deviation of cells that vary.
        a: Factors of the deterministic path, (columns,); empty for no path.
        bias: Sums of the bias lines, (columns,); empty for none.
        threshold: Exact biases, (columns,); empty for none.
        amperes: Current of a weight unit [A].
        offsets: Offsets of the comparators [A], (columns,); empty for sums without comparators.
    """

    key: np.ndarray
    digits: int
    many: int
    planes: np.ndarray
    cells_vary: bool
    noises: tuple[Normals, Normals, Normals]
    a: np.ndarray
    bias: np.ndarray
    threshold: np.ndarray
    amperes: float
    offsets: np.ndarray


class Out(NamedTuple):
    """What a pass writes; the arrays that it does not are empty.

    Attributes:
        sums: Sums in weight units, (reads, columns).
        plus: Bit set where the comparator fires, (reads, octets of columns).
        states: 1 where it fires, (inputs, columns, locations) uint8.
    """

    sums: np.ndarray
    plus: np.ndarray
    states: np.ndarray


class Scratch(NamedTuple):
    """Memory for a block of 64 reads.

    Attributes:
        bits: Inputs, a byte for each octet and read.
        halves: The same, split in fours.
        masks: Gates of a column, as `bits`.
        of_z: Totals of a column for inputs, an int32 for each digit and read.
        of_y: The same for inputs under gates.
        of_path: The same for the deterministic path.
        of_cells: The same for the variances of cells.
        every: Inputs that are all +1, as `bits`.
        line: Sums of a column.
        normals: What `draw_noise` writes.
        noise: What `take_noise` writes.
        octet: Comparators of up to eight columns, a bit for each.
        state: The generator of the masks.
        row_of: Row of inputs that each read sees.
    """

    bits: np.ndarray
    halves: np.ndarray
    masks: np.ndarray
    of_z: np.ndarray
    of_y: np.ndarray
    of_path: np.ndarray
    of_cells: np.ndarray
    every: np.ndarray
    line: np.ndarray
    normals: np.ndarray
    noise: np.ndarray
    octet: np.ndarray
    state: np.ndarray
    row_of: np.ndarray


@njit(nogil=True, inline="always")
def _z_totals(table, known, in_turn, row_of, j, halves, total):
    """Set the totals of column j to the sums of z, which are known or added up here.

    table: of `sums_of`. known: address of the sums under each row and their number, from the first
    read's row on if rows are in turn; or 0. Other arrays are addresses.
    """
    of_rows, rows = known
    if of_rows == 0:
        totals_of_inputs(table, j, halves, total)
        return
    kept = table[-1]
    for d in range(kept):
        here = of_rows + 4 * (j * kept + d) * rows
        take_totals(here, in_turn, row_of, total + d * BYTES_OF_TOTALS)


@njit(nogil=True, inline="always")
def _scaled(total, i, shift, scale, j):
    """Return unit Σ_d factors[d] ((total_d << shift) − odd_d) of column j, reads i … i + 3.

    scale: digits, addresses of the factors and of odd, and unit.
    """
    digits, factors, odd, unit = scale
    less = odd + 4 * j * digits
    u = doubles_of_ints(total, 4 * i, shift, int_at(less))
    for d in range(1, digits):
        at = d * BYTES_OF_TOTALS + 4 * i
        part = doubles_of_ints(total, at, shift, int_at(less + 4 * d))
        u = add_doubles(u, multiply_doubles(splat_double(double_at(factors + 8 * d)), part))
    return multiply_doubles(u, splat_double(unit))


@njit(nogil=True, inline="always")
def _finish(scales, totals, shift, noises, added, fires, j, bit, to):
    """Add up column j of 64 reads; write the sums, or a bit for each comparator that fires.

    scales, totals: of main array, path and cells, see `_scaled`; totals of cells are 0 if these do
    not vary. noises: addresses of what is added to main array, path and bias, see `take_noise`,
    each 0 for none. added: addresses of a, bias and threshold. fires: amperes per weight, and the
    address of the offsets or 0. to: address of 64 float64, or of 64 bytes.
    """
    noise, of_path, of_bias = noises
    a, bias, threshold = added
    amperes, offsets = fires
    at, of_column = 8 * j, LINE * (j % 8)
    kept = np.uint8(255 if bit > 1 else 0)
    for i in range(0, READS_PER_BLOCK, 4):
        u = _scaled(totals[0], i, shift, scales[0], j)
        if totals[2]:
            std = root_doubles(_scaled(totals[2], i, np.int32(0), scales[2], j))
            u = add_doubles(u, multiply_doubles(std, doubles_of_floats(noise + of_column, 4 * i)))
        elif noise:
            u = add_doubles(u, doubles_of_floats(noise + of_column, 4 * i))
        if a:
            more = _scaled(totals[1], i, np.int32(1), scales[1], j)
            if of_path:
                more = add_doubles(more, doubles_of_floats(of_path + of_column, 4 * i))
            u = add_doubles(u, multiply_doubles(more, splat_double(double_at(a + at))))
        if bias:
            more = splat_double(double_at(bias + at))
            if of_bias:
                more = add_doubles(more, doubles_of_floats(of_bias + of_column, 4 * i))
            u = add_doubles(u, more)
        if threshold:
            u = add_doubles(u, splat_double(double_at(threshold + at)))
        if offsets:
            current = multiply_doubles(u, splat_double(amperes))
            current = add_doubles(current, splat_double(double_at(offsets + at)))
            store_signs(to, i, current, kept, bit)
        else:
            store(to, 8 * i, u)


@njit(nogil=True, inline="always")
def _copy_states(source, to, per_image, locations, location, many):
    """Copy a byte for each of `many` reads from a column to images, from a location of one on."""
    while many > 0:
        here = min(many, locations - location)
        i = 0
        while i + 32 <= here:
            store(to, location + i, load(source, i))
            i += 32
        while i < here:
            copy_byte(to + location + i, source + i)
            i += 1
        source, to, many, location = source + here, to + per_image, many - here, 0


@njit(nogil=True, inline="always")
def _address_if(array):
    """Return the address of an array; 0 if it is empty."""
    return address(array) if array.size else 0


@njit(nogil=True, inline="always")
def _targets(out, columns, ends):
    """Return where reads of a block are written: addresses of sums, states as bits, and states."""
    begin, _, _, first = ends
    locations = max(1, out.states.shape[2])
    image, location = (begin - first) // locations, (begin - first) % locations
    states = address(out.states) + image * columns * locations
    sums, plus = _address_if(out.sums), _address_if(out.plus)
    return sums, plus, states, (columns, out.plus.shape[1], locations, location)


@njit(nogil=True, inline="always")
def _write_column(targets, ends, j, line, octet):
    """Write column j from 64 float64, or from 64 bytes of eight columns' bits."""
    begin, end, start, first = ends
    sums, plus, states, (columns, width, locations, location) = targets
    if sums:
        for r in range(begin, end):
            copy_word(sums + 8 * ((r - first) * columns + j), line + 8 * (r - start))
    elif plus and (j % 8 == 7 or j == columns - 1):
        for r in range(begin, end):
            copy_byte(plus + (r - first) * width + j // 8, octet + r - start)
    elif not plus:
        per_image, to = columns * locations, states + j * locations
        _copy_states(octet + begin - start, to, per_image, locations, location, end - begin)


@njit(nogil=True)
def _pass_of_block(main, path, cells, rows, law, ends, in_turn, out, scratch):
    """Write the reads of a block, column after column."""
    columns, sums_of_main, sums_of_path = len(main.entries), sums_of(main), sums_of(path)
    sums_of_cells, of_cells = sums_of(cells), address(scratch.of_cells) * law.cells_vary
    every, noise = address(scratch.every), address(scratch.noise)
    noises = (
        noise * (law.noises[0].std.size > 0),
        (noise + 8 * LINE) * (law.noises[1].std.size > 0),
        (noise + 16 * LINE) * (law.noises[2].std.size > 0),
    )
    noisy = noises[0] + noises[1] + noises[2] > 0
    skip = 4 * scratch.row_of[0] * in_turn
    masks, row_of = address(scratch.masks), address(scratch.row_of)
    bits, halves = address(scratch.bits), address(scratch.halves)
    of_z, of_y, of_path = address(scratch.of_z), address(scratch.of_y), address(scratch.of_path)
    scales = (
        (sums_of_main[-1], address(main.factors), address(main.odd), main.unit),
        (sums_of_path[-1], address(path.factors), address(path.odd), path.unit),
        (sums_of_cells[-1], address(cells.factors), address(cells.odd), cells.unit),
    )
    a = _address_if(law.a)
    added = a, _address_if(law.bias), _address_if(law.threshold)
    fires = law.amperes, _address_if(law.offsets)
    known = _address_if(rows.main), _address_if(rows.path)
    of_rows = known[0] + skip * (known[0] > 0), known[1] + skip * (known[1] > 0)
    line, octet = address(scratch.line), address(scratch.octet)
    targets, as_bits = _targets(out, columns, ends), len(out.plus) > 0
    shared = a != 0 and address(path.entries) == address(main.entries)
    state, planes, counter = address(scratch.state), _address_if(law.planes), np.uint64(1 + WARM_UP)
    gated = law.digits != 0 or planes != 0
    shift, drawn = np.int32(0 if gated else 1), rows.plus.shape[1]
    words = np.uint64(drawn * (OWN_DIGITS if planes else law.many))
    for j in range(columns):
        if planes:
            draw_own_masks(state, counter, planes + j * drawn * OWN_DIGITS, drawn, masks)
        elif gated:
            draw_words(state, counter, np.uint64(law.digits), law.many, drawn, masks)
        counter += words
        of_main = of_rows[0], rows.main.shape[2]
        _z_totals(sums_of_main, of_main, in_turn, row_of, j, halves, of_z)
        if gated:
            totals_of_gates(sums_of_main, j, bits, masks, of_z, of_y)
        if of_cells:
            totals_of_gates(sums_of_cells, j, every, masks, 0, of_cells)
        if a and not shared:
            of_known = of_rows[1], rows.path.shape[2]
            _z_totals(sums_of_path, of_known, in_turn, row_of, j, halves, of_path)
        totals = of_y if gated else of_z, of_z if shared else of_path, of_cells
        if noisy and j % 8 == 0:
            take_noise(law, columns, ends, j, scratch.normals, scratch.noise)
        bit = np.uint8(1) << np.uint8(j % 8 if as_bits else 0)
        _finish(scales, totals, shift, noises, added, fires, j, bit, octet if fires[1] else line)
        _write_column(targets, ends, j, line, octet)


@njit(nogil=True, cache=True)
def layer_pass(main, path, cells, rows, law, first, last, out):
    """Write a layer's reads first … last − 1: main sums, noise, path, biases, comparators.

    main, path: `SignTables`. cells: those of variances, for sums over the gates that conduct.
    rows: `Rows`. law: `Law`. out: `Out`, whose states begin with the first location of an input.
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
