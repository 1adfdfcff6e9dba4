"""A volatile threshold switch in series with a cell, which conducts above its random threshold."""

from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from devices.operating_point import OperatingPoint
from devices.read_noise.base import ReadNoise, State
from devices.seeding import RNG, generator
from devices.special import ndtr, ndtri, owens_t
from devices.validation import Floats, instance, number


class SelectorState(NamedTuple):
    """Thresholds of the switches, each field of the cells' shape.

    Attributes:
        offset: X, how far a device's mean threshold lies from the typical one, in units of spread.
        threshold: How far the last threshold lay from the device's mean, in units of sigma.
    """

    offset: Floats
    threshold: Floats


def crossing_covariance(z: float, spread: float, rho: ArrayLike) -> Floats:
    """Return the covariance of two threshold crossings of a device, averaged over devices.

    Averaging over X leaves Φ₂(h, h; r) with h = z/√(1 + b²) and r = (ρ + b²)/(1 + b²), b = spread.
    Owen's T (1956) gives it as Φ(h) − 2 T(h, √((1 − r)/(1 + r))).

    Args:
        z: How far the voltage lies above the typical mean threshold, in units of sigma.
        spread: Device-to-device standard deviation of the mean threshold, in units of sigma.
        rho: Correlation ρ of the two thresholds; 1 gives the variance of one crossing.
    """
    rho = np.asarray(rho, dtype=np.float64)
    twice_b2 = 2 * spread**2
    h = z / np.hypot(1, spread)
    independent = owens_t(h, np.sqrt(1 / (1 + twice_b2)))
    correlated = owens_t(h, np.sqrt((1 - rho) / (1 + rho + twice_b2)))
    return np.asarray(2 * (independent - correlated))


def _next_thresholds(
    last: Floats, rho: float, shape: tuple[int, ...], random: np.random.Generator
) -> Floats:
    """Return successive steps of an AR(1) process with correlation rho, which follow `last`."""
    thresholds = np.sqrt(1 - rho**2) * random.standard_normal(shape)
    for k in range(shape[0]):
        thresholds[k] += rho * last
        last = thresholds[k]
    return thresholds


@dataclass(frozen=True, kw_only=True)
class StochasticSelector(ReadNoise):
    """ξ = 1 if the read voltage V exceeds the threshold V_T, else `leak`.

    V_T ~ N(mean + spread·sigma·X, sigma²) is an Ornstein-Uhlenbeck process in time, and X ~ N(0, 1)
    differs between devices. A device at the mean threshold conducts with p = Φ(z), where
    z = (V − mean)/sigma, and dp/dV = φ(z)/sigma. Each read is one cycle, after which the switch has
    relaxed. X and the first threshold are drawn once per chip, a step of it on every read.

    This is the process of the Ag/HfO2 switch of Dutta et al. 2022, doi:10.1038/s41467-022-30305-8.
    Their numbers are not known here: by default `sigma` is not known in volts, and z is the same at
    every voltage. With a threshold in volts (`with_threshold`) p follows the read voltage.

    Attributes:
        z: How far the voltage of `measured_at` lies above the mean threshold of the typical device
            [sigma]; default 0.
        sigma: Cycle-to-cycle standard deviation of the threshold [V]; None (default): not known.
        correlation: Correlation of the thresholds of two cycles that are `period` apart, in [0, 1);
            over a time Δt it is correlation^(Δt/period); default 0.
        spread: Device-to-device standard deviation of the mean threshold [sigma]; default 0.
        leak: Conductance of the branch with an open switch over that with a closed one; default 0.
        on_conductance: Conductance of the closed switch [S], in series with the cell; None: ideal.
        period: Time to which `correlation` refers [s]; default 1 µs.
        measured_at: Operating point whose voltage z refers to; a chip moves z to its own voltage.

    Raises:
        ValueError: If a number lies outside its range.
    """

    z: float = 0.0
    sigma: float | None = None
    correlation: float = 0.0
    spread: float = 0.0
    leak: float = 0.0
    on_conductance: float | None = None
    period: float = 1e-6
    measured_at: OperatingPoint = field(default_factory=OperatingPoint)

    def __post_init__(self) -> None:
        number("StochasticSelector.z", self.z)
        instance("StochasticSelector.measured_at", self.measured_at, OperatingPoint)
        if self.sigma is not None:
            number("StochasticSelector.sigma", self.sigma, above=0, unit="V")
        number("StochasticSelector.correlation", self.correlation, at_least=0, below=1)
        number("StochasticSelector.spread", self.spread, at_least=0)
        number("StochasticSelector.leak", self.leak, at_least=0, below=1)
        number("StochasticSelector.period", self.period, above=0, unit="s")
        if self.on_conductance is not None:
            number("StochasticSelector.on_conductance", self.on_conductance, above=0, unit="S")

    @classmethod
    def with_p(cls, p: float, **fields: Any) -> "StochasticSelector":
        """Return a selector with other `fields` that conducts with p at their `measured_at`."""
        if "z" in fields:
            raise ValueError("StochasticSelector.with_p sets z from p; give only one of the two")
        return cls(z=float(ndtri(number("p", p, above=0, below=1))), **fields)

    @classmethod
    def with_threshold(cls, mean: float, sigma: float, **fields: Any) -> "StochasticSelector":
        """Return a selector with a threshold of mean ± sigma [V]; p follows the read voltage."""
        number("mean", mean, unit="V")
        if "z" in fields:
            raise ValueError("StochasticSelector.with_threshold sets z from mean; give one of them")
        selector = cls(sigma=sigma, **fields)
        return replace(selector, z=(selector.measured_at.voltage - mean) / sigma)

    def at(self, point: OperatingPoint) -> "StochasticSelector":
        if self.sigma is None or point.voltage == self.measured_at.voltage:
            return self
        moved = (point.voltage - self.measured_at.voltage) / self.sigma
        there = replace(self.measured_at, voltage=point.voltage)
        return replace(self, z=self.z + moved, measured_at=there)

    @property
    def mean(self) -> float | None:
        """Mean threshold of the typical device [V]; None if it is not known in volts."""
        return None if self.sigma is None else self.measured_at.voltage - self.z * self.sigma

    @property
    def p(self) -> float:
        """Probability that a device at the mean threshold conducts, at `measured_at`."""
        return float(ndtr(self.z))

    @property
    def bernoulli(self) -> tuple[float, float] | None:
        independent = self.correlation == self.spread == 0
        return (self.p, self.leak) if independent and 0 < self.p < 1 else None

    @property
    def series_resistance(self) -> float:
        return 0.0 if self.on_conductance is None else 1 / self.on_conductance

    @property
    def has_memory(self) -> bool:
        return self.correlation > 0

    def moments(self, g: Floats) -> tuple[Floats, Floats]:
        """Return the mean E p + (1 − E p) leak, and the variance E[p (1 − p)] (1 − leak)²."""
        p = ndtr(self.z / np.hypot(1, self.spread))  # E p over devices
        mean = p + (1 - p) * self.leak
        return np.full(np.shape(g), mean), np.full(np.shape(g), self._covariance_within(1.0))

    def moments_given(self, g: Floats, state: State) -> tuple[Floats, Floats]:
        if state is None:
            return self.moments(g)
        z = self.z - self.spread * state.offset
        p = ndtr(z)
        return p + (1 - p) * self.leak, p * ndtr(-z) * (1 - self.leak) ** 2

    def autocovariance(self, cycles: ArrayLike) -> Floats:
        """Return the covariance of ξ within a device, averaged over devices.

        It is (1 − leak)² (E Φ₂(z − bX, z − bX; ρ^cycles) − E Φ²(z − bX)) with b = spread; for p = ½
        and b = 0 it is (1 − leak)² arcsin(ρ^cycles)/2π. `cycles` are periods, any real number ≥ 0.
        """
        return self._covariance_within(np.float64(self.correlation) ** np.asarray(cycles, float))

    def covariance(self, g: Floats, lag: float) -> Floats:
        gap = number("lag", lag, at_least=0, unit="s")
        return np.full(np.shape(g), self.autocovariance(gap / self.period))

    def _covariance_within(self, rho: ArrayLike) -> Floats:
        """Return the covariance of ξ within a device for thresholds of correlation ρ."""
        return np.asarray(crossing_covariance(self.z, self.spread, rho) * (1 - self.leak) ** 2)

    def init(self, g: Floats, *, rng: RNG) -> State:
        """Return a `SelectorState`, or None if there is neither correlation nor spread."""
        random = generator(rng)
        if self.correlation == self.spread == 0:
            return None
        return SelectorState(*random.standard_normal((2, *np.shape(g))))

    def sample(
        self, g: Floats, state: State, n_reads: int, *, rng: RNG, period: float | None = None
    ) -> tuple[Floats, State]:
        random = generator(rng)
        if state is None and (self.has_memory or self.spread > 0):
            raise ValueError(
                "StochasticSelector with correlation or spread needs a state, which init returns"
            )
        z = self.z - (self.spread * state.offset if state is not None else 0.0)
        shape = (n_reads, *np.shape(g))
        if not self.has_memory:
            # A uniform number per read costs less than a normal one and gives the same law.
            return np.where(random.random(shape) < ndtr(z), 1.0, self.leak), state
        gap = number("period", period, at_least=0, unit="s")
        rho = self.correlation ** (gap / self.period)
        thresholds = _next_thresholds(state.threshold, rho, shape, random)
        last = np.array(thresholds[-1] if n_reads else state.threshold)
        return np.where(thresholds < z, 1.0, self.leak), state._replace(threshold=last)
