"""Kernels for telegraph traps as arrays: two-state Markov chains, sampled exactly over any time.

Over a gap Δ each trap is refreshed with probability q = 1 − e^{−λΔ}: it is drawn anew from its
stationary law, captured with probability p1. Otherwise it keeps its state. The states `s` are a
flat array; p1 and q are one number for all traps, or one per trap.
"""

from math import log1p, sqrt

import numpy as np
from numpy.typing import NDArray

from devices.validation import Floats

Bools = NDArray[np.bool_]
# Measured with 10⁶ traps: at this share of refreshed traps both ways to refresh take 3 ms.
_EQUAL_COST_SHARE = 0.2
# The sparse way starts 20 µs later, which pays if it skips this many traps.
_SKIPPED_TO_PAY = 6000


def boxcar_variance(a: Floats | float) -> Floats:
    """Return the factor on the variance of a trap's state that is averaged over a window.

    f(a) = (2/a)(1 − (1 − e^{−a})/a) for a window of `a` correlation times.
    """
    a = np.asarray(a, dtype=np.float64)
    # Below 0.01 the difference loses digits, while the series is exact to rounding.
    long = np.maximum(a, 0.01)
    series = 1 - a / 3 * (1 - a / 4 * (1 - a / 5 * (1 - a / 6 * (1 - a / 7))))
    return np.where(a < 0.01, series, 2 * (long + np.expm1(-long)) / long**2)


def boxcar_covariance(a: Floats | float) -> Floats:
    """Return ((1 − e^{−a})/a)², the factor on a covariance if both states are averaged.

    Each window has `a` correlation times. The factor multiplies the covariance between the end of
    the one and the start of the other window.
    """
    long = np.maximum(a, 1e-16)
    return np.asarray((-np.expm1(-long) / long) ** 2)


def refresh(
    s: Bools, p1: Floats | float, q: Floats | float, *, random: np.random.Generator
) -> None:
    """Refresh traps in place, by the faster of the two ways below."""
    largest = q if isinstance(q, float) else np.max(q, initial=0)
    sparse = s.size * (1 - largest / _EQUAL_COST_SHARE) > _SKIPPED_TO_PAY
    (refresh_sparse if sparse else refresh_dense)(s, p1, q, random=random)


def refresh_dense(
    s: Bools, p1: Floats | float, q: Floats | float, *, random: np.random.Generator
) -> None:
    """Refresh traps in place with one uniform number each: P(1|s) = p1 + (s − p1)(1 − q)."""
    u = random.random(s.size)
    s &= u < 1 - (1 - p1) * q
    s |= u < p1 * q


def refresh_sparse(
    s: Bools, p1: Floats | float, q: Floats | float, *, random: np.random.Generator
) -> None:
    """Refresh traps in place, in a time proportional to the number of refreshed traps.

    It requires q < 1. The refreshed traps are found by geometric gaps, so their number is binomial
    and none occurs twice. If q is an array, traps are proposed with the largest q and accepted with
    q over that.
    """
    largest = float(np.max(q, initial=0))
    at = _successes(s.size, largest, random)
    u = random.random(at.size)
    if isinstance(q, float):
        s[at] = u < p1
    else:
        # One uniform number decides both whether the proposal is accepted and, if so, the new
        # state.
        accepted = q[at] / largest
        s[at] = np.where(u < accepted, u < np.broadcast_to(p1, s.shape)[at] * accepted, s[at])


def _successes(n: int, q: float, random: np.random.Generator) -> NDArray[np.intp]:
    """Return which of n independent trials of probability q succeed, in rising order.

    Gaps between successes are geometric, drawn as rounded exponentials in blocks that usually
    suffice.
    """
    mean_gap = 1 / max(-log1p(-q), 1e-300)
    found = [np.empty(0)]
    last = -1.0
    while last < n:
        expected = (n - last) * q
        block = int(expected + 4 * sqrt(expected) + 8)
        gaps = np.floor(random.standard_exponential(block) * mean_gap) + 1
        found.append(last + np.cumsum(gaps))
        last = found[-1][-1]
    positions = np.concatenate(found)
    return positions[: np.searchsorted(positions, n)].astype(np.intp)


def captured_share(
    s: Bools, p1: Floats | float, a: Floats | float, *, random: np.random.Generator
) -> tuple[Floats, Bools]:
    """Return the share of a window that traps spend captured, and their states at its end.

    This is exact for windows of any number `a` of correlation times. A window has N ~ Poisson(a)
    refreshes, of which M ~ Binomial(N, p1) lead to the captured state. They cut it into N + 1
    exchangeable pieces, of which M + s are captured, so that the captured share is
    Beta(M + s, N + 1 − M − s). The last piece begins with any of the N refreshes, equally likely.
    """
    n = random.poisson(a, s.size)
    m = random.binomial(n, p1)
    captured = random.standard_gamma(m + s)
    share = captured / (captured + random.standard_gamma(n + 1 - m - s))
    return share, np.where(n > 0, random.random(s.size) * n < m, s)
