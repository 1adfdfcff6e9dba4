"""The chart of tolerances: one bar for each axis and network, in units of the given device."""

import math
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba

from crossbar import Hardware
from nsm.plots.heat_map import plot_heat_map
from nsm.plots.notes import note_below
from nsm.plots.small_print import conditions
from nsm.plots.style import COLORS, figure, places_of, styled
from nsm.plots.texts import drawn_text
from nsm.verdict.result import Tolerances
from nsm.verdict.search import End
from nsm.verdict.sentence import rows_of

#: Height of a row of the chart [inch], and of everything else.
_ROW, _REST = 0.15, 0.9
_WIDTH = 5.6
#: Height of a bar in units of the distance of rows.
_BAR = 0.62
#: Opacity of the bars of values that were not decided.
_PALE = 0.35


@styled
def plot_tolerances(
    tolerances: Tolerances, *, ax: Axes | None = None, small_print: bool = True
) -> Axes:
    """Draw how much of each non-ideality networks tolerate, in units of the given device.

    A bar ends at the largest value that was decided to be tolerated, as a multiple of the given
    one: a bar that ends left of the line at 1 says that this device breaks the network on this
    axis. Where smaller values are worse (levels, bits, a falling gain) it is the given value
    divided by the tolerated one, so that right is always better. A bar is pale where values beyond
    its end were not decided. A thin line leads on to the smallest value that was decided to lose
    more, and the label tells both ("> 1.9, < 7.2"); it ends in an arrow where no value was
    ("> 7.9, not resolved"). The arrow of a full bar means that even the worst value that was tried
    is tolerated. Axes whose given value is ideal stand below, in units that their labels name; the
    small print lists axes without a result.

    Args:
        tolerances: The result of `nsm.tolerances`.
        ax: Axes to draw into; None makes a figure as tall as the table needs.
        small_print: Whether to write conditions, and axes that do not act, below.

    Returns:
        The Axes, with axes of the device from top to bottom.

    Raises:
        ValueError: No axis has a result.
    """
    rows = tolerances.table[tolerances.table["ratio"].notna()]
    if rows.empty:
        raise ValueError("the tolerances have no axis with a result to draw; see their reasons")
    names = list(tolerances.base_errors["network"])
    places = dict(zip(names, places_of(names, networks=True), strict=True))
    labels = _labels(rows)
    lines = sum(len(rows[rows["axis"] == axis]) for axis in labels) + 0.6 * len(labels)
    if ax is None:
        _, ax = figure((_WIDTH, _REST + _ROW * lines))
    ends = _limits(rows)
    ticks: list[float] = []
    top = device = 0.0
    for axis in labels:
        its = rows[rows["axis"] == axis]
        for at, row in enumerate(rows_of(its)):
            _draw(ax, row, top + at, ends, COLORS[places[row.network] % len(COLORS)])
        ticks.append(top + (len(its) - 1) / 2)
        top += len(its) + 0.6
        device = top - 0.3 if its["reference"].iloc[0] == "given" else device
    ax.set_yticks(ticks, list(labels.values()))
    words = "tolerated, in units of the given value [or of what stands in brackets]"
    ax.set(xscale="log", xlim=ends, ylim=(top - 0.6 + 0.2, -0.8), xlabel=words)
    ax.tick_params(axis="y", length=0)
    _mark_units(ax, device - 0.5, top - 0.4)
    if len(names) > 1:
        handles = [
            ax.barh(0, 0, color=COLORS[places[name] % len(COLORS)], label=drawn_text(name))
            for name in names
        ]
        legend = ax.legend(handles=handles, frameon=False, ncols=len(names), loc="lower center")
        legend.set_bbox_to_anchor((0.5, 1.02))
    if small_print:
        note_below(ax, _notes(tolerances))
    return ax


def _mark_units(ax: Axes, device: float, bottom: float) -> None:
    """Draw the line at 1, which judges the device in the upper part alone.

    Args:
        ax: Axes of the chart.
        device: Where the rows in units of given values end.
        bottom: Where all rows end.
    """
    split = min(max(device, -0.8), bottom)
    if split > -0.8:
        ax.plot([1, 1], [-0.8, split], color="0.3", lw=1, zorder=4)
        ax.annotate(
            "this device breaks it ← │ → margin", (1, -0.8), xytext=(0, 1), fontsize=5.5,
            textcoords="offset points", ha="center", va="bottom", annotation_clip=False,
        )  # fmt: skip
    if split < bottom:
        ax.plot([1, 1], [max(split, -0.8), bottom], color="0.6", lw=0.6, ls=":", zorder=4)
    if -0.8 < split < bottom:
        ax.axhline(split, color="0.6", lw=0.5, ls=":")


def _labels(rows: pd.DataFrame) -> dict[str, str]:
    """Return the label of each axis, those in units of a given value first."""
    order = rows.assign(other=rows["reference"] != "given").sort_values("other", kind="stable")
    found: dict[str, str] = {}
    for row in rows_of(order):
        other = "" if row.reference == "given" else f"\n[{row.reference}]"
        found.setdefault(str(row.axis), f"{row.axis}{other}")
    return found


def _limits(rows: pd.DataFrame) -> tuple[float, float]:
    """Return the ends of the logarithmic axis, which hold all finite ratios and 1."""
    values = pd.concat([rows["ratio"], rows["ratio_high"]]).to_numpy(float)
    finite = values[np.isfinite(values) & (values > 0)]
    low, high = min(finite.min(initial=1.0), 1.0), max(finite.max(initial=1.0), 1.0)
    return 10 ** (math.floor(math.log10(low) * 2 - 0.4) / 2), high * 4


def _draw(ax: Axes, row: Any, at: float, ends: tuple[float, float], color: str) -> None:
    """Draw the bar of one row, what is not resolved beyond it, and its value."""
    low, high = ends
    end = min(max(row.ratio, low), high / 2.5)
    face = to_rgba(color, 1 if row.decided else _PALE)
    ax.barh(
        at, end - low, left=low, height=_BAR, facecolor=face, edgecolor=color, linewidth=0.5,
        zorder=2,
    )  # fmt: skip
    if row.ended == End.WORST:
        ax.plot([end], [at], marker=">", color=color, ms=4, zorder=3, clip_on=False)
    last = end
    if not row.decided:
        # An open line is short, so that its words have room beyond it.
        last = min(row.ratio_high if math.isfinite(row.ratio_high) else 3 * end, high / 2)
        ax.plot([end, last], [at, at], color=color, lw=1, zorder=2)
        cap = "|" if math.isfinite(row.ratio_high) else ">"
        ax.plot([last], [at], marker=cap, color=color, ms=4, zorder=2)
    # The line at 1 does not cross words out.
    behind = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 0.4}
    ax.annotate(
        _text(row), (last, at), xytext=(5, 0), textcoords="offset points", fontsize=6, va="center",
        bbox=behind, zorder=5,
    )  # fmt: skip


def _points(share: float) -> str:
    """Return a share as percentage points."""
    return "1 point" if share == 0.01 else f"{100 * share:g} points"


def _number(value: float) -> str:
    """Return a value with two digits, in the form that is shortest to read."""
    if not math.isfinite(value):
        return "exact"
    if value == 0 or 1e-3 <= abs(value) < 1e4:
        return f"{value:.2g}" if abs(value) < 99.5 else f"{value:.0f}"
    digits, exponent = f"{value:.1e}".split("e")
    return f"{digits.removesuffix('.0')}e{int(exponent)}"


def _text(row: Any) -> str:
    """Return the value at the end of a bar, with its unit.

    Where values beyond it were not decided, it is a bound, and the text says so: "> 1.9, < 7.2", or
    "> 7.9, not resolved" if no value was decided to lose more.
    """
    beyond, before = ("<", ">") if row.falls else (">", "<")
    # Of an axis that falls, no value that loses more is written as 0.
    broken = row.high if math.isfinite(row.high) and row.high > 0 else None
    if row.ratio == 0:
        limit = "" if broken is None else f", {before} {_number(broken)} {row.unit}"
        return f"not resolved{limit}".strip()
    value = f"{_number(row.tolerated)} {row.unit}".strip()
    if row.ended == End.WORST:
        return f"{'≤' if row.falls else '≥'} {value}"
    if row.decided:
        return value
    if broken is None:
        return f"{beyond} {value}, not resolved"
    return f"{beyond} {_number(row.tolerated)}, {before} {_number(broken)} {row.unit}".strip()


def _notes(tolerances: Tolerances) -> list[str]:
    """Return the conditions of the chart, and what it cannot show."""
    settings = tolerances.settings
    test = (
        f"{settings['images']} images in {settings['blocks']} blocks on a chip each, "
        f"{settings['samples']} samples, {settings['sampling']} reads"
    )
    first = (
        f"Bar: largest value with less than {_points(settings['loss'])} of loss at "
        f"{100 * settings['confidence']:g} % confidence; pale bar and thin line: not "
        "resolved beyond it, the limit lies between the two values."
    )
    texts = [first]
    hardware = tolerances.hardware
    if isinstance(hardware, Hardware):
        texts.append(conditions(hardware, tolerances.networks, test=test))
    else:
        texts.append(f"{test[0].upper()}{test[1:]}.")
    silent = tolerances.table[tolerances.table["ratio"].isna()]
    reasons: dict[str, dict[str, None]] = {}
    whole = len(tolerances.base_errors)
    for axis, of_axis in silent.groupby("axis", sort=False):
        for reason, its in of_axis.groupby("reason", sort=False):
            who = "" if len(its) == whole else f" ({', '.join(its['network'])})"
            reasons.setdefault(str(reason).partition(";")[0], {})[f"{axis}{who}"] = None
    texts += [f"{', '.join(axes)}: {reason}." for reason, axes in reasons.items()]
    return texts


@styled
def plot_tolerance_map(
    rows: pd.DataFrame, *, network: str | None = None, ax: Axes | None = None
) -> Axes:
    """Draw the error over two axes as a heat map; outlined: less than one point above the least.

    Args:
        rows: The result of `nsm.tolerance_map`.
        network: Which network to draw; None if there is only one.
        ax: Axes to draw into; None makes a figure.

    Returns:
        The Axes; the first axis of the map is the horizontal one.

    Raises:
        ValueError: There are several networks and none was chosen, or it is not among them.
    """
    names = list(rows["network"].unique())
    if network is None and len(names) > 1:
        raise ValueError(f"the map has the networks {names}; choose one with network=")
    if network is not None and network not in names:
        raise ValueError(f"network {network!r} is not in the map; it has {names}")
    its = rows[rows["network"] == (network or names[0])]
    x, y = (str(name) for name in its.columns[1:3])
    counts = its[["network", x, y, "errors", "images"]]
    ax = plot_heat_map(counts.assign(chip=0), x=x, y=y, outlined="loss", ax=ax)
    units = rows.attrs.get("units", {})
    for name, set_label in ((x, ax.set_xlabel), (y, ax.set_ylabel)):
        unit = "" if units.get(name) == name else units.get(name, "")
        set_label(f"{name} [{unit}]" if unit else name)
    return ax
