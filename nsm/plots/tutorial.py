"""What several notebooks share: style, figures that grow over several cells, and error tables."""

from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from devices.validation import Floats
from nsm.plots.style import COLORS, MARKERS, STYLE


def set_up() -> None:
    """Prepare a notebook: the style of all figures, wide tables, and one thread of torch."""
    mpl.rcParams.update(STYLE | {"figure.dpi": 150})
    pd.set_option("display.max_columns", None, "display.width", 120)
    pd.set_option("display.max_colwidth", None)
    torch.set_num_threads(1)


def subplots(
    rows: int = 1,
    columns: int = 1,
    *,
    figsize: tuple[float, float] = (3.4, 2.5),
    **options: Any,
) -> tuple[Figure, Any]:
    """Return a figure and its axes, as `matplotlib.pyplot.subplots` does.

    A notebook shows a figure of pyplot at the end of the cell that made it. This one is shown where
    it is the value of a cell, so that several short cells can draw into it.

    Args:
        rows: Number of rows of axes; default 1.
        columns: Number of columns of axes; default 1.
        figsize: Width and height of the figure [inch]; default one column of a page.
        **options: Passed on to `matplotlib.figure.Figure.subplots`.

    Returns:
        The figure, and one Axes or an array of them.
    """
    figure = Figure(figsize=figsize)
    return figure, figure.subplots(rows, columns, **options)


def legend_above(figure: Figure, ax: Axes, *, ncols: int = 1, **options: Any) -> None:
    """Put the legend of one of its axes above a figure.

    Args:
        figure: The figure.
        ax: The axes whose labels are shown.
        ncols: Number of columns of the legend; default 1.
        **options: Passed on to `matplotlib.figure.Figure.legend`.
    """
    handles, labels = ax.get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside upper center", ncols=ncols, frameon=False, **options
    )


def plot_band(ax: Axes, x: Any, values: Floats, index: int, label: str = "") -> None:
    """Draw the mean of several chips as a line, and ± one standard deviation as a band.

    Args:
        ax: Where to draw.
        x: Positions of the points, (points,).
        values: One value for each point and chip, (points, chips).
        index: Number of the curve; it chooses color and marker.
        label: Name of the curve in the legend; default none.
    """
    mean = values.mean(axis=1)
    spread = values.std(axis=1, ddof=1)
    color = COLORS[index]
    ax.plot(x, mean, MARKERS[index] + "-", color=color, label=label or None)
    ax.fill_between(x, mean - spread, mean + spread, color=color, alpha=0.2, linewidth=0)


def percent(rows: pd.DataFrame, *columns: str) -> Any:
    """Return the mean error over chips [%] of the rows of a sweep.

    Args:
        rows: Rows of `nsm.collect`.
        columns: Columns to group by. The values of the last one become the columns of the table.

    Returns:
        A table; a series if there is one column only.
    """
    error = 100 * rows["errors"] / rows["images"]
    mean = error.groupby([rows[column] for column in columns]).mean()
    return mean.unstack() if len(columns) > 1 else mean


def standard_errors(a: Any, b: Any, images: int) -> Any:
    """Return the difference of two error rates [%] in standard errors of two separate test sets.

    On the same test images the errors of two networks are correlated, and the difference varies
    less: the number is then a lower bound. `nsm.paper.statistics.difference` takes the outcomes of
    every image and has the standard error of the paired difference.

    Args:
        a: Error rate or rates [%].
        b: Error rate or rates [%].
        images: Number of images of a test set.
    """
    p = (a + b) / 200
    return (a - b) / (100 * np.sqrt(2 * p * (1 - p) / images))


def within(a: Any, b: Any, errors: float, images: int) -> Any:
    """Return whether two error rates [%] agree within a number of standard errors.

    The standard errors are those of separate test sets, see `standard_errors`.
    """
    p = (a + b) / 200
    return abs(a - b) <= errors * 100 * np.sqrt(2 * p * (1 - p) / images)
