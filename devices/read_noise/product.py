"""Products of independent noises."""

from dataclasses import dataclass

import numpy as np

from devices.operating_point import OperatingPoint
from devices.read_noise.base import NoNoise, ReadNoise, State
from devices.seeding import RNG, generator
from devices.validation import Floats, instance


@dataclass(frozen=True)
class ProductNoise(ReadNoise):
    """ξ = Π ξ_k of independent factors: mean Π m_k, variance Π (m_k² + v_k) − Π m_k².

    `ProductNoise(a, b)` takes the factors as positional arguments; a product among them is
    flattened. The state is a tuple of the factors' states.

    Attributes:
        factors: The read noises that are multiplied.

    Raises:
        ValueError: If a factor is not a ReadNoise.
    """

    factors: tuple[ReadNoise, ...]

    def __init__(self, *factors: ReadNoise):
        for f in factors:
            instance("ProductNoise factor", f, ReadNoise, advice="use it as ProductNoise(a, b)")
        flat = [g for f in factors for g in factors_of(f)]
        object.__setattr__(self, "factors", tuple(flat))

    def __repr__(self) -> str:
        return f"ProductNoise({', '.join(map(repr, self.factors))})"

    @property
    def has_memory(self) -> bool:
        return any(f.has_memory for f in self.factors)

    def at(self, point: OperatingPoint) -> "ProductNoise":
        return ProductNoise(*(f.at(point) for f in self.factors))

    @property
    def series_resistance(self) -> float:
        return sum(f.series_resistance for f in self.factors)

    def moments(self, g: Floats) -> tuple[Floats, Floats]:
        return _moments_of_product(g, [f.moments(g) for f in self.factors])

    def moments_given(self, g: Floats, state: State) -> tuple[Floats, Floats]:
        pairs = zip(self.factors, self._states(state), strict=True)
        return _moments_of_product(g, [f.moments_given(g, s) for f, s in pairs])

    def covariance(self, g: Floats, lag: float) -> Floats:
        means = [f.moments(g)[0] for f in self.factors]
        pairs = zip(self.factors, means, strict=True)
        second = np.prod([m**2 + f.covariance(g, lag) for f, m in pairs], axis=0)
        return np.asarray(second - np.prod(means, axis=0) ** 2)

    def init(self, g: Floats, *, rng: RNG) -> State:
        random = generator(rng)
        return tuple(f.init(g, rng=random) for f in self.factors)

    def advance(self, g: Floats, state: State, seconds: float, *, rng: RNG) -> State:
        random = generator(rng)
        pairs = zip(self.factors, state, strict=True)
        return tuple(f.advance(g, s, seconds, rng=random) for f, s in pairs)

    def sample(
        self, g: Floats, state: State, n_reads: int, *, rng: RNG, period: float | None = None
    ) -> tuple[Floats, State]:
        random = generator(rng)
        xi = np.ones((n_reads, *np.shape(g)))
        after = []
        for f, s in zip(self.factors, self._states(state), strict=True):
            factor, s = f.sample(g, s, n_reads, rng=random, period=period)
            xi *= factor
            after.append(s)
        return xi, tuple(after)

    def _states(self, state: State) -> tuple[State, ...]:
        """Return one state per factor, also from the None that stands for memoryless factors."""
        return state or (None,) * len(self.factors)


def _moments_of_product(g: Floats, moments: list[tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
    """Return mean and variance of a product of independent factors with these moments."""
    mean = np.ones(np.shape(g))
    second = np.ones(np.shape(g))
    for m, v in moments:
        mean = mean * m
        second = second * (v + m**2)
    return mean, second - mean**2


def factors_of(noise: ReadNoise) -> tuple[ReadNoise, ...]:
    """Return the factors of a product of noises; any other noise is its own only factor."""
    return noise.factors if isinstance(noise, ProductNoise) else (noise,)


def product_of(*noises: ReadNoise) -> ReadNoise:
    """Return the product of noises, without those that are none."""
    some = [one for one in noises if not isinstance(one, NoNoise)]
    if not some:
        return NoNoise()
    return some[0] if len(some) == 1 else ProductNoise(*some)
