"""The temperature laws that a fit tries, as residuals of their parameters."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from devices.temperature import (
    BOLTZMANN_EV,
    ActivatedTemperature,
    MetallicTemperature,
    MixedTemperature,
    NoTemperature,
    TemperatureLaw,
)
from devices.validation import Floats

# The mixed law needs so many cells, and this ratio between the highest and the lowest.
_FEWEST_MIXED_CELLS = 10
_LEAST_RATIO = 2.0
_MOST_ROUNDS = 30


class Candidate(NamedTuple):
    """A law that is tried.

    Attributes:
        residuals: Returns ln G minus the law's, (temperatures, cells), of the parameters.
        build: Returns the law of the parameters.
        units: The parameters' units by name; those in "S" are logarithms.
        start: Parameters to start from.
        low: Lower bounds.
        high: Upper bounds.
    """

    residuals: Callable[[Floats], Floats]
    build: Callable[[Floats], TemperatureLaw]
    units: dict[str, str]
    start: Floats
    low: Floats
    high: Floats


def centered(y: Floats) -> Floats:
    """Return values minus the mean of their cell; every cell has a value."""
    return np.asarray(y - np.nanmean(y, axis=0))


def candidates(y: Floats, t: Floats, t_ref: float) -> list[Candidate]:
    """Return the laws that the data can be asked about.

    Args:
        y: ln G, (temperatures, cells); NaN where missing. Every cell has a value.
        t: Temperatures [K].
        t_ref: Reference temperature [K].
    """
    kelvin, inverse = t - t_ref, (1 / t - 1 / t_ref) / BOLTZMANN_EV
    # The linear law must leave a positive resistance at all temperatures that were measured.
    limits = [-0.99 / d for d in kelvin.tolist() if d]
    low = max([a for a in limits if a < 0], default=-np.inf)
    high = min([a for a in limits if a > 0], default=np.inf)
    nothing = np.empty(0)
    none = Candidate(
        lambda _: centered(y), lambda _: NoTemperature(), {}, nothing, nothing, nothing
    )
    metallic = Candidate(
        lambda theta: centered(y + np.log1p(theta[0] * kelvin)[:, None]),
        lambda theta: MetallicTemperature(alpha=float(theta[0]), t_ref=t_ref),
        {"alpha": "1/K"},
        np.zeros(1),
        np.array([low]),
        np.array([high]),
    )
    activated = Candidate(
        lambda theta: centered(y + (theta[0] * inverse)[:, None]),
        lambda theta: ActivatedTemperature(activation_energy_ev=float(theta[0]), t_ref=t_ref),
        {"activation_energy_ev": "eV"},
        np.array([0.01]),
        np.zeros(1),
        np.array([np.inf]),
    )
    if len(np.unique(t)) == 2:
        # A change between two temperatures fits both laws exactly, and its sign decides.
        rises = np.nansum(centered(y) * (t - t.mean())[:, None]) > 0
        return [none, activated if rises else metallic]
    spans = np.exp(np.nanmax(y) - np.nanmin(y)) >= _LEAST_RATIO
    if not spans or y.shape[1] < _FEWEST_MIXED_CELLS:
        return [none, metallic, activated]
    return [none, metallic, activated, _mixed(y, kelvin, inverse, t_ref, (low, high))]


def _mixed(
    y: Floats, kelvin: Floats, inverse: Floats, t_ref: float, limits: tuple[float, float]
) -> Candidate:
    """Return the mixed law; its parameters are alpha, E_A, ln g_lrs and ln g_hrs."""

    def residuals(theta: Floats) -> Floats:
        alpha, energy, lrs, hrs = theta
        metallic, activated = -np.log1p(alpha * kelvin)[:, None], -energy * inverse[:, None]
        own = np.nanmean(y, axis=0)
        # The share of a cell depends on its own conductance at t_ref, which depends on the share.
        for _ in range(_MOST_ROUNDS):
            share = (np.clip(own, hrs, lrs) - hrs) / (lrs - hrs)
            change = share * metallic + (1 - share) * activated
            before, own = own, np.nanmean(y - change, axis=0)
            if np.abs(own - before).max() < 1e-12:
                break
        return np.asarray(y - change - own)

    own = np.nanmean(y, axis=0)
    start = min(
        _starts(y, kelvin, inverse, own, limits),
        key=lambda theta: float(np.nansum(residuals(theta) ** 2)),
    )
    middle = (start[2] + start[3]) / 2
    width = float(np.ptp(own))
    return Candidate(
        residuals,
        lambda theta: MixedTemperature(
            lrs=MetallicTemperature(alpha=float(theta[0]), t_ref=t_ref),
            hrs=ActivatedTemperature(activation_energy_ev=float(theta[1]), t_ref=t_ref),
            g_lrs=float(np.exp(theta[2])),
            g_hrs=float(np.exp(theta[3])),
        ),
        {"alpha": "1/K", "activation_energy_ev": "eV", "g_lrs": "S", "g_hrs": "S"},
        start,
        np.array([limits[0], 0.0, middle + 1e-3 * width, own.min() - width]),
        np.array([limits[1], np.inf, own.max() + width, middle - 1e-3 * width]),
    )


def _starts(
    y: Floats, kelvin: Floats, inverse: Floats, own: Floats, limits: tuple[float, float]
) -> list[Floats]:
    """Return starts of the mixed law: for pairs of its two conductances, the best linear law."""
    grid = np.unique(np.quantile(own, np.linspace(0, 1, 6)))
    known = np.isfinite(y)
    found = []
    for i, hrs in enumerate(grid[:-1]):
        for lrs in grid[i + 1 :]:
            share = (np.clip(own, hrs, lrs) - hrs) / (lrs - hrs)
            columns = []
            for law, weight in ((-kelvin, share), (-inverse, 1 - share)):
                column = np.where(known, law[:, None] * weight, np.nan)
                columns.append(centered(column)[known])
            slopes = np.linalg.lstsq(np.array(columns).T, centered(y)[known], rcond=None)[0]
            alpha = np.clip(slopes[0], 0.9 * limits[0], 0.9 * limits[1])
            found.append(np.array([alpha, max(slopes[1], 1e-4), lrs, hrs]))
    return found
