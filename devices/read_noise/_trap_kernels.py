"""Telegraph traps as arrays: two-state Markov chains that are refreshed, sampled exactly over gaps and windows.

Over a gap Δ a trap is drawn anew from its stationary law, captured with probability p1, with probability
q = 1 − e^{−λΔ}, and else keeps its state. States `s` have one axis; p1 and q are one number for all traps, or one each.
"""

from math import log1p, sqrt

import numpy as np
from numpy.typing import NDArray

from devices.validation import Floats

Bools = NDArray[np.bool_]
_EQUAL_SHARE = 0.2  # of refreshed traps, at which both ways take 3 ms for 10⁶ traps
_WORTH = 6000  # traps not looked at that pay for the longer start of the sparse way, 20 µs


def boxcar_variance(a: Floats | float) -> Floats:
    """Return f(a) = (2/a)(1 − (1 − e^{−a})/a): variance left by an average over a window of `a` correlation times."""
    a = np.asarray(a, dtype=np.float64)
    long = np.maximum(
        a, 0.01
    )  # below, the difference loses digits, and its series is exact to rounding
    series = 1 - a / 3 * (1 - a / 4 * (1 - a / 5 * (1 - a / 6 * (1 - a / 7))))
    return np.where(a < 0.01, series, 2 * (long + np.expm1(-long)) / long**2)


def boxcar_covariance(a: Floats | float) -> Floats:
    """Return ((1 − e^{−a})/a)²: of the covariance between the end of one window and the start of another, what is left."""
    long = np.maximum(a, 1e-16)
    return np.asarray((-np.expm1(-long) / long) ** 2)


def refresh(s: Bools, p1: Floats | float, q: Floats | float, *, rng: np.random.Generator) -> None:
    """Refresh traps in place, in the way that is faster."""
    largest = q if isinstance(q, float) else np.max(q, initial=0)
    sparse = s.size * (1 - largest / _EQUAL_SHARE) > _WORTH
    (refresh_sparse if sparse else refresh_dense)(s, p1, q, rng=rng)


def refresh_dense(
    s: Bools, p1: Floats | float, q: Floats | float, *, rng: np.random.Generator
) -> None:
    """Refresh traps in place, one uniform each: P(1|s) = p1 + (s − p1)(1 − q)."""
    u = rng.random(s.size)
    s &= u < 1 - (1 - p1) * q
    s |= u < p1 * q


def refresh_sparse(
    s: Bools, p1: Floats | float, q: Floats | float, *, rng: np.random.Generator
) -> None:
    """Refresh traps in place, at a cost that goes with the number refreshed; q < 1.

    Each is refreshed on its own, so that their number is binomial and none comes twice. Where q is an array, they are
    proposed with the largest q and taken with q over that.
    """
    largest = float(np.max(q, initial=0))
    at = _successes(s.size, largest, rng)
    u = rng.random(at.size)
    if isinstance(q, float):
        s[at] = u < p1
    else:
        taken = q[at] / largest
        s[at] = np.where(u < taken, u < np.broadcast_to(p1, s.shape)[at] * taken, s[at])


def _successes(n: int, q: float, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return which of n independent trials of probability q succeed, in order: gaps between successes are geometric."""
    mean_gap = 1 / max(-log1p(-q), 1e-300)
    found, last = [np.empty(0)], -1.0
    while last < n:
        expected = (n - last) * q
        gaps = (
            np.floor(rng.standard_exponential(int(expected + 4 * sqrt(expected) + 8)) * mean_gap)
            + 1
        )
        found.append(last + np.cumsum(gaps))
        last = found[-1][-1]
    positions = np.concatenate(found)
    return positions[: np.searchsorted(positions, n)].astype(np.intp)


def captured_share(
    s: Bools, p1: Floats | float, a: Floats | float, *, rng: np.random.Generator
) -> tuple[Floats, Bools]:
    """Return the share of a window of `a` correlation times that traps spend captured, and their state at its end.

    Exact, whatever a: the window has N ~ Poisson(a) refreshes, M ~ Binomial(N, p1) of them to captured. They cut it into
    N + 1 exchangeable pieces, so that M + s of these add up to Beta(M + s, N + 1 − M − s), and the last is any of the N.
    """
    n = rng.poisson(a, s.size)
    m = rng.binomial(n, p1)
    captured = rng.standard_gamma(m + s)
    share = captured / (captured + rng.standard_gamma(n + 1 - m - s))
    return share, np.where(n > 0, rng.random(s.size) * n < m, s)
