"""The base classes of programming errors, and ideal programming."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from devices.seeding import RNG, generator
from devices.validation import Floats


class WriteModel(ABC):
    """How far a programmed conductance lands from its target.

    The error is drawn once per chip, when cells are programmed, and stays the same for all reads. A
    new model defines `sigma` and `program`, and begins `program` with `generator(rng)`. A model
    with a normal error derives from `NormalError` and defines `sigma` only. A model whose cells
    have bounds of their own, such as one of pulses, also defines `has_own_range`.
    """

    @property
    def has_own_range(self) -> bool:
        """Whether the model itself knows between which conductances its cells lie.

        If not (default), errors have no bounds, and `Device.program` clips the conductances to the
        device's range.
        """
        return False

    @abstractmethod
    def sigma(self, target: Floats) -> Floats:
        """Return the root mean square error [S] of cells programmed to `target` [S].

        It is that of `program`, before a device clips to its range; see
        `Device.programming_error` for the error after clipping.
        """

    def bias(self, target: Floats) -> Floats:
        """Return the mean error [S] of cells programmed to `target` [S]; 0 unless a model tells.

        It is the part of `sigma` that is the same on all chips. A model whose bias is not known
        counts all of its error as differing from chip to chip.
        """
        return np.zeros(np.shape(target))

    @abstractmethod
    def program(self, target: Floats, *, rng: RNG) -> Floats:
        """Return the conductances of new cells after programming; every cell draws its own error.

        Args:
            target: Wanted conductances [S].
            rng: A seed, a Generator, a SeedSequence or None; the same seed gives the same errors.

        Returns:
            Conductances [S] of target's shape, never negative. A device clips them to its range,
            unless the model has a range of its own.
        """


@dataclass(frozen=True)
class IdealWrite(WriteModel):
    """Programming without error: every cell lands on its target."""

    def sigma(self, target: Floats) -> Floats:
        return np.zeros(np.shape(target))

    def program(self, target: Floats, *, rng: RNG) -> Floats:
        generator(rng)  # nothing is drawn, but a wrong rng is refused as by every model
        return np.array(target, dtype=np.float64)


class NormalError(WriteModel):
    """A normal programming error; a subclass defines `sigma`.

    If the mean of the error is not 0, it also defines `bias` and `law`. A conductance that is drawn
    below zero is set to 0 S; a device clips to [g_min, g_max].
    """

    def law(self, target: Floats) -> tuple[Floats, Floats]:
        """Return mean and standard deviation [S] of the error, before conductances are clipped.

        Args:
            target: Conductances [S] to which cells are programmed.
        """
        return np.zeros(np.shape(target)), self.sigma(target)

    def program(self, target: Floats, *, rng: RNG) -> Floats:
        g = np.asarray(target, dtype=np.float64)
        mean, std = self.law(g)
        return np.maximum(g + mean + std * generator(rng).standard_normal(g.shape), 0)
