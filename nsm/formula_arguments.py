"""Checks of the arguments of closed forms: weights, inputs, shares, and arrays that go together."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from devices.arguments import listed
from devices.validation import Floats, array


def weights_and_inputs(w: ArrayLike, z: ArrayLike) -> tuple[Floats, Floats]:
    """Return weights (outputs, inputs) and inputs (..., inputs), or raise ValueError."""
    weights = array("w", w, ndim=2)
    inputs = array("z", z)
    if not inputs.ndim or inputs.shape[-1] != weights.shape[1]:
        raise ValueError(
            f"z has shape {inputs.shape} and w has {weights.shape}; give (..., inputs) and "
            "(outputs, inputs)"
        )
    return weights, inputs


def together(**given: ArrayLike) -> list[Floats]:
    """Return arrays by name, if their shapes broadcast; raise ValueError naming all of them."""
    arrays = {name: array(name, values) for name, values in given.items()}
    try:
        np.broadcast_shapes(*(a.shape for a in arrays.values()))
    except ValueError:
        shapes = ", ".join(f"{name} {a.shape}" for name, a in arrays.items())
        raise ValueError(f"shapes do not fit: {shapes}; give numbers, or equal shapes") from None
    return list(arrays.values())


def share(name: str, x: ArrayLike) -> Floats:
    """Return numbers in [0, 1], or raise ValueError."""
    a = array(name, x)
    if a.min(initial=0) < 0 or a.max(initial=1) > 1:
        raise ValueError(f"{name} goes from {a.min():g} to {a.max():g}; give numbers in [0, 1]")
    return a


def not_negative(name: str, x: ArrayLike) -> Floats:
    """Return numbers of at least 0, or raise ValueError."""
    a = array(name, x)
    if a.min(initial=0) < 0:
        raise ValueError(f"{name} holds {a.min():g}; give numbers of at least 0")
    return a


def two(name: str, value: Any) -> tuple[Any, Any]:
    """Return mean and variance, or raise ValueError unless there are two."""
    given = listed(name, value, "a mean and a variance")
    if len(given) != 2:
        raise ValueError(f"{name} has {len(given)} members; give a mean and a variance")
    return given[0], given[1]
