"""Memoryless read noise: a fresh, independent factor on every read of every cell."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from devices.read_noise.base import ReadNoise, State, _like
from devices.validation import Floats, number


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
    is_gaussian: ClassVar[bool] = True

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

    is_gaussian: ClassVar[bool] = True

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
