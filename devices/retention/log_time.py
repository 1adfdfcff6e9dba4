"""Drift with the logarithm of time."""

from dataclasses import dataclass

import numpy as np

from devices.retention.base import Retention
from devices.seeding import RNG, generator
from devices.validation import Floats, number


@dataclass(frozen=True, kw_only=True)
class LogTimeDrift(Retention):
    """G(t) = g + mean · ln t + (std + std_rate · ln t) Z, with t in seconds, floored at 0 S.

    Z ~ N(0, 1) is drawn once per cell. At t = 0 nothing has changed; from then on the relaxation
    `std` counts as complete, also before 1 s, which is the reference time of the fit. `common` and
    `spread` ignore the floor. This is the published form of CMO/HfOx RRAM (Falcone et al. 2025,
    arXiv:2502.04524).

    Attributes:
        mean: Mean change per unit of ln t [S].
        std: Spread of the fast relaxation [S].
        std_rate: Growth of the spread per unit of ln t [S].
        common_factor: Factor on the mean change, as an axis of sweeps; default 1.
        spread_factor: Factor on the spread, as an axis of sweeps; default 1.

    Raises:
        ValueError: If a spread or a factor is negative.
    """

    mean: float
    std: float
    std_rate: float
    common_factor: float = 1.0
    spread_factor: float = 1.0

    def __post_init__(self) -> None:
        number("LogTimeDrift.mean", self.mean, unit="S")
        number("LogTimeDrift.std", self.std, at_least=0, unit="S")
        number("LogTimeDrift.std_rate", self.std_rate, at_least=0, unit="S")
        number("LogTimeDrift.common_factor", self.common_factor, at_least=0)
        number("LogTimeDrift.spread_factor", self.spread_factor, at_least=0)

    def common(self, g: Floats, seconds: float) -> Floats:
        return np.asarray(1 + self._mean_change(seconds) / np.asarray(g, dtype=np.float64))

    def spread(self, g: Floats, seconds: float) -> Floats:
        sigma = self.spread_factor * (self.std + self.std_rate * _log_time(seconds))
        return np.full(np.shape(g), sigma if seconds else 0.0)

    def age(self, g: Floats, seconds: float, *, rng: RNG) -> Floats:
        random = generator(rng)
        g = np.asarray(g, dtype=np.float64)
        if seconds == 0:
            return g.copy()
        spread = self.spread(g, seconds) * random.standard_normal(g.shape)
        return np.maximum(g + self._mean_change(seconds) + spread, 0)

    def _mean_change(self, seconds: float) -> float:
        return self.common_factor * self.mean * _log_time(seconds)


def _log_time(seconds: float) -> float:
    """Return ln t, held at 0 before the reference time of 1 s."""
    return float(np.log(max(seconds, 1.0)))
