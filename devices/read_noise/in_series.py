"""Noise of cells behind a resistance, which divides it."""

from dataclasses import dataclass

import numpy as np

from devices.operating_point import OperatingPoint
from devices.read_noise.base import ReadNoise, State
from devices.seeding import RNG
from devices.validation import Floats, instance, number


@dataclass(frozen=True)
class InSeries(ReadNoise):
    """ξ' = 1 + (ξ − 1)/(1 + g R): the noise ξ of cells of conductance g behind a resistance R.

    Cell and resistance conduct g/(1 + g R), whose relative derivative by g is 1/(1 + g R): all
    relative noise is divided by it, telegraph amplitudes included. This is the first order in
    ξ − 1, as `crossbar.Wires.noise_variance` has it.

    The methods take g', the conductance of cell and `included` in series. ξ is evaluated at the
    bare cell, g'/(1 − g' R_included), or, if it follows the current, at the whole branch,
    g'/(1 + g' R_excluded).

    Attributes:
        noise: Noise ξ of the bare cells.
        included: Part of R that the given conductances g' include already [Ω].
        excluded: Part of R that they do not include [Ω].

    Raises:
        ValueError: If a resistance is negative.
    """

    noise: ReadNoise
    included: float
    excluded: float

    def __post_init__(self) -> None:
        instance("InSeries.noise", self.noise, ReadNoise)
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
        seen = np.asarray(g, dtype=np.float64)
        if self.noise.follows_current:
            return np.asarray(seen / (1 + seen * self.excluded))
        return np.asarray(seen / (1 - seen * self.included))

    def share(self, g: Floats) -> Floats:
        """Return 1/(1 + g R), the share of the relative noise that a read shows."""
        seen = np.asarray(g, dtype=np.float64)
        return np.asarray((1 - seen * self.included) / (1 + seen * self.excluded))

    def moments(self, g: Floats) -> tuple[Floats, Floats]:
        return self._shared(g, *self.noise.moments(self.noise_conductance(g)))

    def moments_given(self, g: Floats, state: State) -> tuple[Floats, Floats]:
        return self._shared(g, *self.noise.moments_given(self.noise_conductance(g), state))

    def covariance(self, g: Floats, lag: float) -> Floats:
        return np.asarray(
            self.noise.covariance(self.noise_conductance(g), lag) * self.share(g) ** 2
        )

    def init(self, g: Floats, *, rng: RNG) -> State:
        return self.noise.init(self.noise_conductance(g), rng=rng)

    def advance(self, g: Floats, state: State, seconds: float, *, rng: RNG) -> State:
        return self.noise.advance(self.noise_conductance(g), state, seconds, rng=rng)

    def sample(
        self, g: Floats, state: State, n_reads: int, *, rng: RNG, period: float | None = None
    ) -> tuple[Floats, State]:
        xi, state = self.noise.sample(
            self.noise_conductance(g), state, n_reads, rng=rng, period=period
        )
        return 1 + (xi - 1) * self.share(g), state

    def _shared(self, g: Floats, mean: Floats, variance: Floats) -> tuple[Floats, Floats]:
        share = self.share(g)
        return 1 + (mean - 1) * share, variance * share**2
