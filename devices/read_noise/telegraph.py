"""Random telegraph noise of identical traps, sampled exactly at any read times."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import expm1, log1p

import numpy as np

from devices.read_noise._trap_kernels import (
    boxcar_covariance,
    boxcar_variance,
    captured_share,
    refresh,
)
from devices.read_noise.base import ReadNoise, State
from devices.read_noise.sampled import SampledTogether
from devices.seeding import RNG, generator
from devices.validation import Floats, integer, number


def gap_between_windows(name: str, period: float | None, window: float) -> float:
    """Return the time [s] from the end of one read's window to the start of the next one's.

    Args:
        name: What `period` is, for the message.
        period: Time from one read to the next [s].
        window: Time over which each read averages [s].

    Raises:
        ValueError: If the period is no number, or shorter than the window.
    """
    return number(name, period, at_least=window, unit="s (at least the read's window)") - window


def window_correlation(lag: float, rate: Floats | float, window: float) -> Floats:
    """Return Cov(s̄(t), s̄(t + lag)) / Var s of trap states that are averaged over windows.

    Args:
        lag: Time between the starts of the two windows [s], at least `window`.
        rate: λ of the traps [1/s].
        window: Length of the windows [s].
    """
    return boxcar_covariance(rate * window) * np.exp(
        -rate * gap_between_windows("lag", lag, window)
    )


@dataclass(frozen=True)
class TelegraphNoise(SampledTogether, ReadNoise):
    """ξ = Π_k (1 − amplitude · s_k), where s_k is 1 while trap k holds a carrier and else 0.

    All traps are alike and independent. A trap is captured for the share π₁ = τ_e/(τ_c + τ_e) of
    the time and relaxes with the rate λ = 1/τ_c + 1/τ_e. With δ = amplitude and π₀ = 1 − π₁, one
    trap has mean 1 − δ π₁, variance δ² π₁ π₀, covariance variance · e^{−λ lag} and the one-sided
    spectrum 4 δ² π₁ π₀ τ/(1 + (2π f τ)²) with τ = 1/λ (Machlup 1954, doi:10.1063/1.1721637). If
    δ = 1 and reads are far apart, it is blank-out with p = π₀.

    With a `window`, each s_k is averaged over it and the factors are multiplied afterwards; for
    several traps this differs slightly from the average of the product. The variance is multiplied
    by f(a), a = λ · window (`boxcar_variance`).

    Once per chip the traps' states are drawn, from the stationary law (`init`). On every read their
    exact transition over the period is drawn.

    Attributes:
        amplitude: δ = ΔG/G of one trap, in (0, 1].
        tau_capture: Mean time τ_c to capture a carrier [s].
        tau_emission: Mean time τ_e to emit it [s].
        traps: Number of traps per cell; default 1.
        window: Time over which a read averages [s]; default 0.

    Raises:
        ValueError: If a number lies outside its range; in `sample` if reads are less than one
            window apart.
    """

    amplitude: float
    tau_capture: float
    tau_emission: float
    traps: int = 1
    window: float = field(default=0.0, kw_only=True)

    def __post_init__(self) -> None:
        number("TelegraphNoise.amplitude", self.amplitude, above=0, at_most=1)
        number("TelegraphNoise.tau_capture", self.tau_capture, above=0, unit="s")
        number("TelegraphNoise.tau_emission", self.tau_emission, above=0, unit="s")
        integer("TelegraphNoise.traps", self.traps, at_least=1)
        number("TelegraphNoise.window", self.window, at_least=0, unit="s")

    @property
    def has_memory(self) -> bool:
        return True

    @property
    def occupancy(self) -> float:
        """π₁ = τ_e/(τ_c + τ_e), the share of time that a trap is captured."""
        return self.tau_emission / (self.tau_capture + self.tau_emission)

    @property
    def rate(self) -> float:
        """λ = 1/τ_c + 1/τ_e [1/s]: states `lag` apart have the correlation e^{−λ lag}."""
        return 1 / self.tau_capture + 1 / self.tau_emission

    def moments(self, g: Floats) -> tuple[Floats, Floats]:
        return self._moments_of_product(g, float(boxcar_variance(self.rate * self.window)))

    def covariance(self, g: Floats, lag: float) -> Floats:
        correlation = float(window_correlation(lag, self.rate, self.window))
        return self._moments_of_product(g, correlation)[1]

    def _moments_of_product(self, g: Floats, correlation: float) -> tuple[Floats, Floats]:
        """Return mean and covariance of ξ, for traps with the covariance correlation · π₁ π₀.

        Logarithms keep the digits of a covariance that is small compared with the mean.
        """
        p1 = self.occupancy
        p0 = self.tau_capture / (self.tau_capture + self.tau_emission)
        mean = (1 - self.amplitude) * p1 + p0
        relative = self.amplitude**2 * p1 * p0 * correlation / mean**2
        covariance = mean ** (2 * self.traps) * expm1(self.traps * log1p(relative))
        return np.full(np.shape(g), mean**self.traps), np.full(np.shape(g), covariance)

    def init(self, g: Floats, *, rng: RNG) -> State:
        """Return whether each trap is captured, of shape (traps, *g.shape)."""
        return generator(rng).random((self.traps, *np.shape(g))) < self.occupancy

    def advance(self, g: Floats, state: State, seconds: float, *, rng: RNG) -> State:
        s = np.array(state)
        q = -expm1(-self.rate * number("seconds", seconds, at_least=0, unit="s"))
        refresh(s.reshape(-1), self.occupancy, q, random=generator(rng))
        return s

    def reads(
        self,
        g: Floats,
        state: State,
        generators: Sequence[np.random.Generator],
        period: float | None,
    ) -> tuple[Floats, State]:
        q = -expm1(-self.rate * gap_between_windows("period", period, self.window))
        s = np.array(state)
        flat = s.reshape(-1)
        levels = (1 - self.amplitude) ** np.arange(self.traps + 1)
        xi = np.empty((len(generators), *np.shape(g)))
        for i, random in enumerate(generators):
            refresh(flat, self.occupancy, q, random=random)
            if self.window:
                share, flat[:] = captured_share(
                    flat, self.occupancy, self.rate * self.window, random=random
                )
                xi[i] = np.prod(1 - self.amplitude * share.reshape(s.shape), axis=0)
            else:
                count = s[0].view(np.uint8) if self.traps == 1 else s.sum(axis=0)
                # With mode="raise" numpy would write through a buffer, which costs time.
                np.take(levels, count, out=xi[i, ...], mode="clip")
        return xi, s
