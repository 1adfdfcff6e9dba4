"""The root mean square error of programming that has no closed form, from a simulation."""

from devices.programming.base import WriteModel
from devices.validation import Floats

import numpy as np

# The standard error of a simulated root mean square is about 3 %.
_CELLS = 500
_TARGETS = 33


def simulated_error(write: WriteModel, g_min: float, g_max: float) -> tuple[Floats, Floats]:
    """Return targets [S] and the root mean square error [S] of cells simulated at each of them.

    There are 500 cells at each of 33 evenly spaced targets, drawn with a fixed seed. `numpy.interp`
    gives the error between the targets.

    Args:
        write: The programming model.
        g_min: Smallest target [S].
        g_max: Largest target [S].
    """
    targets = np.linspace(g_min, g_max, _TARGETS)
    g = write.program(np.tile(targets, (_CELLS, 1)), rng=0)
    return targets, np.asarray(np.sqrt(np.mean((g - targets) ** 2, axis=0)))
