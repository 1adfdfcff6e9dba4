"""Endurance: cells that programming cycles have worn out."""

from dataclasses import dataclass

import numpy as np

from devices.faults.base import Faults
from devices.seeding import RNG, generator
from devices.validation import Floats, number


@dataclass(frozen=True, kw_only=True)
class WearOut(Faults):
    """Cells whose lifetimes, in programming cycles, follow a Weibull distribution.

    After `cycles` a cell has failed with probability 1 − exp(−(cycles/characteristic_life)^shape).
    A failed cell is stuck at one end of the range. With the same `rng`, cells that have failed stay
    failed, and stay stuck at the same end, as `cycles` grows.

    Attributes:
        cycles: Programming cycles that the chip has seen.
        characteristic_life: Weibull scale: the cycles after which 63 % of the cells have failed.
        shape: Weibull shape: above 1 for wear, 1 for a constant hazard, below 1 for infant
            mortality.
        p_lrs: Probability that a failed cell is stuck in the low-resistance state, at g_max;
            otherwise it is stuck in the high-resistance state, at g_min.

    Raises:
        ValueError: If a number lies outside its range.
    """

    cycles: float
    characteristic_life: float
    shape: float
    p_lrs: float

    def __post_init__(self) -> None:
        number("WearOut.cycles", self.cycles, at_least=0)
        number("WearOut.characteristic_life", self.characteristic_life, above=0)
        number("WearOut.shape", self.shape, above=0)
        number("WearOut.p_lrs", self.p_lrs, at_least=0, at_most=1)

    @property
    def p_fail(self) -> float:
        """Probability that a cell has failed after `cycles`."""
        with np.errstate(over="ignore"):  # far beyond the characteristic life failure is certain
            lives = np.float64(self.cycles) / self.characteristic_life
            return float(-np.expm1(-(lives**self.shape)))

    def apply(self, target: Floats, g_min: float, g_max: float, *, rng: RNG) -> Floats:
        random = generator(rng)
        failed = random.random(np.shape(target)) < self.p_fail
        # The end is drawn for every cell, failed or not, so that it does not depend on `cycles`.
        stuck = np.where(random.random(np.shape(target)) < self.p_lrs, g_max, g_min)
        return np.where(failed, stuck, target)
