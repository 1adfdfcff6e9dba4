"""Robustness curves: test error over one axis of a sweep."""

from collections.abc import Mapping, Sequence
from math import ceil

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from devices.validation import choice
from nsm.plots.axis_places import mark_axis, places_along, value_text
from nsm.plots.error_axis import error_scale, lowest_drawn, mark_error_axis, mark_errors
from nsm.plots.notes import note_below, note_figure, unfinished_text
from nsm.plots.points import check_points, points_of, spread_text
from nsm.plots.style import COLORS, COLUMN, MARKERS, STYLE, figure, places_of, styled
from nsm.plots.ticks import separate_tick_labels
from nsm.sweeps.axis_labels import AXIS_LABELS


def _draw_line(
    ax: Axes, points: pd.DataFrame, *, numeric: bool, place: int, label: str, floor: float
) -> None:
    """Draw the mean of one group, and its spread where there are at least two rows at a point.

    Args:
        ax: axes to draw into.
        points: of `points_of`.
        numeric: numbers have a line with a band; categories have separate marks with bars, since a
            line between them would mean nothing.
        place: place in COLORS and MARKERS.
        label: entry of the legend.
        floor: where bands end [%].
    """
    color = COLORS[place % len(COLORS)]
    marker = MARKERS[place % len(MARKERS)]
    at = points.index.to_numpy()
    mean = points["mean"].to_numpy()
    ax.plot(at, mean, "-" if numeric else "", marker=marker, color=color, label=label)
    if not points["spread"].notna().any():
        return
    spread = points["spread"].fillna(0).to_numpy()
    low = np.maximum(mean - spread, floor)
    if numeric:
        ax.fill_between(at, low, mean + spread, color=color, alpha=0.2, linewidth=0)
    else:
        ax.errorbar(at, mean, [mean - low, spread], fmt="none", color=color, capsize=2)


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
    error_axis: str = "auto",
    conditions: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw the test error [%] over one column of a sweep's rows, one line per group.

    The line is the mean over the chips of a point. The band (bars, for categories) is ± one
    standard deviation from chip to chip at that point, drawn where there are at least two chips.
    Where a network was trained from several seeds (column "training_seed"), the mean is that over
    trainings, and the band is the standard deviation of one training on one chip, see
    `nsm.plots.points.spread_of`. A band that would reach below 0, or below a logarithmic axis,
    ends there.

    Axes whose values cover a factor of 10 or more are logarithmic, see `axis_scale` (x) and
    `error_scale` (errors). Points whose value is None stand at the right end of the axis:
    `levels=None` is marked "continuous", others "none". An unfinished sweep says so below the axis.

    Args:
        rows: rows of `nsm.collect`, or of `nsm.sweeps.read_rows`.
        x: column along the axis.
        group: column that tells lines apart; None for a single line.
        order: groups in the order of their colors, whether they have rows or not; None for the
            order of the rows. Networks in `nsm.plots.style.NETWORK_PLACES` keep their own color.
        software: error in software [fraction] of each group, drawn as a dashed level; None for
            no such level.
        error_axis: "auto" (default), "log" or "linear" (from 0).
        conditions: what decides the result besides the axis, written below it in small print, such
            as the text of `nsm.plots.conditions`; "" for none.
        ax: Axes to draw into; None for a new figure.

    Returns:
        The Axes.

    Raises:
        ValueError: there are no rows, a column is unknown, the rows differ in an axis that the
            figure does not show, or they repeat a point and chip.
    """
    named = [x] if group is None else [x, group]
    _check_rows(rows, named)
    check_points(rows, named)
    if ax is None:
        _, ax = figure()
    names = _names(rows, group, order)
    places = places_of(names, networks=group == "network")
    _draw(ax, rows, x=x, group=group, styles=dict(zip(names, places, strict=True)),
          software=software, error_axis=error_axis)  # fmt: skip
    note_below(ax, [unfinished_text(rows), conditions])
    separate_tick_labels(ax)
    return ax


def _names(
    rows: pd.DataFrame, group: str | None, order: Sequence[str] | None
) -> Sequence[str | None]:
    """Return the names of the groups in the order of their colors; [None] for a single line."""
    if group is None:
        return [None]
    return list(
        dict.fromkeys(value_text(v, group) for v in (rows[group] if order is None else order))
    )


def _draw(
    ax: Axes,
    rows: pd.DataFrame,
    *,
    x: str,
    group: str | None,
    styles: Mapping[str | None, int],
    software: Mapping[str, float] | None,
    error_axis: str,
) -> None:
    """Draw lines, bands, axes and legend of one panel; `styles` is the place of each group."""
    along = places_along(rows[x], x)
    data = rows.assign(percent=100 * rows["errors"] / rows["images"], at=along.at)
    labels = None if group is None else data[group].map(lambda v: value_text(v, group))
    numeric = not along.ticks
    lines = {}
    for name in styles:
        part = data if labels is None else data[labels == name]
        if not part.empty:
            lines[name] = points_of(part, sort=numeric)
    points = pd.concat(list(lines.values()))
    levels = (
        {} if software is None else {value_text(k, group or ""): v for k, v in software.items()}
    )
    drawn = np.array([*points["mean"], *(100 * levels[n] for n in lines if n in levels)])
    scale = error_scale(drawn, error_axis)
    least = float(drawn.min())
    floor = lowest_drawn(least) if scale == "log" else 0.0
    for name, of_line in lines.items():
        label = "mean" if name is None else name
        _draw_line(ax, of_line, numeric=numeric, place=styles[name], label=label, floor=floor)
    if software is not None:
        _draw_software(ax, levels, list(styles), list(styles.values()))
    mark_axis(ax, along)
    ax.set_xlabel(AXIS_LABELS.get(x, x))
    most = float((points["mean"] + points["spread"].fillna(0)).max())
    mark_error_axis(ax, scale, least, max(most, float(drawn.max())))
    ax.grid(alpha=0.25, linewidth=0.5)
    _explain(ax, points, group=group, numeric=numeric)


def _check_rows(rows: pd.DataFrame, named: Sequence[str]) -> None:
    """Raise ValueError if there are no rows, or a column is unknown."""
    columns = [c for c in rows.columns if c not in ("task", "experiment")]
    for column in named:
        choice("column", column, columns)
    if rows.empty:
        raise ValueError("there are no rows to plot; run the sweep first")


def _explain(ax: Axes, points: pd.DataFrame, *, group: str | None, numeric: bool) -> None:
    """Add the legend: names of groups, and what the band is over how many chips."""
    over = spread_text(points)
    lines = []
    if group not in (None, "network"):
        lines.append(AXIS_LABELS.get(group, group))
    if over:
        lines.append(f"{'band' if numeric else 'bar'}: ± 1 s.d. over {over}")
    if group is not None or lines:
        ax.legend(frameon=False, title="\n".join(lines) or None, title_fontsize=6)


def facet_error_rate(
    rows: pd.DataFrame,
    *,
    facet: str,
    x: str,
    group: str | None = None,
    order: Sequence[str] | None = None,
    error_axis: str = "auto",
    conditions: str = "",
    columns: int = 2,
) -> Figure:
    """Draw one panel of `plot_error_rate` for every value of a column.

    All panels have the same error axis, the same lines and one legend, in the first panel.

    Args:
        rows: rows of `nsm.collect`, or of `nsm.sweeps.read_rows`.
        facet: column that tells panels apart.
        x: column along the axis of every panel.
        group: column that tells lines apart; None for a single line.
        order: groups in the order of their colors, as for `plot_error_rate`.
        error_axis: "auto" (default), "log" or "linear", for all panels together.
        conditions: small print below the panels; "" for none.
        columns: panels side by side; default 2.

    Returns:
        The figure; its panels are `figure.axes`.

    Raises:
        ValueError: as for `plot_error_rate`.
    """
    named = list(dict.fromkeys([x, facet] if group is None else [x, group, facet]))
    _check_rows(rows, named)
    check_points(rows, named)
    texts = rows[facet].map(lambda v: value_text(v, facet), na_action=None)
    values = list(dict.fromkeys(texts))
    names = _names(rows, group, order)
    styles = dict(zip(names, places_of(names, networks=group == "network"), strict=True))
    across = min(columns, len(values))
    down = ceil(len(values) / across)
    with mpl.rc_context(STYLE):
        drawing = Figure(figsize=(COLUMN[0] * across, COLUMN[1] * down))
        panels = drawing.subplots(down, across, squeeze=False).flat
        scale = _common_scale(rows, named, error_axis)
        for ax, value in zip(panels, values, strict=False):
            _draw(ax, rows[texts == value], x=x, group=group, styles=styles, software=None,
                  error_axis=scale)  # fmt: skip
            ax.set_title(f"{AXIS_LABELS.get(facet, facet)}: {value}")
        for ax in list(panels):
            ax.axis("off")
        shown = drawing.axes[: len(values)]
        _share_error_axis(shown)
        note_figure(drawing, [unfinished_text(rows), conditions])
        for ax in shown:
            separate_tick_labels(ax)
    return drawing


def _share_error_axis(panels: Sequence[Axes]) -> None:
    """Give all panels the same error axis, and keep the legend of the first one only."""
    limits = [ax.get_ylim() for ax in panels]
    for ax in panels:
        ax.set_ylim(min(low for low, _ in limits), max(high for _, high in limits))
        mark_errors(ax)
        legend = ax.get_legend()
        if legend is not None and ax is not panels[0]:
            legend.remove()


def _common_scale(rows: pd.DataFrame, named: Sequence[str], wanted: str) -> str:
    """Return the scale of the error axis that suits the points of all panels together."""
    data = rows.assign(percent=100 * rows["errors"] / rows["images"])
    means = data.groupby(list(named), dropna=False, sort=False)["percent"].mean()
    return error_scale(means.to_numpy(), wanted)
