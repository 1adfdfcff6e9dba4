"""Noise of cells behind a resistance, which divides it."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from devices.operating_point import OperatingPoint
from devices.read_noise.base import ReadNoise, State
from devices.read_noise.product import ProductNoise, factors_of
from devices.read_noise.thermal import split_current_noise
from devices.seeding import RNG
from devices.validation import Floats, instance, number, shortened


@dataclass(frozen=True)
class InSeries(ReadNoise):
    """ξ' = 1 + (ξ − 1)/(1 + g R): the noise ξ of cells of conductance g behind a resistance R.

    Cell and resistance conduct g/(1 + g R), whose relative derivative by g is 1/(1 + g R): all
    relative noise is divided by it, telegraph amplitudes included. This is the first order in
    ξ − 1, as `crossbar.Wires.noise_variance` has it. The whole law is ξ (1 + g R)/(1 + ξ g R): with
    g R = 1 a trap that takes 5 % of a cell's current takes 2.56 % of the branch's where the first
    order has 2.5 %, and one that takes 50 % takes 33 % where it has 25 %.

    The methods take g', the conductance of cell and `included` in series. ξ is evaluated at the
    bare cell, g'/(1 − g' R_included), or, if it follows the current, at the whole branch,
    g'/(1 + g' R_excluded); each factor of a product at its own.

    Thermal and shot noise are currents of the branch, which no factor on a cell's conductance
    describes; they are refused.

    Attributes:
        noise: Noise ξ of the bare cells.
        included: Part of R that the given conductances g' include already [Ω].
        excluded: Part of R that they do not include [Ω].

    Raises:
        ValueError: If a resistance is negative, or the noise has a factor `ThermalShotNoise`.
    """

    noise: ReadNoise
    included: float
    excluded: float

    def __post_init__(self) -> None:
        instance("InSeries.noise", self.noise, ReadNoise)
        if split_current_noise(self.noise)[1] is not None:
            raise ValueError(
                f"InSeries.noise = {shortened(self.noise)} has thermal and shot noise, which a "
                "resistance does not divide; give the hardware the resistance (Wires(r_access=…)) "
                "and its device this noise, or multiply: ProductNoise(InSeries(…), "
                "ThermalShotNoise(…))"
            )
        number("InSeries.included", self.included, at_least=0, unit="Ω")
        number("InSeries.excluded", self.excluded, at_least=0, unit="Ω")

    @property
    def is_gaussian(self) -> bool:  # type: ignore[override]
        return self.noise.is_gaussian

    @property
    def has_memory(self) -> bool:
        return self.noise.has_memory

    def at(self, point: OperatingPoint) -> "InSeries":
        return InSeries(self.noise.at(point), self.included, self.excluded)

    def noise_conductance(self, g: Floats) -> Floats:
        """Return the conductances [S] at which ξ is evaluated.

        They are those of the bare cells; of the whole branches if ξ follows the current, which the
        resistance limits.
        """
        if self.noise.follows_current:
            return _branch(g, self.excluded)
        seen = np.asarray(g, dtype=np.float64)
        return np.asarray(seen / (1 - seen * self.included))

    def share(self, g: Floats) -> Floats:
        """Return 1/(1 + g R), the share of the relative noise that a read shows."""
        seen = np.asarray(g, dtype=np.float64)
        return np.asarray((1 - seen * self.included) / (1 + seen * self.excluded))

    @cached_property
    def _factors(self) -> ReadNoise:
        """The noise, of whose product those factors that follow the current see the branch."""
        factors = factors_of(self.noise)
        if len(factors) == 1 or not any(f.follows_current for f in factors):
            return self.noise
        resistance = self.included + self.excluded
        return ProductNoise(
            *(_OfBranch(f, resistance) if f.follows_current else f for f in factors)
        )

    def moments(self, g: Floats) -> tuple[Floats, Floats]:
        return self._shared(g, *self._factors.moments(self.noise_conductance(g)))

    def moments_given(self, g: Floats, state: State) -> tuple[Floats, Floats]:
        return self._shared(g, *self._factors.moments_given(self.noise_conductance(g), state))

    def covariance(self, g: Floats, lag: float) -> Floats:
        return np.asarray(
            self._factors.covariance(self.noise_conductance(g), lag) * self.share(g) ** 2
        )

    def init(self, g: Floats, *, rng: RNG) -> State:
        return self._factors.init(self.noise_conductance(g), rng=rng)

    def advance(self, g: Floats, state: State, seconds: float, *, rng: RNG) -> State:
        return self._factors.advance(self.noise_conductance(g), state, seconds, rng=rng)

    def sample(
        self, g: Floats, state: State, n_reads: int, *, rng: RNG, period: float | None = None
    ) -> tuple[Floats, State]:
        xi, state = self._factors.sample(
            self.noise_conductance(g), state, n_reads, rng=rng, period=period
        )
        return 1 + (xi - 1) * self.share(g), state

    def _shared(self, g: Floats, mean: Floats, variance: Floats) -> tuple[Floats, Floats]:
        share = self.share(g)
        return 1 + (mean - 1) * share, variance * share**2


def _branch(g: Floats, resistance: float) -> Floats:
    """Return the conductances [S] of cells of g [S] in series with a resistance [Ω]."""
    cells = np.asarray(g, dtype=np.float64)
    return np.asarray(cells / (1 + cells * resistance))


@dataclass(frozen=True)
class _OfBranch(ReadNoise):
    """A noise that is evaluated at the branch of a cell of g and a resistance, g/(1 + g R).

    Attributes:
        noise: Noise that follows the current.
        resistance: R [Ω].
    """

    noise: ReadNoise
    resistance: float

    @property
    def has_memory(self) -> bool:
        return self.noise.has_memory

    def moments(self, g: Floats) -> tuple[Floats, Floats]:
        return self.noise.moments(_branch(g, self.resistance))

    def moments_given(self, g: Floats, state: State) -> tuple[Floats, Floats]:
        return self.noise.moments_given(_branch(g, self.resistance), state)

    def covariance(self, g: Floats, lag: float) -> Floats:
        return self.noise.covariance(_branch(g, self.resistance), lag)

    def init(self, g: Floats, *, rng: RNG) -> State:
        return self.noise.init(_branch(g, self.resistance), rng=rng)

    def advance(self, g: Floats, state: State, seconds: float, *, rng: RNG) -> State:
        return self.noise.advance(_branch(g, self.resistance), state, seconds, rng=rng)

    def sample(
        self, g: Floats, state: State, n_reads: int, *, rng: RNG, period: float | None = None
    ) -> tuple[Floats, State]:
        return self.noise.sample(
            _branch(g, self.resistance), state, n_reads, rng=rng, period=period
        )
