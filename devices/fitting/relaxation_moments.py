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


def process_of(measured: Measurement) -> RelaxationProcess:
    """Return the process whose moments are those of the cells; see `fit_relaxation`."""
    mean, deviation = measured.deviations()
    knots = measured.knots
    scales = _fitted_scales(measured.start, deviation[-1], knots)
    sigma = np.interp(measured.start, knots, scales)
    covariance = _covariance(deviation, sigma)
    clock, fluctuation = _clock_and_fluctuation(covariance)
    # A σ that few cells make nearly 0 would make tails of all their deviations.
    told = sigma > _LEAST_SIGMA * np.sqrt(np.nanmean(deviation[-1] ** 2))
    z = np.divide(deviation, sigma, out=np.full(deviation.shape, np.nan), where=told)
    square = z * z
    fourth = np.nanmean(square * square, axis=1) - 3 * np.nanmean(square, axis=1) ** 2
    return RelaxationProcess(
        times=tuple(measured.times.tolist()),
        clock=tuple(clock.tolist()),
        fluctuation=tuple(fluctuation.tolist()),
        mean=tuple(mean.tolist()),
        conductances=tuple(knots.tolist()),
        scales=tuple(scales.tolist()),
        kappa=max(float(fourth @ clock / (3 * clock @ clock)), _LEAST_KAPPA),
        persistence=_fitted_persistence(covariance, clock, fluctuation, measured.times),
        measured_at=measured.measured_at,
    )


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


def _clock_and_fluctuation(covariance: Floats) -> tuple[Floats, Floats]:
    """Return h and ν at each time, from the covariances of deviations in units of σ."""
    variance = np.diag(covariance)
    clock = covariance[:-1, -1]
    fluctuation = np.maximum(variance[:-1] - clock, 0)
    fluctuation = np.append(fluctuation, fluctuation[-1])
    clock = np.append(clock, variance[-1] - fluctuation[-1])
    least = _LEAST_STEP * clock[-1]
    for k in range(1, len(clock)):
        clock[k] = max(clock[k], clock[k - 1] + least)
    return clock, fluctuation


def _fitted_persistence(
    covariance: Floats, clock: Floats, fluctuation: Floats, times: Floats
) -> float:
    """Return the persistence in 0, 0.01, …, 1 that fits the covariances beyond the clock best."""
    earlier, later = np.triu_indices(len(clock) - 1, 1)  # the last time is fitted by the clock
    beyond = covariance[earlier, later] - clock[earlier]
    size = np.sqrt(fluctuation[earlier] * fluctuation[later])
    decades = np.log10(times[later] / times[earlier])
    tried = np.linspace(0, 1, 101)
    errors = ((size * tried[:, None] ** decades - beyond) ** 2).sum(axis=1)
    return float(tried[np.argmin(errors)])
