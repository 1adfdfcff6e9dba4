"""Pictures of what a network says about its errors: a reliability diagram, and curves over the angle of rotation."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MultipleLocator

from devices.validation import choice
from nsm.nn.inference import Floats
from nsm.plots.style import COLORS, MARKERS, figure, styled

#: What can be drawn over the angle, and in which units.
QUANTITIES = {
    "entropy": "predictive entropy [nat]",
    "mutual_information": "mutual information [nat]",
    "ece": "expected calibration error",
    "error": "test error [%]",
    "accuracy": "test accuracy [%]",
}


def _groups(
    rows: pd.DataFrame, group: str | None, what: str
) -> list[tuple[int, str | None, pd.DataFrame]]:
    """Return place, name and rows of each value of the column `group`, in the order in which they come.

    Places choose colours. In a categorical column they are those of its categories, so that figures of different parts of
    one table agree.
    """
    if rows.empty:
        raise ValueError(f"there are no rows to plot; give those of nsm.uncertainty.{what}")
    if group is None:
        return [(0, None, rows)]
    choice("column", group, rows.columns)
    column = rows[group]
    names = (
        column.cat.categories
        if isinstance(column.dtype, pd.CategoricalDtype)
        else dict.fromkeys(column)
    )
    parts = ((index, str(name), rows[column == name]) for index, name in enumerate(names))
    return [part for part in parts if len(part[2])]


@styled
def plot_reliability(
    table: pd.DataFrame, *, group: str | None = None, ax: Axes | None = None
) -> Axes:
    """Draw accuracy over confidence [%] from rows of `reliability_table`, one colour per value of the column `group`.

    Areas go with the number of images in a bin. Bars: ± one standard error √(c (1 − c)/n) of the accuracy that n images
    would show were the confidence c right, so a third of the bars of a calibrated network miss the diagonal.
    """
    if ax is None:
        _, ax = figure()
    ax.plot([0, 100], [0, 100], color="0.5", linewidth=0.8, zorder=1)
    parts = _groups(table, group, "reliability_table")
    most = float(table["images"].max())
    for index, name, part in parts:
        c, n = part["confidence"].to_numpy(float), part["images"].to_numpy(float)
        x, y, color = 100 * c, 100 * part["accuracy"].to_numpy(float), COLORS[index % len(COLORS)]
        ax.errorbar(
            x, y, 100 * np.sqrt(c * (1 - c) / n), fmt="none", color=color, linewidth=0.7, zorder=2
        )
        marker = MARKERS[index % len(MARKERS)]
        ax.scatter(
            x, y, s=6 + 60 * n / most, marker=marker, color=color, alpha=0.8, linewidth=0, zorder=3
        )
        ax.plot([], [], marker, color=color, label=name)  # in the legend all of one size
    ax.set(xlabel="confidence [%]", ylabel="accuracy [%]", xlim=(0, 104), ylim=(-4, 104))
    ax.grid(alpha=0.25, linewidth=0.5)
    if group is not None:
        title = "area: images in the bin"
        ax.legend(frameon=False, loc="best", title=title, title_fontsize=6, alignment="left")
    return ax


def _mean_and_error(rows: pd.DataFrame, quantity: str) -> tuple[Floats, Floats]:
    """Return the quantity and its standard error over images (NaN: unknown), in the units of its axis."""
    if quantity in ("error", "accuracy"):
        fraction = (rows["errors"] / rows["images"]).to_numpy(float)
        spread = 100 * np.sqrt(fraction * (1 - fraction) / rows["images"].to_numpy(float))
        return 100 * (fraction if quantity == "error" else 1 - fraction), spread
    known = f"{quantity}_se" in rows
    unknown = np.full(len(rows), np.nan)
    return rows[quantity].to_numpy(float), rows[f"{quantity}_se"].to_numpy(
        float
    ) if known else unknown


@styled
def plot_over_rotation(
    rows: pd.DataFrame,
    *,
    quantity: str = "entropy",
    group: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw a quantity over the angle of rotation from rows of `over_rotation`, one line per value of the column `group`.

    quantity: one of `QUANTITIES`. Band: ± one standard error over images, where it is known.
    """
    choice("quantity", quantity, QUANTITIES)
    if ax is None:
        _, ax = figure()
    for index, name, part in _groups(rows, group, "over_rotation"):
        ordered = part.sort_values("degrees")
        x = ordered["degrees"].to_numpy(float)
        mean, error = _mean_and_error(ordered, quantity)
        color = COLORS[index % len(COLORS)]
        ax.plot(x, mean, marker=MARKERS[index % len(MARKERS)], color=color, label=name)
        if np.isfinite(error).all():
            ax.fill_between(x, mean - error, mean + error, color=color, alpha=0.2, linewidth=0)
    ax.set(xlabel="angle of rotation [°]", ylabel=QUANTITIES[quantity])
    span = np.ptp(rows["degrees"].to_numpy(float))
    if span >= 45:  # the decimal steps of matplotlib suit no angle
        ax.xaxis.set_major_locator(MultipleLocator(15 if span <= 90 else 45))
    ax.set_ylim(bottom=0)
    ax.grid(alpha=0.25, linewidth=0.5)
    if group is not None:
        ax.legend(frameon=False)
    return ax
