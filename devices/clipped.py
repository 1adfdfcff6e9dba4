"""Moments of normal variables that are clipped to an interval."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from devices.special import ndtr, owens_t
from devices.validation import Floats

# Beyond this many standard deviations the normal density and its tail are 0 in double precision.
_FAR = 40.0
# Replaces a standard deviation of 0 in divisions.
_TINY = 1e-300


class Deviation(NamedTuple):
    """Moments of a deviation from a reference value.

    Attributes:
        mean: Mean deviation.
        square: Mean squared deviation.
    """

    mean: Floats
    square: Floats


def _density(x: Floats) -> Floats:
    """Return the standard normal density at x."""
    return np.asarray(np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi))


def clipped_deviation(
    mean: ArrayLike, sigma: ArrayLike, low: float, high: float, *, reference: ArrayLike
) -> Deviation:
    """Return the moments of X − reference, where X is N(mean, sigma²) clipped to [low, high].

    With a = (low − mean)/σ and b = (high − mean)/σ the clipped deviation Y = X − mean has the
    moments E Y = (low − mean) Φ(a) + (high − mean) Φ(−b) + σ (φ(a) − φ(b)) and
    E Y² = (low − mean)² Φ(a) + (high − mean)² Φ(−b) + σ² (Φ(b) − Φ(a) + a φ(a) − b φ(b)).

    Args:
        mean: Mean before clipping.
        sigma: Standard deviation before clipping, 0 or more.
        low: Lower end of the interval.
        high: Upper end of the interval.
        reference: Value from which deviations count, such as the target of a programmed cell.

    Returns:
        Mean and mean square of the deviation, of the arguments' common shape.
    """
    mean = np.asarray(mean, dtype=np.float64)
    sigma = np.asarray(sigma, dtype=np.float64)
    width = np.maximum(sigma, _TINY)
    with np.errstate(over="ignore"):
        a = np.clip((low - mean) / width, -_FAR, _FAR)
        b = np.clip((high - mean) / width, -_FAR, _FAR)
    at_low, at_high, inside = ndtr(a), ndtr(-b), ndtr(b) - ndtr(a)
    to_low, to_high = low - mean, high - mean
    first = to_low * at_low + to_high * at_high + sigma * (_density(a) - _density(b))
    second = to_low**2 * at_low + to_high**2 * at_high
    second = second + sigma**2 * (inside + a * _density(a) - b * _density(b))
    off = mean - reference
    return Deviation(np.asarray(first + off), np.asarray(second + 2 * off * first + off**2))


def rectified_moments(sigma: ArrayLike) -> tuple[Floats, Floats]:
    """Return mean and variance of max(1 + sigma Z, 0) with Z ~ N(0, 1).

    With h = 1/sigma the mean is Φ(h) + sigma φ(h) and the mean square (1 + sigma²) Φ(h) + sigma
    φ(h).

    Args:
        sigma: Standard deviation before negative values become 0; 0 or more.
    """
    sigma = np.asarray(sigma, dtype=np.float64)
    h = np.minimum(1 / np.maximum(sigma, _TINY), _FAR)
    # 1 − mean, because mean² and mean square are close to each other where sigma is small.
    missing = ndtr(-h) - sigma * _density(h)
    variance = sigma**2 * ndtr(h) + ndtr(-h) - sigma * _density(h)
    # E(ξ − 1)² = σ² Φ(h) + Φ(−h) − σ φ(h); the variance is less by the square of the mean's shift.
    return np.asarray(1 - missing), np.asarray(variance - missing**2)


def rectified_covariance(sigma: ArrayLike, correlation: float) -> Floats:
    """Return Cov(max(1 + σX, 0), max(1 + σY, 0)) of standard normals X, Y.

    With h = 1/σ, r the correlation, Q = Φ(h √((1 − r)/(1 + r))) and F = P(X > −h, Y > −h),
    E max(X + h, 0) max(Y + h, 0) = (r + h²) F + 2 h φ(h) Q + √(1 − r²)/(2π) e^{−h²/(1 + r)}. F
    follows from Owen's T function. Moments of a truncated bivariate normal: Rosenbaum, J. R. Stat.
    Soc. B 23, 405 (1961).

    Args:
        sigma: Standard deviation σ before negative values become 0; 0 or more.
        correlation: r in [0, 1].
    """
    sigma = np.asarray(sigma, dtype=np.float64)
    r = float(correlation)
    h = np.minimum(1 / np.maximum(sigma, _TINY), _FAR)
    slope = np.sqrt((1 - r) / (1 + r))
    both = ndtr(h) - 2 * owens_t(h, slope)
    one = 2 * h * _density(h) * ndtr(h * slope)
    tail = np.sqrt(1 - r**2) / (2 * np.pi) * np.exp(-(h**2) / (1 + r))
    # E (ξ − 1)(η − 1) = σ² E[..] − 2 (mean − 1) − 1, and the product of the means' shifts leaves.
    shift = sigma * _density(h) - ndtr(-h)
    # (r + h²) F σ² − 1 = σ² r F + (F − 1): the large terms cancel before they are added.
    product = sigma**2 * (r * both + one + tail) + (both - 1) - 2 * shift
    return np.asarray(product - shift**2)
