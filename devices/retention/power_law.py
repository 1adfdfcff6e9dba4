"""Drift as a power of time: the structural relaxation of phase-change memory."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from devices.retention.base import Retention
from devices.seeding import RNG, generator
from devices.special import erf, ndtr
from devices.validation import LARGEST_NUMBER, Floats, array, number

_TINY = 1e-300  # replaces 0 in divisions and logarithms


@dataclass(frozen=True, kw_only=True)
class ClippedLog:
    """A coefficient that depends on conductance: clip(slope · ln(g/g_ref) + intercept, low, high).

    Attributes:
        slope: Change of the coefficient per unit of ln(g/g_ref).
        intercept: Coefficient at g = g_ref, before clipping.
        low: Smallest value of the coefficient, at least 0.
        high: Largest value of the coefficient, at least `low`.

    Raises:
        ValueError: If a limit is out of range.
    """

    slope: float
    intercept: float
    low: float
    high: float

    def __post_init__(self) -> None:
        number("ClippedLog.slope", self.slope)
        number("ClippedLog.intercept", self.intercept)
        number("ClippedLog.low", self.low, at_least=0)
        number("ClippedLog.high", self.high, at_least=self.low)

    def at(self, ratio: ArrayLike) -> Floats:
        """Return the coefficient at the ratios g/g_ref; at g = 0 it is the limiting value."""
        log_ratio = np.log(np.maximum(array("g/g_ref", ratio), _TINY))
        return np.clip(self.slope * log_ratio + self.intercept, self.low, self.high)


@dataclass(frozen=True, kw_only=True)
class PowerLawDrift(Retention):
    """G(t) = g (t/t_0)^(−ν) for t > t_0: structural relaxation of phase-change cells.

    The published exponent is ν = |N(nu_mean, nu_std²)|, drawn per cell and once per chip. The
    exponent used is common_factor · E ν + spread_factor · (ν − E ν), so that its common part and
    its spread can be swept apart. With spread_factor = 0 all cells above a third of g_ref, where
    the published E ν does not depend on g, keep their ratios: their drift is a pure common-mode
    gain.

    The default laws are published: Nandakumar et al. ICECS 2019,
    doi:10.1109/ICECS46596.2019.8964852; Joshi et al. 2020, doi:10.1038/s41467-020-16108-9; numbers
    read in aihwkit 4545f11, pcm.py.

    Attributes:
        nu_mean: Mean of the normal law of exponents: a number, or a law of g/g_ref.
        nu_std: Its standard deviation: a number, or a law of g/g_ref.
        t_0: Time at which the programmed conductances were read [s]; default 20 s.
        g_ref: Largest conductance of the device [S]; default 25 µS.
        common_factor: Factor on the mean exponent, as an axis of sweeps; default 1.
        spread_factor: Factor on the deviation from the mean, as an axis of sweeps; default 1.

    Raises:
        ValueError: If a number lies outside its range.
    """

    nu_mean: ClippedLog | float = field(
        default_factory=lambda: ClippedLog(slope=-0.0155, intercept=0.0244, low=0.049, high=0.1)
    )
    nu_std: ClippedLog | float = field(
        default_factory=lambda: ClippedLog(slope=-0.0125, intercept=-0.0059, low=0.008, high=0.045)
    )
    t_0: float = 20.0
    g_ref: float = 25e-6
    common_factor: float = 1.0
    spread_factor: float = 1.0

    def __post_init__(self) -> None:
        for name in ("nu_mean", "nu_std"):
            if not isinstance(getattr(self, name), ClippedLog):
                number(f"PowerLawDrift.{name}", getattr(self, name), at_least=0)
        number("PowerLawDrift.t_0", self.t_0, above=0, unit="s")
        number("PowerLawDrift.g_ref", self.g_ref, above=0, plausible=LARGEST_NUMBER, unit="S")
        number("PowerLawDrift.common_factor", self.common_factor, at_least=0)
        number("PowerLawDrift.spread_factor", self.spread_factor, at_least=0)

    def exponents(self, g: Floats) -> tuple[Floats, Floats]:
        """Return mean and standard deviation of the normal law behind ν, at g [S]."""
        ratio = np.asarray(g, dtype=np.float64) / self.g_ref
        mean, std = (
            law.at(ratio) if isinstance(law, ClippedLog) else np.full(ratio.shape, float(law))
            for law in (self.nu_mean, self.nu_std)
        )
        return mean, std

    def common(self, g: Floats, seconds: float) -> Floats:
        return self._moment(g, self._log_time(seconds))

    def spread(self, g: Floats, seconds: float) -> Floats:
        log_time = self._log_time(seconds)
        variance = self._moment(g, 2 * log_time) - self._moment(g, log_time) ** 2
        return np.asarray(g) * np.sqrt(np.maximum(variance, 0))

    def age(self, g: Floats, seconds: float, *, rng: RNG) -> Floats:
        random = generator(rng)
        if seconds <= self.t_0:
            return np.array(g, dtype=np.float64)
        mean, std = self.exponents(g)
        center = _folded_mean(mean, std)
        nu = np.abs(mean + std * random.standard_normal(mean.shape))
        nu = self.common_factor * center + self.spread_factor * (nu - center)
        return np.asarray(g * np.exp(-nu * self._log_time(seconds)))

    def _log_time(self, seconds: float) -> float:
        """Return ln(t/t_0), and 0 before t_0."""
        return float(np.log(max(seconds, self.t_0) / self.t_0))

    def _moment(self, g: Floats, log_time: float) -> Floats:
        """Return E[exp(−log_time · ν)], from the moment generating function of a folded normal."""
        mean, std = self.exponents(g)
        a = self.spread_factor * log_time
        ratio = mean / np.maximum(std, _TINY)
        positive = np.exp(-a * mean) * ndtr(ratio - a * std)
        negative = np.exp(a * mean) * ndtr(-ratio - a * std)
        shift = (self.common_factor - self.spread_factor) * _folded_mean(mean, std) * log_time
        return np.asarray(np.exp((a * std) ** 2 / 2 - shift) * (positive + negative))


def _folded_mean(mean: Floats, std: Floats) -> Floats:
    """Return E|N(mean, std²)|."""
    ratio = mean / np.maximum(std, _TINY)
    with np.errstate(over="ignore"):
        return np.asarray(
            std * np.sqrt(2 / np.pi) * np.exp(-(ratio**2) / 2) + mean * erf(ratio / np.sqrt(2))
        )
