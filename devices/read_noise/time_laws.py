"""Distributions of trap time constants over the cells of a chip."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cache
from math import log, sqrt

import numpy as np

from devices.validation import Floats, number


class TimeLaw(ABC):
    """How a mean capture or emission time [s] is spread over the traps of a chip."""

    @abstractmethod
    def sample(self, n: int, *, rng: np.random.Generator) -> Floats:
        """Return n times [s]."""

    @abstractmethod
    def nodes(self) -> tuple[Floats, Floats]:
        """Return times [s] and weights of a quadrature for averages over the law, good to 1e-10 for what traps do."""


@cache
def _legendre(nats: float) -> tuple[Floats, Floats]:
    """Return nodes in (−½, ½) · nats, and weights of sum 1: six for every nat resolve e^{−λ t} as a function of ln λ."""
    x, w = np.polynomial.legendre.leggauss(24 + int(6 * nats))
    return x * nats / 2, w / 2


@dataclass(frozen=True)
class FixedTime(TimeLaw):
    """Every trap has the same mean time, `value` [s]."""

    value: float

    def __post_init__(self) -> None:
        number("FixedTime.value", self.value, above=0, unit="s")

    def sample(self, n: int, *, rng: np.random.Generator) -> Floats:
        return np.full(n, float(self.value))

    def nodes(self) -> tuple[Floats, Floats]:
        return np.array([float(self.value)]), np.ones(1)


@dataclass(frozen=True, kw_only=True)
class LogUniformTime(TimeLaw):
    """ln τ uniform between ln `low` and ln `high` [s]: with equal amplitudes, the sum of many such traps is 1/f noise."""

    low: float
    high: float

    def __post_init__(self) -> None:
        number("LogUniformTime.low", self.low, above=0, unit="s")
        number("LogUniformTime.high", self.high, above=self.low, unit="s")

    def sample(self, n: int, *, rng: np.random.Generator) -> Floats:
        return np.exp(rng.uniform(log(self.low), log(self.high), n))

    def nodes(self) -> tuple[Floats, Floats]:
        x, w = _legendre(log(self.high / self.low))
        return sqrt(self.low * self.high) * np.exp(x), w


@dataclass(frozen=True, kw_only=True)
class LognormalTime(TimeLaw):
    """ln τ normal around ln `median` [s] with standard deviation `sigma` (of ln τ)."""

    median: float
    sigma: float

    def __post_init__(self) -> None:
        number("LognormalTime.median", self.median, above=0, unit="s")
        number("LognormalTime.sigma", self.sigma, above=0)

    def sample(self, n: int, *, rng: np.random.Generator) -> Floats:
        return self.median * np.exp(self.sigma * rng.standard_normal(n))

    def nodes(self) -> tuple[Floats, Floats]:
        x, w = _legendre(17 * self.sigma)  # 8.5 standard deviations to either side leave out 2e-17
        w = w * np.exp(-((x / self.sigma) ** 2) / 2)
        return self.median * np.exp(x), w / w.sum()
