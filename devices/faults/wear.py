"""Endurance: cells that programming cycles have worn out. Drawn once per chip."""

from dataclasses import dataclass

import numpy as np

from devices.faults.stuck import Faults
from devices.validation import Floats, number


@dataclass(frozen=True, kw_only=True)
class WearOut(Faults):
    """Cells with Weibull lifetimes: after `cycles` a cell has failed with 1 − exp(−(cycles/scale)^shape).

    A failed cell is stuck in the low-resistance state (at g_max) with probability `p_lrs`, else in the high-resistance one
    (at g_min). `scale` is the cycle number at which 63 % have failed; `shape` > 1 is wear, 1 constant hazard, below 1 infant
    mortality. With the same `rng`, cells that have failed stay failed, and where they are, as `cycles` grows.
    """

    cycles: float
    scale: float
    shape: float
    p_lrs: float

    def __post_init__(self) -> None:
        number("WearOut.cycles", self.cycles, at_least=0)
        number("WearOut.scale", self.scale, above=0)
        number("WearOut.shape", self.shape, above=0)
        number("WearOut.p_lrs", self.p_lrs, at_least=0, at_most=1)

    @property
    def p_fail(self) -> float:
        """Probability that a cell has failed by now."""
        with np.errstate(over="ignore"):  # cycles far above scale: certain
            return float(-np.expm1(-((np.float64(self.cycles) / self.scale) ** self.shape)))

    def apply(
        self, target: Floats, g_min: float, g_max: float, *, rng: np.random.Generator
    ) -> Floats:
        failed = rng.random(np.shape(target)) < self.p_fail
        stuck = np.where(rng.random(np.shape(target)) < self.p_lrs, g_max, g_min)
        return np.where(failed, stuck, target)
