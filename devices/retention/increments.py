"""Changes of conductance with independent increments in logarithmic time.

A process is drawn on a fixed grid of times, four to a decade. The grid does not depend on the times
that are asked for, so that the same random numbers give the same path at every time. The increment
of an interval arrives at once, at a random time within the interval: when the share s of its
variance is due, the fraction s of the cells have received theirs. Mean, variance and correlations
are therefore exact at all times, and at the times of the grid so is the whole distribution; between
them its kurtosis is larger.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from devices.validation import Floats

_PER_DECADE = 4


class Interval(NamedTuple):
    """An interval of the grid.

    Attributes:
        start: Its beginning [s].
        end: Its end [s].
    """

    start: float
    end: float

    @property
    def decades(self) -> float:
        """Length of the interval in decades of time; infinite for the first one."""
        return np.inf if self.start == 0 else float(np.log10(self.end / self.start))


def intervals(first: float, seconds: float, knots: tuple[float, ...] = ()) -> Iterator[Interval]:
    """Return the intervals of the grid up to the one that holds `seconds`, in their order.

    Args:
        first: End of the first interval [s], which begins at 0 s.
        seconds: Time since programming [s], above 0.
        knots: Further times of the grid [s], rising.
    """
    left = [t for t in knots if t > first]
    start, end, k = 0.0, first, 0
    while True:
        yield Interval(start, end)
        if seconds <= end:
            return
        start = end
        even = first * 10 ** ((k + 1) / _PER_DECADE)
        if left and left[0] <= even:
            end = left.pop(0)
            k += end == even
        else:
            end, k = even, k + 1


def share_of_log_time(interval: Interval, seconds: float) -> float:
    """Return which share of an interval has passed, in ln t; in the first interval, in t."""
    end = min(seconds, interval.end)
    if interval.start == 0:
        return end / interval.end
    return float(np.log(end / interval.start) / np.log(interval.end / interval.start))


def normal_walk(
    variance: Callable[[float], Floats | float],
    seconds: float,
    first: float,
    random: np.random.Generator,
    *,
    shape: tuple[int, ...],
    share: Callable[[Interval, float], float] = share_of_log_time,
    knots: tuple[float, ...] = (),
) -> Floats:
    """Return the change of each cell by a time, with independent normal increments.

    Args:
        variance: Returns the variance of the change by a time [s]; it must not fall with time.
        seconds: Time since programming [s].
        first: End of the first interval of the grid [s].
        random: The Generator to draw from.
        shape: Shape of the cells.
        share: Returns which share of an interval's variance is due by a time [s]. It must not
            depend on the conductance, so that two cells that differ a little change alike.
        knots: Further times of the grid [s].
    """
    change = np.zeros(shape)
    if seconds <= 0:
        return change
    for interval in intervals(first, seconds, knots):
        step = np.sqrt(np.maximum(variance(interval.end) - variance(interval.start), 0))
        increment = step * random.standard_normal(shape)
        change += increment * (random.random(shape) < share(interval, seconds))
    return change
