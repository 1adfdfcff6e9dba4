"""Compiled: a column of a layer's pass, from its sums to what the comparators of 64 reads do.

Arrays are addresses, see `_addresses`. What is added up, and why, is told in `sign_tables`.
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
from crossbar.reads.layer_pass._addresses import BYTES_OF_NOISE
from crossbar.reads.layer_pass._sign_look_ups import BYTES_OF_TOTALS
from crossbar.reads.layer_pass._sign_sums import (
    add_later_of_gates,
    add_later_of_inputs,
    take_totals,
    totals_of_gates,
    totals_of_inputs,
)


@njit(nogil=True, inline="always")
def _z_totals(matrix, known, j, inputs, first, total):
    """Set the totals of column j to the sums of z: known ones, or those of the digits from `first`.

    matrix: `Matrix`. known: `KnownSums`. inputs: `Inputs`. total: an address.
    """
    if known.at == 0:
        totals_of_inputs(matrix, j, inputs.nibbles, first, total)
        return
    for d in range(matrix.kept):
        here = known.at + 4 * (j * matrix.kept + d) * known.rows
        take_totals(here, inputs.consecutive, inputs.row_of, total + d * BYTES_OF_TOTALS)


@njit(nogil=True, inline="always")
def add_up(matrices, known, kinds, j, inputs, signs, totals):
    """Set the totals of column j, in the leading digits if others may come later.

    matrices: `Matrices`. known: `Known`. kinds: `Kinds`. inputs: `Inputs`. signs: `Signs`. totals:
    `Totals`.
    """
    main, path, cells = matrices
    _z_totals(main, known.main, j, inputs, kinds.later * main.later, totals.z)
    if kinds.gated:
        first = kinds.later * main.later
        totals_of_gates(main, j, signs.bits, signs.masks, totals.z, first, totals.y)
    if kinds.cells_vary:
        first = kinds.later * cells.later
        totals_of_gates(cells, j, signs.ones, signs.masks, 0, first, totals.cells)
    if kinds.own_path:
        _z_totals(path, known.path, j, inputs, kinds.later * path.later, totals.path)


@njit(nogil=True)
def add_later(matrices, known, kinds, j, inputs, signs, totals):
    """Add to the totals of column j what `add_up`, of the same arguments, left for later.

    Known sums have all their digits. Totals of y hold the sums of z, too. Called, not inlined, so
    that rare work is compiled apart from other loops.
    """
    main, path, cells = matrices
    if known.main.at == 0:
        add_later_of_inputs(main, j, inputs.nibbles, totals.z)
        if kinds.gated:
            add_later_of_inputs(main, j, inputs.nibbles, totals.y)
    if kinds.gated:
        add_later_of_gates(main, j, signs.bits, signs.masks, totals.y)
    if kinds.cells_vary:
        add_later_of_gates(cells, j, signs.ones, signs.masks, totals.cells)
    if kinds.own_path and known.path.at == 0:
        add_later_of_inputs(path, j, inputs.nibbles, totals.path)


@njit(nogil=True, inline="always")
def _scaled(total, i, shift, matrix, j):
    """Return unit Σ_d factors[d] ((total_d << shift) − odd_d) of column j, reads i … i + 3.

    total: address of the totals. shift: 1 if they are those of z alone, which count twice; else 0.
    """
    less = matrix.odd + 4 * j * matrix.kept
    u = doubles_of_ints(total, 4 * i, shift, int_at(less))  # the first factor is 1
    for d in range(1, matrix.kept):
        at = d * BYTES_OF_TOTALS + 4 * i
        part = doubles_of_ints(total, at, shift, int_at(less + 4 * d))
        u = add_doubles(u, multiply_doubles(splat_double(double_at(matrix.factors + 8 * d)), part))
    return multiply_doubles(u, splat_double(matrix.unit))


@njit(nogil=True, inline="always")
def finish(matrices, summed, noises, added, comparators, j, bit, to, stds):
    """Add up column j of 64 reads; write sums, currents, or a bit for each comparator that fires.

    matrices: `Matrices`. summed: `Summed`. noises: `Noises`, of which `main` holds plain normals
    where cells vary. added: `Added`. comparators: `Comparators`.
    bit: That of column j in the 64 bytes at `to`, which hold eight columns; the lowest one clears
    the bytes. 0 to write 64 float64 to `to`: currents, or sums where there are no offsets.
    stds: Address to which the standard deviations of cells that vary are written, or 0.
    """
    at, of_column = 8 * j, BYTES_OF_NOISE * (j % 8)
    columns_before = bit - np.uint8(1)
    for i in range(0, READS_PER_BLOCK, 4):
        u = _scaled(summed.main, i, summed.shift, matrices.main, j)
        if summed.cells:
            std = root_doubles(_scaled(summed.cells, i, np.int32(0), matrices.cells, j))
            normals = doubles_of_floats(noises.main + of_column, 4 * i)
            u = add_doubles(u, multiply_doubles(std, normals))
            if stds:
                store(stds, 8 * i, std)
        elif noises.main:
            u = add_doubles(u, doubles_of_floats(noises.main + of_column, 4 * i))
        if added.a:
            more = _scaled(summed.path, i, np.int32(1), matrices.path, j)
            if noises.path:
                more = add_doubles(more, doubles_of_floats(noises.path + of_column, 4 * i))
            u = add_doubles(u, multiply_doubles(more, splat_double(double_at(added.a + at))))
        if added.bias:
            more = splat_double(double_at(added.bias + at))
            if noises.bias:
                more = add_doubles(more, doubles_of_floats(noises.bias + of_column, 4 * i))
            u = add_doubles(u, more)
        if added.threshold:
            u = add_doubles(u, splat_double(double_at(added.threshold + at)))
        if comparators.offsets:
            u = multiply_doubles(u, splat_double(comparators.amperes))
            u = add_doubles(u, splat_double(double_at(comparators.offsets + at)))
        if bit:
            store_signs(to, i, u, columns_before, bit)
        else:
            store(to, 8 * i, u)


@njit(nogil=True)
def finish_apart(matrices, summed, noises, added, comparators, j, bit, to, stds):
    """Do what `finish` does; called, so that rare work is compiled apart from other loops."""
    finish(matrices, summed, noises, added, comparators, j, bit, to, stds)


@njit(nogil=True, inline="always")
def decide(currents, stds, noise, comparators, j, bit, to):
    """Write a bit for each of 64 currents that is 0 or more; return whether these are uncertain.

    That is the case if later digits might change the sign of some current: it is no number, or no
    larger than its margin and what later digits of a variance V change. If V' is what leading
    digits make of V, |√V − √V'| = |V − V'| / (√V + √V') ≤ |V − V'| / √V', which is not defined for
    V' = 0; current and margin are therefore compared times √V'. V' < 0 gives a current that is no
    number.

    currents, stds: What `finish` writes; `stds`, √V', is 0 where cells do not vary.
    noise: Address of the normals of such cells, see `take_noise`.
    comparators: `Comparators`.
    bit, to: As of `finish`.
    """
    columns_before = bit - np.uint8(1)
    margin = splat_double(double_at(comparators.margins + 8 * j))
    uncertain = splat(np.uint64(0))
    for i in range(0, READS_PER_BLOCK, 4):
        current = load(currents, 8 * i)
        store_signs(to, i, current, columns_before, bit)
        size, limit = absolute_doubles(current), margin
        if stds:
            normals = absolute_doubles(doubles_of_floats(noise + BYTES_OF_NOISE * (j % 8), 4 * i))
            of_variance = splat_double(double_at(comparators.of_variance + 8 * j))
            off = multiply_doubles(of_variance, normals)
            std = load(stds, 8 * i)
            size, limit = multiply_doubles(size, std), multiply_doubles(margin, std)
            limit = add_doubles(limit, off)
        uncertain = bit_or(uncertain, not_above(size, limit))
    return has_bits(uncertain)
