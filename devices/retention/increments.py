"""Changes of conductance with independent increments in logarithmic time.

A process is drawn on a fixed grid of times, four to a decade. The grid does not depend on the times
that are asked for, so that the same random numbers give the same path at every time. The increment
of an interval arrives at once, at a random time within the interval: when the share s of its
variance is due, the fraction s of the cells have received theirs. Mean, variance and correlations
are therefore exact at all times, and at the times of the grid so is the whole distribution.
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


def intervals(first: float, seconds: float) -> Iterator[Interval]:
    """Return the intervals of the grid up to the one that holds `seconds`, in their order.

    Args:
        first: End of the first interval [s], which begins at 0 s.
        seconds: Time since programming [s], above 0.
    """
    start, end, k = 0.0, first, 0
    while True:
        yield Interval(start, end)
        if seconds <= end:
            return
        k += 1
        start, end = end, first * 10 ** (k / _PER_DECADE)


def arrived(
    amount: Callable[[float], Floats | float], interval: Interval, seconds: float, arrival: Floats
) -> Floats:
    """Return 1 for cells that have received an interval's increment, and 0 for the others.

    Args:
        amount: Returns how much variance is due by a time [s], rising with time.
        interval: The interval.
        seconds: Time since programming [s].
        arrival: A uniform random number of each cell.
    """
    if seconds >= interval.end:
        return np.ones(arrival.shape)
    before, whole = amount(interval.start), amount(interval.end)
    due = amount(seconds) - before
    return np.asarray(arrival * (whole - before) < due, dtype=np.float64)


def normal_walk(
    variance: Callable[[float], Floats],
    seconds: float,
    first: float,
    shape: tuple[int, ...],
    random: np.random.Generator,
) -> Floats:
    """Return the change of each cell by a time, with independent normal increments.

    Args:
        variance: Returns the variance of the change by a time [s]; it must not fall with time.
        seconds: Time since programming [s].
        first: End of the first interval of the grid [s].
        shape: Shape of the cells.
        random: The Generator to draw from.
    """
    change = np.zeros(shape)
    if seconds <= 0:
        return change
    for interval in intervals(first, seconds):
        step = np.sqrt(np.maximum(variance(interval.end) - variance(interval.start), 0))
        increment = step * random.standard_normal(shape)
        change += increment * arrived(variance, interval, seconds, random.random(shape))
    return change
