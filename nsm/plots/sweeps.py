"""Robustness curves: test error over one axis of a sweep."""

from collections.abc import Mapping, Sequence
from math import ceil

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from devices.arguments import listed
from devices.validation import Floats, choice, integer, shortened
from nsm.plots.annotated import checked
from nsm.plots.axis_places import Places, mark_axis, places_along, value_text
from nsm.plots.error_axis import error_scale, lowest_drawn, mark_error_axis, mark_errors
from nsm.plots.notes import note_below, note_figure, unfinished_text
from nsm.plots.points import check_points, points_of, spread_text
from nsm.plots.reference_lines import (
    check_levels,
    draw_chance,
    draw_software,
    is_near_chance,
    software_levels,
)
from nsm.plots.style import (
    COLORS,
    COLUMN,
    MARKERS,
    STYLE,
    clear_legend,
    figure,
    places_of,
    styled,
)
from nsm.plots.texts import axis_title, drawn_text
from nsm.plots.ticks import separate_tick_labels


def _draw_line(
    ax: Axes, points: pd.DataFrame, along: Places, *, place: int, label: str, floor: float
) -> None:
    """Draw the mean of one group, and its spread where there are at least two rows at a point.

    Args:
        ax: axes to draw into.
        points: of `points_of`.
        along: numbers have a line with a band; categories, and the point without a number, have
            separate marks with bars, since a line between them would mean nothing.
        place: place in COLORS and MARKERS.
        label: entry of the legend.
        floor: where bands end [%].
    """
    color = COLORS[place % len(COLORS)]
    at = points.index.to_numpy(float)
    mean = points["mean"].to_numpy(float)
    spread = points["spread"].fillna(0).to_numpy(float)
    alone = np.full(len(at), bool(along.ticks)) | (at == along.none_at)
    # A place without a value ends the line before the point without a number.
    first_alone = int(np.argmax(alone)) if alone.any() and not along.ticks else len(at)
    x, y = (np.insert(v, first_alone, np.nan) if first_alone < len(at) else v for v in (at, mean))
    ax.plot(x, y, "" if along.ticks else "-", marker=MARKERS[place % len(MARKERS)], color=color,
            label=drawn_text(label))  # fmt: skip
    if not points["spread"].notna().any():
        return
    low = np.maximum(mean - spread, floor)
    if not alone.all():
        on = ~alone
        ax.fill_between(at[on], low[on], (mean + spread)[on], color=color, alpha=0.2, linewidth=0)
    if alone.any():
        ax.errorbar(
            at[alone], mean[alone], [(mean - low)[alone], spread[alone]], fmt="none", color=color,
            capsize=2,
        )  # fmt: skip


@styled
def plot_error_rate(
    rows: pd.DataFrame,
    *,
    x: str,
    group: str | None = None,
    order: Sequence[str] | None = None,
    software: Mapping[str, float] | None = None,
    chance: float | None = None,
    error_axis: str = "auto",
    conditions: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw the test error [%] over one column of a sweep's rows, one line per group.

    The line is the mean over the chips of a point. The band (bars, for categories) is ± one
    standard deviation from chip to chip at that point, drawn where there are at least two chips.
    Where a network was trained from several seeds (column "training_seed"), the mean is that over
    trainings, and the band is the standard deviation of one training on one chip (`spread_of`). A
    band that would reach below 0, or below a logarithmic axis, ends there.

    Axes whose values cover a factor of 10 or more are logarithmic, see `axis_scale` (x) and
    `error_scale` (errors). Points whose value is None stand beyond the end of the axis, which is
    broken there, without a line: `levels=None` is marked "continuous", others "none". An unfinished
    sweep says so below the axis.

    Args:
        rows: rows of `nsm.collect`, or of `nsm.sweeps.read_rows`.
        x: column along the axis.
        group: column that tells lines apart; None for a single line.
        order: all groups in the order of their colors, and others that have no rows; None for the
            order of the rows. Networks in `nsm.plots.style.NETWORK_PLACES` keep their own color.
        software: error in software [fraction] by group, or by network where lines are told apart
            by another column; drawn as a dashed level. None for no such level.
        chance: error of guessing [fraction], 1 − 1/classes, a dotted level; only named in the
            legend if all errors are far below it. None for no such level.
        error_axis: "auto" (default), "log" or "linear" (from 0).
        conditions: small print below the axis, such as the text of `nsm.plots.conditions`.
        ax: Axes to draw into; None for a new figure.

    Returns:
        The Axes.

    Raises:
        ValueError: there are no rows, a column or the network of `software` is unknown, the rows
            differ in an axis that the figure does not show, or they repeat a point and chip.
    """
    named = [x] if group is None else [x, group]
    _check_rows(rows, named)
    check_points(rows, named)
    given, ax = ax, ax or figure()[1]
    names = _names(rows, group, order)
    check_levels(rows, software, chance, names)
    places = places_of(names, networks=group == "network")
    _draw(ax, rows, x=x, group=group, styles=dict(zip(names, places, strict=True)),
          software=software, chance=chance, error_axis=error_axis)  # fmt: skip
    note_below(ax, [unfinished_text(rows), conditions])
    separate_tick_labels(ax)
    if given is None:
        clear_legend(ax)
    return ax


def _names(
    rows: pd.DataFrame, group: str | None, order: Sequence[str] | None
) -> Sequence[str | None]:
    """Return the names of the groups in the order of their colors; [None] for a single line."""
    if group is None:
        if order is not None:
            raise ValueError(
                f"order = {shortened(order)} has no effect without group; leave it out, or give "
                "group"
            )
        return [None]
    values = rows[group] if order is None else listed("order", order, "a list of groups")
    names = list(dict.fromkeys(value_text(v, group) for v in values))
    present = {value_text(v, group) for v in rows[group]}
    if not present <= set(names):
        raise ValueError(
            f"order = {shortened(order)} lacks {', '.join(sorted(present - set(names)))}, which "
            "rows have; name all groups, or choose the rows of some"
        )
    return names


def _draw(
    ax: Axes,
    rows: pd.DataFrame,
    *,
    x: str,
    group: str | None,
    styles: Mapping[str | None, int],
    software: Mapping[str, float] | None,
    chance: float | None,
    error_axis: str,
    near: bool | None = None,
) -> None:
    """Draw lines, bands, axes and legend of one panel.

    `styles` is the place of each group; `near` whether the line of guessing is drawn, None to
    decide it by the errors of this panel.
    """
    along = places_along(rows[x], x)
    data = rows.assign(percent=100 * rows["errors"] / rows["images"], at=along.at)
    labels = None if group is None else data[group].map(lambda v: value_text(v, group))
    lines = {}
    for name in styles:
        part = data if labels is None else data[labels == name]
        if not part.empty:
            lines[name] = points_of(part, sort=not along.ticks)
    points = pd.concat(list(lines.values()))
    levels = software_levels(rows, software, {name: styles[name] for name in lines})
    drawn = np.array([*points["mean"], *(percent for percent, _ in levels.values())])
    near = is_near_chance(drawn, chance) if near is None else near
    shown = drawn if chance is None or not near else np.append(drawn, 100 * chance)
    scale = error_scale(shown, error_axis)
    least = float(drawn.min())
    floor = lowest_drawn(least) if scale == "log" else 0.0
    for name, of_line in lines.items():
        label = "mean" if name is None else name
        _draw_line(ax, of_line, along, place=styles[name], label=label, floor=floor)
    mark_axis(ax, along)  # before the levels, which would keep the limits of a linear axis
    draw_software(ax, levels)
    if chance is not None:
        draw_chance(ax, chance, near=near)
    ax.set_xlabel(axis_title(x))
    most = float((points["mean"] + points["spread"].fillna(0)).max())
    mark_error_axis(ax, scale, least, max(most, float(shown.max())))
    ax.grid(alpha=0.25, linewidth=0.5)
    _explain(ax, points, group=group, along=along)


def _check_rows(rows: pd.DataFrame, named: Sequence[str]) -> None:
    """Raise ValueError if there are no rows, or a column is unknown."""
    columns = [c for c in rows.columns if c not in ("task", "experiment")]
    for column in named:
        choice("column", column, columns)
    if rows.empty:
        raise ValueError("there are no rows to plot; run the sweep first")


def _explain(ax: Axes, points: pd.DataFrame, *, group: str | None, along: Places) -> None:
    """Add the legend: names of groups, and what the band is over how many chips."""
    over = spread_text(points)
    lines = []
    if group not in (None, "network"):
        lines.append(axis_title(str(group)))
    if over:
        lines.append(f"{'bar' if along.ticks else 'band'}: ± 1 s.d. over {over}")
    if group is not None or lines or len(ax.get_legend_handles_labels()[1]) > 1:
        ax.legend(frameon=False, title="\n".join(lines) or None, title_fontsize=6)


@checked
def facet_error_rate(
    rows: pd.DataFrame,
    *,
    facet: str,
    x: str,
    group: str | None = None,
    order: Sequence[str] | None = None,
    software: Mapping[str, float] | None = None,
    chance: float | None = None,
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
        software: error in software [fraction] by group, or by the network of a panel.
        chance: error of guessing [fraction], as for `plot_error_rate`.
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
    check_levels(rows, software, chance, names)
    styles = dict(zip(names, places_of(names, networks=group == "network"), strict=True))
    with mpl.rc_context(STYLE):
        drawing, panels = _panels(len(values), columns)
        means = _means(rows, named)
        scale, near = error_scale(means, error_axis), is_near_chance(means, chance)
        for ax, value in zip(panels, values, strict=True):
            _draw(ax, rows[texts == value], x=x, group=group, styles=styles, software=software,
                  chance=chance, error_axis=scale, near=near)  # fmt: skip
            ax.set_title(f"{axis_title(facet)}: {drawn_text(value)}")
        _share_error_axis(panels)
        note_figure(drawing, [unfinished_text(rows), conditions])
        separate_tick_labels(*panels)
    return drawing


def _panels(count: int, columns: int) -> tuple[Figure, list[Axes]]:
    """Return a figure and its panels, at most `columns` side by side; others are left empty."""
    across = min(integer("columns", columns, at_least=1), count)
    down = ceil(count / across)
    drawing = Figure(figsize=(COLUMN[0] * across, COLUMN[1] * down))
    panels = list(drawing.subplots(down, across, squeeze=False).flat)
    for ax in panels[count:]:
        ax.axis("off")
    return drawing, panels[:count]


def _share_error_axis(panels: Sequence[Axes]) -> None:
    """Give all panels the same error axis, and keep the legend of the first one only."""
    limits = [ax.get_ylim() for ax in panels]
    for ax in panels:
        ax.set_ylim(min(low for low, _ in limits), max(high for _, high in limits))
        mark_errors(ax)
        legend = ax.get_legend()
        if legend is not None and ax is not panels[0]:
            legend.remove()


def _means(rows: pd.DataFrame, named: Sequence[str]) -> Floats:
    """Return the mean errors [%] of the points of all panels together."""
    data = rows.assign(percent=100 * rows["errors"] / rows["images"])
    means = data.groupby(list(named), dropna=False, sort=False)["percent"].mean()
    return means.to_numpy(float)
