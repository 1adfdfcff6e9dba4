"""The figures of a page: curves and heat maps of the rows, as PNG for light and dark pages."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from nsm.plots.axis_places import is_numeric, value_text
from nsm.plots.heat_cells import Cells, cells_of
from nsm.plots.heat_map import number_text, plot_heat_map
from nsm.plots.png import light_and_dark
from nsm.plots.style import legend_above
from nsm.plots.sweeps import plot_error_rate
from nsm.plots.texts import plain_title
from nsm.report.page import Card, Picture
from nsm.report.swept import Swept

#: Most heat maps of one file. A sweep of five axes has ten pairs.
MOST_MAPS = 6


def picture(draw: Callable[[], Any], *, alt: str, caption: str = "") -> Picture:
    """Return a figure for light and for dark pages.

    Args:
        draw: draws the figure.
        alt: what it shows, in words.
        caption: text below it.
    """
    light, dark = light_and_dark(draw)
    return Picture(light=light, dark=dark, alt=alt, caption=caption)


def _heading(title: str) -> str:
    return title[:1].upper() + title[1:]


def _others(swept: Swept, *along: str) -> str:
    """Return at which values of the other axes a cut lies, as a sentence; "" without others."""
    fixed = [
        f"{plain_title(axis)} = {value}"
        for axis, value in swept.reference.items()
        if axis not in along
    ]
    return f"At {', '.join(fixed)}." if fixed else ""


def curve_alt(rows: pd.DataFrame, axis: str) -> str:
    """Return what a curve shows: the mean error of every network at each end of the axis."""
    values = rows[axis].drop_duplicates()
    values = values.sort_values(na_position="last") if is_numeric(rows[axis]) else values
    texts = [value_text(v, axis) for v in values]
    parts = []
    for name, part in rows.groupby(rows["network"].astype(str), sort=False):
        at = part[axis].map(lambda v: value_text(v, axis), na_action=None)
        means = (100 * part["errors"] / part["images"]).groupby(at).mean()
        shown = [f"{means[text]:.1f} % at {text}" for text in texts if text in means.index]
        parts.append(f"{name}: {', '.join(shown)}")
    return f"Test error over {plain_title(axis)}. {'; '.join(parts)}."


def _curve(
    swept: Swept, axis: str, software: Mapping[str, float], chance: float | None, conditions: str
) -> Card:
    """Return the curve of all networks along one axis, the others at their reference."""
    rows = swept.cut(axis)
    known = {name: software[name] for name in swept.networks if name in software}

    def draw() -> Any:
        ax = plot_error_rate(
            rows, x=axis, group="network", software=known or None, chance=chance,
            conditions=conditions,
        )  # fmt: skip
        legend_above(ax)
        return ax

    drawn = picture(draw, alt=curve_alt(rows, axis))
    texts = [swept.texts.get(axis, ""), _others(swept, axis)]
    return Card(
        title=swept.titles.get(axis, _heading(plain_title(axis))),
        texts=[text for text in texts if text],
        pictures=[drawn],
        rows=swept.link or swept.file,
    )


def curves(
    swept: Swept, *, software: Mapping[str, float], chance: float | None = None
) -> list[Card]:
    """Return one card with the curves of all networks for every axis.

    Args:
        swept: rows of one file.
        software: error in software by network [fraction], where it is known.
        chance: error of guessing [fraction]; None if it is not known.
    """
    return [_curve(swept, axis, software, chance, swept.conditions) for axis in swept.axes]


def _map_alt(name: str, cells: Cells) -> str:
    """Return what a heat map shows: its least and its largest error, and where they are."""
    at = cells.filled
    low, high = min(at, key=lambda c: cells.means[c]), max(at, key=lambda c: cells.means[c])

    def end(word: str, at: tuple[int, int]) -> str:
        error = number_text(float(cells.means[at]))
        return f"{word} {error} % at {cells.x.texts[at[1]]}, {cells.y.texts[at[0]]}"

    return f"{name}: {end('least', low)}, {end('largest', high)}"


def heat_map_alt(rows: pd.DataFrame, x: str, y: str) -> str:
    """Return what a heat map shows, in words, for each network of the rows."""
    parts = [
        _map_alt(str(name), cells_of(part, x, y))
        for name, part in rows.groupby(rows["network"].astype(str), sort=False)
    ]
    title = f"Test error over {plain_title(x)} and {plain_title(y)}"
    return f"{title}. {'; '.join(parts)}."


def _heat_map(swept: Swept, x: str, y: str) -> Card:
    """Return one heat map for each network over two axes, all with the same colors."""
    rows = swept.cut(x, y)
    parts = {
        str(name): part for name, part in rows.groupby(rows["network"].astype(str), sort=False)
    }
    means = np.concatenate([cells_of(part, x, y).means.ravel() for part in parts.values()])
    colors = (float(np.nanmin(means)), float(np.nanmax(means)))
    pictures = [
        picture(
            partial(
                plot_heat_map, part, x=x, y=y, outlined="loss", colors=colors,
                conditions=swept.conditions,
            ),
            alt=heat_map_alt(part, x, y),
            caption=name,
        )
        for name, part in parts.items()
    ]  # fmt: skip
    return Card(
        title=f"{_heading(plain_title(x))}, and {plain_title(y)}",
        texts=[text for text in [_others(swept, x, y)] if text],
        pictures=pictures,
        rows=swept.link or swept.file,
    )


def heat_maps(swept: Swept) -> tuple[list[Card], str]:
    """Return one card for every two axes that were swept together, and which were left out.

    Args:
        swept: rows of one file.

    Returns:
        At most `MOST_MAPS` cards; a sentence about the pairs that have none, "" if all have one.
    """
    pairs: Sequence[tuple[str, str]] = swept.pairs()
    cards = [_heat_map(swept, x, y) for x, y in pairs[:MOST_MAPS]]
    left = ", ".join(f"{plain_title(x)} with {plain_title(y)}" for x, y in pairs[MOST_MAPS:])
    note = (
        f"Without a heat map here, for want of room: {left}. nsm plot draws them." if left else ""
    )
    return cards, note
