"""Multiplicative noise of a read: a cell programmed to g [S] is read as ξ g. Memoryless models and their products."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from devices.validation import Floats

State = Any
_STEP = 1e-4  # relative, of the numerical derivative


class ReadNoise(ABC):
    """The factor ξ by which one read of a cell differs from its programmed conductance.

    A subclass says what is drawn on every read (`sample`) and gives the exact mean and variance (`moments`). One whose reads
    remember each other also says how (`has_memory`, `init`, `covariance`); one whose cells differ, what they do as they are
    (`moments_given`).
    """

    #: ξ is normal and fresh on every read: a sum over independent cells is one normal, exactly.
    is_gaussian: ClassVar[bool] = False

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

    def advance(
        self, g: Floats, state: State, seconds: float, *, rng: np.random.Generator
    ) -> State:
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
            low, high = (
                0.5 * np.log(self.moments(g * f)[1] * (g * f) ** 2) for f in (1 - _STEP, 1 + _STEP)
            )
            return np.asarray((high - low) / np.log((1 + _STEP) / (1 - _STEP)))


def _like(g: Floats, mean: float, variance: float) -> tuple[Floats, Floats]:
    g = np.asarray(g, dtype=np.float64)
    return np.full(g.shape, mean), np.full(g.shape, variance)


@dataclass(frozen=True)
class NoNoise(ReadNoise):
    """ξ = 1: every read returns the programmed conductance."""

    is_gaussian: ClassVar[bool] = True

    def moments(self, g: Floats) -> tuple[Floats, Floats]:
        return _like(g, 1.0, 0.0)

    def sample(
        self, g: Floats, state: State, n_reads: int, *, rng: np.random.Generator, period: float
    ) -> tuple[Floats, State]:
        return np.ones((n_reads, *np.shape(g))), state


@dataclass(frozen=True)
class ProductNoise(ReadNoise):
    """ξ = Π ξ_k of independent factors: mean Π m_k, variance Π (m_k² + v_k) − Π m_k²."""

    factors: tuple[ReadNoise, ...]

    def __init__(self, *factors: ReadNoise):
        for f in factors:
            if not isinstance(f, ReadNoise):
                raise ValueError(
                    f"ProductNoise: {f!r} is not a ReadNoise; give read-noise objects, as ProductNoise(a, b)"
                )
        flat = [g for f in factors for g in (f.factors if isinstance(f, ProductNoise) else (f,))]
        object.__setattr__(self, "factors", tuple(flat))

    def __repr__(self) -> str:
        return f"ProductNoise({', '.join(map(repr, self.factors))})"

    def moments(self, g: Floats) -> tuple[Floats, Floats]:
        return self._multiplied(g, [f.moments(g) for f in self.factors])

    def moments_given(self, g: Floats, state: State) -> tuple[Floats, Floats]:
        states = state or (None,) * len(self.factors)
        return self._multiplied(
            g, [f.moments_given(g, s) for f, s in zip(self.factors, states, strict=True)]
        )

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

    def advance(
        self, g: Floats, state: State, seconds: float, *, rng: np.random.Generator
    ) -> State:
        return tuple(
            f.advance(g, s, seconds, rng=rng) for f, s in zip(self.factors, state, strict=True)
        )

    def covariance(self, g: Floats, lag: float) -> Floats:
        means = [f.moments(g)[0] for f in self.factors]
        pairs = zip(self.factors, means, strict=True)
        return np.asarray(
            np.prod([m**2 + f.covariance(g, lag) for f, m in pairs], axis=0)
            - np.prod(means, axis=0) ** 2
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
