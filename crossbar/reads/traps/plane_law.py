"""How planes of random bits of any probability are drawn: binary digits, and single bits."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

#: Most binary digits, and the cost of setting one bit of 256 in those of drawing a digit of them.
_MOST_DIGITS, _COST_OF_BIT = 16, 9 * 256


class PlaneLaw(NamedTuple):
    """How bits of a probability p, or of its complement, are drawn.

    Attributes:
        digits: Binary digits of k/2^m ≤ p from the lowest 1 on, empty for k = 0.
        hazard: −ln(1 − P), where the bits that the digits leave 0 are set with probability P.
        is_complement: Whether p is that of a bit to be 0.
    """

    digits: NDArray[np.uint8]
    hazard: float
    is_complement: bool


def plane_law(p: float) -> PlaneLaw:
    """Return the cheapest law of bits that are 1 with probability p, in [0, 1]."""
    laws = [
        (cost, PlaneLaw(*law, is_complement))
        for is_complement, part in ((False, p), (True, 1 - p))
        for m in range(_MOST_DIGITS + 1)
        for cost, law in [_with_digits(part, m)]
    ]
    return min(laws, key=lambda of: of[0])[1]


def _with_digits(p: float, m: int) -> tuple[float, tuple[NDArray[np.uint8], float]]:
    """Return the cost of a law with up to m digits, and the law."""
    if p == 1:  # the complement is 0
        return math.inf, (np.empty(0, np.uint8), 0.0)
    k = int(p * 2**m)
    digits = [k >> i & 1 for i in range(m)]
    digits = digits[digits.index(1) :] if k else []
    missing = -math.log1p(-(p - k / 2**m) / (1 - k / 2**m))
    return len(digits) + _COST_OF_BIT * missing, (np.array(digits, np.uint8), missing)
