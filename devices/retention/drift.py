"""Drift and relaxation of conductances, their common part apart from their spread: an NSM ignores the one, not the other."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import erf, ndtr

from devices.retention.base import Retention
from devices.validation import Floats, array, number


@dataclass(frozen=True, kw_only=True)
class ClippedLog:
    """A coefficient that depends on conductance: clip(slope · ln(g/g_ref) + intercept, low, high)."""

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
        """Return the coefficient at g/g_ref."""
        log_ratio = np.log(
            np.maximum(array("g/g_ref", ratio), 1e-300)
        )  # an empty cell is at the end of the range
        return np.clip(self.slope * log_ratio + self.intercept, self.low, self.high)


@dataclass(frozen=True, kw_only=True)
class PowerLawDrift(Retention):
    """Structural relaxation of phase-change cells: G(t) = g (t/t_0)^(−ν) for t > t_0.

    ν = |N(nu_mean, nu_std²)|, drawn per cell and once per chip: the same `rng`, the same ν at every time.

    `nu_mean` and `nu_std`: numbers, or laws of g/g_ref; the defaults are the published ones (Nandakumar et al. ICECS 2019,
    doi:10.1109/ICECS46596.2019.8964852; Joshi et al. 2020, doi:10.1038/s41467-020-16108-9; numbers read in aihwkit 4545f11,
    pcm.py). `t_0` [s] is when the programmed conductances were read, `g_ref` [S] the largest one.

    ν = common_scale · E ν + spread_scale · (ν − E ν) sets the two parts apart, to be swept. With spread_scale = 0 all cells
    above a third of g_ref, where the published E ν does not depend on g, keep their ratios: a pure gain.
    """

    nu_mean: ClippedLog | float = field(
        default_factory=lambda: ClippedLog(slope=-0.0155, intercept=0.0244, low=0.049, high=0.1)
    )
    nu_std: ClippedLog | float = field(
        default_factory=lambda: ClippedLog(slope=-0.0125, intercept=-0.0059, low=0.008, high=0.045)
    )
    t_0: float = 20.0
    g_ref: float = 25e-6
    common_scale: float = 1.0
    spread_scale: float = 1.0

    def __post_init__(self) -> None:
        for name in ("nu_mean", "nu_std"):
            if not isinstance(getattr(self, name), ClippedLog):
                number(f"PowerLawDrift.{name}", getattr(self, name), at_least=0)
        number("PowerLawDrift.t_0", self.t_0, above=0, unit="s")
        number("PowerLawDrift.g_ref", self.g_ref, above=0, unit="S")
        number("PowerLawDrift.common_scale", self.common_scale, at_least=0)
        number("PowerLawDrift.spread_scale", self.spread_scale, at_least=0)

    def exponents(self, g: Floats) -> tuple[Floats, Floats]:
        """Return mean and standard deviation of N, whose absolute value is the published ν, at conductances g [S]."""
        ratio = np.asarray(g, dtype=np.float64) / self.g_ref
        mean, std = (
            law.at(ratio) if isinstance(law, ClippedLog) else np.full(ratio.shape, float(law))
            for law in (self.nu_mean, self.nu_std)
        )
        return mean, std

    def common(self, g: Floats, seconds: float) -> Floats:
        """Return the mean factor E[G(t)]/g, `seconds` [s] after programming."""
        return self._moment(g, self._log_time(seconds))

    def spread(self, g: Floats, seconds: float) -> Floats:
        """Return the standard deviation of G(t) [S] over cells programmed to g [S]."""
        log_time = self._log_time(seconds)
        variance = self._moment(g, 2 * log_time) - self._moment(g, log_time) ** 2
        return np.asarray(g) * np.sqrt(np.maximum(variance, 0))

    def age(self, g: Floats, seconds: float, *, rng: np.random.Generator) -> Floats:
        mean, std = self.exponents(g)
        centre = _folded_mean(mean, std)
        nu = np.abs(mean + std * rng.standard_normal(mean.shape))
        nu = self.common_scale * centre + self.spread_scale * (nu - centre)
        return np.asarray(g * np.exp(-nu * self._log_time(seconds)))

    def _log_time(self, seconds: float) -> float:
        return float(np.log(max(seconds, self.t_0) / self.t_0))

    def _moment(self, g: Floats, log_time: float) -> Floats:
        """Return E[exp(−log_time · ν)], from the moment generating function of a folded normal."""
        mean, std = self.exponents(g)
        a = self.spread_scale * log_time
        ratio = mean / np.maximum(std, 1e-300)
        folded = np.exp(-a * mean) * ndtr(ratio - a * std) + np.exp(a * mean) * ndtr(
            -ratio - a * std
        )
        shift = (self.common_scale - self.spread_scale) * _folded_mean(mean, std) * log_time
        return np.asarray(np.exp((a * std) ** 2 / 2 - shift) * folded)


def _folded_mean(mean: Floats, std: Floats) -> Floats:
    """Return E|N(mean, std²)|."""
    ratio = mean / np.maximum(std, 1e-300)
    with np.errstate(over="ignore"):
        return np.asarray(
            std * np.sqrt(2 / np.pi) * np.exp(-(ratio**2) / 2) + mean * erf(ratio / np.sqrt(2))
        )


@dataclass(frozen=True, kw_only=True)
class TabulatedRelaxation(Retention):
    """Relaxation known by the spread of conductances at a few times after programming: G(t) = max(g + extra(g, t) Z, 0).

    σ(g, times[k]) = Σ_i coefficients[k][i] (g/g_ref)^i [S], floored at 0, g cut to [0, g_ref]; extra² = σ²(t) − σ²(times[0]),
    floored at 0: the spread at the first time belongs to programming. Between the times extra² is interpolated linearly
    in ln t, which is ours and not published; after the last time it is held. Z ~ N(0, 1) per cell, once: the published
    marginals say nothing of how one cell moves from time to time. There is no common part.

    `times` [s], rising; `coefficients` [S]; `g_ref` [S]; `spread_scale` multiplies extra, to be swept.
    """

    times: tuple[float, ...]
    coefficients: tuple[tuple[float, ...], ...]
    g_ref: float
    spread_scale: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "times", tuple(self.times))
        object.__setattr__(self, "coefficients", tuple(tuple(row) for row in self.coefficients))
        for t in self.times:
            number("TabulatedRelaxation.times", t, above=0, unit="s")
        if len(self.times) < 2 or any(
            a >= b for a, b in zip(self.times, self.times[1:], strict=False)
        ):
            raise ValueError(
                f"TabulatedRelaxation.times = {self.times} must be two or more, rising [s]"
            )
        if len(self.coefficients) != len(self.times) or not all(self.coefficients):
            raise ValueError(
                f"TabulatedRelaxation.coefficients has {len(self.coefficients)} rows for {len(self.times)} times; "
                "give one polynomial for each, with at least its constant term [S]"
            )
        for c in (c for row in self.coefficients for c in row):
            number("TabulatedRelaxation.coefficients", c, unit="S")
        number("TabulatedRelaxation.g_ref", self.g_ref, above=0, unit="S")
        number("TabulatedRelaxation.spread_scale", self.spread_scale, at_least=0)

    def common(self, g: Floats, seconds: float) -> Floats:
        """Return the mean factor E[G(t)]/g, but for the floor at 0 S: 1."""
        return np.ones(np.shape(g))

    def spread(self, g: Floats, seconds: float) -> Floats:
        """Return extra(g, t) [S], the standard deviation of G(t) before the floor at 0 S; none up to the first time."""
        ratio = np.clip(np.asarray(g, dtype=np.float64) / self.g_ref, 0, 1)
        sigma = [
            np.maximum(np.polynomial.polynomial.polyval(ratio, row), 0) for row in self.coefficients
        ]
        extra = [np.maximum(s**2 - sigma[0] ** 2, 0) for s in sigma]
        position = np.interp(
            np.log(max(seconds, self.times[0])), np.log(self.times), np.arange(len(self.times))
        )
        k = min(int(position), len(self.times) - 2)
        share = position - k
        return np.asarray(
            self.spread_scale * np.sqrt((1 - share) * extra[k] + share * extra[k + 1])
        )

    def age(self, g: Floats, seconds: float, *, rng: np.random.Generator) -> Floats:
        g = np.asarray(g, dtype=np.float64)
        return np.maximum(g + self.spread(g, seconds) * rng.standard_normal(g.shape), 0)


#: TaOx/HfOx RRAM to 40 µS at 1 s, 1 day and 2 days after write-verify. Wan et al. Nature 608, 504 (2022) Ext. Data Fig. 3,
#: doi:10.1038/s41586-022-04992-8, as digitised in aihwkit 4545f11 (reram.py). Another digitisation of the figure differs by
#: 17 % at 20 µS and 77 % at 1 µS already at 1 s.
RELAXATION_WAN2022 = TabulatedRelaxation(
    times=(1.0, 86400.0, 172800.0),
    coefficients=(
        (0.348e-6, 16.030e-6, -43.853e-6, 45.393e-6, -16.815e-6),
        (0.701e-6, 22.086e-6, -50.773e-6, 47.095e-6, -16.458e-6),
        (0.782e-6, 20.274e-6, -43.507e-6, 37.062e-6, -11.934e-6),
    ),
    g_ref=40e-6,
)
