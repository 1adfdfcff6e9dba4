"""Retention: how programmed conductances move with time. The direction of each cell is drawn once per chip."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from devices.validation import Floats, number


class Retention(ABC):
    """What time does to programmed conductances."""

    @abstractmethod
    def age(self, g: Floats, seconds: float, *, rng: np.random.Generator) -> Floats:
        """Return conductances [S], `seconds` after the programming that gave `g` [S]; the same `rng`, the same path."""

    @abstractmethod
    def common(self, g: Floats, seconds: float) -> Floats:
        """Return the mean factor E[G(t)]/g, `seconds` [s] after programming: a common one is a gain."""

    @abstractmethod
    def spread(self, g: Floats, seconds: float) -> Floats:
        """Return the standard deviation of G(t) [S] over cells programmed to g [S]: a weight error."""


@dataclass(frozen=True)
class NoDrift(Retention):
    """Conductances stay."""

    def age(self, g: Floats, seconds: float, *, rng: np.random.Generator) -> Floats:
        return np.array(g, dtype=np.float64)

    def common(self, g: Floats, seconds: float) -> Floats:
        return np.ones(np.shape(g))

    def spread(self, g: Floats, seconds: float) -> Floats:
        return np.zeros(np.shape(g))


@dataclass(frozen=True, kw_only=True)
class LogTimeDrift(Retention):
    """Drift with the logarithm of time: g(t) = g + mean · ln t + (std + std_rate · ln t) Z, t in seconds, floored at 0 S.

    `mean`, `std`, `std_rate` [S]; Z ~ N(0, 1) per cell, once. Before 1 s (t_0 of the fit) the relaxation `std` counts
    as complete; at t = 0 nothing has moved. common_scale multiplies the mean, spread_scale the spread, both to be swept.
    `common` and `spread` leave the floor out. The published form of CMO/HfOx RRAM (Falcone et al. 2025, arXiv:2502.04524).
    """

    mean: float
    std: float
    std_rate: float
    common_scale: float = 1.0
    spread_scale: float = 1.0

    def __post_init__(self) -> None:
        number("LogTimeDrift.mean", self.mean, unit="S")
        number("LogTimeDrift.std", self.std, at_least=0, unit="S")
        number("LogTimeDrift.std_rate", self.std_rate, at_least=0, unit="S")
        number("LogTimeDrift.common_scale", self.common_scale, at_least=0)
        number("LogTimeDrift.spread_scale", self.spread_scale, at_least=0)

    def _log_time(self, seconds: float) -> float:
        return float(np.log(max(seconds, 1.0)))

    def common(self, g: Floats, seconds: float) -> Floats:
        moved = self.common_scale * self.mean * self._log_time(seconds)
        return np.asarray(1 + moved / np.asarray(g, dtype=np.float64))

    def spread(self, g: Floats, seconds: float) -> Floats:
        moved = (
            self.spread_scale * (self.std + self.std_rate * self._log_time(seconds))
            if seconds
            else 0.0
        )
        return np.full(np.shape(g), moved)

    def age(self, g: Floats, seconds: float, *, rng: np.random.Generator) -> Floats:
        g = np.asarray(g, dtype=np.float64)
        if seconds == 0:
            return g.copy()
        mean = self.common_scale * self.mean * self._log_time(seconds)
        return np.maximum(g + mean + self.spread(g, seconds) * rng.standard_normal(g.shape), 0)
