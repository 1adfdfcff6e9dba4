"""Heat maps: test error over two axes that were swept together."""

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection, PatchCollection
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from devices.validation import array, choice, integer, number
from nsm.plots.annotated import checked
from nsm.plots.axis_places import value_text
from nsm.plots.contrast import text_color
from nsm.plots.error_axis import error_scale, round_numbers
from nsm.plots.heat_cells import CELL, Cells, cells_of, outline
from nsm.plots.layout import lay_out
from nsm.plots.notes import (
    LINE,
    SMALL,
    note_below,
    note_figure,
    text_width,
    unfinished_text,
    wrapped,
)
from nsm.plots.points import check_points
from nsm.plots.style import COLUMN, STYLE, figure, styled
from nsm.plots.texts import axis_title, drawn_text
from nsm.plots.ticks import separate_tick_labels

#: Equal steps of error look equal in it, to every kind of color vision (Nuñez, Anderton & Renslow
#: 2018, doi:10.1371/journal.pone.0199239). Small errors are bright.
COLOR_MAP = "cividis_r"
#: What may be outlined: cells near the least error, or cells that are better than guessing.
OUTLINES = ("none", "loss", "chance")
#: Rise of the error within which cells are outlined [percentage points].
ALLOWED = 1.0
#: Columns of a sweep's rows that are no axes of figures.
_HASHES = ("task", "experiment")


@styled
def plot_heat_map(
    rows: pd.DataFrame,
    *,
    x: str,
    y: str,
    error_axis: str = "auto",
    outlined: str = "none",
    chance: float | None = None,
    colors: tuple[float, float] | None = None,
    conditions: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw the test error [%] over two columns of a sweep's rows as colors.

    Each cell is the mean over the chips of a point (over trainings and their chips, where a network
    was trained from several seeds), written into it where there is room. Cells are of one size,
    whatever the distance of their values; None stands apart at the end, as `levels=None` marked
    "continuous". Cells without rows stay empty, and the small print says so, as it says that a
    sweep is unfinished.

    Args:
        rows: rows of `nsm.collect`, or of `nsm.sweeps.read_rows`.
        x: column along the horizontal axis.
        y: column along the vertical axis.
        error_axis: scale of the colors: "auto" (default), "log" or "linear", see `error_scale`.
        outlined: "loss" outlines the cells with less than one point above the least error, "chance"
            those at least one point better than guessing, "none" (default) no cells.
        chance: error of guessing [fraction], 1 − 1/classes; needed to outline "chance".
        colors: least and largest error of the colors [%], so that several figures have the same;
            None for those of the rows.
        conditions: small print below the axis, such as the text of `nsm.plots.conditions`.
        ax: Axes to draw into, which give up a part of their width to the bar of colors; None for
            a new figure.

    Returns:
        The Axes.

    Raises:
        ValueError: there are no rows, a column is unknown or given twice, the rows differ in an
            axis that the figure does not show, or they repeat a point and chip.
    """
    _check(rows, [x, y], outlined, chance)
    own = ax is None
    if ax is None:
        _, ax = figure()
    drawn = ax.get_figure(root=True)
    assert drawn is not None
    cells = cells_of(rows, x, y)
    norm = _norm(cells.means, error_axis) if colors is None else _given_norm(colors, error_axis)
    _draw(ax, cells, norm)
    _color_bar(drawn, [ax], norm)
    note = [unfinished_text(rows), _empty_text([cells]), _outline_text(outlined), conditions]
    _outline(ax, cells, outlined, float(np.nanmin(cells.means)), chance)
    if own:
        _note(drawn, note)
    else:
        note_below(ax, note)
    separate_tick_labels(ax)
    _write_numbers(ax, cells, norm)
    return ax


def _given_norm(colors: Any, error_axis: str) -> Normalize:
    """Return the scale of colors between two errors [%] that were given."""
    return _norm(array("colors", colors, shape=(2,)), error_axis)


@checked
def facet_heat_map(
    rows: pd.DataFrame,
    *,
    facet: str,
    x: str,
    y: str,
    error_axis: str = "auto",
    outlined: str = "none",
    chance: float | None = None,
    conditions: str = "",
    columns: int = 2,
) -> Figure:
    """Draw one panel of `plot_heat_map` for every value of a column, all with the same colors.

    Args:
        rows: rows of `nsm.collect`, or of `nsm.sweeps.read_rows`.
        facet: column that tells panels apart, such as "network".
        x: column along the horizontal axis of every panel.
        y: column along the vertical axis of every panel.
        error_axis: scale of the colors of all panels together.
        outlined: as for `plot_heat_map`; "loss" counts from the least error of each panel.
        chance: error of guessing [fraction].
        conditions: small print below the panels.
        columns: panels side by side; default 2.

    Returns:
        The figure; the panels are its first axes, the bar of colors is the last.

    Raises:
        ValueError: as for `plot_heat_map`.
    """
    _check(rows, [x, y, facet], outlined, chance)
    texts = rows[facet].map(lambda v: value_text(v, facet), na_action=None)
    parts = {value: cells_of(rows[texts == value], x, y, of=rows) for value in dict.fromkeys(texts)}
    across = min(integer("columns", columns, at_least=1), len(parts))
    down = ceil(len(parts) / across)
    with mpl.rc_context(STYLE):
        drawing = Figure(figsize=(COLUMN[0] * across, COLUMN[1] * down))
        panels = list(drawing.subplots(down, across, squeeze=False).flat)
        for ax in panels[len(parts) :]:
            ax.remove()
        shown = panels[: len(parts)]
        norm = _norm(np.concatenate([cells.means.ravel() for cells in parts.values()]), error_axis)
        for ax, (value, cells) in zip(shown, parts.items(), strict=True):
            _draw(ax, cells, norm)
            _outline(ax, cells, outlined, float(np.nanmin(cells.means)), chance)
            ax.set_title(f"{axis_title(facet)}: {drawn_text(value)}")
        _color_bar(drawing, shown, norm)
        empty = _empty_text(list(parts.values()))
        _note(drawing, [unfinished_text(rows), empty, _outline_text(outlined), conditions])
        for ax, cells in zip(shown, parts.values(), strict=True):
            separate_tick_labels(ax)
            _write_numbers(ax, cells, norm)
    return drawing


def _check(rows: pd.DataFrame, named: Sequence[str], outlined: str, chance: float | None) -> None:
    """Raise ValueError unless the rows fill a heat map of the columns."""
    columns = [c for c in rows.columns if c not in _HASHES]
    for column in named:
        choice("column", column, columns)
    if len({*named}) < len(named):
        again = next(c for c in named if named.count(c) > 1)
        raise ValueError(f"column {again!r} is given twice; a heat map needs one for each axis")
    choice("outlined", outlined, OUTLINES)
    if chance is not None:
        number("chance", chance, above=0, at_most=1)
    elif outlined == "chance":
        raise ValueError(
            "cells that are better than guessing need the error of guessing; give chance, which is "
            "1 − 1/classes, such as chance=0.9 for ten classes"
        )
    if rows.empty:
        raise ValueError("there are no rows to plot; run the sweep first")
    check_points(rows, named, has_lines=False)


def _norm(means: Any, wanted: str) -> Normalize:
    """Return what turns an error [%] into a color."""
    known = means[np.isfinite(means)]
    low, high = float(known.min()), float(known.max())
    if error_scale(known, wanted) == "log":
        return LogNorm(low, high if high > low else 1.01 * low)
    return Normalize(low, high if high > low else low + 1.0)


def _draw(ax: Axes, cells: Cells, norm: Normalize) -> None:
    """Draw the cells that have rows, and label both axes."""
    boxes = [
        Rectangle((cells.x.places[i] - CELL / 2, cells.y.places[j] - CELL / 2), CELL, CELL)
        for j, i in cells.filled
    ]
    found = PatchCollection(boxes, cmap=COLOR_MAP, norm=norm, linewidth=0.3, edgecolor="face")
    found.set_array(np.array([cells.means[j, i] for j, i in cells.filled]))
    ax.add_collection(found)
    ax.set_xlim(cells.x.places[0] - CELL / 2, cells.x.places[-1] + CELL / 2)
    ax.set_ylim(cells.y.places[0] - CELL / 2, cells.y.places[-1] + CELL / 2)
    ax.set_xticks(cells.x.places, [drawn_text(text) for text in cells.x.texts])
    ax.set_yticks(cells.y.places, [drawn_text(text) for text in cells.y.texts])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set_xlabel(axis_title(cells.x.column))
    ax.set_ylabel(axis_title(cells.y.column))


def _color_bar(drawing: Figure, panels: Sequence[Axes], norm: Normalize) -> None:
    """Add the bar that says which color is which error."""
    bar = drawing.colorbar(ScalarMappable(norm, COLOR_MAP), ax=list(panels), pad=0.02)
    bar.set_label("test error [%]")
    bar.outline.set_visible(False)
    if isinstance(norm, LogNorm):
        ticks = round_numbers(float(norm.vmin or 0), float(norm.vmax or 0))
        bar.set_ticks(ticks, labels=[f"{tick:g}" for tick in ticks])
        bar.minorticks_off()


def number_text(percent: float) -> str:
    """Return an error [%] as it stands in a cell: two digits, without an exponent."""
    return (
        f"{percent:.0f}"
        if percent >= 9.95
        else f"{percent:.1f}"
        if percent >= 1
        else (f"{percent:.2g}")
    )


def _write_numbers(ax: Axes, cells: Cells, norm: Normalize) -> None:
    """Write the error into every cell, if the widest text has room in one."""
    texts = {at: number_text(float(cells.means[at])) for at in cells.filled}
    drawing = ax.get_figure(root=True)
    assert drawing is not None
    lay_out(drawing)
    _break_label(ax, drawing)
    corners = ax.transData.transform([(0, 0), (CELL, CELL)])
    width, height = (corners[1] - corners[0]) / drawing.dpi  # inch
    if max(map(text_width, texts.values())) * 1.2 > width or height < LINE * SMALL / 72:
        return
    colors = mpl.colormaps[COLOR_MAP]
    for (j, i), text in texts.items():
        color = text_color(colors(norm(cells.means[j, i])))
        ax.text(cells.x.places[i], cells.y.places[j], text, ha="center", va="center", color=color,
                fontsize=SMALL)  # fmt: skip


def _break_label(ax: Axes, drawing: Figure) -> None:
    """Break the title of the vertical axis into lines that are no longer than the axis."""
    inches = ax.get_window_extent().height / drawing.dpi
    title = ax.yaxis.label
    broken = wrapped(title.get_text(), inches * SMALL / float(title.get_fontsize()))
    if broken != title.get_text():
        title.set_text(broken)
        lay_out(drawing)


def _outline(ax: Axes, cells: Cells, outlined: str, least: float, chance: float | None) -> None:
    """Draw the border of the cells that are outlined."""
    if outlined == "none":
        return
    limit = least + ALLOWED if outlined == "loss" else 100 * float(chance or 0) - ALLOWED
    with np.errstate(invalid="ignore"):
        inside = cells.means < limit
    for color, width in (("white", 2.6), ("black", 1.1)):  # seen on every color
        edges = LineCollection(outline(cells, inside), colors=color, linewidths=width, zorder=3)
        edges.set_capstyle("projecting")
        edges.set_clip_on(False)
        ax.add_collection(edges)


def _outline_text(outlined: str) -> str:
    """Return what the outline means, for the small print."""
    texts: Mapping[str, str] = {
        "none": "",
        "loss": f"Outlined: less than {ALLOWED:g} point above the least error.",
        "chance": f"Outlined: better than guessing by more than {ALLOWED:g} point.",
    }
    return texts[outlined]


def _empty_text(parts: Sequence[Cells]) -> str:
    """Return how many cells have no rows, for the small print."""
    empty = sum(int(np.isnan(cells.means).sum()) for cells in parts)
    total = sum(cells.means.size for cells in parts)
    return f"Empty cells ({empty} of {total}) have no rows." if empty else ""


def _note(drawing: Figure, lines: Sequence[str]) -> None:
    """Write small print at the bottom of a figure, which grows by its height."""
    lines = [line for line in lines if line]
    if not lines:
        return
    note_figure(drawing, lines)
    width, height = drawing.get_size_inches()
    below = drawing.get_supxlabel()
    drawing.set_size_inches(width, height + LINE * SMALL * (1 + below.count("\n")) / 72)
