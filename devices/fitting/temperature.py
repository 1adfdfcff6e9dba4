"""Fit of a temperature law to conductances that were read at several temperatures."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from devices.fitting.fit import Estimate, Fit
from devices.fitting.least_squares import FEWEST_CLUSTERS, CellFit, fit_cells
from devices.fitting.screening import are_far_off, conductances
from devices.fitting.temperature_laws import Candidate, candidates, centered
from devices.validation import LARGEST_TEMPERATURE, Floats, array, number

# Fewest values beyond one per cell: their scatter around the law is the noise.
_FEWEST_VALUES = 8
_ROUNDING = 1e-12
# A difference of the criterion below 6 is no strong evidence (Kass and Raftery 1995).
_STRONG_EVIDENCE = 6.0


@dataclass(frozen=True, kw_only=True)
class TemperatureFit(Fit):
    """The temperature law that a measurement prefers.

    Attributes:
        scores: The information criterion of each law that was tried, by the name of its class,
            minus that of the chosen law.
        residuals: ln G minus that of the chosen law, (temperatures, cells); NaN where missing.
        model, estimates, notes, counts: As in `Fit`.
    """

    scores: Mapping[str, float]
    residuals: Floats = field(repr=False)


def fit_temperature(
    g: ArrayLike, temperatures: ArrayLike, *, t_ref: float = 300.0
) -> TemperatureFit:
    """Return the temperature law that describes cells best.

    Each cell has its own conductance at the reference temperature, and one law holds for all:
    ln G(T) = ln g + ln factor(T) + ε with ε ~ N(0, s²), in the least squares. The laws are
    `NoTemperature`, `MetallicTemperature`, `ActivatedTemperature` and, for ten cells that span a
    factor of two in conductance, `MixedTemperature`. The chosen one has the smallest information
    criterion n ln(RSS/n) + q ln n. n counts the values beyond one per cell. q is the number of
    parameters, enlarged if cells scatter more than their values (Takeuchi's trace), as they do if
    they differ in their law. From 20 cells on, the standard errors are those between cells for the
    same reason.

    Args:
        g: Conductances [S], (temperatures, cells); NaN where a cell was not read. Values at or
            below 0 S have no logarithm; they are counted and left out.
        temperatures: Temperatures [K], (temperatures,).
        t_ref: Reference temperature of the law [K]; default 300 K.

    Returns:
        The fit; its estimates are the law's fields and "noise", the standard deviation s. Far-off
            values are counted, and stay in it.

    Raises:
        ValueError: If the temperatures are not positive or all the same, there are too few values,
            or no conductance changes.
    """
    number("t_ref", t_ref, above=0, unit="K")
    g, t = _measured(g, temperatures)
    y, used = _logarithms(g, t)
    free = int(np.isfinite(y).sum()) - y.shape[1]
    if free < _FEWEST_VALUES:
        raise ValueError(
            f"g holds {free + y.shape[1]} values of {y.shape[1]} cells that were read at two "
            f"temperatures or more; give at least {_FEWEST_VALUES} values more than cells"
        )
    if np.nanmax(np.abs(centered(y))) < _ROUNDING:
        raise ValueError("g does not change between temperatures; give measured conductances")
    tried = [
        (law, fit_cells(law.residuals, law.start, law.low, law.high, free))
        for law in candidates(y, t, t_ref)
    ]
    criteria = [_criterion(fit, free) for _, fit in tried]
    law, best = tried[int(np.argmin(criteria))]
    scores = {
        type(law.build(fit.theta)).__name__: criterion - min(criteria)
        for (law, fit), criterion in zip(tried, criteria, strict=True)
    }
    residuals = np.full(g.shape, np.nan)
    residuals[:, used] = best.residuals
    return TemperatureFit(
        model=law.build(best.theta),
        estimates=_estimates(law, best, free),
        notes=tuple(_notes(law, best, scores, y, t)),
        counts=_counts(g, y, residuals),
        scores=scores,
        residuals=residuals,
    )


def _measured(g: ArrayLike, temperatures: ArrayLike) -> tuple[Floats, Floats]:
    """Return the conductances [S] and the temperatures [K] after checks."""
    t = array("temperatures", temperatures, ndim=1)
    if not t.size or t.min() <= 0 or t.min() == t.max() or t.max() > LARGEST_TEMPERATURE:
        raise ValueError(
            f"temperatures from {t.min(initial=np.inf):g} to {t.max(initial=-np.inf):g} K "
            "do not tell a law of temperature; give two or more different ones, in kelvins above 0"
        )
    return conductances("g", g, shape=(len(t), None)), t


def _counts(g: Floats, y: Floats, residuals: Floats) -> dict[str, int]:
    """Return how many values there are, missing, left out or far off."""
    return {
        "cells": g.shape[1],
        "values": g.size,
        "missing": int(np.isnan(g).sum()),
        "not positive": int((g <= 0).sum()),
        "read at one temperature": int((g > 0).sum() - np.isfinite(y).sum()),
        "far off": int(are_far_off(residuals.ravel()).sum()),
    }


def _logarithms(g: Floats, t: Floats) -> tuple[Floats, np.ndarray]:
    """Return ln g of the cells that were read at two temperatures or more, and which they are."""
    y = np.full(g.shape, np.nan)
    np.log(g, out=y, where=g > 0)
    at = np.where(np.isfinite(y), t[:, None], np.nan)
    first = np.where(np.isfinite(at), at, np.inf).min(axis=0)
    last = np.where(np.isfinite(at), at, -np.inf).max(axis=0)
    used = last > first
    return y[:, used], used


def _criterion(fit: CellFit, free: int) -> float:
    """Return n ln(RSS/n) + q ln n of a fit."""
    squares = max(float(np.nansum(fit.residuals**2)), 1e-300)
    return free * np.log(squares / free) + fit.effective * np.log(free)


def _estimates(law: Candidate, fit: CellFit, free: int) -> dict[str, Estimate]:
    """Return the parameters and the noise, with their standard errors."""
    errors = np.sqrt(np.diag(fit.covariance))
    found = {}
    for (name, unit), value, error in zip(law.units.items(), fit.theta, errors, strict=True):
        if unit == "S":  # the parameter is the logarithm
            value = np.exp(value)
            error = error * value
        found[name] = Estimate(
            value=float(value), error=float(error), unit=unit, positive=unit == "S"
        )
    noise = float(np.sqrt(np.nansum(fit.residuals**2) / (free - len(fit.theta))))
    found["noise"] = Estimate(value=noise, error=noise / np.sqrt(2 * free), positive=True)
    return found


def _notes(
    law: Candidate, fit: CellFit, scores: Mapping[str, float], y: Floats, t: Floats
) -> Iterator[str]:
    """Yield what the data do not tell."""
    different = len(np.unique(t))
    if different == 2:
        yield (
            "There are two temperatures, which no law bends between: a fall is called metallic and "
            "a rise activated. A third temperature tells them apart."
        )
    best = min(scores, key=lambda name: scores[name])
    others = [name for name in scores if name != best and scores[name] < _STRONG_EVIDENCE]
    for name in others:
        yield (
            f"{name} describes the data almost as well as {best}: their criteria differ by "
            f"{scores[name]:.1f}, and {_STRONG_EVIDENCE:g} would be strong evidence."
        )
    if y.shape[1] < FEWEST_CLUSTERS:
        yield (
            f"{y.shape[1]} cells are too few to see how they differ: the standard errors hold if "
            "all cells follow one law."
        )
    own = np.nanmean(y, axis=0)
    for name, place in (("g_lrs", 2), ("g_hrs", 3)):
        outside = name in law.units and not own.min() <= fit.theta[place] <= own.max()
        if outside:
            yield (
                f"{name} = {np.exp(fit.theta[place]):.3g} S lies outside the measured "
                f"conductances: no cell shows a pure law at that end."
            )
