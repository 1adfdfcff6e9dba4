"""Compiled loops of noisy neurons and their gradients. They take arrays, and check nothing."""

# mypy: ignore-errors

import math

import numpy as np
from numba import njit

from devices.compiled_loops import compiled_loop

_f = np.float32
_i = np.int32
#: Columns that are added up at a time: their sums stay in the nearest cache.
_TOGETHER = 512
#: Rows that are added up in one go: a longer sum in float32 would lose digits.
_ROWS = 128
#: 2/√π, the slope of erf at 0.
_SLOPE_AT_0 = _f(1.1283791670955126)
#: Squares of arguments from here on count as infinite: exp(−87) is about float32's least number.
_TOO_LARGE = _f(87)
_ROUNDING = _f(1.5 * 2.0**23)


@njit(nogil=True, inline="always", error_model="numpy")
def _slope(v):
    """Return (2/√π) exp(−v²): exp x = 2^k exp r with |r| ≤ ½ ln 2, by its Taylor series."""
    square = v * v
    large = square > _TOO_LARGE
    x = -(_f(0) if large else square)
    # A float32 of this size has no room for fractions: the sum is rounded, and ends in k.
    ends_in_k = x * _f(1.44269504089) + _ROUNDING
    k = ends_in_k - _ROUNDING
    # ln 2 as the sum of a short number, of which multiples are exact, and the rest.
    r = (x - k * _f(0.693359375)) + k * _f(2.12194440e-4)
    p = _f(1.0 / 24) + r * (_f(1.0 / 120) + r * _f(1.0 / 720))
    p = _f(1) + r * (_f(1) + r * (_f(0.5) + r * (_f(1.0 / 6) + r * p)))
    power = _i(_i(_f(ends_in_k).view(np.int32) + _i(127)) << _i(23)).view(np.float32)
    return _f(0) if large else _SLOPE_AT_0 * p * power


@njit(nogil=True, error_model="numpy")
def _gradients(out, grad, sums, factor, shift):
    """Write the gradients with respect to v = shift + factor sums."""
    for j in range(len(out)):
        out[j] = _slope(shift[j] + factor[j] * sums[j]) * grad[j]


@njit(nogil=True)
def _add_up(of_shift, of_factor, out, sums):
    for j in range(len(out)):
        of_shift[j] += out[j]
        of_factor[j] += out[j] * sums[j]


@njit(nogil=True)
def _multiply(out, factor):
    for j in range(len(out)):
        out[j] *= factor[j]


@compiled_loop()
def gradients_of_columns(out, of_shift, of_factor, grad, sums, factor, shift, first, last):
    """Write the gradients of a loss with respect to sums, shift and factor of the columns.

    Of the signs of v = shift + factor sums + noise, whose gradient is (2/√π) exp(−v²). Columns are
    added up in the order of the rows, first those of a block.
    """
    block = np.empty((2, _TOGETHER), np.float32)
    for begin in range(first, last, _TOGETHER):
        here = slice(begin, min(begin + _TOGETHER, last))
        a, b = factor[here], shift[here]
        of_factor[here] = 0
        of_shift[here] = 0
        of_a, of_b = block[0, : len(a)], block[1, : len(a)]
        for start in range(0, len(out), _ROWS):
            of_a[:] = 0
            of_b[:] = 0
            for row in range(start, min(start + _ROWS, len(out))):
                to, of_sums = out[row, here], sums[row, here]
                _gradients(to, grad[row, here], of_sums, a, b)
                _add_up(of_b, of_a, to, of_sums)
                _multiply(to, a)
            of_factor[here] += of_a
            of_shift[here] += of_b


# In any order, so that the sum is one of vectors.
@njit(nogil=True, fastmath={"reassoc", "contract"})
def _sum_of_squares(row):
    total = _f(0)
    for j in range(len(row)):
        total += row[j] * row[j]
    return total


@njit(nogil=True)
def _write_multiple(out, row, factor):
    for j in range(len(out)):
        out[j] = factor * row[j]


@compiled_loop(error_model="numpy")
def normalize(norm, shift, weight, beta, factor, bias, s):
    """Write ‖w_i‖, b_i/(s ‖w_i‖) and β_i/‖w_i‖ of every row; `beta` and `factor` are matrices.

    A row of zeros has the factor β_i and, since it is not noisy, a shift of ±∞.
    """
    for i in range(len(norm)):
        size = _f(math.sqrt(_sum_of_squares(weight[i])))
        norm[i] = size
        if size == 0:
            size = _f(1)
            shift[i] = _f(np.inf) if bias[i] >= 0 else _f(-np.inf)
        else:
            shift[i] = bias[i] / (size * s)
        for j in range(beta.shape[1]):
            factor[i, j] = beta[i, j] / size


@compiled_loop(error_model="numpy")
def gradients_of_rows(
    of_weight, of_bias, of_beta, of_factor, factor, of_shift, weight, norm, shift, s
):
    """Write the gradients of `normalize` with respect to weights, biases and β of every row.

    An empty `of_weight` is left out.
    """
    for i in range(len(norm)):
        silent = norm[i] == 0
        size = _f(1) if silent else norm[i]
        total = _f(0) if silent else of_shift[i] * shift[i]
        of_bias[i] = _f(0) if silent else of_shift[i] / (size * s)
        for j in range(factor.shape[1]):
            total += of_factor[i, j] * factor[i, j]
            of_beta[i, j] = of_factor[i, j] / size
        # Factor and shift are inversely proportional to the norm, whose gradient is w/‖w‖.
        if len(of_weight):
            _write_multiple(of_weight[i], weight[i], _f(0) if silent else -total / (size * size))


@njit(nogil=True)
def _has_others(values):
    others = False
    for i in range(len(values)):
        others |= values[i] * values[i] != _f(1)
    return others


@compiled_loop()
def only_signs(values):
    """Return whether all of them are −1 or +1."""
    for begin in range(0, len(values), _TOGETHER):
        if _has_others(values[begin : begin + _TOGETHER]):
            return False
    return True
