"""Robustness curves: test error over one axis of a sweep."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from devices.validation import choice
from nsm.nn.inference import Floats
from nsm.plots.style import COLORS, MARKERS, figure, places_of, styled
from nsm.sweeps.axis_labels import AXIS_LABELS


def _is_numeric(values: pd.Series) -> bool:
    """Return whether a column holds numbers; truth values are categories."""
    return bool(pd.api.types.is_numeric_dtype(values)) and not pd.api.types.is_bool_dtype(values)


def axis_scale(values: Floats) -> str:
    """Return the scale of an axis that holds `values`: "linear", "log" or "symlog".

    Values are spread logarithmically when at least three positive ones cover a factor of 10 or
    more. With a 0 among them the axis is symmetric-logarithmic: linear from 0 to the smallest
    positive value, logarithmic from there on.
    """
    positive = np.unique(values[values > 0])
    few = len(positive) < 3 or positive.max() / positive.min() < 10
    if few or (values < 0).any():
        return "linear"
    return "symlog" if (values == 0).any() else "log"


def _scale_axis(ax: Axes, values: Floats) -> None:
    """Scale the x axis of `ax` as `axis_scale` says, and label its ticks."""
    scale = axis_scale(values)
    positive = np.unique(values[values > 0])
    if scale == "symlog":
        ax.set_xscale("symlog", linthresh=float(positive.min()))
    elif scale == "log":
        ax.set_xscale("log")
        # Below a factor of 100, powers of ten would label one or two points of the axis.
        if positive.max() / positive.min() < 100 and len(positive) <= 8:
            ax.set_xticks(positive, [f"{v:g}" for v in positive])
            ax.minorticks_off()


def _draw_group(
    ax: Axes, data: pd.DataFrame, x: str, ticks: list[str], place: int, label: str
) -> None:
    """Draw the mean of one group, and its spread over chips where there are at least two.

    Args:
        data: rows of the group, with their error [%] in the column "percent".
        x: column along the axis.
        ticks: categories along the axis, which have separate marks with bars; empty for numbers,
            which have a line with a band.
        place: place in COLORS and MARKERS.
        label: entry of the legend.
    """
    numeric = not ticks
    points = data.groupby(x, sort=numeric)["percent"].agg(["mean", "std", "count"])
    at = points.index.to_numpy()
    if not numeric:
        at = np.array([ticks.index(str(value)) for value in at])
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
    values cover a factor of 10 or more are logarithmic, see `axis_scale`.

    Args:
        rows: rows of `nsm.collect`, or of `nsm.sweeps.run.read_rows`.
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
    data = rows.assign(percent=100 * rows["errors"] / rows["images"])
    numeric = _is_numeric(data[x])
    ticks = [] if numeric else list(dict.fromkeys(data[x].astype(str)))
    names: list[str | None] = [None]
    if group is not None:
        names = list(dict.fromkeys(data[group]) if order is None else order)
    places = places_of(names, networks=group == "network")
    for name, place in zip(names, places, strict=True):
        part = data if name is None else data[data[group] == name]
        if not part.empty:
            label = "mean" if name is None else str(name)
            _draw_group(ax, part, x, ticks, place, label)
    if software is not None:
        _draw_software(ax, software, names, places)
    if numeric:
        _scale_axis(ax, data[x].to_numpy(float))
    else:
        ax.set_xticks(range(len(ticks)), ticks)
    ax.set(xlabel=AXIS_LABELS.get(x, x), ylabel="test error [%]")
    ax.set_ylim(bottom=0)
    ax.grid(alpha=0.25, linewidth=0.5)
    _explain(ax, data, x=x, group=group, numeric=numeric)
    return ax


def _check_rows(rows: pd.DataFrame, x: str, group: str | None) -> None:
    """Raise ValueError if there are no rows, or a column is unknown."""
    columns = [c for c in rows.columns if c not in ("task", "experiment")]
    choice("column", x, columns)
    if group is not None:
        choice("column", group, columns)
    if rows.empty:
        raise ValueError("there are no rows to plot; run the sweep first")


def _explain(ax: Axes, data: pd.DataFrame, *, x: str, group: str | None, numeric: bool) -> None:
    """Add the legend: names of groups, and what the band is over how many chips."""
    chips = int(data.groupby([x, *([group] if group else [])])["chip"].nunique().max())
    lines = []
    if group not in (None, "network"):
        lines.append(AXIS_LABELS.get(group, group))
    if chips > 1:
        lines.append(f"{'band' if numeric else 'bar'}: ± 1 s.d. over {chips} chips")
    if group is not None or lines:
        ax.legend(frameon=False, title="\n".join(lines) or None, title_fontsize=6)
