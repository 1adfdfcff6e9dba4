"""What a chip computes digitally between its arrays, in numpy.

All functions take values (images, ...): numbers, or truth values that stand for states (True is +1,
False is −1). They are functions of a module, so that a chip that holds one (in a
`functools.partial`) can be pickled.
"""

from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[Any]  # floats, or truth values: True for +1, False for −1


def as_numbers(z: Values) -> Values:
    """Return states as numbers, −1 and +1; leave numbers as they are."""
    return np.where(z, 1.0, -1.0) if z.dtype == bool else z


def binarize(z: Values, threshold: float) -> Values:
    """Return the states z ≥ threshold as truth values; states come back unchanged."""
    return z if z.dtype == bool else np.asarray(z >= threshold)


def binarize_per_pixel(z: Values, thresholds: Values) -> Values:
    """Return the states z ≥ threshold as truth values, with one threshold for every value."""
    return np.asarray(as_numbers(z) >= thresholds)


def thermometer(z: Values, thresholds: Values) -> Values:
    """Return the states z ≥ threshold of one threshold after another, along the second axis."""
    numbers = as_numbers(z)
    return np.concatenate([numbers >= threshold for threshold in thresholds], axis=1)


def rectify(z: Values) -> Values:
    """Return max(z, 0); states −1 and +1 become 0 and 1."""
    return np.asarray(np.maximum(z, 0))


def flatten(z: Values) -> Values:
    """Return one row of values for every image."""
    return z.reshape(len(z), -1)


def unflatten(z: Values, size: tuple[int, ...]) -> Values:
    """Return the values of every image in the shape `size`."""
    return z.reshape(len(z), *size)


def pool_max(z: Values, kernel: tuple[int, int]) -> Values:
    """Return the maximum over adjacent windows of (rows, columns) values.

    An incomplete window at the edge is left out, as in torch.
    """
    rows, columns = kernel
    height = z.shape[2] // rows * rows
    width = z.shape[3] // columns * columns
    # One strided view per position in a window is faster than a reduction over two short axes.
    of_window = (
        z[:, :, i:height:rows, j:width:columns] for i in range(rows) for j in range(columns)
    )
    return np.asarray(reduce(np.maximum, of_window))


def pool_mean(z: Values, kernel: tuple[int, int]) -> Values:
    """Return the mean over adjacent windows of (rows, columns) values.

    An incomplete window at the edge is left out, as in torch.
    """
    rows, columns = kernel
    height = z.shape[2] // rows
    width = z.shape[3] // columns
    complete = as_numbers(z)[:, :, : height * rows, : width * columns]
    windows = complete.reshape(*z.shape[:2], height, rows, width, columns)
    return np.asarray(windows.mean(axis=(3, 5)))


def per_channel(z: Values, factor: Values, shift: Values) -> Values:
    """Return factor z + shift, with one factor and one shift per channel (the second axis)."""
    shape = (-1, *(1,) * (z.ndim - 2))
    return np.asarray(as_numbers(z) * factor.reshape(shape) + shift.reshape(shape))
