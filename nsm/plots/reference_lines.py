"""Lines that a curve is compared with: the error in software, and that of guessing."""

from collections.abc import Iterable, Mapping

import pandas as pd
from matplotlib.axes import Axes

from devices.arguments import table
from devices.validation import Floats, choice, number
from nsm.plots.axis_places import value_text
from nsm.plots.style import COLORS

#: The line of guessing is drawn if some error is at least this part of it. Further up, it would
#: press all curves into the lower end of the figure; the legend then says where it is.
NEAR_CHANCE = 0.25


def check_levels(
    rows: pd.DataFrame,
    software: Mapping[str, float] | None,
    chance: float | None,
    names: Iterable[str | None],
) -> None:
    """Raise ValueError unless both are fractions, and the names are those of groups or networks.

    Args:
        rows: rows of a sweep.
        software: error in software by the name of a group or network [fraction].
        chance: error of guessing [fraction].
        names: groups of the figure.
    """
    if chance is not None:
        number("chance", chance, above=0, at_most=1)
    networks = [] if "network" not in rows.columns else [str(n) for n in rows["network"]]
    known = dict.fromkeys([*(n for n in names if n is not None), *networks])
    given = {} if software is None else software
    for name, error in table("software", given, "errors by the names of networks").items():
        choice("network with an error in software", value_text(name), known)
        number(f"error of {name} in software", error, at_least=0, at_most=1)


def software_levels(
    rows: pd.DataFrame, software: Mapping[str, float] | None, styles: Mapping[str | None, int]
) -> dict[str, tuple[float, str]]:
    """Return the error in software [%] and the color of every line, by name.

    Groups have their own. Lines of one network, told apart by another column, share that of the
    network in gray.

    Args:
        rows: rows of the panel.
        software: error in software by the name of a group or network [fraction].
        styles: place of each group in COLORS.
    """
    given = {value_text(name): 100 * error for name, error in (software or {}).items()}
    levels = {
        name: (given[name], COLORS[place % len(COLORS)])
        for name, place in styles.items()
        if name is not None and name in given
    }
    networks = {} if "network" not in rows.columns else dict.fromkeys(map(str, rows["network"]))
    if not levels and len(networks) == 1 and (only := next(iter(networks))) in given:
        levels[only] = (given[only], "0.5")
    return levels


def draw_software(ax: Axes, levels: Mapping[str, tuple[float, str]]) -> None:
    """Draw the errors of `software_levels` as dashed levels, with one entry in the legend."""
    for percent, color in levels.values():
        ax.axhline(percent, color=color, linestyle="--", linewidth=0.8, zorder=1)
    if levels:
        ax.plot([], [], "--", color="0.5", linewidth=0.8, label="in software")


def is_near_chance(errors: Floats, chance: float | None) -> bool:
    """Return whether the line of guessing is drawn beside these errors [%]."""
    return chance is not None and bool(errors.max() >= NEAR_CHANCE * 100 * chance)


def draw_chance(ax: Axes, chance: float, *, near: bool) -> None:
    """Draw the error of guessing [fraction] as a dotted level, or say in the legend where it is."""
    label = f"chance, {100 * chance:.3g} %"
    if near:
        ax.axhline(100 * chance, color="0.5", linestyle=":", linewidth=1.1, zorder=1, label=label)
    else:
        ax.plot([], [], ":", color="0.5", linewidth=1.1, label=f"{label}, above this figure")
