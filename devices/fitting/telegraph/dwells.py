"""Dwell times of decoded states, and whether they are geometric as those of a Markov chain."""

from dataclasses import dataclass
from math import ceil, log, nan

import numpy as np
from numpy.typing import NDArray

from devices.special import gammaincc
from devices.validation import Floats

#: Fewer dwells than this tell nothing of their law.
FEWEST_DWELLS = 20
_PER_CLASS = 8
_MOST_CLASSES = 20


@dataclass(frozen=True, kw_only=True)
class DwellTest:
    """Whether the dwell times in a level are exponential: Pearson's χ² over classes.

    A dwell of fewer than `shortest` reads cannot be told from noise, and is left out: what a
    geometric dwell lasts beyond any number of reads is geometric again. The classes have about
    equal probability under the fitted law.

    Attributes:
        dwells: Number of dwells that were compared.
        shortest: Shortest of them [reads].
        statistic: χ²; NaN if there are too few dwells.
        freedom: Degrees of freedom: classes − 2.
        p_value: Probability of a larger χ² under the law; NaN if there are too few dwells.
    """

    dwells: int
    shortest: int
    statistic: float = nan
    freedom: int = 0
    p_value: float = nan


def runs(states: NDArray[np.int8]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the first read and the length of every run of equal states."""
    starts = np.concatenate([[0], np.flatnonzero(np.diff(states)) + 1])
    return starts, np.diff(np.concatenate([starts, [len(states)]]))


def dwell_reads(states: NDArray[np.int8], levels: int) -> tuple[NDArray[np.intp], ...]:
    """Return the dwells in each level [reads], without the first and the last of the trace.

    These two began before, or end after the trace.
    """
    starts, lengths = runs(states)
    inner, kinds = lengths[1:-1], states[starts][1:-1]
    return tuple(inner[kinds == k] for k in range(levels))


def shortest_visible(step: float, sigma: float, transitions: Floats) -> int:
    """Return how many reads a dwell needs so that the most probable path shows it.

    m reads at a distance `step` gain x²/2 with x = √m step/σ on average, and scatter by x. Two
    transitions cost c = −ln P each together. x²/2 − 2x = c is solved, so that 98 % are shown.

    Args:
        step: Distance to the nearest level, in the unit of sigma.
        sigma: Width of the white noise.
        transitions: P between the two levels, (2,).
    """
    cost = -sum(log(max(float(p), 1e-12)) for p in transitions)
    x = 2 + (4 + 2 * cost) ** 0.5
    return max(ceil((x * sigma / step) ** 2), 1)


def dwell_test(dwells: NDArray[np.intp], shortest: int) -> DwellTest:
    """Compare dwells [reads] with the geometric law of the same mean beyond `shortest`."""
    beyond = dwells[dwells >= shortest] - shortest
    n = len(beyond)
    if n < FEWEST_DWELLS or not beyond.any():
        return DwellTest(dwells=n, shortest=shortest)
    stay = beyond.mean() / (1 + beyond.mean())
    wanted = np.arange(1, min(n // _PER_CLASS, _MOST_CLASSES)) / min(n // _PER_CLASS, _MOST_CLASSES)
    # Classes of whole numbers: P(beyond < edge) = 1 − stay^edge.
    edges = np.unique(np.maximum(np.round(np.log1p(-wanted) / np.log(stay)), 1))
    below = np.concatenate([[0.0], 1 - stay**edges, [1.0]])
    expected = n * np.diff(below)
    counts = np.bincount(np.searchsorted(edges, beyond, side="right"), minlength=len(expected))
    freedom = len(expected) - 2
    if freedom < 1:
        return DwellTest(dwells=n, shortest=shortest)
    statistic = float(((counts - expected) ** 2 / expected).sum())
    return DwellTest(
        dwells=n,
        shortest=shortest,
        statistic=statistic,
        freedom=freedom,
        p_value=float(gammaincc(freedom / 2, statistic / 2)),
    )
