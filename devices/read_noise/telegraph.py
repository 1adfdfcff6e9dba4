"""Random telegraph noise: traps that take a carrier and give it back, sampled exactly at any read times."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from math import exp, expm1, log1p
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from devices.read_noise._trap_kernels import (
    Bools,
    boxcar_covariance,
    boxcar_variance,
    captured_share,
    refresh,
)
from devices.read_noise.base import ReadNoise, State
from devices.read_noise.time_laws import TimeLaw
from devices.validation import Floats, choice, integer, number

AMPLITUDE_MAX = (
    0.95  # of a lognormal amplitude, which knows no bound: a trap cannot take all of the current
)


def _gap(name: str, period: float, window: float) -> float:
    """Return the time [s] between the end of one read's window and the start of the next one's."""
    return number(name, period, at_least=window, unit="s, the read's window at least") - window


def _correlation(lag: float, rate: Floats | float, window: float) -> Floats:
    """Return Cov(s̄(t), s̄(t + lag)) / Var s of windows `lag` apart, for traps of rate λ [1/s]."""
    return boxcar_covariance(rate * window) * np.exp(-rate * _gap("lag", lag, window))


@dataclass(frozen=True)
class TelegraphNoise(ReadNoise):
    """Traps, all alike: ξ = Π_k (1 − amplitude · s_k); s_k is 1 while trap k holds a carrier.

    `amplitude` = ΔG/G in (0, 1]; `tau_capture`, `tau_emission` [s]: mean time τ_c at s = 0, τ_e at s = 1; `traps` per cell.
    π₁ = τ_e/(τ_c + τ_e), λ = 1/τ_c + 1/τ_e. For one trap: mean 1 − δ π₁, variance δ² π₁ π₀, covariance variance · e^{−λ lag},
    one-sided spectrum 4 δ² π₁π₀ τ/(1 + (2π f τ)²), τ = 1/λ (Machlup 1954, doi:10.1063/1.1721637). At δ = 1 and reads far
    apart it is blank-out with p = π₀.

    `window` [s]: time over which a read averages, from 0. Each s_k is averaged, then the factors multiplied; for several
    traps that is not quite the average of the product. Variance × f(a), a = λ · window (`boxcar_variance`).

    Once per chip: the traps' states, from the stationary law. On every read: their exact transition over the period.
    Raises ValueError for parameters out of range, and for reads less than one window apart.
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
        """π₁ = τ_e / (τ_c + τ_e), the share of time that a trap is captured."""
        return self.tau_emission / (self.tau_capture + self.tau_emission)

    @property
    def rate(self) -> float:
        """λ = 1/τ_c + 1/τ_e [1/s]: states `lag` apart have correlation e^{−λ lag}."""
        return 1 / self.tau_capture + 1 / self.tau_emission

    def _product(self, g: Floats, share: float) -> tuple[Floats, Floats]:
        """Return mean and covariance of ξ where the covariance of each s̄ is `share` of π₁ π₀."""
        p1, p0 = self.occupancy, self.tau_capture / (self.tau_capture + self.tau_emission)
        mean = (1 - self.amplitude) * p1 + p0
        covariance = mean ** (2 * self.traps) * expm1(
            self.traps * log1p(self.amplitude**2 * p1 * p0 * share / mean**2)
        )
        return np.full(np.shape(g), mean**self.traps), np.full(np.shape(g), covariance)

    def moments(self, g: Floats) -> tuple[Floats, Floats]:
        return self._product(g, float(boxcar_variance(self.rate * self.window)))

    def covariance(self, g: Floats, lag: float) -> Floats:
        return self._product(g, float(_correlation(lag, self.rate, self.window)))[1]

    def init(self, g: Floats, *, rng: np.random.Generator) -> State:
        return rng.random((self.traps, *np.shape(g))) < self.occupancy

    def advance(
        self, g: Floats, state: State, seconds: float, *, rng: np.random.Generator
    ) -> State:
        s = np.array(state)
        refresh(s.reshape(-1), self.occupancy, -expm1(-self.rate * seconds), rng=rng)
        return s

    def sample(
        self, g: Floats, state: State, n_reads: int, *, rng: np.random.Generator, period: float
    ) -> tuple[Floats, State]:
        q = -expm1(-self.rate * _gap("period", period, self.window))
        s = np.array(state)
        flat = s.reshape(-1)
        levels = (1 - self.amplitude) ** np.arange(self.traps + 1)
        xi = np.empty((n_reads, *np.shape(g)))
        for i in range(n_reads):
            refresh(flat, self.occupancy, q, rng=rng)
            if self.window:
                share, flat[:] = captured_share(
                    flat, self.occupancy, self.rate * self.window, rng=rng
                )
                xi[i] = np.prod(1 - self.amplitude * share.reshape(s.shape), axis=0)
            else:
                count = s[0].view(np.uint8) if self.traps == 1 else s.sum(axis=0)
                np.take(
                    levels, count, out=xi[i, ...], mode="clip"
                )  # "raise" would write through a buffer
        return xi, s


class Traps(NamedTuple):
    """The traps of a chip, in order of rate: all but `captured` is static. One entry per trap, whichever its cell.

    cell: index into g.ravel(). spread: e^{s Z} of the amplitude. p1: occupancy. rate: λ [1/s]. groups: of one decade of λ.
    """

    cell: NDArray[np.intp]
    spread: Floats
    p1: Floats
    rate: Floats
    groups: tuple[slice, ...]
    captured: Bools


@dataclass(frozen=True, kw_only=True)
class TrapEnsemble(ReadNoise):
    """Cells with traps of their own: number, times and amplitudes drawn once per chip; the amplitude grows with resistance.

    Traps per cell: `count` "poisson" of mean `mean_traps`, or "fixed". `tau_capture`, `tau_emission`: how τ_c and τ_e of a
    trap are drawn, independently: `LogUniformTime`, `LognormalTime`, `FixedTime`. Amplitude of a trap at R = 1/g:
    δ = delta_sat (R/r_c)^slope/(1 + (R/r_c)^slope) · exp(s_delta Z), Z ~ N(0, 1), at most 0.95; `r_c` [Ω]. `combine`:
    "product" ξ = Π (1 − δ s), or "additive" ξ = 1 − Σ δ s, which falls below 0 where amplitudes add up to more than 1.
    `window` [s]: read time over which each s is averaged, as in `TelegraphNoise`.

    At slope 1 and R ≪ r_c, δ ∝ R: ΔG does not depend on G, noise is additive, γ = 0; at R ≫ r_c δ saturates and γ = 1.
    Form: resistance dependence after Ielmini, Nardi, Cagli, Appl. Phys. Lett. 96, 053503 (2010); lognormal amplitudes. The
    numbers are illustrative, not published; with them δ is 0.5 % at 1 kΩ.

    Once per chip: the traps (`init`). On every read: their exact transition over the period. `moments` and `covariance` are
    averages over chips: of a cell's mean, and of the variance and covariance between reads of one cell; differences between
    cells are static and do not count. `moments_given` and `covariance_given` hold for the traps at hand.
    Raises ValueError for parameters out of range, and for reads less than one window apart.
    """

    mean_traps: float
    tau_capture: TimeLaw
    tau_emission: TimeLaw
    count: str = "poisson"
    combine: str = "product"
    delta_sat: float = 0.5
    r_c: float = 1e5
    slope: float = 1.0
    s_delta: float = 0.5
    window: float = 0.0

    def __post_init__(self) -> None:
        number("TrapEnsemble.mean_traps", self.mean_traps, at_least=0)
        if choice("TrapEnsemble.count", self.count, ("poisson", "fixed")) == "fixed":
            integer("TrapEnsemble.mean_traps", self.mean_traps, at_least=0)
        choice("TrapEnsemble.combine", self.combine, ("product", "additive"))
        for name in ("tau_capture", "tau_emission"):
            law = getattr(self, name)
            if not isinstance(law, TimeLaw):
                raise ValueError(
                    f"TrapEnsemble.{name} = {law!r} is not a TimeLaw; give one, as FixedTime(1e-3)"
                )
        number("TrapEnsemble.delta_sat", self.delta_sat, above=0, at_most=1)
        number("TrapEnsemble.r_c", self.r_c, above=0, unit="Ω")
        number("TrapEnsemble.slope", self.slope, at_least=0)
        number("TrapEnsemble.s_delta", self.s_delta, at_least=0)
        number("TrapEnsemble.window", self.window, at_least=0, unit="s")

    @property
    def has_memory(self) -> bool:
        return True

    def amplitude(self, g: Floats) -> Floats:
        """Return the median amplitude ΔG/G of a trap in cells of g [S], of g's shape: δ(R) at Z = 0, without the bound."""
        return np.asarray(
            self.delta_sat / (1 + (np.asarray(g, dtype=np.float64) * self.r_c) ** self.slope)
        )

    def _amplitude_moments(self, g: Floats) -> tuple[Floats, Floats]:
        """Return E δ and E δ² over Z of min(median · e^{s Z}, 0.95)."""
        median, s, most = self.amplitude(g), self.s_delta, AMPLITUDE_MAX
        if s == 0:
            bounded = np.minimum(median, most)
            return bounded, bounded**2
        edge = np.log(most / median) / s
        first = median * exp(s**2 / 2) * ndtr(edge - s) + most * ndtr(-edge)
        return first, median**2 * exp(2 * s**2) * ndtr(edge - 2 * s) + most**2 * ndtr(-edge)

    def _expected(self, g: Floats, share: Callable[[Floats], Floats]) -> tuple[Floats, Floats]:
        """Return mean and covariance of ξ, averaged over chips, where that of s̄ is share(λ) π₁ π₀.

        Traps of a cell are independent: the mean of a product over N of them is μ^N, and e^{m (μ − 1)} for N ~ Poisson(m).
        """
        (capture, w_capture), (emission, w_emission) = (
            self.tau_capture.nodes(),
            self.tau_emission.nodes(),
        )
        capture = capture[:, None]
        p1 = emission / (capture + emission)
        swing = p1 * (1 - p1) * share(1 / capture + 1 / emission)
        occupied, squared, swing = (w_capture @ x @ w_emission for x in (p1, p1**2, swing))
        first, second = self._amplitude_moments(g)
        n, lost, fluctuation = self.mean_traps, first * occupied, second * swing
        if self.combine == "additive":
            return 1 - n * lost, n * fluctuation
        static = second * squared - 2 * lost  # E (E[1 − δ s | trap])² − 1
        if self.count == "fixed":
            return (1 - lost) ** n, (1 + static) ** n * np.expm1(
                n * np.log1p(fluctuation / (1 + static))
            )
        return np.exp(-n * lost), np.exp(n * static) * np.expm1(n * fluctuation)

    def moments(self, g: Floats) -> tuple[Floats, Floats]:
        return self._expected(g, lambda rate: boxcar_variance(rate * self.window))

    def covariance(self, g: Floats, lag: float) -> Floats:
        return self._expected(g, lambda rate: _correlation(lag, rate, self.window))[1]

    def _given(
        self, g: Floats, traps: Traps, share: Callable[[Floats], Floats]
    ) -> tuple[Floats, Floats]:
        """Return mean and covariance of ξ of cells with these traps, where that of s̄ is share(λ) π₁ π₀."""
        g, p1 = np.asarray(g, dtype=np.float64), traps.p1
        delta = self._amplitudes(g, traps)
        mean, swing = 1 - delta * p1, delta**2 * p1 * (1 - p1) * share(traps.rate)

        def over_traps(x: Floats) -> Floats:
            return np.bincount(traps.cell, x, g.size).astype(np.float64).reshape(g.shape)

        if self.combine == "additive":
            return 1 - over_traps(delta * p1), over_traps(swing)
        product = np.exp(over_traps(np.log(mean)))
        return product, product**2 * np.expm1(over_traps(np.log1p(swing / mean**2)))

    def moments_given(self, g: Floats, state: State) -> tuple[Floats, Floats]:
        return self._given(g, state, lambda rate: boxcar_variance(rate * self.window))

    def covariance_given(self, g: Floats, state: State, lag: float) -> Floats:
        """Return Cov(ξ(t), ξ(t + lag)) of g's shape, for two reads `lag` > 0 [s] apart of cells with the traps of `state`."""
        return self._given(g, state, lambda rate: _correlation(lag, rate, self.window))[1]

    def _amplitudes(self, g: Floats, traps: Traps) -> Floats:
        """Return the amplitude of every trap."""
        return np.minimum(self.amplitude(g).reshape(-1)[traps.cell] * traps.spread, AMPLITUDE_MAX)

    def init(self, g: Floats, *, rng: np.random.Generator) -> State:
        cells = np.size(g)
        if self.count == "fixed":
            cell = np.repeat(np.arange(cells), int(self.mean_traps))
        else:  # Poisson counts per cell: as many traps as their sum, each in any cell
            cell = rng.integers(max(cells, 1), size=rng.poisson(self.mean_traps * cells))
        capture, emission = (
            law.sample(cell.size, rng=rng) for law in (self.tau_capture, self.tau_emission)
        )
        spread = np.exp(self.s_delta * rng.standard_normal(cell.size))
        p1, rate = emission / (capture + emission), 1 / capture + 1 / emission
        captured = rng.random(cell.size) < p1
        order = np.argsort(rate, kind="stable")
        decades = np.floor(np.log10(rate[order]))
        edges = [0, *(np.flatnonzero(np.diff(decades)) + 1).tolist(), cell.size]
        groups = tuple(slice(a, b) for a, b in pairwise(edges))
        return Traps(cell[order], spread[order], p1[order], rate[order], groups, captured[order])

    def advance(
        self, g: Floats, state: State, seconds: float, *, rng: np.random.Generator
    ) -> State:
        s, q = state.captured.copy(), -np.expm1(-state.rate * seconds)
        for group in state.groups:
            refresh(s[group], state.p1[group], q[group], rng=rng)
        return state._replace(captured=s)

    def sample(
        self, g: Floats, state: State, n_reads: int, *, rng: np.random.Generator, period: float
    ) -> tuple[Floats, State]:
        p1, rate, s = state.p1, state.rate, state.captured.copy()
        q = -np.expm1(-rate * _gap("period", period, self.window))
        delta = self._amplitudes(g, state)
        xi = np.ones((n_reads, np.size(g)))
        for read in xi:
            for group in state.groups:
                refresh(s[group], p1[group], q[group], rng=rng)
            lost = delta * s
            if self.window:
                share, s = captured_share(s, p1, rate * self.window, rng=rng)
                lost = delta * share
            if self.combine == "product":
                np.multiply.at(read, state.cell, 1 - lost)
            else:
                np.subtract.at(read, state.cell, lost)
        return xi.reshape(n_reads, *np.shape(g)), state._replace(captured=s)
