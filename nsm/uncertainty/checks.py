"""Checks of class probabilities and their labels."""

import numpy as np
from numpy.typing import ArrayLike

from devices.validation import array
from nsm.nn.inference import Floats, Labels, check_labels

_ROUNDING = 1e-5  # largest error of Σ p, for probabilities that were computed in float32


def probabilities(name: str, p: ArrayLike, ndim: int | None = None) -> Floats:
    """Return probabilities as an array of `ndim` axes (None: any), or raise ValueError."""
    values = array(name, p, ndim=ndim)
    if values.ndim == 0 or values.size == 0:
        raise ValueError(
            f"{name} has shape {values.shape}; give (..., classes), at least one number"
        )
    low = values.min()
    high = values.max()
    off = np.abs(values.sum(axis=-1) - 1).max()
    if low < 0 or high > 1 + _ROUNDING or off > _ROUNDING:
        raise ValueError(
            f"{name} holds numbers from {low:g} to {high:g} whose sums over classes are off 1 by "
            f"up to {off:g}; give probabilities (nsm.nn.inference.softmax makes them of logits)"
        )
    return values


def with_labels(p: ArrayLike, y: ArrayLike) -> tuple[Floats, Labels]:
    """Return probabilities (batch, classes) and their labels, or raise ValueError."""
    values = probabilities("p", p, 2)
    labels = check_labels(y, *values.shape)
    return values, labels
