"""Compiled: a column of a layer's pass, from its sums to what the comparators of 64 reads do.

Arrays are passed as addresses, since numba counts the references to arrays.
"""

# mypy: ignore-errors

import numpy as np
from numba import njit

from crossbar.reads._doubles import (
    absolute_doubles,
    add_doubles,
    double_at,
    doubles_of_floats,
    doubles_of_ints,
    int_at,
    multiply_doubles,
    not_above,
    root_doubles,
    splat_double,
    store_signs,
)
from crossbar.reads._kernels import READS_PER_BLOCK
from crossbar.reads._vectors import bit_or, has_bits, load, splat, store
from crossbar.reads.layer_pass._noise import LINE
from crossbar.reads.layer_pass._sign_look_ups import BYTES_OF_TOTALS
from crossbar.reads.layer_pass._sign_sums import (
    add_later_of_gates,
    add_later_of_inputs,
    address,
    take_totals,
    totals_of_gates,
    totals_of_inputs,
)


@njit(nogil=True, inline="always")
def _z_totals(table, known, j, inputs, first, total):
    """Set the totals of column j to the sums of z, which are known or added up from a digit on.

    table: of `sums_of`. known: address of the sums under each row, from the first read's row on if
    rows are in turn, or 0; and their number. inputs: addresses of halves and rows, and whether
    these are in turn. total: an address.
    """
    of_rows, rows = known
    halves, row_of, in_turn = inputs
    if of_rows == 0:
        totals_of_inputs(table, j, halves, first, total)
        return
    kept = table[-1]
    for d in range(kept):
        here = of_rows + 4 * (j * kept + d) * rows
        take_totals(here, in_turn, row_of, total + d * BYTES_OF_TOTALS)


@njit(nogil=True, inline="always")
def add_up(sums, known, kinds, j, inputs, gates, totals):
    """Set the totals of column j, in the leading digits if others may come later.

    sums: of main array, path and cells, see `sums_of`. known: of main array and path, inputs: see
    `_z_totals`. kinds: whether digits come later, gates are drawn, cells vary, and the path has
    tables of its own. gates: addresses of the bits of inputs, of the gates, and of inputs +1.
    totals: addresses of those of z, y, path and cells.
    """
    later, gated, cells_vary, own_path = kinds
    bits, masks, every = gates
    of_z, of_y, of_path, of_cells = totals
    _z_totals(sums[0], known[0], j, inputs, later * sums[0][-2], of_z)
    if gated:
        totals_of_gates(sums[0], j, bits, masks, of_z, later * sums[0][-2], of_y)
    if cells_vary:
        totals_of_gates(sums[2], j, every, masks, 0, later * sums[2][-2], of_cells)
    if own_path:
        _z_totals(sums[1], known[1], j, inputs, later * sums[1][-2], of_path)


@njit(nogil=True)
def add_later(sums, known, kinds, j, inputs, gates, totals):
    """Add to the totals of column j what `add_up`, of the same arguments, left for later."""
    _, gated, cells_vary, own_path = kinds
    bits, masks, every = gates
    of_z, of_y, of_path, of_cells = totals
    if known[0][0] == 0:
        add_later_of_inputs(sums[0], j, inputs[0], of_z)
        if gated:
            add_later_of_inputs(sums[0], j, inputs[0], of_y)
    if gated:
        add_later_of_gates(sums[0], j, bits, masks, of_y)
    if cells_vary:
        add_later_of_gates(sums[2], j, every, masks, of_cells)
    if own_path and known[1][0] == 0:
        add_later_of_inputs(sums[1], j, inputs[0], of_path)


@njit(nogil=True, inline="always")
def scale_of(tables):
    """Return what `_scaled` needs."""
    kept = tables.odd.shape[1]
    return kept, address(tables.factors), address(tables.odd), tables.unit


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
def finish(scales, totals, shift, noises, added, fires, j, bit, to, stds):
    """Add up column j of 64 reads; write sums, currents, or a bit for each comparator that fires.

    scales, totals: of main array, path and cells, see `_scaled`; totals of cells are 0 if these do
    not vary. noises: addresses of what is added to main array, path and bias, see `take_noise`,
    each 0 for none. added: addresses of a, bias and threshold. fires: amperes per weight, and the
    address of the offsets or 0. bit: that of the comparators in the 64 bytes at `to`; 0 to write
    sums, or currents where there are offsets, as 64 float64. stds: address for the standard
    deviations of cells that vary, or 0.
    """
    noise, of_path, of_bias = noises
    a, bias, threshold = added
    amperes, offsets = fires
    at, of_column = 8 * j, LINE * (j % 8)
    kept = bit - np.uint8(1)  # bits of the columns before
    for i in range(0, READS_PER_BLOCK, 4):
        u = _scaled(totals[0], i, shift, scales[0], j)
        if totals[2]:
            std = root_doubles(_scaled(totals[2], i, np.int32(0), scales[2], j))
            normals = doubles_of_floats(noise + of_column, 4 * i)
            u = add_doubles(u, multiply_doubles(std, normals))
            if stds:
                store(stds, 8 * i, std)
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
            u = multiply_doubles(u, splat_double(amperes))
            u = add_doubles(u, splat_double(double_at(offsets + at)))
        if bit:
            store_signs(to, i, u, kept, bit)
        else:
            store(to, 8 * i, u)


@njit(nogil=True)
def finish_apart(scales, totals, shift, noises, added, fires, j, bit, to, stds):
    """Do what `finish` does; called, so that rare work is compiled apart from other loops."""
    finish(scales, totals, shift, noises, added, fires, j, bit, to, stds)


@njit(nogil=True, inline="always")
def decide(currents, stds, noise, margins, j, bit, to):
    """Write a bit for each of 64 currents that is 0 or more; return whether one is too small.

    That is, whether some current is within its margin. currents, stds: what `finish` writes; stds
    are 0 where cells do not vary. noise: address of the normals of such cells, see `take_noise`.
    margins: addresses of the margins, and of the changes of variances.
    """
    of_current, of_variance = margins
    kept = bit - np.uint8(1)  # bits of the columns before
    margin, open_reads = splat_double(double_at(of_current + 8 * j)), splat(np.uint64(0))
    for i in range(0, READS_PER_BLOCK, 4):
        current = load(currents, 8 * i)
        store_signs(to, i, current, kept, bit)
        size, limit = absolute_doubles(current), margin
        if stds:
            # sqrt(V) − sqrt(V − e) = e / (sqrt(V) + sqrt(V − e)) ≤ e / sqrt(V)
            normals = absolute_doubles(doubles_of_floats(noise + LINE * (j % 8), 4 * i))
            off = multiply_doubles(splat_double(double_at(of_variance + 8 * j)), normals)
            std = load(stds, 8 * i)
            size, limit = multiply_doubles(size, std), multiply_doubles(margin, std)
            limit = add_doubles(limit, off)
        open_reads = bit_or(open_reads, not_above(size, limit))
    return has_bits(open_reads)
