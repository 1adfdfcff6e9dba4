"""The base class of retention, and the model without drift."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from devices.operating_point import OperatingPoint
from devices.seeding import RNG, generator
from devices.validation import Floats


class Retention(ABC):
    """How conductances change between programming and a read.

    Each cell draws its own path once per chip: the same `rng` gives the same path at every time. At
    0 s nothing has changed yet. A
    new model defines `age`, `common` and `spread`, and begins `age` with `generator(rng)`.

    The two parts matter differently: a factor common to all cells is a common-mode gain, which a
    neural sampling machine ignores; a spread between cells is a weight error.
    """

    @abstractmethod
    def age(self, g: Floats, seconds: float, *, rng: RNG) -> Floats:
        """Return the conductances after some time.

        Args:
            g: Conductances [S] just after programming.
            seconds: Time since programming [s].
            rng: A seed, a Generator, a SeedSequence or None; the same seed gives the same paths.

        Returns:
            Conductances [S] of g's shape.
        """

    def at(self, point: OperatingPoint) -> "Retention":
        """Return this model at an operating point; itself if it does not depend on temperature.

        Args:
            point: The temperature at which cells are kept.
        """
        return self

    @abstractmethod
    def common(self, g: Floats, seconds: float) -> Floats:
        """Return the mean factor E[G(t)]/g of cells of g [S], `seconds` [s] after programming."""

    @abstractmethod
    def spread(self, g: Floats, seconds: float) -> Floats:
        """Return the standard deviation of G(t) [S] over cells that were programmed to g [S]."""


@dataclass(frozen=True)
class NoDrift(Retention):
    """Conductances do not change with time."""

    def age(self, g: Floats, seconds: float, *, rng: RNG) -> Floats:
        generator(rng)  # nothing is drawn, but a wrong rng is refused as by every model
        return np.array(g, dtype=np.float64)

    def common(self, g: Floats, seconds: float) -> Floats:
        return np.ones(np.shape(g))

    def spread(self, g: Floats, seconds: float) -> Floats:
        return np.zeros(np.shape(g))
