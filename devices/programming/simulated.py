"""The error of programming that has no closed form, from a simulation."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from devices.programming.base import WriteModel
from devices.validation import Floats

# The standard error of a simulated root mean square is about 3 %.
_CELLS = 500
#: Evenly spaced targets of a simulation.
TARGETS = 33


class SimulatedError(NamedTuple):
    """Error of simulated cells; `numpy.interp` gives it between the targets.

    Attributes:
        targets: Evenly spaced targets [S], rising.
        mean: Mean error [S] at each of them.
        rms: Root mean square error [S] at each of them.
    """

    targets: Floats
    mean: Floats
    rms: Floats


def simulated_error(write: WriteModel, g_min: float, g_max: float) -> SimulatedError:
    """Return the error of 500 cells at each of 33 targets, drawn with a fixed seed.

    Args:
        write: The programming model.
        g_min: Smallest target [S].
        g_max: Largest target [S].
    """
    targets = np.linspace(g_min, g_max, TARGETS)
    off = write.program(np.tile(targets, (_CELLS, 1)), rng=0) - targets
    rms = np.asarray(np.sqrt(np.mean(off**2, axis=0)))
    return SimulatedError(targets, np.asarray(off.mean(axis=0)), rms)


class SimulatedCells(NamedTuple):
    """Simulated cells after several numbers of pulses; both moments are smooth in the number.

    Attributes:
        counts: Numbers of pulses, rising.
        mean: Mean distance of the cells from the typical one [S] after each of them.
        std: Standard deviation of the cells [S].
    """

    counts: NDArray[np.intp]
    mean: Floats
    std: Floats

    def around(self, typical: Floats, n: NDArray[np.intp]) -> tuple[Floats, Floats]:
        """Return mean and standard deviation [S] of cells after n pulses.

        Args:
            typical: Conductances of the typical cell after 0, 1, … pulses [S].
            n: Numbers of pulses.
        """
        off, std = (np.interp(n, self.counts, moment) for moment in (self.mean, self.std))
        return typical[n] + off, std


def simulated_cells(
    program: Callable[[NDArray[np.intp]], Floats], typical: Floats, counts: NDArray[np.intp]
) -> SimulatedCells:
    """Return the moments of 500 cells after each number of pulses.

    Args:
        program: Returns the conductances [S] of new cells after their numbers of pulses.
        typical: Conductances of the typical cell after 0, 1, … pulses [S].
        counts: Numbers of pulses that lead to evenly spaced conductances.
    """
    apart = np.unique(counts)
    g = program(np.tile(apart, (_CELLS, 1)))
    return SimulatedCells(apart, np.asarray(g.mean(axis=0) - typical[apart]), g.std(axis=0))
