"""Checks of measured values before a fit: what they find is counted, and nothing is dropped."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from devices.arguments import listed, text
from devices.validation import LARGEST_CONDUCTANCE, Floats, real_array, shortened

#: Smaller conductances cannot be measured [S].
SMALLEST_CONDUCTANCE = 1e-13
#: Larger conductances are no measurements, not even of shorted cells [S].
OVERRANGE = 10.0
#: A value this many robust standard deviations from the median is far off.
FAR_OFF = 8.0
# Share of the values below 0 S that noise does not explain.
_MOST = 0.9
# Median absolute deviation of a standard normal.
_NORMAL_MAD = 0.6744897501960817


def checked_names(names: Sequence[str] | None, cells: int) -> tuple[str, ...]:
    """Return one name for each cell; None stands for "0", "1", ….

    Raises:
        ValueError: If there are fewer or more names than cells, or it is a text.
    """
    if names is None:
        return tuple(str(k) for k in range(cells))
    given = listed("names", names, "one text for each cell")
    if len(given) != cells:
        raise ValueError(
            f"names = {shortened(names)} are not {cells} names; give one for each cell"
        )
    # Cells may be numbered, from any number on.
    return tuple(str(name) if type(name) is int else text("name in names", name) for name in given)


def conductances(
    name: str,
    value: ArrayLike,
    *,
    ndim: int | None = None,
    shape: tuple[int | None, ...] | None = None,
    some: bool = True,
) -> Floats:
    """Return measured conductances [S], in which NaN stands for a value that is missing.

    Args:
        name: What they are, for the message.
        value: The measured values.
        ndim: Wanted number of dimensions, or None for any.
        shape: Wanted shape, in which None stands for any length; None for any shape.
        some: Whether at least one has to be known; default True.

    Raises:
        ValueError: If they are not real numbers of that shape, some are infinite or beyond any
            range, none is finite (with `some`), or their size belongs to another unit than siemens.
    """
    g = np.asarray(real_array(name, value, ndim=ndim, shape=shape), dtype=np.float64)
    infinite = int(np.isinf(g).sum())
    if infinite:
        raise ValueError(f"{name} holds {infinite} infinite values; write NaN for what is missing")
    known = np.abs(g[np.isfinite(g)])
    if not known.size and g.size and not some:
        return g
    if not known.size:
        raise ValueError(f"{name} of shape {g.shape} holds no finite value; give conductances [S]")
    signed = g[np.isfinite(g)]
    if np.quantile(signed, _MOST) < 0:  # single reads of small cells may be
        raise ValueError(
            f"{name} has a median of {np.median(signed):.3g} S, and a conductance is not negative; "
            "was the polarity reversed? Give the absolute values"
        )
    typical = float(np.median(known))
    if typical > LARGEST_CONDUCTANCE:
        raise ValueError(
            f"{name} has a median of {typical:.3g} S, more than a memory cell conducts "
            f"({LARGEST_CONDUCTANCE:g} S); are the values in µS? Give siemens: 50 µS is 50e-6"
        )
    if float(known.max()) > OVERRANGE:
        raise ValueError(
            f"{name} holds {int((known > OVERRANGE).sum())} values above {OVERRANGE:g} S, up to "
            f"{known.max():.3g} S, such as instruments write beyond their range; write NaN for them"
        )
    if 0 < float(known.max()) < SMALLEST_CONDUCTANCE:
        raise ValueError(
            f"{name} reaches only {known.max():.3g} S, less than can be measured "
            f"({SMALLEST_CONDUCTANCE:g} S); was it already in siemens and scaled once more?"
        )
    return g


def robust_deviation(values: Floats, axis: int = -1) -> Floats:
    """Return 1.4826 times the median absolute deviation, which outliers do not widen.

    It is the standard deviation of normal values. The axis stays, with length 1.

    Args:
        values: Measured values; NaN where one is missing.
        axis: Axis of the values that belong together; default the last.
    """
    middle = np.nanmedian(values, axis=axis, keepdims=True)
    away = np.abs(values - middle)
    return np.asarray(np.nanmedian(away, axis=axis, keepdims=True) / _NORMAL_MAD)


def robust_distances(values: Floats, axis: int = -1) -> Floats:
    """Return distances from the median in robust standard deviations; 0 if most are the same.

    Args:
        values: Measured values; NaN where one is missing.
        axis: Axis of the values that belong together; default the last.
    """
    away = np.abs(values - np.nanmedian(values, axis=axis, keepdims=True))
    spread = robust_deviation(values, axis)
    return np.divide(away, spread, out=np.zeros(values.shape), where=spread > 0)


def are_far_off(values: Floats, axis: int = -1) -> np.ndarray:
    """Return which values lie more than `FAR_OFF` robust standard deviations from the median.

    Missing values are not far off.

    Args:
        values: Measured values; NaN where one is missing.
        axis: Axis of the values that belong together; default the last.
    """
    if not np.isfinite(values).any():
        return np.zeros(values.shape, dtype=bool)
    return np.asarray(robust_distances(values, axis) > FAR_OFF)
