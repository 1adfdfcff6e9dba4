"""Retention: how programmed conductances move with time. The direction of each cell is drawn once per chip."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from devices._checks import Floats, number


class Retention(ABC):
    """What time does to programmed conductances."""

    @abstractmethod
    def age(self, g: Floats, seconds: float, *, rng: np.random.Generator) -> Floats:
        """Return conductances [S], `seconds` after the programming that gave `g` [S]; the same `rng`, the same path."""


@dataclass(frozen=True)
class NoDrift(Retention):
    """Conductances stay."""

    def age(self, g: Floats, seconds: float, *, rng: np.random.Generator) -> Floats:
        return np.array(g, dtype=np.float64)


@dataclass(frozen=True, kw_only=True)
class LogTimeDrift(Retention):
    """Drift with the logarithm of time: g(t) = g + mean · ln t + (std + std_rate · ln t) Z, t in seconds, floored at 0 S.

    `mean`, `std`, `std_rate` [S]; Z ~ N(0, 1) per cell, once. Before 1 s (t_0 of the fit) the relaxation `std` counts
    as complete; at t = 0 nothing has moved. The published form of CMO/HfOx RRAM (Falcone et al. 2025, arXiv:2502.04524).
    """

    mean: float
    std: float
    std_rate: float

    def __post_init__(self) -> None:
        number("LogTimeDrift.mean", self.mean, unit="S")
        number("LogTimeDrift.std", self.std, at_least=0, unit="S")
        number("LogTimeDrift.std_rate", self.std_rate, at_least=0, unit="S")

    def age(self, g: Floats, seconds: float, *, rng: np.random.Generator) -> Floats:
        g = np.asarray(g, dtype=np.float64)
        if seconds == 0:
            return g.copy()
        log_t = np.log(max(seconds, 1.0))
        spread = (self.std + self.std_rate * log_t) * rng.standard_normal(g.shape)
        return np.maximum(g + self.mean * log_t + spread, 0)
