"""Errors of cells that are redrawn from a normal law until a read lies within a tolerance."""

import numpy as np

from devices.special import erf, gammainc, ndtr
from devices.validation import Floats

# Below this probability to be accepted, no cell is before its pulses are spent.
_NEVER = 1e-14


def redrawn_moments(
    mean: Floats, variance: Floats, tolerance: float, read_sigma: float, max_pulses: int
) -> tuple[Floats, Floats]:
    """Return mean error [S] and mean square error [S²] after write-verify with redrawing pulses.

    A pulse leaves the error e ~ N(m, s²) and its read e + N(0, r²) ~ N(m, S²), which is accepted
    within the tolerance: the read of an accepted cell is a truncated normal variable d, and e given
    d is N(m + (s²/S²) (d − m), s² r²/S²). A cell that runs out of pulses keeps its last one, which
    was not tested.

    Args:
        mean: Mean error m of a pulse [S].
        variance: Variance s² of a pulse [S²].
        tolerance: Largest accepted distance between read and target [S].
        read_sigma: Standard deviation r of a verifying read [S].
        max_pulses: Largest number of pulses per cell.
    """
    read_variance = read_sigma**2
    # The floor is for a pulse without error that is read without noise: it is accepted at once.
    total = np.maximum(variance + read_variance, 1e-300)
    size = np.sqrt(total)
    if np.any(mean):
        accepted, first, second = _truncated(-mean / size, tolerance / size)
    else:
        u = tolerance / size
        accepted, first = erf(u / np.sqrt(2)), np.zeros(np.shape(u))
        # 1 − 2uφ(u)/P as an incomplete gamma function, which does not cancel at small u.
        second = gammainc(1.5, u**2 / 2) / accepted
    kept = variance / size
    within = mean + kept * first
    within_square = (
        mean**2 + 2 * mean * kept * first + variance * (variance * second + read_variance) / total
    )
    missed = (1 - accepted) ** (max_pulses - 1)
    # The last pulse of a cell that runs out of pulses is a mixture of accepted and rejected ones.
    return (
        np.asarray((1 - missed) * within + missed * mean),
        np.asarray((1 - missed) * within_square + missed * (mean**2 + variance)),
    )


def _truncated(center: Floats, half_width: Floats) -> tuple[Floats, Floats, Floats]:
    """Return P(|Z − center| < half_width), and E Z and E Z² within, of a standard normal Z."""
    low, high = center - half_width, center + half_width
    # Upper tails are written as lower ones, which do not cancel.
    flip = np.where(low + high > 0, -1.0, 1.0)
    inside = ndtr(np.maximum(flip * low, flip * high)) - ndtr(np.minimum(flip * low, flip * high))
    possible = inside > _NEVER
    safe = np.where(possible, inside, 1.0)
    at_low, at_high = (np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi) for x in (low, high))
    first = np.where(possible, (at_low - at_high) / safe, 0.0)
    second = np.where(possible, 1 + (low * at_low - high * at_high) / safe, 0.0)
    return np.where(possible, inside, 0.0), first, second
