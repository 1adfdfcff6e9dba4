"""The base class of faults, and the model of a chip without any."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from devices.seeding import RNG, generator
from devices.validation import Floats


class Faults(ABC):
    """Cells that do not follow their target, and where they are stuck; drawn once per chip.

    A new model defines `apply` and begins it with `generator(rng)`.
    """

    @abstractmethod
    def apply(self, target: Floats, g_min: float, g_max: float, *, rng: RNG) -> Floats:
        """Return the targets with the faulty cells moved to where they are stuck.

        Args:
            target: Conductances [S] that the cells are to have.
            g_min: Smallest conductance of the device [S].
            g_max: Largest conductance of the device [S].
            rng: A seed, a Generator, a SeedSequence or None; the same seed gives the same faulty
                cells.

        Returns:
            Conductances [S] of target's shape.
        """


@dataclass(frozen=True)
class NoFaults(Faults):
    """Every cell follows its target."""

    def apply(self, target: Floats, g_min: float, g_max: float, *, rng: RNG) -> Floats:
        generator(rng)  # nothing is drawn, but a wrong rng is refused as by every model
        return target
