"""Relaxation as a random process: independent, heavy-tailed increments in logarithmic time."""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from devices.operating_point import OperatingPoint
from devices.retention.base import Retention
from devices.retention.increments import Interval, intervals
from devices.rows import check_lengths, rising_row, row
from devices.seeding import RNG, generator
from devices.temperature import BOLTZMANN_EV
from devices.validation import Floats, number

_ROWS = ("clock", "fluctuation", "mean")


@dataclass(frozen=True, kw_only=True)
class RelaxationProcess(Retention):
    """Relaxation of filamentary RRAM: G(t) = max(g + s (μ(t) + σ(g) (L(h(t)) + √ν(t) Z(t))), 0).

    L is a variance-gamma process in the clock h(t) (Madan and Seneta, J. Business 63, 511, 1990):
    independent increments √Γ · N(0, 1) with Γ from a gamma distribution of mean Δh and variance
    kappa · Δh. The excess kurtosis is 3 kappa/h, and Cov(L(h(t)), L(h(t'))) = h(min(t, t')). The
    law is infinitely divisible: a time that is divided into parts changes nothing.

    Z is the part that returns, telegraph and 1/f noise slower than a run of reads: a normal process
    of variance 1, whose correlation falls by `persistence` per decade of time. `common` and
    `spread` leave out the floor at 0 S.

    All of this is exact at four times per decade, from `times[0]` on. Between them each cell makes
    its step at a random moment: the kurtosis is larger, and covariances of Z are too large by 0.4 %
    at most for a `persistence` of 0.5 or more.

    h, ν and μ are interpolated linearly in ln t, and σ linearly in g; beyond the ends of its table
    σ is constant. Before the first time h, ν and μ grow in proportion to t, so that nothing jumps.
    After the last one h goes on with the last slope, an extrapolation; ν and μ stay.

    s = exp(E_A/k (1/measured_at − 1/temperature)) is the Arrhenius factor. Everything is drawn
    once per chip: the same seed gives the same path at every time.

    Attributes:
        times: Times after programming [s], rising.
        clock: h at these times, positive and rising: variance in units of σ²(g).
        fluctuation: ν at these times, in units of σ²(g).
        mean: μ at these times [S], the mean change of all cells.
        conductances: Conductances [S] at which `scales` are given, rising.
        scales: σ at these conductances [S]; linear between them, constant beyond.
        kappa: Weight of the tails, above 0.
        persistence: Correlation of the fluctuation over a decade of time, from 0 to 1.
        activation_energy_ev: E_A [eV]; default 0: temperature changes nothing.
        temperature: Temperature while cells relax [K]; None (default) for that of the chip.
        measured_at: Temperature at which the numbers were measured [K]; default 298.15 K.
        common_factor: Factor on the mean change, as an axis of sweeps; default 1.
        spread_factor: Factor on the deviations from it, as an axis of sweeps; default 1.

    Raises:
        ValueError: If a number lies outside its range, or rows have different lengths.
    """

    times: tuple[float, ...]
    clock: tuple[float, ...]
    fluctuation: tuple[float, ...]
    mean: tuple[float, ...]
    conductances: tuple[float, ...]
    scales: tuple[float, ...]
    kappa: float
    persistence: float
    activation_energy_ev: float = 0.0
    temperature: float | None = None
    measured_at: float = 298.15
    common_factor: float = 1.0
    spread_factor: float = 1.0

    def __post_init__(self) -> None:
        times = rising_row("RelaxationProcess.times", self.times, above=0, unit="s")
        conductances = rising_row(
            "RelaxationProcess.conductances", self.conductances, at_least=0, unit="S"
        )
        object.__setattr__(self, "times", times)
        object.__setattr__(self, "conductances", conductances)
        for name in (*_ROWS, "scales"):
            low = 0.0 if name in ("fluctuation", "scales") else None
            numbers = row(f"RelaxationProcess.{name}", getattr(self, name), at_least=low)
            where, positions = (
                ("conductances", conductances) if name == "scales" else ("times", times)
            )
            check_lengths(f"RelaxationProcess.{name}", numbers, where, positions)
            object.__setattr__(self, name, numbers)
        if self.clock[0] <= 0 or not all(a < b for a, b in pairwise(self.clock)):
            raise ValueError(
                f"RelaxationProcess.clock = {self.clock} must begin above 0 and rise: the "
                "variance of independent increments is never undone"
            )
        number("RelaxationProcess.kappa", self.kappa, above=0)
        number("RelaxationProcess.measured_at", self.measured_at, above=0, unit="K")
        if self.temperature is not None:
            number("RelaxationProcess.temperature", self.temperature, above=0, unit="K")
        number("RelaxationProcess.persistence", self.persistence, at_least=0, at_most=1)
        energy = self.activation_energy_ev
        number("RelaxationProcess.activation_energy_ev", energy, at_least=0, unit="eV")
        for name in ("common_factor", "spread_factor"):
            number(f"RelaxationProcess.{name}", getattr(self, name), at_least=0)

    @property
    def arrhenius(self) -> float:
        """Factor s of all changes at the temperature of storage."""
        exponent = self.activation_energy_ev / BOLTZMANN_EV
        kept_at = self.measured_at if self.temperature is None else self.temperature
        return float(np.exp(exponent * (1 / self.measured_at - 1 / kept_at)))

    def at(self, point: OperatingPoint) -> "RelaxationProcess":
        if self.temperature is not None or not self.activation_energy_ev:
            return self
        return replace(self, temperature=point.temperature)

    def scale(self, g: Floats) -> Floats:
        """Return σ [S] of cells of g [S] at the temperature of the measurement."""
        return np.interp(np.asarray(g, dtype=np.float64), self.conductances, self.scales)

    def elapsed(self, seconds: float) -> float:
        """Return the clock h at a time [s]: the variance of L, 0 at 0 s."""
        if seconds > self.times[-1]:
            rate = (self.clock[-1] - self.clock[-2]) / np.log(self.times[-1] / self.times[-2])
            return float(self.clock[-1] + rate * np.log(seconds / self.times[-1]))
        return self._interpolated(self.clock, seconds)

    def common(self, g: Floats, seconds: float) -> Floats:
        change = self.common_factor * self.arrhenius * self._interpolated(self.mean, seconds)
        with np.errstate(divide="ignore"):
            return np.asarray(1 + change / np.asarray(g, dtype=np.float64))

    def spread(self, g: Floats, seconds: float) -> Floats:
        variance = self.elapsed(seconds) + self._interpolated(self.fluctuation, seconds)
        return self.spread_factor * self.arrhenius * self.scale(g) * np.sqrt(variance)

    def age(self, g: Floats, seconds: float, *, rng: RNG) -> Floats:
        random = generator(rng)
        g = np.asarray(g, dtype=np.float64)
        if seconds <= 0:
            return g.copy()
        settled, returning = np.zeros(g.shape), np.zeros(g.shape)
        for interval in intervals(self.times[0], seconds):
            due = self.elapsed(interval.end) - self.elapsed(interval.start)
            gamma_time = self.kappa * random.standard_gamma(due / self.kappa, g.shape)
            increment = np.sqrt(gamma_time) * random.standard_normal(g.shape)
            kept = self.persistence**interval.decades if interval.start else 0.0
            fresh = kept * returning + np.sqrt(1 - kept**2) * random.standard_normal(g.shape)
            passed = random.random(g.shape) < self._share(interval, seconds)
            settled += passed * increment
            returning += passed * (fresh - returning)
        # Before the first time fewer cells have a fluctuation, each of the full size.
        size = np.sqrt(self._interpolated(self.fluctuation, max(seconds, self.times[0])))
        change = self.spread_factor * self.scale(g) * (settled + size * returning)
        change += self.common_factor * self._interpolated(self.mean, seconds)
        return np.maximum(g + self.arrhenius * change, 0)

    def _share(self, interval: Interval, seconds: float) -> float:
        """Return which share of an interval's clock has passed by a time [s]."""
        before = self.elapsed(interval.start)
        due = self.elapsed(min(seconds, interval.end)) - before
        return due / (self.elapsed(interval.end) - before)

    def _interpolated(self, row: tuple[float, ...], seconds: float) -> float:
        """Return a row at a time [s]: proportional to t before the first time, then in ln t."""
        if seconds < self.times[0]:
            return row[0] * seconds / self.times[0]
        return float(np.interp(np.log(seconds), np.log(self.times), row))
