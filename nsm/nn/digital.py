"""Layers that a chip computes digitally, in numpy: pooling and scaling of values or of states."""

from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[Any]  # floats, or truth values: True for +1, False for −1


def pool_max(z: Values, kernel: tuple[int, int]) -> Values:
    """Return the maximum over windows of that size, side by side; what does not fill a window is left out, as in torch."""
    rows, columns = kernel
    height, width = z.shape[2] // rows * rows, z.shape[3] // columns * columns
    of_window = (
        z[:, :, i:height:rows, j:width:columns] for i in range(rows) for j in range(columns)
    )
    return np.asarray(reduce(np.maximum, of_window))


def _numbers(z: Values) -> Values:
    """Return states as numbers: −1 and +1 where they were truth values."""
    return np.where(z, 1.0, -1.0) if z.dtype == bool else z


def pool_mean(z: Values, kernel: tuple[int, int]) -> Values:
    """Return the mean over windows of that size, side by side; what does not fill a window is left out, as in torch."""
    rows, columns = kernel
    height, width = z.shape[2] // rows, z.shape[3] // columns
    whole = _numbers(z)[:, :, : height * rows, : width * columns]
    return np.asarray(whole.reshape(*z.shape[:2], height, rows, width, columns).mean(axis=(3, 5)))


def per_channel(z: Values, factor: Values, shift: Values) -> Values:
    """Return factor z + shift, both of them per channel, the second axis."""
    shape = (-1, *(1,) * (z.ndim - 2))
    return np.asarray(_numbers(z) * factor.reshape(shape) + shift.reshape(shape))
