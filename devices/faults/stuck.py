"""Faults: cells that cannot be programmed. Drawn once per chip."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from devices.validation import Floats, number


class Faults(ABC):
    """Which cells do not follow their target, and where they sit instead."""

    @abstractmethod
    def apply(
        self, target: Floats, g_min: float, g_max: float, *, rng: np.random.Generator
    ) -> Floats:
        """Return targets [S] with the faulty cells moved to where they are stuck."""


@dataclass(frozen=True)
class NoFaults(Faults):
    """Every cell follows its target."""

    def apply(
        self, target: Floats, g_min: float, g_max: float, *, rng: np.random.Generator
    ) -> Floats:
        return target


@dataclass(frozen=True, kw_only=True)
class StuckCells(Faults):
    """Cells stuck in the low-resistance state (at g_max) or the high-resistance state (at g_min), independently.

    The names say the state, since the literature's "stuck at 0" means either (Chen et al. 2015 and PytorX
    call the *high* conductance SA0). Raises ValueError for probabilities outside [0, 1] or with a sum above 1.
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

    def apply(
        self, target: Floats, g_min: float, g_max: float, *, rng: np.random.Generator
    ) -> Floats:
        u = rng.random(np.shape(target))
        stuck_low = (u >= self.p_stuck_lrs) & (u < self.p_stuck_lrs + self.p_stuck_hrs)
        return np.where(u < self.p_stuck_lrs, g_max, np.where(stuck_low, g_min, target))
