"""Multiplicative noise of a read: a cell programmed to g [S] is read as ξ g. Memoryless models and their products."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from devices._checks import Floats, number

State = Any
_STEP = 1e-4  # relative, of the numerical derivative


class ReadNoise(ABC):
    """The factor ξ by which one read of a cell differs from its programmed conductance.

    A subclass says what is drawn on every read (`sample`) and gives the exact mean and variance (`moments`). One whose reads
    remember each other also says how (`has_memory`, `init`, `covariance`); one whose cells differ, what they do as they are
    (`moments_given`).
    """

    #: ξ is normal and fresh on every read: a sum over independent cells is one normal, exactly.
    collapses: ClassVar[bool] = False

    @property
    def has_memory(self) -> bool:
        """Whether consecutive reads of a cell are correlated: reads then go on from the state of the last one."""
        return False

    @property
    def bernoulli(self) -> tuple[float, float] | None:
        """(p, low) where ξ is 1 with probability p and else `low`, fresh on every read and in every cell; else None."""
        return None

    @abstractmethod
    def moments(self, g: Floats) -> tuple[Floats, Floats]:
        """Return mean and variance of ξ for cells of conductance g [S], each of g's shape."""

    @abstractmethod
    def sample(
        self, g: Floats, state: State, n_reads: int, *, rng: np.random.Generator, period: float
    ) -> tuple[Floats, State]:
        """Return ξ of shape (n_reads, *g.shape) for reads `period` [s] apart, and the state after them."""

    def init(self, g: Floats, *, rng: np.random.Generator) -> State:
        """Return the state that consecutive reads carry, drawn once per chip; None for memoryless noise."""
        return None

    def advance(self, g: Floats, state: State, seconds: float, *, rng: np.random.Generator) -> State:
        """Return the state after `seconds` [s] without a read: what a read that long after the last one leaves behind."""
        return self.sample(g, state, 1, rng=rng, period=seconds)[1] if self.has_memory else state

    def covariance(self, g: Floats, lag: float) -> Floats:
        """Return Cov(ξ(t), ξ(t + lag)) of g's shape, for two reads of one cell `lag` > 0 [s] apart."""
        return np.zeros(np.shape(g))

    def moments_given(self, g: Floats, state: State) -> tuple[Floats, Floats]:
        """Return mean and variance of ξ over the reads of these very cells, whose differences stand in `state`."""
        return self.moments(g)

    def in_series(self, g: Floats) -> Floats:
        """Return the conductance [S] of cells g [S] with this element, conducting, in series; an ideal one takes nothing."""
        return g

    def exponent(self, g: Floats) -> Floats:
        """Return the local exponent γ = d ln σ_G / d ln g of the read noise σ_G = g √Var ξ at g [S], of g's shape.

        At γ = 1 noise is multiplicative and a network of threshold units normalises itself; γ = ½ is thermal-like, γ = 0
        additive. NaN where there is no noise.
        """
        g = np.asarray(g, dtype=np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            low, high = (0.5 * np.log(self.moments(g * f)[1] * (g * f) ** 2) for f in (1 - _STEP, 1 + _STEP))
            return np.asarray((high - low) / np.log((1 + _STEP) / (1 - _STEP)))


def _like(g: Floats, mean: float, variance: float) -> tuple[Floats, Floats]:
    g = np.asarray(g, dtype=np.float64)
    return np.full(g.shape, mean), np.full(g.shape, variance)


@dataclass(frozen=True)
class NoNoise(ReadNoise):
    """ξ = 1: every read returns the programmed conductance."""

    collapses: ClassVar[bool] = True

    def moments(self, g: Floats) -> tuple[Floats, Floats]:
        return _like(g, 1.0, 0.0)

    def sample(
        self, g: Floats, state: State, n_reads: int, *, rng: np.random.Generator, period: float
    ) -> tuple[Floats, State]:
        return np.ones((n_reads, *np.shape(g))), state


@dataclass(frozen=True)
class BlankOut(ReadNoise):
    """ξ ~ Bernoulli(p): the cell conducts with probability p, drawn on every read (Detorakis et al. 2019, sec. 3.1).

    E ξ = p, Var ξ = p (1 − p). Raises ValueError for p outside (0, 1).
    """

    p: float = 0.5

    def __post_init__(self) -> None:
        number("BlankOut.p", self.p, above=0, below=1)

    @property
    def bernoulli(self) -> tuple[float, float]:
        return self.p, 0.0

    def moments(self, g: Floats) -> tuple[Floats, Floats]:
        return _like(g, self.p, self.p * (1 - self.p))

    def sample(
        self, g: Floats, state: State, n_reads: int, *, rng: np.random.Generator, period: float
    ) -> tuple[Floats, State]:
        return (rng.random((n_reads, *np.shape(g))) < self.p).astype(np.float64), state


@dataclass(frozen=True)
class GaussianNoise(ReadNoise):
    """ξ ~ N(1, sigma²), drawn on every read; `sigma` is the standard deviation of ξ, the relative read noise ΔG/G.

    Negative conductances have probability Φ(−1/sigma): 16 % at sigma = 1, the paper's setting. `LognormalNoise` is the
    physical stand-in with the same two moments (an NSM feels only these two).
    """

    sigma: float = 1.0
    collapses: ClassVar[bool] = True

    def __post_init__(self) -> None:
        number("GaussianNoise.sigma", self.sigma, at_least=0)

    def moments(self, g: Floats) -> tuple[Floats, Floats]:
        return _like(g, 1.0, self.sigma**2)

    def sample(
        self, g: Floats, state: State, n_reads: int, *, rng: np.random.Generator, period: float
    ) -> tuple[Floats, State]:
        return 1 + self.sigma * rng.standard_normal((n_reads, *np.shape(g))), state


@dataclass(frozen=True)
class LognormalNoise(ReadNoise):
    """ξ = exp(s Z − s²/2), positive with mean 1, drawn on every read; `sigma` is the standard deviation of ξ.

    s² = ln(1 + sigma²), so that Var ξ = e^{s²} − 1 = sigma².
    """

    sigma: float = 1.0

    def __post_init__(self) -> None:
        number("LognormalNoise.sigma", self.sigma, at_least=0)

    def moments(self, g: Floats) -> tuple[Floats, Floats]:
        return _like(g, 1.0, self.sigma**2)

    def sample(
        self, g: Floats, state: State, n_reads: int, *, rng: np.random.Generator, period: float
    ) -> tuple[Floats, State]:
        s2 = np.log1p(self.sigma**2)
        return np.exp(np.sqrt(s2) * rng.standard_normal((n_reads, *np.shape(g))) - s2 / 2), state


class _StateDependentNormal(ReadNoise):
    """ξ ~ N(1, σ²(g)), fresh on every read: what is left to say is σ(g), relative to g."""

    collapses: ClassVar[bool] = True

    @abstractmethod
    def _relative(self, g: Floats) -> Floats:
        """Return σ_G / g."""

    def moments(self, g: Floats) -> tuple[Floats, Floats]:
        return np.ones(np.shape(g)), self._relative(g) ** 2

    def sample(
        self, g: Floats, state: State, n_reads: int, *, rng: np.random.Generator, period: float
    ) -> tuple[Floats, State]:
        return 1 + self._relative(g) * rng.standard_normal((n_reads, *np.shape(g))), state


@dataclass(frozen=True)
class PowerLawNoise(_StateDependentNormal):
    """Normal read noise with σ_G = coefficient · g_ref · (g / g_ref)^gamma [S], drawn on every read.

    `coefficient` is the relative noise ΔG/G at `g_ref` [S]; γ = 1 is purely multiplicative (the network normalises
    itself), γ = ½ thermal-like, γ = 0 additive. An NSM then fires with Φ(α^{1−γ} x) after a common gain α.
    A cell with g = 0 is read without noise.
    """

    coefficient: float
    gamma: float
    g_ref: float

    def __post_init__(self) -> None:
        number("PowerLawNoise.coefficient", self.coefficient, at_least=0)
        number("PowerLawNoise.gamma", self.gamma)
        number("PowerLawNoise.g_ref", self.g_ref, above=0, unit="S")

    def _relative(self, g: Floats) -> Floats:
        g = np.asarray(g, dtype=np.float64)
        ratio = np.where(g > 0, g / self.g_ref, 1.0)
        return np.where(g > 0, self.coefficient * ratio ** (self.gamma - 1), 0.0)


@dataclass(frozen=True, kw_only=True)
class LogConductanceNoise(_StateDependentNormal):
    """Normal read noise with σ_G = coefficient · log10(g / g_unit) · √(ln((t + t_r)/(2 t_r))) [S], fresh on every read.

    `coefficient` [S], `g_unit` [S], `t` [s] since programming, `t_r` [s] read time: 1/f noise seen from t_r to t, as
    published for CMO/HfOx RRAM of 9 to 88 µS with g_unit = 1 µS (Falcone et al. 2025, arXiv:2502.04524).

    The logarithm falls to 0 at g_unit and has no meaning below. γ = 1/ln(g/g_unit) reaches 1 at e · g_unit, where
    relative noise is largest; from there down σ_G/g is held at that value, γ = 1. This continuation is ours, not
    published: it is the smooth one, and that of a filament so thin that a trap takes a fixed part of the current.
    """

    coefficient: float
    g_unit: float = 1e-6
    t: float = 1.0
    t_r: float = 1e-6

    def __post_init__(self) -> None:
        number("LogConductanceNoise.coefficient", self.coefficient, at_least=0, unit="S")
        number("LogConductanceNoise.g_unit", self.g_unit, above=0, unit="S")
        number("LogConductanceNoise.t_r", self.t_r, above=0, unit="s")
        number("LogConductanceNoise.t", self.t, at_least=self.t_r, unit="s")

    def _relative(self, g: Floats) -> Floats:
        ratio = np.maximum(np.asarray(g, dtype=np.float64) / self.g_unit, np.e)
        window = np.sqrt(np.log((self.t + self.t_r) / (2 * self.t_r)))
        return self.coefficient * np.log10(ratio) * window / (ratio * self.g_unit)


@dataclass(frozen=True)
class Product(ReadNoise):
    """ξ = Π ξ_k of independent factors: mean Π m_k, variance Π (m_k² + v_k) − Π m_k²."""

    factors: tuple[ReadNoise, ...]

    def __init__(self, *factors: ReadNoise):
        for f in factors:
            if not isinstance(f, ReadNoise):
                raise ValueError(f"Product: {f!r} is not a ReadNoise; give read-noise objects, as Product(a, b)")
        flat = [g for f in factors for g in (f.factors if isinstance(f, Product) else (f,))]
        object.__setattr__(self, "factors", tuple(flat))

    def __repr__(self) -> str:
        return f"Product({', '.join(map(repr, self.factors))})"

    def moments(self, g: Floats) -> tuple[Floats, Floats]:
        return self._multiplied(g, [f.moments(g) for f in self.factors])

    def moments_given(self, g: Floats, state: State) -> tuple[Floats, Floats]:
        states = state or (None,) * len(self.factors)
        return self._multiplied(g, [f.moments_given(g, s) for f, s in zip(self.factors, states, strict=True)])

    @staticmethod
    def _multiplied(g: Floats, moments: list[tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
        mean, second = np.ones(np.shape(g)), np.ones(np.shape(g))
        for m, v in moments:
            mean, second = mean * m, second * (v + m**2)
        return mean, second - mean**2

    @property
    def has_memory(self) -> bool:
        return any(f.has_memory for f in self.factors)

    def init(self, g: Floats, *, rng: np.random.Generator) -> State:
        return tuple(f.init(g, rng=rng) for f in self.factors)

    def advance(self, g: Floats, state: State, seconds: float, *, rng: np.random.Generator) -> State:
        return tuple(f.advance(g, s, seconds, rng=rng) for f, s in zip(self.factors, state, strict=True))

    def covariance(self, g: Floats, lag: float) -> Floats:
        means = [f.moments(g)[0] for f in self.factors]
        pairs = zip(self.factors, means, strict=True)
        return np.asarray(
            np.prod([m**2 + f.covariance(g, lag) for f, m in pairs], axis=0) - np.prod(means, axis=0) ** 2
        )

    def sample(
        self, g: Floats, state: State, n_reads: int, *, rng: np.random.Generator, period: float
    ) -> tuple[Floats, State]:
        xi = np.ones((n_reads, *np.shape(g)))
        after = []
        for f, s in zip(self.factors, state or (None,) * len(self.factors), strict=True):
            factor, s = f.sample(g, s, n_reads, rng=rng, period=period)
            xi *= factor
            after.append(s)
        return xi, tuple(after)
