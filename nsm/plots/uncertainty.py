"""Figures of predictive uncertainty: reliability diagrams and curves over rotated images."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MultipleLocator

from devices.validation import choice
from nsm.nn.inference import Floats
from nsm.plots.style import COLORS, MARKERS, figure, places_of, styled
from nsm.plots.texts import drawn_text

#: Quantities that `plot_over_rotation` can show, with their units.
QUANTITIES = {
    "entropy": "predictive entropy [nat]",
    "mutual_information": "mutual information [nat]",
    "ece": "expected calibration error",
    "error": "test error [%]",
    "accuracy": "test accuracy [%]",
}


@dataclass(frozen=True)
class _Group:
    """The rows of one line of a figure, and how it looks."""

    name: str | None
    rows: pd.DataFrame
    color: str
    marker: str

    @property
    def label(self) -> str | None:
        """Entry of the legend; None without one."""
        return None if self.name is None else drawn_text(self.name)


def _groups(rows: pd.DataFrame, column: str | None, source: str) -> list[_Group]:
    """Return the groups of rows by the values of a column, in the order in which they come.

    Colors go by network where the column is "network", else by place. In a categorical column the
    place is that of the category, so that figures of different parts of one table agree.

    Args:
        rows: the table.
        column: name of the column; None for a single group.
        source: function of `nsm.uncertainty` that makes such rows, for the message.
    """
    if rows.empty:
        raise ValueError(f"there are no rows to plot; give those of nsm.uncertainty.{source}")
    if column is None:
        return [_Group(None, rows, COLORS[0], MARKERS[0])]
    choice("column", column, rows.columns)
    values = rows[column]
    is_categorical = isinstance(values.dtype, pd.CategoricalDtype)
    names = list(values.cat.categories if is_categorical else dict.fromkeys(values))
    groups = []
    for name, place in zip(names, places_of(names, networks=column == "network"), strict=True):
        part = rows[values == name]
        if len(part):
            color = COLORS[place % len(COLORS)]
            groups.append(_Group(str(name), part, color, MARKERS[place % len(MARKERS)]))
    return groups


@styled
def plot_reliability(
    table: pd.DataFrame, *, group: str | None = None, ax: Axes | None = None
) -> Axes:
    """Draw accuracy over confidence, with one color per group.

    The area of a mark grows with the number of images in its bin. Bars are ± one standard error
    √(c (1 − c)/n) of the accuracy that n images would show if the confidence c were right. About a
    third of the bars of a calibrated network therefore miss the diagonal.

    Args:
        table: rows of `nsm.uncertainty.reliability_table`.
        group: column that tells groups apart; None for a single group.
        ax: Axes to draw into; None for a new figure.

    Returns:
        The Axes.

    Raises:
        ValueError: there are no rows, or the column is unknown.
    """
    if ax is None:
        _, ax = figure()
    ax.plot([0, 100], [0, 100], color="0.5", linewidth=0.8, zorder=1)
    groups = _groups(table, group, "reliability_table")
    most = float(table["images"].max())
    for one in groups:
        c = one.rows["confidence"].to_numpy(float)
        n = one.rows["images"].to_numpy(float)
        x = 100 * c
        y = 100 * one.rows["accuracy"].to_numpy(float)
        bars = 100 * np.sqrt(c * (1 - c) / n)
        ax.errorbar(x, y, bars, fmt="none", color=one.color, linewidth=0.7, zorder=2)
        area = 6 + 60 * n / most
        ax.scatter(
            x, y, s=area, marker=one.marker, color=one.color, alpha=0.8, linewidth=0, zorder=3
        )
        # An empty line gives all groups the same size of mark in the legend.
        ax.plot([], [], one.marker, color=one.color, label=one.label)
    ax.set(xlabel="confidence [%]", ylabel="accuracy [%]", xlim=(0, 104), ylim=(-4, 104))
    ax.grid(alpha=0.25, linewidth=0.5)
    if group is not None:
        title = "area: images in the bin"
        ax.legend(frameon=False, loc="best", title=title, title_fontsize=6, alignment="left")
    return ax


def _mean_and_error(rows: pd.DataFrame, quantity: str) -> tuple[Floats, Floats]:
    """Return a quantity and its standard error over images, in the units of its axis.

    Errors and accuracies are counts, with a standard error of √(p (1 − p)/n). The standard error of
    the other quantities stands in the rows; it is NaN where it does not.
    """
    if quantity in ("error", "accuracy"):
        images = rows["images"].to_numpy(float)
        p = rows["errors"].to_numpy(float) / images
        error = 100 * np.sqrt(p * (1 - p) / images)
        return 100 * (p if quantity == "error" else 1 - p), error
    mean = rows[quantity].to_numpy(float)
    name = f"{quantity}_se"
    return mean, rows[name].to_numpy(float) if name in rows else np.full(len(rows), np.nan)


@styled
def plot_over_rotation(
    rows: pd.DataFrame,
    *,
    quantity: str = "entropy",
    group: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw a quantity over the angle by which test images are rotated, with one line per group.

    The band is ± one standard error over images, where it is known.

    Args:
        rows: rows of `nsm.uncertainty.over_rotation`.
        quantity: one of QUANTITIES.
        group: column that tells lines apart; None for a single line.
        ax: Axes to draw into; None for a new figure.

    Returns:
        The Axes.

    Raises:
        ValueError: there are no rows, or the quantity or the column is unknown.
    """
    choice("quantity", quantity, QUANTITIES)
    if ax is None:
        _, ax = figure()
    for one in _groups(rows, group, "over_rotation"):
        ordered = one.rows.sort_values("degrees")
        x = ordered["degrees"].to_numpy(float)
        mean, error = _mean_and_error(ordered, quantity)
        ax.plot(x, mean, marker=one.marker, color=one.color, label=one.label)
        if np.isfinite(error).all():
            low = mean - error
            high = mean + error
            ax.fill_between(x, low, high, color=one.color, alpha=0.2, linewidth=0)
    ax.set(xlabel="angle of rotation [°]", ylabel=QUANTITIES[quantity])
    largest = np.ptp(rows["degrees"].to_numpy(float))
    # The decimal steps that matplotlib chooses do not suit angles.
    if largest >= 45:
        ax.xaxis.set_major_locator(MultipleLocator(15 if largest <= 90 else 45))
    ax.set_ylim(bottom=0)
    ax.grid(alpha=0.25, linewidth=0.5)
    if group is not None:
        ax.legend(frameon=False)
    return ax
