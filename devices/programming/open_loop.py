"""Open-loop programming: a counted number of pulses, and no verifying read."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from devices.clipped import Deviation, clipped_deviation
from devices.programming.base import WriteModel
from devices.programming.simulated import TARGETS, SimulatedCells, simulated_cells
from devices.pulses.base import PulseCounts, PulseResponse
from devices.pulses.nonlinear import NonlinearPulses
from devices.seeding import RNG, generator
from devices.validation import Floats, array, instance, integer, number


@dataclass(frozen=True, kw_only=True)
class OpenLoopPulses(WriteModel):
    """Cells start at g_min and receive the number of pulses that brings the typical cell nearest.

    The number n is read from the pulse curve of the typical device without noise
    (`PulseResponse.curve`). The conductance of a cell is what n pulses leave, with the
    cycle-to-cycle noise of every pulse, the device-to-device differences and the write noise of the
    response. Nothing is corrected: a target between two points of the curve, a cell with a smaller
    step or a narrower range all end in a programming error. Everything is drawn once per chip.

    For `NonlinearPulses` the error grows as √n: after n pulses it is N(0, n c2c² (g_max − g_min)²),
    clipped to the range, as in NeuroSim (Cell.cpp of MLP_NeuroSim_V3.0 multiplies the deviation of
    one pulse by √n). The number that NeuroSim's table of devices gives as cycle-to-cycle variation
    is the deviation of one pulse, not the error of a programmed cell.

    Attributes:
        pulses: Response to one pulse; the cells' range is that of the response.
        max_pulses: Largest number of pulses; default 1000. It limits curves that approach g_max
            without reaching it.
        error_factor: Factor on the error of every cell, as an axis of sweeps; default 1. Above 1
            cells leave their own range, and devices clip them to theirs.

    Raises:
        ValueError: If pulses is no `PulseResponse`, max_pulses is below 1, or error_factor is
            negative.
    """

    pulses: PulseResponse
    max_pulses: int = 1000
    error_factor: float = 1.0

    def __post_init__(self) -> None:
        instance("OpenLoopPulses.pulses", self.pulses, PulseResponse)
        integer("OpenLoopPulses.max_pulses", self.max_pulses, at_least=1)
        number("OpenLoopPulses.error_factor", self.error_factor, at_least=0)

    @property
    def has_own_range(self) -> bool:
        return self.error_factor <= 1

    def count(self, target: ArrayLike) -> NDArray[np.intp]:
        """Return the number of pulses for each target; of two equally near numbers the lower one.

        Args:
            target: Wanted conductances [S].
        """
        return self._counts.to(array("target", target))

    def sigma(self, target: Floats) -> Floats:
        """Return the root mean square error [S] around the target, rounding to pulses included.

        For `NonlinearPulses` without device-to-device spread this is the closed form of a clipped
        normal variable. For other responses mean and spread are those of 500 cells, simulated with
        a fixed seed after each of 33 numbers of pulses and interpolated linearly; the distance of
        the pulse curve from the target is exact. The standard error of the spread is 3 %.
        """
        moments = self._moments(np.asarray(target, dtype=np.float64))
        return np.asarray(self.error_factor * np.sqrt(moments.square))

    def bias(self, target: Floats) -> Floats:
        """Return the mean error [S] of cells programmed to `target` [S]; found as in `sigma`."""
        return self.error_factor * self._moments(np.asarray(target, dtype=np.float64)).mean

    def _moments(self, target: Floats) -> Deviation:
        """Return the moments of the published error, in closed form where there is one."""
        exact = self._exact(target)
        if exact is not None:
            return exact
        mean, std = self._simulated.around(self._curve, self.count(target))
        return Deviation(mean - target, (mean - target) ** 2 + std**2)

    def _exact(self, target: Floats) -> Deviation | None:
        """Return the moments of the published error in closed form; None if there is none."""
        pulses = self.pulses
        if not isinstance(pulses, NonlinearPulses) or pulses.d2d_nl:
            return None
        n = self.count(target)
        noise = pulses.c2c * np.sqrt(n) * (pulses.g_max - pulses.g_min)
        ends = self._curve[n]
        return clipped_deviation(ends, noise, pulses.g_min, pulses.g_max, reference=target)

    def program(self, target: Floats, *, rng: RNG) -> Floats:
        n, random = self.count(target), generator(rng)
        pulses = self.pulses
        if type(pulses) is NonlinearPulses and not pulses.d2d_nl:
            g = pulses.written(n, rng=random)
        else:
            g = one_by_one(pulses, n, random)
        if self.error_factor != 1:
            g = np.maximum(target + self.error_factor * (g - target), 0)
        return g

    @cached_property
    def _curve(self) -> Floats:
        """Conductances [S] of the typical device after 0…max_pulses pulses from g_min."""
        return self.pulses.curve(self.max_pulses)[0]

    @cached_property
    def _counts(self) -> PulseCounts:
        return PulseCounts(self._curve)

    @cached_property
    def _simulated(self) -> SimulatedCells:
        pulses, random = self.pulses, generator(0)
        counts = self.count(np.linspace(pulses.g_min, pulses.g_max, TARGETS))
        return simulated_cells(lambda n: one_by_one(pulses, n, random), self._curve, counts)


def one_by_one(pulses: PulseResponse, n: NDArray[np.intp], random: np.random.Generator) -> Floats:
    """Return the conductances [S] of new cells as they are read after n pulses each from g_min."""
    cells = pulses.init(n.shape, rng=random)
    g = pulses.respond(pulses.g_min, n, cells, rng=random)
    return pulses.with_write_noise(g, rng=random)
