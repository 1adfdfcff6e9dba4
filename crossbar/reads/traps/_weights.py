"""Compiled weights of cells with telegraph traps. They check nothing."""

# mypy: ignore-errors

import numpy as np
from numba import njit

#: Traps of a cell that are looked at without branches.
MANY = 4


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
def factor_after(begin, end, lost, trap, now, additive):
    """Return the factor of the cell of traps `begin` to `end`, one of which takes `now` away.

    lost: as of `lost_of`, of the other traps. How many traps a cell has is random, so that a loop
    that ends with them is predicted wrongly: the first four are looked at without a branch. A
    vector of numbers one of which was stored just before would wait for that: `now` is not loaded.
    """
    factor = np.float32(1)
    for i in range(MANY):
        k = begin + np.uintp(i)
        bits = np.float32(lost[k]).view(np.int32) & -np.int32(
            k < end
        )  # of an if, LLVM makes a branch
        bits ^= (bits ^ np.float32(now).view(np.int32)) & -np.int32(k == trap)
        of_trap = np.int32(bits).view(np.float32)
        factor = factor - of_trap if additive else factor * (np.float32(1) - of_trap)
    for k in range(begin + np.uintp(MANY), end):
        of_trap = now if k == trap else lost[k]
        factor = factor - of_trap if additive else factor * (np.float32(1) - of_trap)
    return factor


@njit(nogil=True)
def lost_of(delta, s, lost):
    """Set what each trap of a column takes away: its amplitude where it is captured, or 0.

    lost: longer than the traps by those that `factor_after` reads in vain.
    """
    for k in range(len(s)):
        lost[k] = delta[k] * np.float32(s[k])
    lost[len(s) :] = np.float32(0)


@njit(nogil=True)
def set_factors(cells, lost, additive, factors):
    """Set the factors of the cells of a column."""
    factors[:] = np.float32(1)
    if additive:
        for k in range(len(cells)):
            factors[np.uintp(cells[k])] -= lost[k]
    else:
        for k in range(len(cells)):
            factors[np.uintp(cells[k])] *= np.float32(1) - lost[k]


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
