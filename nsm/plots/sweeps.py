"""Robustness curves: test error over one axis of a sweep."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties

from devices.validation import choice
from nsm.nn.inference import Floats
from nsm.plots.style import COLORS, MARKERS, figure, places_of, styled
from nsm.sweeps.axis_labels import AXIS_LABELS


def _is_numeric(values: pd.Series) -> bool:
    """Return whether a column holds numbers; truth values are categories.

    Among the numbers may be None, which pandas turns into NaN.
    """
    is_number = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    return bool(is_number and values.notna().any())


def _text(value: Any) -> str:
    """Return a value of a column as ticks and legends show it; None is "none"."""
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return "none"
    # In a column that also holds None, pandas makes floats of whole numbers.
    return f"{value:g}" if isinstance(value, float) and value.is_integer() else str(value)


def axis_scale(values: Floats) -> str:
    """Return the scale of an axis that holds `values`: "linear", "log" or "symlog".

    Finite values are spread logarithmically when at least three positive ones cover a factor of 10
    or more. With a 0 among them the axis is symmetric-logarithmic: linear from 0 to the smallest
    positive value, logarithmic from there on.
    """
    positive = np.unique(values[values > 0])
    few = len(positive) < 3 or positive.max() / positive.min() < 10
    if few or (values < 0).any():
        return "linear"
    return "symlog" if (values == 0).any() else "log"


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


class _Along(NamedTuple):
    """Where the points of a column stand along the axis.

    Attributes:
        at: place of every row.
        numbers: the numbers among the values; empty for categories.
        none_at: place of the values that are None among numbers; None if there are none.
        ticks: categories in their order; empty for numbers.
    """

    at: Floats
    numbers: Floats
    none_at: float | None
    ticks: list[str]


def _along(values: pd.Series) -> _Along:
    """Return where the values of a column stand along the axis."""
    if not _is_numeric(values):
        texts = list(map(_text, values))
        ticks = list(dict.fromkeys(texts))
        return _Along(np.array([ticks.index(t) for t in texts], float), np.empty(0), None, ticks)
    numbers = values.to_numpy(float)
    none_at = _place_of_none(numbers)
    at = numbers if none_at is None else np.where(np.isnan(numbers), none_at, numbers)
    return _Along(at, numbers[np.isfinite(numbers)], none_at, [])


def _mark_axis(ax: Axes, along: _Along) -> None:
    """Scale and label the x axis of `ax`, which holds all lines."""
    if along.ticks:
        ax.set_xticks(range(len(along.ticks)), along.ticks)
        return
    _scale_axis(ax, along.numbers)
    if along.none_at is not None:
        _mark_none(ax, along.numbers, along.none_at)


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
            labeled = _apart(ax, positive)
            ax.set_xticks(labeled, [f"{v:g}" for v in labeled])
            ax.minorticks_off()


def _apart(ax: Axes, positive: Floats) -> list[float]:
    """Return increasing positive values whose labels do not overlap on a logarithmic axis."""
    size = FontProperties(size=mpl.rcParams["xtick.labelsize"]).get_size_in_points()
    inches = ax.get_window_extent().width / ax.figure.dpi
    # The axis extends beyond the first and the last value by its margin.
    points = 72 * inches / (1 + 2 * mpl.rcParams["axes.xmargin"])
    places = points * np.log(positive / positive[0]) / np.log(positive[-1] / positive[0])
    # A digit is about 0.6 of the size of the font wide.
    halves = np.array([0.3 * size * len(f"{v:g}") for v in positive])
    kept = [0]
    for i in range(1, len(positive)):
        if places[i] - halves[i] >= places[kept[-1]] + halves[kept[-1]] + 0.3 * size:
            kept.append(i)
    return [float(positive[i]) for i in kept]


def _mark_none(ax: Axes, numbers: Floats, place: float) -> None:
    """Label the place of points without a number, and set it off from the axis in gray."""
    ticks = [t for t in ax.get_xticks() if numbers.min(initial=place) <= t <= numbers.max()]
    ax.set_xticks([*ticks, place], [*(f"{t:g}" for t in ticks), "none"])
    left, right = ax.get_xlim()
    # Halfway to the last number, as the axis is scaled.
    to_axis = ax.get_xaxis_transform()
    edges = to_axis.transform([(numbers.max(), 0), (place, 0)]).mean(axis=0)
    edge = float(to_axis.inverted().transform(edges)[0])
    ax.axvspan(edge, right, color="0.93", linewidth=0, zorder=0)
    ax.set_xlim(left, right)


def _draw_group(ax: Axes, data: pd.DataFrame, ticks: list[str], place: int, label: str) -> None:
    """Draw the mean of one group, and its spread over chips where there are at least two.

    Args:
        data: rows of the group, with their error [%] in the column "percent" and their place
            along the axis in the column "at".
        ticks: categories along the axis, which have separate marks with bars; empty for numbers,
            which have a line with a band.
        place: place in COLORS and MARKERS.
        label: entry of the legend.
    """
    numeric = not ticks
    points = data.groupby("at", sort=numeric)["percent"].agg(["mean", "std", "count"])
    at = points.index.to_numpy()
    color = COLORS[place % len(COLORS)]
    marker = MARKERS[place % len(MARKERS)]
    # Categories have no order, so that a line between them would mean nothing.
    line = "-" if numeric else ""
    ax.plot(at, points["mean"], line, marker=marker, color=color, label=label)
    if not (points["count"] > 1).any():
        return
    spread = points["std"].fillna(0)
    if numeric:
        low = (points["mean"] - spread).clip(lower=0)
        high = points["mean"] + spread
        ax.fill_between(at, low, high, color=color, alpha=0.2, linewidth=0)
    else:
        ax.errorbar(at, points["mean"], spread, fmt="none", color=color, capsize=2)


def _draw_software(
    ax: Axes, software: Mapping[str, float], names: Sequence[str | None], places: Sequence[int]
) -> None:
    """Draw the error of every group in software [fraction] as a dashed level."""
    for name, place in zip(names, places, strict=True):
        if name is not None and name in software:
            ax.axhline(
                100 * software[name],
                color=COLORS[place % len(COLORS)],
                linestyle="--",
                linewidth=0.8,
                zorder=1,
            )
    ax.plot([], [], "--", color="0.5", linewidth=0.8, label="in software")


@styled
def plot_error_rate(
    rows: pd.DataFrame,
    *,
    x: str,
    group: str | None = None,
    order: Sequence[str] | None = None,
    software: Mapping[str, float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the test error [%] over one column of a sweep's rows, one line per group.

    The line is the mean over the chips of a point. The band (bars, for categories) is ± one
    standard deviation from chip to chip, drawn where there are at least two chips. Axes whose
    values cover a factor of 10 or more are logarithmic, see `axis_scale`. Points whose value is
    None, such as `levels=None`, stand at the right end of the axis, marked "none".

    Args:
        rows: rows of `nsm.collect`, or of `nsm.sweeps.read_rows`.
        x: column along the axis.
        group: column that tells lines apart; None for a single line.
        order: groups in the order of their colors, whether they have rows or not; None for the
            order of the rows. Networks in `nsm.plots.style.NETWORK_PLACES` keep their own color.
        software: error in software [fraction] of each group, drawn as a dashed level; None for
            no such level.
        ax: Axes to draw into; None for a new figure.

    Returns:
        The Axes.

    Raises:
        ValueError: there are no rows, or a column is unknown.
    """
    _check_rows(rows, x, group)
    if ax is None:
        _, ax = figure()
    along = _along(rows[x])
    data = rows.assign(percent=100 * rows["errors"] / rows["images"], at=along.at)
    labels = None if group is None else rows[group].map(_text, na_action=None)
    names: list[str | None] = [None]
    if labels is not None:
        names = list(dict.fromkeys(labels) if order is None else map(_text, order))
    places = places_of(names, networks=group == "network")
    for name, place in zip(names, places, strict=True):
        part = data if labels is None else data[labels == name]
        if not part.empty:
            _draw_group(ax, part, along.ticks, place, "mean" if name is None else name)
    if software is not None:
        _draw_software(ax, {_text(k): v for k, v in software.items()}, names, places)
    _mark_axis(ax, along)
    ax.set(xlabel=AXIS_LABELS.get(x, x), ylabel="test error [%]")
    ax.set_ylim(bottom=0)
    ax.grid(alpha=0.25, linewidth=0.5)
    _explain(ax, data, labels, group=group, numeric=not along.ticks)
    return ax


def _check_rows(rows: pd.DataFrame, x: str, group: str | None) -> None:
    """Raise ValueError if there are no rows, or a column is unknown."""
    columns = [c for c in rows.columns if c not in ("task", "experiment")]
    choice("column", x, columns)
    if group is not None:
        choice("column", group, columns)
    if rows.empty:
        raise ValueError("there are no rows to plot; run the sweep first")


def _explain(
    ax: Axes, data: pd.DataFrame, labels: pd.Series | None, *, group: str | None, numeric: bool
) -> None:
    """Add the legend: names of groups, and what the band is over how many chips."""
    points = data.groupby(["at"] if labels is None else ["at", labels.to_numpy()])
    chips = int(points["chip"].nunique().max())
    lines = []
    if group not in (None, "network"):
        lines.append(AXIS_LABELS.get(group, group))
    if chips > 1:
        lines.append(f"{'band' if numeric else 'bar'}: ± 1 s.d. over {chips} chips")
    if group is not None or lines:
        ax.legend(frameon=False, title="\n".join(lines) or None, title_fontsize=6)
