"""Compiled standard exponential numbers from random words. They check nothing."""

# mypy: ignore-errors

import numpy as np
from numba import njit

#: Words of a generator, and exponential numbers, that are drawn at once.
POOL = 64
_f = np.float32
_i = np.int32
_u = np.uint32
#: Bits of √½ as float32: mantissas lie between it and √2.
_ROOT_HALF = _i(0x3F3504F3)
_MANTISSA_BITS = _i(23)
_MOST = _i(0x7FFFFFFF)


@njit(nogil=True, inline="always")
def _exponential(lower, upper):
    """Return the standard exponential number −ln(1 − v) of a word's two halves.

    v has 39 bits, and float32 is relatively exact near 0, where it matters that all places are
    reached. With 1 − v = 2^e m the logarithm is e ln 2 + 2 artanh((m − 1)/(m + 1)); for e = 0,
    m − 1 is −v.
    """
    whole = _i(upper >> _u(1))
    v = _f(whole) * _f(2.0**-31) + (_f(_i(lower >> _u(24))) + _f(0.5)) * _f(2.0**-39)
    bits = _f((_f(_i(_MOST - whole)) + _f(0.5)) * _f(2.0**-31)).view(np.int32)
    exponent = _i(_i(bits - _ROOT_HALF) >> _MANTISSA_BITS)
    rest = _i(bits - _i(exponent << _MANTISSA_BITS)).view(np.float32) - _f(1)
    near = _f(_i(exponent == _i(0)))
    t = rest * (_f(1) - near) - v * near
    q = t / (_f(2) + t)
    z = q * q
    # 2/3, 2/5, 2/7, 2/9 up to a minimax correction (FreeBSD's e_logf.c).
    p = (_f(0.24279078841) * z + _f(0.28498786688)) * z
    p = ((p + _f(0.40000972152)) * z + _f(0.66666662693)) * z
    return _f(exponent) * _f(-0.69314718056) - q * (_f(2) + p)


# The numpy error model has no test for division by zero, which would keep LLVM from making vectors.
@njit(nogil=True, error_model="numpy")
def fill_exponentials(words, out):
    """Fill standard exponential numbers made of the upper 39 bits of words.

    words: (2 · POOL,) uint32, the lower half of each word first.
    """
    for i in range(POOL):
        out[i] = _exponential(words[2 * i], words[2 * i + 1])
