"""The base class of read noise, and the model without noise.

Read noise is multiplicative: a cell programmed to g [S] is read as ξ g.
"""

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from devices.operating_point import OperatingPoint
from devices.read_noise.sampled import Sampled
from devices.read_noise.sampled import State as State
from devices.seeding import RNG, generator
from devices.validation import Floats

# Relative step of the numerical derivative in `exponent`.
_RELATIVE_STEP = 1e-4


class ReadNoise(Sampled):
    """The factor ξ by which one read of a cell differs from its programmed conductance.

    A new model defines `moments` (exact mean and variance) and `sample` (what is drawn on every
    read), and begins `sample` with `generator(rng)`. Noise with memory, whose reads are correlated,
    also defines `has_memory`, `init` and `covariance`. Noise that differs from cell to cell also
    defines `moments_given`. A memoryless normal noise derives from `StateDependentNoise` and
    defines only its relative size.

    A noise whose law depends on voltage, temperature or bandwidth also defines `at`. A gate that
    drops voltage while it conducts also defines `series_resistance`; a gate that is Bernoulli
    defines `bernoulli`, which selects faster reads.

    Attributes:
        is_gaussian: Whether ξ is normal and fresh on every read, so that a sum over independent
            cells is exactly one normal number (class variable); default False.
        follows_current: Whether ξ depends on the current of the cell, so that behind a series
            element it is that of the branch (class variable); default False.
    """

    is_gaussian: ClassVar[bool] = False
    follows_current: ClassVar[bool] = False

    @property
    def has_memory(self) -> bool:
        """Whether consecutive reads of a cell are correlated; reads then continue from a state."""
        return False

    @property
    def bernoulli(self) -> tuple[float, float] | None:
        """(p, low) if ξ is 1 with probability p and else `low`, independently; otherwise None."""
        return None

    @abstractmethod
    def moments(self, g: Floats) -> tuple[Floats, Floats]:
        """Return mean and variance of ξ for cells of conductance g [S], each of g's shape.

        The mean is over reads and devices; the variance is that within a device, averaged over
        devices. The two differ from those of one chip if devices differ, see `moments_given`.
        """

    def init(self, g: Floats, *, rng: RNG) -> State:
        """Return the state that consecutive reads carry on, drawn once per chip.

        Args:
            g: Programmed conductances [S].
            rng: A seed, a Generator, a SeedSequence or None.

        Returns:
            The state in the form that the model's `sample` takes; None for memoryless noise.
        """
        generator(rng)  # nothing is drawn, but a wrong rng is refused as by every model
        return None

    def advance(self, g: Floats, state: State, seconds: float, *, rng: RNG) -> State:
        """Return the state after some time without a read.

        Args:
            g: Programmed conductances [S].
            state: State of the cells before.
            seconds: Time that passes [s].
            rng: A seed, a Generator, a SeedSequence or None.
        """
        random = generator(rng)
        if not self.has_memory:
            return state
        return self.sample(g, state, 1, rng=random, period=seconds)[1]

    def covariance(self, g: Floats, lag: float) -> Floats:
        """Return Cov(ξ(t), ξ(t + lag)) of two reads of the same cell, of g's shape.

        Args:
            g: Conductances [S].
            lag: Time between the two reads [s], above 0.
        """
        return np.zeros(np.shape(g))

    def moments_given(self, g: Floats, state: State) -> tuple[Floats, Floats]:
        """Return mean and variance of ξ over the reads of one chip's cells.

        They differ from `moments` if the model has device-to-device variation.

        Args:
            g: Conductances [S].
            state: State of these cells, from `init`.
        """
        return self.moments(g)

    def at(self, point: OperatingPoint) -> "ReadNoise":
        """Return this noise at an operating point; itself if it depends on none of its conditions.

        Args:
            point: Voltage, temperature, period and bandwidth of the reads.
        """
        return self

    @property
    def series_resistance(self) -> float:
        """Resistance of this element while it conducts [Ω], used as a gate in series with a cell.

        A cell of conductance g behind it conducts g/(1 + g R), and its noise is divided by 1 + g R.
        An ideal gate has none.
        """
        return 0.0

    def exponent(self, g: Floats) -> Floats:
        """Return the local exponent γ = d ln σ_G / d ln g of the read noise σ_G = g √Var ξ.

        At γ = 1 noise is multiplicative and a network of threshold units normalizes itself; γ = ½
        is thermal-like and γ = 0 additive.

        Args:
            g: Conductances [S].

        Returns:
            γ of g's shape, by a central difference; NaN where there is no noise.
        """
        g = np.asarray(g, dtype=np.float64)
        factors = (1 - _RELATIVE_STEP, 1 + _RELATIVE_STEP)
        with np.errstate(divide="ignore", invalid="ignore"):
            low, high = (0.5 * np.log(self.moments(g * f)[1] * (g * f) ** 2) for f in factors)
            return np.asarray((high - low) / np.log(factors[1] / factors[0]))


def constant_moments(g: Floats, mean: float, variance: float) -> tuple[Floats, Floats]:
    """Return the moments of a noise that does not depend on conductance, each of g's shape."""
    g = np.asarray(g, dtype=np.float64)
    return np.full(g.shape, mean), np.full(g.shape, variance)


@dataclass(frozen=True)
class NoNoise(ReadNoise):
    """ξ = 1: every read returns the programmed conductance."""

    is_gaussian: ClassVar[bool] = True

    def moments(self, g: Floats) -> tuple[Floats, Floats]:
        return constant_moments(g, 1.0, 0.0)

    def sample(
        self, g: Floats, state: State, n_reads: int, *, rng: RNG, period: float | None = None
    ) -> tuple[Floats, State]:
        generator(rng)  # nothing is drawn, but a wrong rng is refused as by every model
        return np.ones((n_reads, *np.shape(g))), state
