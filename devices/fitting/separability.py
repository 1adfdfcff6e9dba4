"""How well levels are told apart: normal laws with measured means and spreads, and counts."""

from collections.abc import Sequence

import numpy as np

from devices.special import ndtr
from devices.validation import Floats


def threshold(low: tuple[float, float], high: tuple[float, float]) -> float:
    """Return the conductance [S] at which two normal laws are equally likely.

    It is the root of the quadratic equation between the two means, at which the mean of both errors
    is smallest. If the laws are so different that there is none, it is as many standard deviations
    from one mean as from the other.

    Args:
        low: Mean and standard deviation of the lower level [S].
        high: Those of the higher level [S].
    """
    (m1, s1), (m2, s2) = low, high
    middle = (m1 * s2 + m2 * s1) / (s1 + s2)
    a, b = s2**2 - s1**2, 2 * (m2 * s1**2 - m1 * s2**2)
    c = (m1 * s2) ** 2 - (m2 * s1) ** 2 - 2 * (s1 * s2) ** 2 * np.log(s2 / s1)
    roots = np.roots([a, b, c]) if abs(a) > 1e-9 * s1 * s2 else np.array([-c / b if b else middle])
    inside = [float(r.real) for r in roots if not r.imag and m1 <= r.real <= m2]
    return min(inside, key=lambda r: abs(r - middle)) if inside else middle


def normal_error(low: tuple[float, float], high: tuple[float, float]) -> float:
    """Return the mean probability that a cell of either level is read as the other one."""
    at = threshold(low, high)
    return float(ndtr((low[0] - at) / low[1]) + ndtr((at - high[0]) / high[1])) / 2


def error_of_error(
    low: tuple[float, float], high: tuple[float, float], spread: Sequence[float]
) -> float:
    """Return the standard error of `normal_error`, to first order.

    At the best threshold the error does not change with the threshold, so that only means and
    standard deviations count: ∂/∂m = φ(z)/(2 s) and ∂/∂s = |z| φ(z)/(2 s) for each level, with
    z = (threshold − m)/s.

    Args:
        low: Mean and standard deviation of the lower level [S].
        high: Those of the higher level [S].
        spread: Standard errors of the mean and standard deviation of the lower level [S], then of
            the higher one.
    """
    at, variance = threshold(low, high), 0.0
    for (mean, std), (mean_error, std_error) in zip(
        (low, high), (spread[:2], spread[2:]), strict=True
    ):
        z = (at - mean) / std
        density = np.exp(-z * z / 2) / np.sqrt(2 * np.pi) / (2 * std)
        variance += (density * mean_error) ** 2 + (z * density * std_error) ** 2
    return float(np.sqrt(variance))


def most_levels(errors: Floats, largest: float) -> list[int]:
    """Return the largest subset of levels whose neighbors are confused with at most an error.

    Of two subsets of the same size the one with the smaller largest error is taken. It is found by
    dynamic programming: the best subset that ends at a level extends that of a lower one.

    Args:
        errors: Mean probability of confusion of each pair of levels, in the order of conductance.
        largest: Error that neighbors in the subset may not exceed.
    """
    best: list[tuple[int, float, list[int]]] = []
    for j in range(len(errors)):
        options = [(1, 0.0, [j])]
        for i in range(j):
            if errors[i, j] <= largest:
                size, worst, chosen = best[i]
                options.append((size + 1, max(worst, float(errors[i, j])), [*chosen, j]))
        best.append(max(options, key=lambda option: (option[0], -option[1])))
    return max(best, key=lambda option: (option[0], -option[1]))[2]
