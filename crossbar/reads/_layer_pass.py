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
    doubles_of_ints,
    int_at,
    multiply_doubles,
    splat_double,
    store_signs,
)
from crossbar.reads._kernels import READS_PER_BLOCK, aligned, draw_words
from crossbar.reads._sfc64 import WARM_UP, sfc64_seed
from crossbar.reads._sign_sums import (
    BYTES_OF_TOTALS,
    add_totals,
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
        digits: Binary digits of the masks' probability, the lowest first; 0 for no gates.
        many: Number of these digits.
        std: Standard deviation of each column, (columns,) float32; empty for no noise.
        normals: Standard normals, (reads, columns) float32.
        a: Factors of the deterministic path, (columns,); empty for no path.
        bias: Sums of the bias lines, (columns,); empty for none.
        threshold: Exact biases, (columns,); empty for none.
        amperes: Current of a weight unit [A].
        offsets: Offsets of the comparators [A], (columns,); empty for sums without comparators.
    """

    key: np.ndarray
    digits: int
    many: int
    std: np.ndarray
    normals: np.ndarray
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
    """Memory of a block: bytes for each octet, int32 for each digit, numbers for each read."""

    bits: np.ndarray
    halves: np.ndarray
    masks: np.ndarray
    of_z: np.ndarray
    of_y: np.ndarray
    of_path: np.ndarray
    line: np.ndarray
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
def _finish(scales, totals, shift, added, fires, j, bit, to):
    """Add up column j of 64 reads; write the sums, or a bit for each comparator that fires.

    scales, totals: of main array and path, see `_scaled`. added: addresses of noise (64 reads), a,
    bias and threshold, each 0 for none. fires: amperes per weight, and the address of the offsets
    or 0. to: address of 64 float64, or of 64 bytes.
    """
    noise, a, bias, threshold = added
    amperes, offsets = fires
    at = 8 * j
    kept = np.uint8(255 if bit > 1 else 0)
    for i in range(0, READS_PER_BLOCK, 4):
        u = _scaled(totals[0], i, shift, scales[0], j)
        if noise:
            u = add_doubles(u, load(noise, 8 * i))
        if a:
            more = _scaled(totals[1], i, np.int32(1), scales[1], j)
            u = add_doubles(u, multiply_doubles(more, splat_double(double_at(a + at))))
        if bias:
            u = add_doubles(u, splat_double(double_at(bias + at)))
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


@njit(nogil=True)
def _pass_of_block(main, path, rows, law, ends, in_turn, out, scratch):
    """Write the reads of a block, column after column."""
    begin, end, start, first = ends
    columns, sums_of_main, sums_of_path = len(main.entries), sums_of(main), sums_of(path)
    skip = 4 * scratch.row_of[0] * in_turn
    masks, row_of = address(scratch.masks), address(scratch.row_of)
    bits, halves = address(scratch.bits), address(scratch.halves)
    of_z, of_y, of_path = address(scratch.of_z), address(scratch.of_y), address(scratch.of_path)
    scales = (
        (sums_of_main[-1], address(main.factors), address(main.odd), main.unit),
        (sums_of_path[-1], address(path.factors), address(path.odd), path.unit),
    )
    noise, a = address(scratch.noise) * (len(law.std) > 0), _address_if(law.a)
    added = noise, a, _address_if(law.bias), _address_if(law.threshold)
    fires = law.amperes, _address_if(law.offsets)
    known = _address_if(rows.main), _address_if(rows.path)
    of_rows = known[0] + skip * (known[0] > 0), known[1] + skip * (known[1] > 0)
    locations, width = max(1, out.states.shape[2]), out.plus.shape[1]
    image, location = (begin - first) // locations, (begin - first) % locations
    line, octet = address(scratch.line), address(scratch.octet)
    sums, plus = _address_if(out.sums), _address_if(out.plus)
    states = address(out.states) + image * columns * locations
    shared = a != 0 and address(path.entries) == address(main.entries)
    gated, counter = law.digits != 0, np.uint64(1 + WARM_UP)
    shift, drawn = np.int32(0 if gated else 1), rows.plus.shape[1]
    for j in range(columns):
        if gated:
            state = address(scratch.state)
            draw_words(state, counter, np.uint64(law.digits), law.many, drawn, masks)
            counter += np.uint64(drawn * law.many)
            totals_of_gates(sums_of_main, j, bits, masks, of_y)
        of_main = of_rows[0], rows.main.shape[2]
        _z_totals(sums_of_main, of_main, in_turn, row_of, j, halves, of_z)
        if gated:
            add_totals(sums_of_main[-1], of_y, of_z)
        if a and not shared:
            of_known = of_rows[1], rows.path.shape[2]
            _z_totals(sums_of_path, of_known, in_turn, row_of, j, halves, of_path)
        totals = of_y if gated else of_z, of_z if shared else of_path
        if noise:
            for r in range(begin, end):
                scratch.noise[r - start] = law.std[j] * law.normals[r - first, j]
        bit = np.uint8(1) << np.uint8(j % 8 if plus else 0)
        _finish(scales, totals, shift, added, fires, j, bit, octet if fires[1] else line)
        if sums:
            for r in range(begin, end):
                copy_word(sums + 8 * ((r - first) * columns + j), line + 8 * (r - start))
        elif plus and (j % 8 == 7 or j == columns - 1):
            for r in range(begin, end):
                copy_byte(plus + (r - first) * width + j // 8, octet + r - start)
        elif not plus:
            per_image, to = columns * locations, states + j * locations
            _copy_states(octet + begin - start, to, per_image, locations, location, end - begin)


@njit(nogil=True, cache=True)
def layer_pass(main, path, rows, law, first, last, out):
    """Write a layer's reads first … last − 1: main sums, noise, path, biases, comparators.

    main, path: `SignTables`. rows: `Rows`. law: `Law`. out: `Out`, whose states begin with the
    first location of an input.
    """
    digits, octets = main.entries.shape[1:3]
    octets = max(octets, path.entries.shape[2])
    bits, halves, masks = aligned(octets * 64), aligned(octets * 128), aligned(octets * 64)
    bits[:] = 0
    halves[:] = 0
    masks[:] = 0
    scratch = Scratch(
        bits,
        halves,
        masks,
        np.empty(digits * READS_PER_BLOCK, np.int32),
        np.empty(digits * READS_PER_BLOCK, np.int32),
        np.empty(path.entries.shape[1] * READS_PER_BLOCK, np.int32),
        np.empty(READS_PER_BLOCK),
        np.zeros(READS_PER_BLOCK),
        np.empty(READS_PER_BLOCK, np.uint8),
        np.empty((3, 8), np.uint64),
        np.empty(READS_PER_BLOCK, np.int64),
    )
    for block in range(first // READS_PER_BLOCK, (last - 1) // READS_PER_BLOCK + 1):
        ends = block_ends(block, first, last)
        in_turn = take_rows(rows.plus, rows.of_reads, ends, scratch.row_of, bits, halves)
        if law.digits:
            sfc64_seed(scratch.state, law.key, block, np.uint64(1))
        _pass_of_block(main, path, rows, law, ends, in_turn, out, scratch)
