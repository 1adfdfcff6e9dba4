"""Mean and variance of programmed cells, after a device has clipped them to its range."""

import numpy as np

from devices.clipped import clipped_deviation
from devices.programming.base import NormalError, WriteModel
from devices.validation import Floats


def programming_moments(
    write: WriteModel, target: Floats, g_min: float, g_max: float
) -> tuple[Floats, Floats]:
    """Return mean error [S] and variance [S²] of cells that were programmed to a target.

    For a normal error both are the closed form of a normal variable that is clipped to the range:
    at g_min and g_max half of the cells have no error, and the mean moves inwards. Other models
    without a range of their own give their error before clipping; clipping only makes it smaller.

    Args:
        write: The programming model.
        target: Conductances [S] that the cells are to have, within the range.
        g_min: Smallest conductance of the device [S].
        g_max: Largest conductance of the device [S].
    """
    g = np.asarray(target, dtype=np.float64)
    if isinstance(write, NormalError) and not write.has_own_range:
        mean, std = write.law(g)
        moments = clipped_deviation(g + mean, std, g_min, g_max, reference=g)
        bias, square = moments.mean, moments.square
    else:
        bias, square = write.bias(g), write.sigma(g) ** 2
    return bias, np.asarray(np.maximum(square - bias**2, 0))
