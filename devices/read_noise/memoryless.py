"""Memoryless noise that does not depend on conductance: a fresh factor on every read."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from devices.read_noise.base import ReadNoise, State, constant_moments
from devices.seeding import RNG, generator
from devices.validation import Floats, number


@dataclass(frozen=True)
class BlankOut(ReadNoise):
    """ξ ~ Bernoulli(p): the cell conducts with probability p, drawn on every read.

    E ξ = p and Var ξ = p (1 − p); Detorakis et al. 2019, sec. 3.1.

    Attributes:
        p: Probability to conduct; default 0.5.

    Raises:
        ValueError: If p lies outside (0, 1).
    """

    p: float = 0.5

    def __post_init__(self) -> None:
        number("BlankOut.p", self.p, above=0, below=1)

    @property
    def bernoulli(self) -> tuple[float, float]:
        return self.p, 0.0

    def moments(self, g: Floats) -> tuple[Floats, Floats]:
        return constant_moments(g, self.p, self.p * (1 - self.p))

    def sample(
        self, g: Floats, state: State, n_reads: int, *, rng: RNG, period: float | None = None
    ) -> tuple[Floats, State]:
        u = generator(rng).random((n_reads, *np.shape(g)))
        return (u < self.p).astype(np.float64), state


@dataclass(frozen=True)
class GaussianNoise(ReadNoise):
    """ξ ~ N(1, sigma²), drawn on every read.

    Negative conductances have the probability Φ(−1/sigma): 16 % at sigma = 1, the paper's setting.
    `LognormalNoise` is a physical replacement with the same two moments; a neural sampling machine
    is sensitive only to these two.

    Attributes:
        sigma: Standard deviation of ξ, the relative read noise ΔG/G; default 1.

    Raises:
        ValueError: If sigma is negative.
    """

    sigma: float = 1.0
    is_gaussian: ClassVar[bool] = True

    def __post_init__(self) -> None:
        number("GaussianNoise.sigma", self.sigma, at_least=0)

    def moments(self, g: Floats) -> tuple[Floats, Floats]:
        return constant_moments(g, 1.0, self.sigma**2)

    def sample(
        self, g: Floats, state: State, n_reads: int, *, rng: RNG, period: float | None = None
    ) -> tuple[Floats, State]:
        z = generator(rng).standard_normal((n_reads, *np.shape(g)))
        return 1 + self.sigma * z, state


@dataclass(frozen=True)
class LognormalNoise(ReadNoise):
    """ξ = exp(s Z − s²/2) with Z ~ N(0, 1), drawn on every read: positive, with mean 1.

    s² = ln(1 + sigma²), so that Var ξ = e^{s²} − 1 = sigma².

    Attributes:
        sigma: Standard deviation of ξ; default 1.

    Raises:
        ValueError: If sigma is negative.
    """

    sigma: float = 1.0

    def __post_init__(self) -> None:
        number("LognormalNoise.sigma", self.sigma, at_least=0)

    def moments(self, g: Floats) -> tuple[Floats, Floats]:
        return constant_moments(g, 1.0, self.sigma**2)

    def sample(
        self, g: Floats, state: State, n_reads: int, *, rng: RNG, period: float | None = None
    ) -> tuple[Floats, State]:
        s2 = np.log1p(self.sigma**2)
        z = generator(rng).standard_normal((n_reads, *np.shape(g)))
        return np.exp(np.sqrt(s2) * z - s2 / 2), state
