"""The relaxation process that has the moments of measured cells."""

from typing import NamedTuple

import numpy as np

from devices.retention.process import RelaxationProcess
from devices.validation import Floats

# Smallest step of a fitted clock, as a share of its last value: the clock must rise.
_LEAST_STEP = 1e-3
# The tails of a variance-gamma process are never quite normal.
_LEAST_KAPPA = 1e-3
# Cells with a smaller σ, as a share of the rms deviation, say nothing about the tails.
_LEAST_SIGMA = 0.1


class Measurement(NamedTuple):
    """Cells that were read at several times after programming.

    Attributes:
        start: Conductances [S] just after programming, (cells,).
        later: Conductances [S] at the times, (times, cells); NaN where a cell was not read.
        times: Times [s], rising.
        knots: Conductances [S] at which σ is fitted, rising.
        measured_at: Temperature [K].
    """

    start: Floats
    later: Floats
    times: Floats
    knots: Floats
    measured_at: float

    def of_cells(self, chosen: np.ndarray) -> "Measurement":
        """Return the measurement of some cells, by their numbers; a cell may be there twice."""
        return Measurement(
            self.start[chosen], self.later[:, chosen], self.times, self.knots, self.measured_at
        )

    def deviations(self) -> tuple[Floats, Floats]:
        """Return the mean change of all cells at each time [S], and what cells differ from it."""
        change = self.later - self.start
        mean = np.nanmean(change, axis=1)
        return mean, change - mean[:, None]


def process_of(measured: Measurement) -> tuple[RelaxationProcess, float]:
    """Return the process whose moments are those of the cells; see `fit_relaxation`.

    The second value is the persistence without its bound at 0: its scatter is that of the data,
    whereas one that is held at 0 does not scatter.
    """
    mean, deviation = measured.deviations()
    knots = measured.knots
    scales = _fitted_scales(measured.start, deviation[-1], knots)
    sigma = np.interp(measured.start, knots, scales)
    covariance = _covariance(deviation, sigma)
    clock, fluctuation, persistence = _joint(covariance, measured.times)
    # A σ that few cells make nearly 0 would make tails of all their deviations.
    told = sigma > _LEAST_SIGMA * np.sqrt(np.nanmean(deviation[-1] ** 2))
    z = np.divide(deviation, sigma, out=np.full(deviation.shape, np.nan), where=told)
    square = z * z
    fourth = np.nanmean(square * square, axis=1) - 3 * np.nanmean(square, axis=1) ** 2
    process = RelaxationProcess(
        times=tuple(measured.times.tolist()),
        clock=tuple(clock.tolist()),
        fluctuation=tuple(fluctuation.tolist()),
        mean=tuple(mean.tolist()),
        conductances=tuple(knots.tolist()),
        scales=tuple(scales.tolist()),
        kappa=max(float(fourth @ clock / (3 * clock @ clock)), _LEAST_KAPPA),
        persistence=max(persistence, 0.0),
        measured_at=measured.measured_at,
    )
    return process, persistence


def _fitted_scales(g0: Floats, deviation: Floats, knots: Floats) -> Floats:
    """Return σ [S] at the knots, from deviations [S] of cells that were programmed to g0 [S]."""
    known = np.isfinite(deviation)
    hats = np.array([np.interp(g0[known], knots, unit) for unit in np.eye(len(knots))]).T
    square = deviation[known] ** 2
    variance = np.full(len(square), square.mean())
    # Squared deviations scatter in proportion to their mean, so that each weighs by its inverse.
    for _ in range(3):
        weighted = hats / variance[:, None]
        # The normal equations are small and take a tenth of the time; a knot without cells gets 0.
        fitted = np.linalg.pinv(weighted.T @ weighted) @ (weighted.T @ (square / variance))
        variance = np.maximum(hats @ fitted, 1e-3 * square.mean())
    return np.sqrt(np.maximum(fitted, 0))


def _covariance(deviation: Floats, sigma: Floats) -> Floats:
    """Return the covariances between times [σ²]; every cell weighs by its σ², as in siemens."""

    known = np.isfinite(deviation)
    products = np.where(known, deviation, 0) @ np.where(known, deviation, 0).T
    return np.asarray(products / ((known * sigma**2) @ known.T))


def _reached(share: Floats, known: Floats, gap: Floats) -> tuple[Floats, Floats]:
    """Return h and ν at each time for correlations `share` with the last time.

    h is what a time shares with the last one beyond the fluctuation that has not yet returned,
    h(t) = Cov(t, T) − √(ν(t) ν(T)) p^decades, and ν is the rest of the variance. ν of the last time
    is that of the time before, so that ν is the root of a quadratic equation.

    Args:
        share: p^decades between a time and the last one, (…, times − 1).
        known: Covariances with the last time, (times,).
        gap: Variance minus this covariance, at least 0, (times − 1,).
    """
    last = np.minimum(gap[-1] / np.maximum(1 - share[..., -1], 1e-6), gap[-1] + known[-2])
    returning = np.sqrt(last)[..., None] * share
    fluctuation = ((returning + np.sqrt(returning**2 + 4 * gap)) / 2) ** 2
    fluctuation[..., -1] = last
    clock = known[:-1] + gap - fluctuation
    both = np.append(fluctuation, last[..., None], axis=-1)
    return np.append(clock, known[-1] - last[..., None], axis=-1), both


def _joint(covariance: Floats, times: Floats) -> tuple[Floats, Floats, float]:
    """Return h and ν at each time and the persistence, which fit the covariances together.

    The persistence is that of −1, −0.99, …, 1 that fits the covariances between the earlier times
    best. One below 0 stands for covariances that noise has made too small.
    """
    known = covariance[-1]
    gap = np.maximum(np.diag(covariance)[:-1] - known[:-1], 0)
    tried = np.arange(-100, 101) / 100
    earlier, later = np.triu_indices(len(gap), 1)  # those with the last time are met by the clock
    clock, fluctuation = _reached(_power(tried, times[:-1], times[-1]), known, gap)
    size = np.sqrt(fluctuation[:, earlier] * fluctuation[:, later])
    expected = clock[:, earlier] + size * _power(tried, times[earlier], times[later])
    errors = ((expected - covariance[earlier, later]) ** 2).sum(axis=1)
    # The clock must rise; a persistence for which it falls explains other covariances in vain.
    rises = (np.diff(clock, axis=1) > 0).all(axis=1) & (clock[:, 0] > 0)
    best = int(np.argmin(np.where(rises | ~rises.any(), errors, np.inf)))
    persistence = float(tried[best])
    allowed = int(np.argmin(np.abs(tried - max(persistence, 0.0))))
    h, nu = clock[allowed], fluctuation[allowed]
    least = _LEAST_STEP * max(h[-1], covariance[-1, -1] / 2)
    h[0] = max(h[0], least)
    for k in range(1, len(h)):
        h[k] = max(h[k], h[k - 1] + least)
    return h, nu, persistence


def _power(persistence: Floats, earlier: Floats, later: Floats) -> Floats:
    """Return p^decades for every p and every pair of times, with the sign of p."""
    decades = np.log10(later / earlier)
    p = persistence[:, None]
    return np.asarray(np.sign(p) * np.abs(p) ** decades)
