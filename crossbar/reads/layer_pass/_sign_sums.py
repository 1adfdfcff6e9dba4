"""Compiled sums of the entries of signs: of inputs z, and of inputs under gates y.

What z, y and entries are is told in `sign_tables`. Arrays are addresses, see `_addresses`, in all
functions that are called for every column.
"""

# mypy: ignore-errors

import numpy as np
from numba import njit

from crossbar.reads._doubles import copy_ints, int_at, splat_int
from crossbar.reads._kernels import READS_PER_BLOCK, aligned
from crossbar.reads._vectors import add_ints, load, multiply_ints, splat, store
from crossbar.reads.layer_pass._addresses import address, matrix_of, reads_of_block
from crossbar.reads.layer_pass._sign_look_ups import (
    BYTES_OF_TOTALS,
    add_gates_of_digits,
    add_inputs,
)
from devices.compiled_loops import compiled_loop


@njit(nogil=True, inline="always")
def take_totals(known, consecutive, row_of, total):
    """Set 64 int32 to the sums of rows that are known. Arrays are addresses.

    consecutive: Whether the 64 reads see rows that follow each other; `known` is then the first.
    """
    if consecutive:
        for at in range(0, BYTES_OF_TOTALS, 32):
            store(total, at, load(known, at))
    else:
        for i in range(0, READS_PER_BLOCK, 8):
            copy_ints(total, 4 * i, known, row_of + 8 * i)


@njit(nogil=True, inline="always")
def fold_digits(steps, first, digits, total):
    """Set the 64 totals of digit 0 to Σ_d steps[d] total_d, d ≥ first. Arrays are addresses."""
    for at in range(0, BYTES_OF_TOTALS, 32):
        whole = splat(np.uint64(0))
        for d in range(first, digits):
            digit = load(total, d * BYTES_OF_TOTALS + at)
            whole = add_ints(whole, multiply_ints(digit, splat_int(int_at(steps + 4 * d))))
        store(total, at, whole)


@njit(nogil=True, inline="always")
def add_totals(digits, total, more):
    """Add 64 int32 of each digit to others. Arrays are addresses."""
    for at in range(0, digits * BYTES_OF_TOTALS, 32):
        store(total, at, add_ints(load(total, at), load(more, at)))


@njit(nogil=True)
def take_rows(plus, of_reads, reads, row_of, bits, nibbles):
    """Lay out the inputs of the 64 reads of a block; return whether their rows are consecutive.

    plus, of_reads: As of `Rows`. reads: `Reads`. row_of, bits, nibbles: As of `Scratch`, written
    for the octets of `plus` alone. Reads that the pass does not write repeat the row of the nearest
    one, so that rows are consecutive only if it writes all 64.
    """
    begin, end, start, first = reads
    consecutive = True
    for r in range(READS_PER_BLOCK):
        row_of[r] = of_reads[min(max(start + r, begin), end - 1) - first]
        consecutive &= row_of[r] == row_of[0] + r
    for octet in range(plus.shape[1]):
        for r in range(READS_PER_BLOCK):
            bits[octet * READS_PER_BLOCK + r] = plus[row_of[r], octet]
        for r in range(READS_PER_BLOCK):
            byte = bits[octet * READS_PER_BLOCK + r]
            nibbles[octet * 2 * READS_PER_BLOCK + r] = byte & np.uint8(15)
            nibbles[(octet * 2 + 1) * READS_PER_BLOCK + r] = byte >> np.uint8(4)
    return consecutive


@njit(nogil=True, inline="always")
def _entries_at(matrix, j, d):
    """Return the address of the entries of column j, digit d; those of later digits follow."""
    return matrix.entries + (j * matrix.digits + d) * matrix.octets * 32


@njit(nogil=True, inline="always")
def totals_of_inputs(matrix, j, nibbles, first, total):
    """Set the totals of column j to the sums of z in the digits from `first` on, of others to 0.

    matrix: `Matrix`. Other arrays are addresses. With steps, the totals of digit 0 are those of the
    whole numbers, and other totals are of no use.
    """
    for at in range(0, matrix.digits * BYTES_OF_TOTALS, 32):
        store(total, at, splat(np.uint64(0)))
    for d in range(first, matrix.digits):
        to = total + d * BYTES_OF_TOTALS
        add_inputs(matrix.depth, _entries_at(matrix, j, d), matrix.octets, nibbles, to)
    if matrix.steps:
        fold_digits(matrix.steps + 4 * j * matrix.digits, first, matrix.digits, total)


@njit(nogil=True, inline="always")
def totals_of_gates(matrix, j, bits, masks, of_z, first, total):
    """Set the totals of column j to the sums of y in the digits from `first` on, plus those of z.

    Arguments as of `totals_of_inputs`. of_z: Totals of z, which may have more digits; 0 to add
    none.
    """
    steps, digits, octets = matrix.steps, matrix.digits, matrix.octets
    for at in range(0, digits * BYTES_OF_TOTALS, 32):
        store(total, at, splat(np.uint64(0)) if steps or not of_z else load(of_z, at))
    here, to = _entries_at(matrix, j, first), total + first * BYTES_OF_TOTALS
    add_gates_of_digits(matrix.depth, here, digits - first, octets, bits, masks, to)
    if steps:
        fold_digits(steps + 4 * j * digits, first, digits, total)
        if of_z:
            add_totals(1, total, of_z)


@njit(nogil=True, inline="always")
def _clear_for_later(matrix, total):
    """Clear what is left in the totals of later digits when all digits were joined in digit 0."""
    if matrix.steps:
        for at in range(BYTES_OF_TOTALS, matrix.later * BYTES_OF_TOTALS, 32):
            store(total, at, splat(np.uint64(0)))


@njit(nogil=True, inline="always")
def _fold_later(matrix, j, total):
    """Add the totals of later digits to the whole numbers, which stand in digit 0.

    The step of digit 0 is 1, so that its entries were added to the whole numbers themselves.
    """
    if matrix.steps and matrix.later > 1:
        fold_digits(matrix.steps + 4 * j * matrix.digits, 0, matrix.later, total)


@njit(nogil=True, inline="always")
def add_later_of_inputs(matrix, j, nibbles, total):
    """Add to totals of column j the sums of z in the digits that were left for later."""
    _clear_for_later(matrix, total)
    for d in range(matrix.later):
        to = total + d * BYTES_OF_TOTALS
        add_inputs(matrix.depth, _entries_at(matrix, j, d), matrix.octets, nibbles, to)
    _fold_later(matrix, j, total)


@njit(nogil=True, inline="always")
def add_later_of_gates(matrix, j, bits, masks, total):
    """Add to totals of column j the sums of y in the digits that were left for later."""
    _clear_for_later(matrix, total)
    here = _entries_at(matrix, j, 0)
    add_gates_of_digits(matrix.depth, here, matrix.later, matrix.octets, bits, masks, total)
    _fold_later(matrix, j, total)


@njit(nogil=True)
def _row_sums(tables, plus, of_reads, first, last, out, scratch):
    """Do what `row_sums` does; called, so that its caller holds the arrays of the addresses."""
    bits, nibbles, total, row_of = scratch
    matrix = matrix_of(tables)
    flat, rows = out.reshape(-1), out.shape[2]
    for block in range(first // READS_PER_BLOCK, (last - 1) // READS_PER_BLOCK + 1):
        reads = reads_of_block(block, first, last)
        take_rows(plus, of_reads, reads, row_of, bits, nibbles)
        begin, end, start, _ = reads
        for j in range(len(tables.entries)):
            totals_of_inputs(matrix, j, address(nibbles), 0, address(total))
            for d in range(matrix.kept):
                for r in range(begin, end):
                    flat[(j * matrix.kept + d) * rows + r] = total[d * READS_PER_BLOCK + r - start]


@compiled_loop()
def row_sums(tables, plus, first, last, out):
    """Write out[j, d, r] = Σ entries of column j, digit d, under rows first … last − 1.

    tables: `SignTables`. plus: (rows, octets) uint8, as of `Rows`. out: (columns, digits, rows)
    int32; with steps, of one digit, which stands for all of them.
    """
    digits, octets = tables.entries.shape[1:3]
    bits, nibbles = aligned(octets * 64), aligned(octets * 128)
    nibbles[:] = 0
    total = np.empty(digits * READS_PER_BLOCK, np.int32)
    row_of = np.empty(READS_PER_BLOCK, np.int64)
    scratch = bits, nibbles, total, row_of
    _row_sums(tables, plus, np.arange(first, last), first, last, out, scratch)
