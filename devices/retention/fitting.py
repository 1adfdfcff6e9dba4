"""Fitting a relaxation process to measured conductances."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from devices.retention.process import RelaxationProcess
from devices.validation import Floats, array, real_array

# Smallest step of a fitted clock, as a share of its last value: the clock must rise.
_LEAST_STEP = 1e-3
_FEWEST_CELLS = 100
# Boltzmann constant [eV/K].
_BOLTZMANN_EV = 8.617333262e-5


def fit_relaxation(
    start: ArrayLike,
    later: ArrayLike,
    times: Sequence[float],
    *,
    conductances: Sequence[float],
    measured_at: float = 298.15,
) -> RelaxationProcess:
    """Return the relaxation process whose moments are those of measured cells.

    The mean change μ is that of all cells at each time. σ²(g) is the piecewise linear function of
    the conductance just after programming that fits the squared deviations at the last time best,
    in the least squares. In units of σ²(g), the clock h is the covariance of
    the deviations with those of the last time: what a cell keeps until then. The fluctuation ν is
    what their variance has beyond it; the last time takes the ν of the time before. The persistence
    fits the remaining covariances, and kappa the fourth cumulants of the deviations in units of σ,
    3 kappa h, both in the least squares.

    Args:
        start: Conductances [S] just after programming, (cells,).
        later: Conductances [S] at the times, (times, cells); NaN where a cell was not measured.
        times: Times after programming [s], three or more, rising.
        conductances: Conductances [S] at which σ is fitted, rising.
        measured_at: Temperature of the measurement [K]; default 298.15 K.

    Returns:
        The process, without dependence on temperature.

    Raises:
        ValueError: If there are fewer than three times or 100 cells, or shapes do not fit.
    """
    g0 = array("start", start, ndim=1)
    g = np.asarray(real_array("later", later, shape=(len(times), len(g0))), dtype=np.float64)
    if len(times) < 3 or len(g0) < _FEWEST_CELLS:
        raise ValueError(
            f"{len(times)} times of {len(g0)} cells are too few to fit a relaxation; give 3 times "
            f"and {_FEWEST_CELLS} cells or more"
        )
    change = g - g0
    mean = np.nanmean(change, axis=1)
    deviation = change - mean[:, None]
    scales = _fitted_scales(g0, deviation[-1], np.asarray(conductances, dtype=np.float64))
    sigma = np.interp(g0, conductances, scales)
    z = deviation / sigma
    covariance = _covariance(deviation, sigma)
    clock, fluctuation = _clock_and_fluctuation(covariance)
    fourth = np.nanmean(z**4, axis=1) - 3 * np.nanmean(z**2, axis=1) ** 2
    return RelaxationProcess(
        times=tuple(times),
        clock=tuple(clock.tolist()),
        fluctuation=tuple(fluctuation.tolist()),
        mean=tuple(mean.tolist()),
        conductances=tuple(conductances),
        scales=tuple(scales.tolist()),
        kappa=float(fourth @ clock / (3 * clock @ clock)),
        persistence=_fitted_persistence(covariance, clock, fluctuation, np.asarray(times)),
        measured_at=measured_at,
    )


def activation_energy_ev(
    process: RelaxationProcess,
    start: ArrayLike,
    later: ArrayLike,
    seconds: float,
    *,
    temperature: float,
) -> float:
    """Return the activation energy [eV] that explains the spread of cells that were baked.

    The ratio of the squared deviations to those of the process at its own temperature is the square
    of the Arrhenius factor, (exp(E_A/k (1/measured_at − 1/temperature)))².

    Args:
        process: The process at the temperature of its measurement.
        start: Conductances [S] before the bake, (cells,).
        later: Conductances [S] of the same cells after it.
        seconds: Duration of the bake [s].
        temperature: Temperature of the bake [K], other than `process.measured_at`.

    Raises:
        ValueError: If the two temperatures are the same.
    """
    if temperature == process.measured_at:
        raise ValueError(
            f"temperature = {temperature:g} K is that of the process; an activation energy needs "
            "cells at another one"
        )
    g0 = array("start", start, ndim=1)
    change = array("later", later, shape=(len(g0),)) - g0
    cold = replace(process, temperature=process.measured_at).spread(g0, seconds)
    factor = np.sqrt(np.sum((change - change.mean()) ** 2) / np.sum(cold**2))
    per_kelvin = 1 / process.measured_at - 1 / temperature
    return float(_BOLTZMANN_EV * np.log(factor) / per_kelvin)


def _fitted_scales(g0: Floats, deviation: Floats, knots: Floats) -> Floats:
    """Return σ [S] at the knots, from deviations [S] of cells that were programmed to g0 [S]."""
    known = np.isfinite(deviation)
    hats = np.array([np.interp(g0[known], knots, unit) for unit in np.eye(len(knots))]).T
    square = deviation[known] ** 2
    variance = np.full(len(square), square.mean())
    # Squared deviations scatter in proportion to their mean, so that each weighs by its inverse.
    for _ in range(3):
        fitted = np.linalg.lstsq(hats / variance[:, None], square / variance, rcond=None)[0]
        variance = np.maximum(hats @ fitted, 1e-3 * square.mean())
    return np.sqrt(np.maximum(fitted, 0))


def _covariance(deviation: Floats, sigma: Floats) -> Floats:
    """Return the covariances between times [σ²]; every cell weighs by its σ², as in siemens."""

    def mean_product(a: Floats, b: Floats) -> float:
        product = a * b
        return float(np.nansum(product) / np.sum(sigma[np.isfinite(product)] ** 2))

    return np.array([[mean_product(a, b) for b in deviation] for a in deviation])


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
