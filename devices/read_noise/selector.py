"""A volatile threshold switch in series with the cell: it conducts where the read voltage exceeds its threshold."""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri, owens_t

from devices.read_noise.base import ReadNoise, State
from devices.validation import Floats, number


class SelectorState(NamedTuple):
    """In units of sigma: how far each mean threshold lies from the typical one, and each last threshold from its mean."""

    offset: Floats
    threshold: Floats


@dataclass(frozen=True, kw_only=True)
class StochasticSelector(ReadNoise):
    """ξ = 1 where V > V_T, else `leak`; V_T ~ N(mean + spread·sigma·X, sigma²), an Ornstein-Uhlenbeck process in time.

    read_voltage V, mean and sigma (cycle to cycle) of the threshold [V]: as they stand, volts in units of sigma. spread:
    device-to-device deviation of the mean threshold in units of sigma, X ~ N(0, 1). correlation: of the thresholds of two
    cycles `period` [s] apart, ρ(Δt) = correlation^(Δt/period). leak: conductance off / on, in [0, 1). on_conductance [S]: of
    the closed switch, None for an ideal one; it enters `in_series`, not ξ. A device at the mean threshold conducts with
    p = Φ((V − mean)/sigma).

    Each read is one cycle, after which the switch has relaxed. The process is that of the Ag/HfO2 switch of Dutta et al.
    2022, doi:10.1038/s41467-022-30305-8; their numbers are not known here, and are there to be swept. Drawn once per chip:
    X and the first threshold. On every read: the threshold's step. Raises ValueError outside the ranges.
    """

    read_voltage: float = 0.0
    mean: float = 0.0
    sigma: float = 1.0
    correlation: float = 0.0
    spread: float = 0.0
    leak: float = 0.0
    on_conductance: float | None = None
    period: float = 1e-6

    def __post_init__(self) -> None:
        number("StochasticSelector.read_voltage", self.read_voltage, unit="V")
        number("StochasticSelector.mean", self.mean, unit="V")
        number("StochasticSelector.sigma", self.sigma, above=0, unit="V")
        number("StochasticSelector.correlation", self.correlation, at_least=0, below=1)
        number("StochasticSelector.spread", self.spread, at_least=0)
        number("StochasticSelector.leak", self.leak, at_least=0, below=1)
        number("StochasticSelector.period", self.period, above=0, unit="s")
        if self.on_conductance is not None:
            number("StochasticSelector.on_conductance", self.on_conductance, above=0, unit="S")

    @classmethod
    def with_p(cls, p: float, **fields: Any) -> "StochasticSelector":
        """Return the selector of these fields, read at the voltage where it conducts with probability p in (0, 1)."""
        if "read_voltage" in fields:
            raise ValueError(
                "StochasticSelector.with_p sets read_voltage from p; give one of the two"
            )
        selector = cls(**fields)
        return replace(selector, read_voltage=selector.voltage_for(p))

    @property
    def p(self) -> float:
        """Probability to conduct at the mean threshold, Φ((V − mean)/sigma); dp/dV = φ((V − mean)/sigma)/sigma."""
        return float(ndtr(self._z))

    @property
    def bernoulli(self) -> tuple[float, float] | None:
        plain = self.correlation == self.spread == 0
        return (self.p, self.leak) if plain and 0 < self.p < 1 else None

    def voltage_for(self, p: float) -> float:
        """Return the read voltage [V] at which a device at the mean threshold conducts with probability p in (0, 1)."""
        number("p", p, above=0, below=1)
        return float(self.mean + self.sigma * ndtri(p))

    def in_series(self, g: Floats) -> Floats:
        """Return G/(1 + G/on_conductance), the conductance [S] of cells g [S] behind a closed switch."""
        g = np.asarray(g, dtype=np.float64)
        return g.copy() if self.on_conductance is None else g / (1 + g / self.on_conductance)

    @property
    def _z(self) -> float:
        return (self.read_voltage - self.mean) / self.sigma

    @property
    def has_memory(self) -> bool:
        return self.correlation > 0

    def moments(self, g: Floats) -> tuple[Floats, Floats]:
        """Mean of ξ over reads and devices, E p + (1 − E p) leak; variance within a device, E[p (1 − p)] (1 − leak)²."""
        conducting = ndtr(self._z / np.hypot(1, self.spread))  # E p over devices
        mean = conducting + (1 - conducting) * self.leak
        return np.full(np.shape(g), mean), np.full(np.shape(g), self._within(1.0))

    def moments_given(self, g: Floats, state: State) -> tuple[Floats, Floats]:
        if state is None:
            return self.moments(g)
        p = ndtr(self._z - self.spread * state.offset)
        return p + (1 - p) * self.leak, p * ndtr(self.spread * state.offset - self._z) * (
            1 - self.leak
        ) ** 2

    def autocovariance(self, cycles: ArrayLike) -> Floats:
        """Return the covariance of ξ within a device, averaged over devices, for reads `cycles` periods apart (any real ≥ 0).

        (1 − leak)² (E Φ₂(z − bX, z − bX; ρ^cycles) − E Φ²(z − bX)), b = spread; at p = ½ and b = 0, arcsin(ρ^cycles)/2π.
        """
        return self._within(np.float64(self.correlation) ** np.asarray(cycles, dtype=np.float64))

    def covariance(self, g: Floats, lag: float) -> Floats:
        return np.full(np.shape(g), self.autocovariance(lag / self.period))

    def _within(self, rho: ArrayLike) -> Floats:
        """Covariance within a device for thresholds of correlation ρ: 1 gives the variance.

        Averaging over X leaves Φ₂(h, h; r) with h = z/√(1 + b²), r = (ρ + b²)/(1 + b²); Owen's T (1956) gives it as
        Φ(h) − 2 T(h, √((1 − r)/(1 + r))).
        """
        rho, twice = np.asarray(rho, dtype=np.float64), 2 * self.spread**2
        h = self._z / np.hypot(1, self.spread)
        apart = owens_t(h, np.sqrt(1 / (1 + twice))) - owens_t(
            h, np.sqrt((1 - rho) / (1 + rho + twice))
        )
        return np.asarray(2 * apart * (1 - self.leak) ** 2)

    def init(self, g: Floats, *, rng: np.random.Generator) -> State:
        if self.correlation == self.spread == 0:
            return None
        return SelectorState(rng.standard_normal(np.shape(g)), rng.standard_normal(np.shape(g)))

    def sample(
        self, g: Floats, state: State, n_reads: int, *, rng: np.random.Generator, period: float
    ) -> tuple[Floats, State]:
        shape = (n_reads, *np.shape(g))
        if state is None and (self.has_memory or self.spread > 0):
            raise ValueError(
                "StochasticSelector with correlation or spread reads on from a state; give the one of init"
            )
        z = self._z - (self.spread * state.offset if state is not None else 0.0)
        if not self.has_memory:  # a uniform per read costs less than a normal, and has the same law
            conducts = rng.random(shape) < ndtr(z)
        else:
            rho, last = self.correlation ** (period / self.period), state.threshold
            thresholds = np.sqrt(1 - rho**2) * rng.standard_normal(shape)
            for k in range(n_reads):
                thresholds[k] += rho * last
                last = thresholds[k]
            conducts, state = thresholds < z, state._replace(threshold=np.array(last))
        return np.where(conducts, 1.0, self.leak), state
