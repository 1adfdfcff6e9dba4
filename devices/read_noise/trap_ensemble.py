"""Random telegraph noise of traps that differ in number, times and amplitudes from cell to cell."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from math import exp
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from devices.read_noise._trap_kernels import Bools, boxcar_variance, captured_share, refresh
from devices.read_noise.base import ReadNoise, State
from devices.read_noise.telegraph import gap_between_windows, window_correlation
from devices.read_noise.time_laws import TimeLaw
from devices.seeding import RNG, generator
from devices.special import ndtr
from devices.validation import Floats, choice, instance, integer, number

# A lognormal amplitude has no bound, but a trap cannot block the whole current.
AMPLITUDE_MAX = 0.95


class Traps(NamedTuple):
    """All traps of a chip, sorted by rate; one entry per trap. Only `captured` changes with time.

    Attributes:
        cell: Index of the trap's cell in g.ravel().
        spread: Factor e^{s_delta Z} on the amplitude.
        p1: Occupancy π₁.
        rate: λ [1/s].
        groups: Slices of traps whose rates lie in one decade; each is refreshed at once.
        captured: Whether the trap holds a carrier.
    """

    cell: NDArray[np.intp]
    spread: Floats
    p1: Floats
    rate: Floats
    groups: tuple[slice, ...]
    captured: Bools


@dataclass(frozen=True, kw_only=True)
class TrapEnsemble(ReadNoise):
    """Telegraph noise whose traps are drawn once per chip; amplitudes grow with resistance.

    The amplitude of a trap at R = 1/g is
    δ = delta_sat (R/r_c)^slope/(1 + (R/r_c)^slope) · exp(s_delta Z) with Z ~ N(0, 1), at most 0.95.
    With slope 1 and R ≪ r_c, δ ∝ R: ΔG does not
    depend on G, the noise is additive and γ = 0. At R ≫ r_c δ saturates and γ = 1. The resistance
    dependence follows Ielmini, Nardi, Cagli, Appl. Phys. Lett. 96, 053503 (2010). The default
    numbers are illustrative and not published; with them δ is 0.5 % at 1 kΩ.

    Once per chip the traps are drawn (`init`); on every read their exact transition over the
    period. `moments` and `covariance` are averages over chips: of a cell's mean, and of the
    variance and covariance between reads of one cell. Differences between cells are static and not
    included. `moments_given` and `covariance_given` hold for the traps at hand.

    Attributes:
        mean_traps: Mean number of traps per cell.
        tau_capture: Law of the mean capture times τ_c, drawn independently of τ_e.
        tau_emission: Law of the mean emission times τ_e.
        count: "poisson" for a random number of traps per cell, or "fixed"; default "poisson".
        combine: "product" for ξ = Π (1 − δ s), or "additive" for ξ = 1 − Σ δ s, which falls below 0
            if amplitudes add up to more than 1; default "product".
        delta_sat: Median amplitude at R ≫ r_c, in (0, 1]; default 0.5.
        r_c: Resistance at which the median amplitude is half of delta_sat [Ω]; default 100 kΩ.
        slope: Exponent of the growth with resistance; default 1.
        s_delta: Standard deviation of ln δ between traps; default 0.5.
        window: Time over which a read averages each s [s], as in `TelegraphNoise`; default 0.

    Raises:
        ValueError: If a number lies outside its range; in `sample` if reads are less than one
            window apart.
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
            instance(f"TrapEnsemble.{name}", law, TimeLaw, advice="give one, as FixedTime(1e-3)")
        number("TrapEnsemble.delta_sat", self.delta_sat, above=0, at_most=1)
        number("TrapEnsemble.r_c", self.r_c, above=0, unit="Ω")
        number("TrapEnsemble.slope", self.slope, at_least=0)
        number("TrapEnsemble.s_delta", self.s_delta, at_least=0)
        number("TrapEnsemble.window", self.window, at_least=0, unit="s")

    @property
    def has_memory(self) -> bool:
        return True

    def amplitude(self, g: Floats) -> Floats:
        """Return the median amplitude ΔG/G of a trap in cells of g [S], of g's shape."""
        ratio = np.asarray(g, dtype=np.float64) * self.r_c
        return np.asarray(self.delta_sat / (1 + ratio**self.slope))

    def moments(self, g: Floats) -> tuple[Floats, Floats]:
        return _chip_average(self, g, self._variance_kept)

    def covariance(self, g: Floats, lag: float) -> Floats:
        return _chip_average(self, g, self._covariance_kept(lag))[1]

    def moments_given(self, g: Floats, state: State) -> tuple[Floats, Floats]:
        return _of_these_traps(self, g, state, self._variance_kept)

    def covariance_given(self, g: Floats, state: State, lag: float) -> Floats:
        """Return Cov(ξ(t), ξ(t + lag)) of the cells that `state` describes.

        Args:
            g: Conductances [S].
            state: The cells' traps, from `init`.
            lag: Time between the two reads [s], above 0.

        Returns:
            The covariance, of g's shape.
        """
        return _of_these_traps(self, g, state, self._covariance_kept(lag))[1]

    def _variance_kept(self, rate: Floats) -> Floats:
        """Return the variance of a state averaged over the window, as a fraction of π₁ π₀."""
        return boxcar_variance(rate * self.window)

    def _covariance_kept(self, lag: float) -> Callable[[Floats], Floats]:
        """Return a function of λ: the covariance of two averaged states, in the same unit."""
        return lambda rate: window_correlation(lag, rate, self.window)

    def init(self, g: Floats, *, rng: RNG) -> State:
        """Return the traps of new cells."""
        random = generator(rng)
        cells = np.size(g)
        if self.count == "fixed":
            cell = np.repeat(np.arange(cells), int(self.mean_traps))
        else:
            # Poisson counts per cell, drawn as their sum, with each trap in any cell.
            cell = random.integers(max(cells, 1), size=random.poisson(self.mean_traps * cells))
        capture = self.tau_capture.sample(cell.size, rng=random)
        emission = self.tau_emission.sample(cell.size, rng=random)
        spread = np.exp(self.s_delta * random.standard_normal(cell.size))
        p1 = emission / (capture + emission)
        rate = 1 / capture + 1 / emission
        captured = random.random(cell.size) < p1
        order = np.argsort(rate, kind="stable")
        decades = np.floor(np.log10(rate[order]))
        edges = [0, *(np.flatnonzero(np.diff(decades)) + 1).tolist(), cell.size]
        groups = tuple(slice(a, b) for a, b in pairwise(edges))
        return Traps(cell[order], spread[order], p1[order], rate[order], groups, captured[order])

    def advance(self, g: Floats, state: State, seconds: float, *, rng: RNG) -> State:
        random = generator(rng)
        s = state.captured.copy()
        q = -np.expm1(-state.rate * number("seconds", seconds, at_least=0, unit="s"))
        for group in state.groups:
            refresh(s[group], state.p1[group], q[group], random=random)
        return state._replace(captured=s)

    def sample(
        self, g: Floats, state: State, n_reads: int, *, rng: RNG, period: float | None = None
    ) -> tuple[Floats, State]:
        random = generator(rng)
        s = state.captured.copy()
        q = -np.expm1(-state.rate * gap_between_windows("period", period, self.window))
        delta = amplitudes(self, g, state)
        xi = np.ones((n_reads, np.size(g)))
        for read in xi:
            for group in state.groups:
                refresh(s[group], state.p1[group], q[group], random=random)
            lost = delta * s
            if self.window:
                share, s = captured_share(s, state.p1, state.rate * self.window, random=random)
                lost = delta * share
            if self.combine == "product":
                np.multiply.at(read, state.cell, 1 - lost)
            else:
                np.subtract.at(read, state.cell, lost)
        return xi.reshape(n_reads, *np.shape(g)), state._replace(captured=s)


def amplitudes(noise: TrapEnsemble, g: Floats, traps: Traps) -> Floats:
    """Return the amplitude of every trap."""
    median = noise.amplitude(g).reshape(-1)[traps.cell]
    return np.minimum(median * traps.spread, AMPLITUDE_MAX)


def amplitude_moments(noise: TrapEnsemble, g: Floats) -> tuple[Floats, Floats]:
    """Return E δ and E δ² over traps, of min(median · e^{s Z}, 0.95) with Z ~ N(0, 1)."""
    median = noise.amplitude(g)
    s = noise.s_delta
    if s == 0:
        bounded = np.minimum(median, AMPLITUDE_MAX)
        return bounded, bounded**2
    edge = np.log(AMPLITUDE_MAX / median) / s
    first = median * exp(s**2 / 2) * ndtr(edge - s) + AMPLITUDE_MAX * ndtr(-edge)
    second = median**2 * exp(2 * s**2) * ndtr(edge - 2 * s) + AMPLITUDE_MAX**2 * ndtr(-edge)
    return first, second


def _chip_average(
    noise: TrapEnsemble, g: Floats, kept: Callable[[Floats], Floats]
) -> tuple[Floats, Floats]:
    """Return mean and covariance of ξ, averaged over chips.

    The traps of a cell are independent, so the mean of a product over N of them is μ^N, and e^{m (μ
    − 1)} for N ~ Poisson(m).

    Args:
        noise: The ensemble.
        g: Conductances [S].
        kept: The fraction of π₁ π₀ that is the covariance of s̄, as a function of the rate λ.
    """
    capture, capture_weights = noise.tau_capture.nodes()
    emission, emission_weights = noise.tau_emission.nodes()
    capture = capture[:, None]
    p1 = emission / (capture + emission)
    swing = p1 * (1 - p1) * kept(1 / capture + 1 / emission)
    occupied, squared, swing = (capture_weights @ x @ emission_weights for x in (p1, p1**2, swing))
    first, second = amplitude_moments(noise, g)
    n = noise.mean_traps
    lost = first * occupied
    fluctuation = second * swing
    if noise.combine == "additive":
        return 1 - n * lost, n * fluctuation
    static = second * squared - 2 * lost  # E[(E[1 − δ s | trap])²] − 1
    if noise.count == "fixed":
        growth = n * np.log1p(fluctuation / (1 + static))
        return (1 - lost) ** n, (1 + static) ** n * np.expm1(growth)
    return np.exp(-n * lost), np.exp(n * static) * np.expm1(n * fluctuation)


def _of_these_traps(
    noise: TrapEnsemble, g: Floats, traps: Traps, kept: Callable[[Floats], Floats]
) -> tuple[Floats, Floats]:
    """Return mean and covariance of ξ of cells with these traps; `kept` as in `_chip_average`."""
    g = np.asarray(g, dtype=np.float64)
    p1 = traps.p1
    delta = amplitudes(noise, g, traps)
    mean = 1 - delta * p1
    swing = delta**2 * p1 * (1 - p1) * kept(traps.rate)

    def sum_per_cell(x: Floats) -> Floats:
        return np.bincount(traps.cell, x, g.size).astype(np.float64).reshape(g.shape)

    if noise.combine == "additive":
        return 1 - sum_per_cell(delta * p1), sum_per_cell(swing)
    product = np.exp(sum_per_cell(np.log(mean)))
    return product, product**2 * np.expm1(sum_per_cell(np.log1p(swing / mean**2)))
