"""Compiled loops of standard normals. They take arrays and scalars, and check nothing.

Normal number i of a key is a function of the key and i alone. Numbers come in blocks of 1024, each
with its own generator of `_sfc64`: its 32-bit words 0 … 511 give the radii of 512 points of the
plane and words 512 … 1023 their angles (Box and Muller 1958); numbers i and i + 512 of the block
are the coordinates of point i.

Everything but the generator is float32. A radius comes from the 31 bits of (w + ½)/2^31, which a
float32 keeps to 24 significant bits, so that numbers reach 6.7 standard deviations. Logarithm,
sine and cosine are polynomials with errors below 2e-7, in plain multiplications and additions:
LLVM makes vectors of them, and every processor computes the same numbers.
"""

# mypy: ignore-errors

import math

import numpy as np
from numba import njit

from crossbar.reads._sfc64 import WARM_UP, sfc64_fill, sfc64_seed
from devices.compiled_loops import compiled_loop

#: Numbers of a block.
NORMALS_PER_BLOCK = 1024
_HALF = NORMALS_PER_BLOCK // 2

_f = np.float32
_i = np.int32
_u = np.uint32
#: Bits of √½ as float32: mantissas lie between it and √2.
_ROOT_HALF = _i(0x3F3504F3)
_MANTISSA_BITS = _i(23)


@njit(nogil=True, inline="always")
def _fill_words(words, state, key, block):
    """Fill a block's words: in round i, lanes 0 … 7 give the uint64 8 i … 8 i + 7."""
    sfc64_seed(state, key, block, np.uint64(1))
    sfc64_fill(words, state, np.uint64(1 + WARM_UP))


@njit(nogil=True, inline="always")
def _log(x):
    """Return ln x of a positive float32: with x = 2^e m, e ln 2 + 2 artanh((m − 1)/(m + 1))."""
    bits = _f(x).view(np.int32)
    exponent = _i(_i(bits - _ROOT_HALF) >> _MANTISSA_BITS)
    t = _i(bits - _i(exponent << _MANTISSA_BITS)).view(np.float32) - _f(1)
    s = t / (_f(2) + t)
    z = s * s
    # 2/3, 2/5, 2/7, 2/9 up to a minimax correction (FreeBSD's e_logf.c).
    p = (_f(0.24279078841) * z + _f(0.28498786688)) * z
    p = ((p + _f(0.40000972152)) * z + _f(0.66666662693)) * z
    return _f(exponent) * _f(0.69314718056) + (t - s * (t - p))


@njit(nogil=True, inline="always")
def _sin_and_cos(y):
    """Return sin πy and cos πy for |y| ≤ ¼, by their Taylor series."""
    y2 = y * y
    sine = _f(2.55016403988) + y2 * _f(-0.599264528932)
    sine = y * (_f(3.14159265359) + y2 * (_f(-5.16771278005) + y2 * sine))
    cosine = _f(-1.33526276886) + y2 * _f(0.235330630359)
    cosine = _f(1) + y2 * (_f(-4.93480220054) + y2 * (_f(4.05871212642) + y2 * cosine))
    return sine, cosine


# The numpy error model has no test for division by zero, which would keep LLVM from making vectors.
@njit(nogil=True, error_model="numpy")
def to_normals(words, out):
    """Turn words of 32 bits into as many normals: the first half of them gives radii."""
    half = len(out) // 2
    for i in range(half):
        w = words[i]
        uniform = (_f(_i(w >> _u(1))) + _f(0.5)) * _f(2.0**-31)
        radius = math.sqrt(_f(-2) * _log(uniform))
        # 30 bits of a word place the point on a quarter of the circle, one swaps its coordinates,
        # and one changes both signs.
        angle = words[half + i]
        sine, cosine = _sin_and_cos(_f(_i(_u(angle << _u(2)))) * _f(2.0**-33))
        swap = (angle & _u(0x40000000)) != _u(0)
        radius = -radius if (angle & _u(0x80000000)) != _u(0) else radius
        out[i] = radius * (sine if swap else cosine)
        out[half + i] = radius * (cosine if swap else sine)


@compiled_loop()
def fill_normals(out, key, first):
    """Write out[i] = n(first + i), the normals of a key."""
    words = np.empty(_HALF, np.uint64)
    normals = np.empty(NORMALS_PER_BLOCK, np.float32)
    state = np.empty((3, 8), np.uint64)
    last = first + len(out)
    for block in range(first // NORMALS_PER_BLOCK, -(-last // NORMALS_PER_BLOCK)):
        start = block * NORMALS_PER_BLOCK
        begin, end = max(start, first), min(start + NORMALS_PER_BLOCK, last)
        _fill_words(words, state, key, block)
        if end - begin == NORMALS_PER_BLOCK:
            to_normals(words.view(np.uint32), out[begin - first : end - first])
        else:
            to_normals(words.view(np.uint32), normals)
            out[begin - first : end - first] = normals[begin - start : end - start]


@compiled_loop()
def add_normals(u, variance, key, first):
    """Add √variance[i] n(first + i) to u[i]; variances below 0 count as 0."""
    words = np.empty(_HALF, np.uint64)
    normals = np.empty(NORMALS_PER_BLOCK, np.float32)
    state = np.empty((3, 8), np.uint64)
    last = first + len(u)
    zero = variance.dtype.type(0)
    for block in range(first // NORMALS_PER_BLOCK, -(-last // NORMALS_PER_BLOCK)):
        _fill_words(words, state, key, block)
        to_normals(words.view(np.uint32), normals)
        start = block * NORMALS_PER_BLOCK
        begin, end = max(start, first), min(start + NORMALS_PER_BLOCK, last)
        of_u = u[begin - first : end - first]
        of_variance = variance[begin - first : end - first]
        of_normals = normals[begin - start : end - start]
        for i in range(len(of_u)):
            of_u[i] += math.sqrt(max(of_variance[i], zero)) * of_normals[i]
