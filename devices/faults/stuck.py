"""Cells that are stuck at one end of the conductance range."""

from dataclasses import dataclass

import numpy as np

from devices.faults.base import Faults
from devices.seeding import RNG, generator
from devices.validation import Floats, number


@dataclass(frozen=True, kw_only=True)
class StuckCells(Faults):
    """Cells that are stuck in the low- or the high-resistance state, independently of each other.

    The fields name the state, because "stuck at 0" means either one in the literature (Chen et al.
    2015 and PytorX call the *high* conductance SA0).

    Attributes:
        p_stuck_lrs: Probability that a cell is stuck in the low-resistance state, at g_max; default
            0.
        p_stuck_hrs: Probability that a cell is stuck in the high-resistance state, at g_min;
            default 0.

    Raises:
        ValueError: If a probability lies outside [0, 1], or their sum is above 1.
    """

    p_stuck_lrs: float = 0.0
    p_stuck_hrs: float = 0.0

    def __post_init__(self) -> None:
        number("StuckCells.p_stuck_lrs", self.p_stuck_lrs, at_least=0, at_most=1)
        number("StuckCells.p_stuck_hrs", self.p_stuck_hrs, at_least=0, at_most=1)
        number(
            "StuckCells.p_stuck_lrs + p_stuck_hrs",
            self.p_stuck_lrs + self.p_stuck_hrs,
            at_least=0,
            at_most=1,
        )

    def apply(self, target: Floats, g_min: float, g_max: float, *, rng: RNG) -> Floats:
        # One uniform number decides between the three fates of a cell, so they exclude each other.
        u = generator(rng).random(np.shape(target))
        at_g_max = u < self.p_stuck_lrs
        at_g_min = (u >= self.p_stuck_lrs) & (u < self.p_stuck_lrs + self.p_stuck_hrs)
        return np.where(at_g_max, g_max, np.where(at_g_min, g_min, target))
