"""Compiled weights of cells with telegraph traps. They check nothing."""

# mypy: ignore-errors

import numpy as np
from numba import njit


@njit(nogil=True, inline="always")
def of_column(traps, s, j):
    """Return cells, first traps of cells, amplitudes and states of the traps of column j."""
    begin, end = traps.start[j], traps.start[j + 1]
    at = 0 if traps.is_shared else begin
    here = slice(at, at + end - begin)
    first = traps.cell_start[0 if traps.is_shared else j]
    return traps.cell[here], first, traps.delta[here], s[begin:end]


@njit(nogil=True, inline="always")
def factor_of(cell, first, delta, s, additive):
    """Return the factor of a cell given the states of its traps; without branches on them."""
    factor = np.float32(1)
    if additive:
        for k in range(first[cell], first[cell + 1]):
            factor -= delta[k] * np.float32(s[k])
    else:
        for k in range(first[cell], first[cell + 1]):
            factor *= np.float32(1) - delta[k] * np.float32(s[k])
    return factor


@njit(nogil=True, inline="always")
def weight_of(line, parts, positive, negative):
    """Return the weight of a word line given the factors of its cells."""
    at = 4 * line
    return parts[at] + (parts[at + 1] * positive + parts[at + 2] * negative)


@njit(nogil=True, inline="always")
def set_weights(first, delta, s, additive, parts, weights):
    """Set the weights of all word lines of a column."""
    lines = len(first) // 2
    for line in range(lines):
        positive = factor_of(2 * line, first, delta, s, additive)
        negative = factor_of(2 * line + 1, first, delta, s, additive)
        weights[line] = weight_of(line, parts, positive, negative)
    weights[lines:] = np.float32(0)
