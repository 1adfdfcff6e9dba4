"""Where the points of a sweep stand along an axis of a figure: numbers, categories, and None."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from nsm.nn.inference import Floats
from nsm.plots.texts import drawn_text

#: What None means, by the last part of an axis' name; "none" elsewhere.
NONE_TEXTS = {"levels": "continuous", "adc": "ideal", "dac": "ideal"}


def is_numeric(values: pd.Series) -> bool:
    """Return whether a column holds numbers; truth values are categories.

    Among the numbers may be None, which pandas turns into NaN.
    """
    is_number = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    return bool(is_number and values.notna().any())


def none_text(column: str) -> str:
    """Return what figures call the value None of a column: "continuous" for levels, ..."""
    return NONE_TEXTS.get(column.rpartition(":")[2].rpartition(".")[2], "none")


def value_text(value: Any, column: str = "") -> str:
    """Return a value of a column as ticks and legends show it; None as `none_text` calls it."""
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return none_text(column)
    # In a column that also holds None, pandas makes floats of whole numbers.
    return f"{value:g}" if isinstance(value, float) and value.is_integer() else str(value)


def axis_scale(values: Floats) -> str:
    """Return the scale of an axis that holds `values`: "linear", "log" or "symlog".

    Finite values are spread logarithmically when positive ones cover a factor of 10 or more: at
    least two, or three with a 0 among the values. With a 0 the axis is symmetric-logarithmic:
    linear from 0 to the smallest positive value, logarithmic from there on.
    """
    positive = np.unique(values[values > 0])
    with_zero = bool((values == 0).any())
    few = len(positive) < (3 if with_zero else 2) or positive.max() / positive.min() < 10
    if few or (values < 0).any():
        return "linear"
    return "symlog" if with_zero else "log"


def _place_of_none(values: Floats) -> float | None:
    """Return where the points without a number stand: beyond the largest; None if there are none.

    Such a point is, for example, `levels=None`: continuous cells, the limit of many levels.
    """
    numbers = values[np.isfinite(values)]
    if not np.isnan(values).any():
        return None
    largest = float(numbers.max())
    if axis_scale(numbers) != "linear":
        return largest * float(largest / numbers[numbers > 0].min()) ** 0.15
    width = float(np.ptp(numbers)) or abs(largest) or 1.0
    return largest + 0.15 * width


class Places(NamedTuple):
    """Where the points of a column stand along the axis.

    Attributes:
        column: name of the column.
        at: place of every row.
        numbers: the numbers among the values; empty for categories.
        none_at: place of the values that are None among numbers; None if there are none.
        ticks: categories in their order; empty for numbers.
    """

    column: str
    at: Floats
    numbers: Floats
    none_at: float | None
    ticks: list[str]


def places_along(values: pd.Series, column: str) -> Places:
    """Return where the values of a column stand along the axis."""
    if not is_numeric(values):
        texts = [value_text(value, column) for value in values]
        ticks = list(dict.fromkeys(texts))
        at = np.array([ticks.index(t) for t in texts], float)
        return Places(column, at, np.empty(0), None, ticks)
    numbers = values.to_numpy(float)
    none_at = _place_of_none(numbers)
    at = numbers if none_at is None else np.where(np.isnan(numbers), none_at, numbers)
    return Places(column, at, numbers[np.isfinite(numbers)], none_at, [])


def mark_axis(ax: Axes, places: Places) -> None:
    """Scale and label the x axis of `ax`, which holds all lines."""
    if places.ticks:
        ax.set_xticks(range(len(places.ticks)), [drawn_text(text) for text in places.ticks])
        ax.margins(x=0.1)
        return
    _scale_axis(ax, places.numbers)
    if places.none_at is not None:
        _mark_none(ax, places.numbers, places.none_at, none_text(places.column))


def _scale_axis(ax: Axes, numbers: Floats) -> None:
    """Scale the x axis of `ax` as `axis_scale` says, and label its ticks."""
    scale = axis_scale(numbers)
    positive = np.unique(numbers[numbers > 0])
    if scale == "symlog":
        ax.set_xscale("symlog", linthresh=float(positive.min()))
    elif scale == "log":
        ax.set_xscale("log")
        # Below a factor of 100, powers of ten would label one or two points of the axis.
        if positive.max() / positive.min() < 100:
            ax.set_xticks(positive, [f"{v:g}" for v in positive])
            ax.minorticks_off()


def _mark_none(ax: Axes, numbers: Floats, place: float, text: str) -> None:
    """Label the place of points without a number, and set it off from the axis.

    The axis ends in two slanted strokes before it, and its ground is gray.
    """
    ticks = [t for t in ax.get_xticks() if numbers.min(initial=place) <= t <= numbers.max()]
    ax.set_xticks([*ticks, place], [*(f"{t:g}" for t in ticks), text])
    left, right = ax.get_xlim()
    # Halfway to the last number, as the axis is scaled.
    to_axis = ax.get_xaxis_transform()
    edges = to_axis.transform([(numbers.max(), 0), (place, 0)]).mean(axis=0)
    edge = float(to_axis.inverted().transform(edges)[0])
    ax.axvspan(edge, right, color="0.5", alpha=0.14, linewidth=0, zorder=0)
    ax.set_xlim(left, right)
    ax.text(edge, 0, "//", transform=to_axis, ha="center", va="center", color="0.5")
