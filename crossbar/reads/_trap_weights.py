"""Compiled weights of cells with telegraph traps. They check nothing."""

# mypy: ignore-errors

import numpy as np
from numba import njit


@njit(nogil=True, inline="always")
def of_column(traps, s, j):
    """Return cells, first traps of word lines, amplitudes and states of the traps of column j."""
    begin, end = traps.start[j], traps.start[j + 1]
    at = 0 if traps.is_shared else begin
    here = slice(at, at + end - begin)
    first = traps.line_start[0 if traps.is_shared else j]
    return traps.cell[here], first, traps.delta[here], s[begin:end]


@njit(nogil=True, inline="always")
def weight_of(line, own, first, delta, s, additive, parts):
    """Return the weight of a word line given the states of its traps; without branches on them."""
    one = np.float32(1)
    positive = negative = one
    for k in range(first[line], first[line + 1]):
        lost = delta[k] * np.float32(s[k])
        of_negative = np.float32(own[k] & 1) * lost
        of_positive = lost - of_negative
        if additive:
            positive, negative = positive - of_positive, negative - of_negative
        else:
            positive, negative = positive * (one - of_positive), negative * (one - of_negative)
    at = 4 * line
    return parts[at] + (parts[at + 1] * positive + parts[at + 2] * negative)


@njit(nogil=True, inline="always")
def set_weights(own, first, delta, s, additive, parts, weights):
    """Set the weights of all word lines of a column."""
    for line in range(len(first) - 1):
        weights[line] = weight_of(line, own, first, delta, s, additive, parts)
    weights[len(first) - 1 :] = np.float32(0)
