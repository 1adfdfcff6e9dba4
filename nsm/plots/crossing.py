"""How much of a non-ideality a network tolerates, from the rows of a sweep."""

import math

import pandas as pd

from devices.validation import choice, number
from nsm.plots.annotated import checked
from nsm.plots.axis_places import axis_scale


def crossing(values: list[float], rises: list[float], allowed: float, *, scale: str) -> float:
    """Return the first value at which a curve rises above `allowed`, along the axis as it is drawn.

    Args:
        values: positions on the axis, from the nominal value outward.
        rises: rise of the error at these positions, in the unit of `allowed`; the first is 0.
        allowed: largest tolerated rise.
        scale: scale of the axis, see `nsm.plots.axis_places.axis_scale`. Between two positive
            values of a logarithmic (or symmetric-logarithmic) axis the interpolation is
            logarithmic, everywhere else linear.

    Returns:
        The interpolated value; infinity if no position rises above `allowed`.
    """
    for i in range(1, len(values)):
        if rises[i] <= allowed:
            continue
        share = (allowed - rises[i - 1]) / (rises[i] - rises[i - 1])
        inner = values[i - 1]
        outer = values[i]
        if scale != "linear" and min(inner, outer) > 0:
            return inner * (outer / inner) ** share
        return inner + share * (outer - inner)
    return math.inf


@checked
def tolerated(
    rows: pd.DataFrame, x: str, *, nominal: float, rising: bool, allowed: float = 1.0
) -> float:
    """Return how far `x` may go from its nominal value before the error rises too much.

    The error is the mean over the chips in `rows`; its rise is measured from the nominal value.

    Args:
        rows: rows of one network over the axis `x`, those of the nominal value among them.
        x: column of the axis.
        nominal: value of the axis on the chip without this non-ideality.
        rising: True to look at values above the nominal one, False for those below.
        allowed: largest tolerated rise [percentage points].

    Returns:
        The interpolated value, see `crossing`; infinity if every value on this side is tolerated.

    Raises:
        ValueError: no row has the nominal value.
    """
    choice("column", x, rows.columns)
    number("nominal", nominal)
    number("allowed", allowed, at_least=0)
    percent = 100 * rows["errors"] / rows["images"]
    mean = percent.groupby(rows[x]).mean().sort_index(ascending=rising)
    if nominal not in mean.index:
        raise ValueError(f"no row has the nominal value {x} = {nominal!r}; sweep it too")
    side = mean[mean.index >= nominal] if rising else mean[mean.index <= nominal]
    rises = side - mean[nominal]
    scale = axis_scale(rows[x].to_numpy(float))
    return crossing([float(v) for v in side.index], rises.tolist(), allowed, scale=scale)
