"""Drift with the logarithm of time."""

from dataclasses import dataclass

import numpy as np

from devices.retention.base import Retention
from devices.retention.increments import Interval, normal_walk
from devices.seeding import RNG, generator
from devices.validation import LARGEST_ERROR, Floats, number

# Reference time of the fit [s].
_REFERENCE = 1.0


@dataclass(frozen=True, kw_only=True)
class LogTimeDrift(Retention):
    """G(t) = g + mean · ln t + W(t), with t in seconds, floored at 0 S.

    From 1 s on, the reference time of the fit, the change W of a cell has the variance
    (std + std_rate · ln t)² − programmed_std². Before, the mean is 0, and the variance grows in
    proportion to t from 0 to that of 1 s: how cells relax within the first second is not published.
    W has independent normal increments (`devices.retention.increments`), drawn once per chip: the
    fits give the spread at each time, and what a cell does in one decade of time does not tell what
    it does in the next. `common` and `spread` ignore the floor. The spread is the published form of
    CMO/HfOx RRAM (Falcone et al. 2025, arXiv:2502.04524).

    Attributes:
        mean: Mean change per unit of ln t [S].
        std: Spread at 1 s, from the fast relaxation [S].
        std_rate: Growth of the spread per unit of ln t [S].
        programmed_std: Part of `std` that the programming error of the device contains already [S];
            default 0. With programmed_std = std nothing relaxes within the first second.
        common_factor: Factor on the mean change, as an axis of sweeps; default 1.
        spread_factor: Factor on the spread, as an axis of sweeps; default 1.

    Raises:
        ValueError: If a spread or a factor is negative, or programmed_std is above std.
    """

    mean: float
    std: float
    std_rate: float
    programmed_std: float = 0.0
    common_factor: float = 1.0
    spread_factor: float = 1.0

    def __post_init__(self) -> None:
        number("LogTimeDrift.mean", self.mean, plausible=LARGEST_ERROR, unit="S")
        number("LogTimeDrift.std", self.std, at_least=0, plausible=LARGEST_ERROR, unit="S")
        number(
            "LogTimeDrift.std_rate", self.std_rate, at_least=0, plausible=LARGEST_ERROR, unit="S"
        )
        programmed = self.programmed_std
        number("LogTimeDrift.programmed_std", programmed, at_least=0, at_most=self.std, unit="S")
        number("LogTimeDrift.common_factor", self.common_factor, at_least=0)
        number("LogTimeDrift.spread_factor", self.spread_factor, at_least=0)

    def common(self, g: Floats, seconds: float) -> Floats:
        return np.asarray(1 + self._mean_change(seconds) / np.asarray(g, dtype=np.float64))

    def spread(self, g: Floats, seconds: float) -> Floats:
        sigma = self.spread_factor * np.sqrt(self._variance(seconds))
        return np.full(np.shape(g), sigma)

    def age(self, g: Floats, seconds: float, *, rng: RNG) -> Floats:
        random = generator(rng)
        g = np.asarray(g, dtype=np.float64)
        if seconds == 0:
            return g.copy()
        walk = normal_walk(
            self._variance, seconds, _REFERENCE, random, shape=g.shape, share=self._share
        )
        return np.maximum(g + self._mean_change(seconds) + self.spread_factor * walk, 0)

    def _mean_change(self, seconds: float) -> float:
        return self.common_factor * self.mean * _log_time(seconds)

    def _share(self, interval: Interval, seconds: float) -> float:
        """Return which share of an interval's variance is due by a time [s]."""
        before, whole = self._variance(interval.start), self._variance(interval.end)
        due = self._variance(min(seconds, interval.end)) - before
        return due / (whole - before) if whole > before else 1.0

    def _variance(self, seconds: float) -> float:
        """Return the variance of W [S²] at a time, before `spread_factor`."""
        sigma = self.std + self.std_rate * _log_time(seconds)
        beyond_programming = sigma**2 - self.programmed_std**2
        return float(beyond_programming * min(seconds / _REFERENCE, 1.0))


def _log_time(seconds: float) -> float:
    """Return ln t, held at 0 before the reference time of 1 s."""
    return float(np.log(max(seconds, _REFERENCE)))
