"""How the mean capture and emission times of traps are distributed over a chip."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cache
from math import log, sqrt

import numpy as np

from devices.seeding import RNG, generator
from devices.validation import Floats, number


class TimeLaw(ABC):
    """The distribution of a mean capture or emission time over the traps of a chip.

    A new law defines `sample` and `nodes`, and begins `sample` with `generator(rng)`.
    """

    @abstractmethod
    def sample(self, n: int, *, rng: RNG) -> Floats:
        """Return n times [s], drawn from the law."""

    @abstractmethod
    def nodes(self) -> tuple[Floats, Floats]:
        """Return times [s] and weights of a quadrature over the law.

        Σ weight · f(time) is the mean of f. For the functions that traps need, such as e^{−t/τ},
        the quadrature is good to 1e-10.
        """


@cache
def _legendre(nats: float) -> tuple[Floats, Floats]:
    """Return nodes in (−½, ½) · nats, and weights of sum 1.

    Six nodes per unit of ln τ (nat) resolve e^{−λ t} as a function of ln λ.
    """
    x, w = np.polynomial.legendre.leggauss(24 + int(6 * nats))
    return x * nats / 2, w / 2


@dataclass(frozen=True)
class FixedTime(TimeLaw):
    """Every trap has the same mean time.

    Attributes:
        value: The time [s].

    Raises:
        ValueError: If the time is not positive.
    """

    value: float

    def __post_init__(self) -> None:
        number("FixedTime.value", self.value, above=0, unit="s")

    def sample(self, n: int, *, rng: RNG) -> Floats:
        generator(rng)  # nothing is drawn, but a wrong rng is refused as by every law
        return np.full(n, float(self.value))

    def nodes(self) -> tuple[Floats, Floats]:
        return np.array([float(self.value)]), np.ones(1)


@dataclass(frozen=True, kw_only=True)
class LogUniformTime(TimeLaw):
    """ln τ is uniform: with equal amplitudes, the sum of many such traps is 1/f noise.

    Attributes:
        low: Shortest time [s].
        high: Longest time [s].

    Raises:
        ValueError: Unless 0 < low < high.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        number("LogUniformTime.low", self.low, above=0, unit="s")
        number("LogUniformTime.high", self.high, above=self.low, unit="s")

    def sample(self, n: int, *, rng: RNG) -> Floats:
        return np.exp(generator(rng).uniform(log(self.low), log(self.high), n))

    def nodes(self) -> tuple[Floats, Floats]:
        x, w = _legendre(log(self.high / self.low))
        return sqrt(self.low * self.high) * np.exp(x), w


@dataclass(frozen=True, kw_only=True)
class LognormalTime(TimeLaw):
    """ln τ is normal.

    Attributes:
        median: Median time [s].
        sigma: Standard deviation of ln τ.

    Raises:
        ValueError: If a number is not positive.
    """

    median: float
    sigma: float

    def __post_init__(self) -> None:
        number("LognormalTime.median", self.median, above=0, unit="s")
        number("LognormalTime.sigma", self.sigma, above=0)

    def sample(self, n: int, *, rng: RNG) -> Floats:
        return self.median * np.exp(self.sigma * generator(rng).standard_normal(n))

    def nodes(self) -> tuple[Floats, Floats]:
        # 8.5 standard deviations on either side neglect a probability of 2e-17.
        x, w = _legendre(17 * self.sigma)
        w = w * np.exp(-((x / self.sigma) ** 2) / 2)
        return self.median * np.exp(x), w / w.sum()
