"""The error of programming that has no closed form, from a simulation."""

from typing import NamedTuple

import numpy as np

from devices.programming.base import WriteModel
from devices.validation import Floats

# The standard error of a simulated root mean square is about 3 %.
_CELLS = 500
_TARGETS = 33


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
    targets = np.linspace(g_min, g_max, _TARGETS)
    off = write.program(np.tile(targets, (_CELLS, 1)), rng=0) - targets
    rms = np.asarray(np.sqrt(np.mean(off**2, axis=0)))
    return SimulatedError(targets, np.asarray(off.mean(axis=0)), rms)
