"""Checks of what comes in: every message says what came, what is allowed, what to do."""

import difflib
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def number(
    name: str,
    value: Any,
    *,
    above: float | None = None,
    at_least: float | None = None,
    below: float | None = None,
    at_most: float | None = None,
    unit: str = "",
) -> float:
    """Return `value` as a float, or raise ValueError naming `name`, the value and the allowed interval."""
    low = "(" if at_least is None else "["
    high = ")" if at_most is None else "]"
    left = at_least if above is None else above
    right = at_most if below is None else below
    allowed = f"{low}{-np.inf if left is None else left:g}, {np.inf if right is None else right:g}{high} {unit}".rstrip()
    try:
        if isinstance(value, (bool, str)):
            raise TypeError
        x = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name} = {value!r} is not a number; give one in {allowed}") from None
    bad = (
        not np.isfinite(x)
        or (above is not None and x <= above)
        or (at_least is not None and x < at_least)
        or (below is not None and x >= below)
        or (at_most is not None and x > at_most)
    )
    if bad:
        raise ValueError(f"{name} = {value!r} is not allowed; give a finite number in {allowed}")
    return x


def integer(name: str, value: Any, *, at_least: int) -> int:
    """Return `value` as an int, or raise ValueError."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < at_least:
        raise ValueError(
            f"{name} = {value!r} is not allowed; give a whole number of at least {at_least}"
        )
    return int(value)


def real_array(
    name: str,
    value: ArrayLike,
    *,
    ndim: int | None = None,
    shape: tuple[int | None, ...] | None = None,
) -> NDArray[Any]:
    """Return `value` as an array of real numbers of the wanted shape (None: any length), or raise ValueError."""
    try:
        a = np.asarray(value)
        if a.dtype.kind not in "fiub":
            raise TypeError
    except (TypeError, ValueError):
        raise ValueError(
            f"{name} is not an array of real numbers (got {type(value).__name__})"
        ) from None
    if ndim is not None and a.ndim != ndim:
        raise ValueError(f"{name} has shape {a.shape}; give {ndim} dimensions")
    if shape is not None and (
        a.ndim != len(shape)
        or any(w is not None and w != n for w, n in zip(shape, a.shape, strict=True))
    ):
        wanted = "(" + ", ".join("any" if w is None else str(w) for w in shape) + ")"
        raise ValueError(f"{name} has shape {a.shape}; give {wanted}")
    return a


def finite(name: str, a: Floats) -> Floats:
    """Return `a`, or raise ValueError where it holds NaN or infinite values."""
    bad = a.size - int(np.isfinite(a).sum())
    if bad:
        raise ValueError(
            f"{name} holds {bad} values that are NaN or infinite; remove them before they reach the chip"
        )
    return a


def array(
    name: str,
    value: ArrayLike,
    *,
    ndim: int | None = None,
    shape: tuple[int | None, ...] | None = None,
) -> Floats:
    """Return `value` as a finite float64 array of the wanted shape (None: any length), or raise ValueError."""
    return finite(
        name, real_array(name, value, ndim=ndim, shape=shape).astype(np.float64, copy=False)
    )


def choice(what: str, value: Any, known: Iterable[str]) -> str:
    """Return `value` if it is one of `known`, or raise ValueError that lists them and suggests the nearest."""
    names = list(known)
    if value in names:
        return str(value)
    near = difflib.get_close_matches(str(value), names, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    raise ValueError(f"unknown {what} {value!r}{hint} Known: {', '.join(names)}")
