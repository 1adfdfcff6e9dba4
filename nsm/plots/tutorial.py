"""What several notebooks share: style, figures that grow over several cells, paired differences."""

from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from devices.validation import Floats
from nsm.plots.style import COLORS, MARKERS, STYLE
from nsm.plots.texts import drawn_text
from nsm.statistics import Estimate, Runs, change, difference
from nsm.sweeps.axes import TRAINING_SEED


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
    """Draw the mean of several chips (or trainings) as a line, and a band of ± one s.d.

    Args:
        ax: Where to draw.
        x: Positions of the points, (points,).
        values: One value for each point and chip (or training), (points, chips).
        index: Number of the curve; it chooses color and marker.
        label: Name of the curve in the legend; default none.
    """
    mean = values.mean(axis=1)
    spread = values.std(axis=1, ddof=1)
    color = COLORS[index]
    ax.plot(x, mean, MARKERS[index] + "-", color=color, label=drawn_text(label) or None)
    ax.fill_between(x, mean - spread, mean + spread, color=color, alpha=0.2, linewidth=0)


def percent(rows: pd.DataFrame, *columns: str) -> Any:
    """Return the mean error over trainings and chips [%] of the rows of a sweep.

    Args:
        rows: Rows of `nsm.collect`.
        columns: Columns to group by. The values of the last one become the columns of the table.

    Returns:
        A table; a series if there is one column only.
    """
    error = 100 * rows["errors"] / rows["images"]
    mean = error.groupby([rows[column] for column in columns]).mean()
    return mean.unstack() if len(columns) > 1 else mean


def _runs(rows: pd.DataFrame) -> Runs:
    """Return the trainings of one network at one point, with the images on which each errs."""
    images = int(rows["images"].iloc[0])
    wrong = np.zeros((len(rows), images))
    for outcomes, numbers in zip(wrong, rows["wrong"], strict=True):
        outcomes[numbers] = 1
    return Runs((100 * rows["errors"] / rows["images"]).tolist(), images, wrong)


def runs_of(rows: pd.DataFrame, at: Mapping[str, Any]) -> Runs:
    """Return the trainings of one network at one point of a sweep, in the order of their seeds.

    Args:
        rows: Rows of `nsm.collect(..., chips=1, keep_wrong=True)` of networks with several
            trainings.
        at: Values of the columns that choose the network and the point.

    Raises:
        ValueError: There are no such rows, or several of one training.
    """
    chosen = np.ones(len(rows), bool)
    for column, value in at.items():
        chosen &= (rows[column] == value).to_numpy()
    found = rows[chosen].sort_values(TRAINING_SEED)
    seeds = found[TRAINING_SEED].tolist()
    if not seeds or len(set(seeds)) < len(seeds):
        raise ValueError(
            f"there are {len(seeds)} rows at {dict(at)}, of the trainings {seeds}; choose one "
            "point of a sweep with one chip of each training"
        )
    return _runs(found)


def changes(rows: pd.DataFrame, column: str, reference: Any, *, by: str = "network") -> pd.Series:
    """Return how far the error at every value of a column lies above that at one of the values.

    Every change is that of the same trainings on the same chips and images, see
    `nsm.statistics.change`.

    Args:
        rows: Rows as for `runs_of`, which differ in the two columns only.
        column: The column.
        reference: The value from which changes are counted.
        by: Column that tells curves apart; default the network.

    Returns:
        `nsm.statistics.Estimate` [percentage points] by curve and value, without the reference.
    """
    found = {}
    for curve in dict.fromkeys(rows[by]):
        of_curve = rows[rows[by] == curve]
        start = runs_of(of_curve, {column: reference})
        for value in [v for v in dict.fromkeys(of_curve[column]) if v != reference]:
            found[curve, value] = change(runs_of(of_curve, {column: value}), start)
    return _by(found, by, column)


def differences(
    rows: pd.DataFrame, column: str, one: str, other: str, *, by: str = "network"
) -> pd.Series:
    """Return how far the error of one network lies above another's at every value of a column.

    The two are tested on the same images; their trainings are independent, see
    `nsm.statistics.difference`.

    Args:
        rows: Rows as for `runs_of`, which differ in the two columns only.
        column: The column.
        one: The network.
        other: The network it is compared with.
        by: Column that names the networks; default "network".

    Returns:
        `nsm.statistics.Estimate` [percentage points] by value.
    """
    found = {}
    for value in dict.fromkeys(rows.loc[rows[by] == one, column]):
        a, b = (runs_of(rows, {by: name, column: value}) for name in (one, other))
        found[value] = difference(a, b)
    return pd.Series(found, dtype=object, name=f"{one} − {other}").rename_axis(column)


def _by(found: Mapping[tuple[Any, Any], Estimate], by: str, column: str) -> pd.Series:
    """Return estimates as a series of two index levels."""
    index = pd.MultiIndex.from_tuples(list(found), names=[by, column])
    return pd.Series(list(found.values()), index=index, dtype=object)


def estimates(found: pd.Series) -> Any:
    """Return estimates as texts, "value ± standard error": a table with one line for each curve.

    Args:
        found: From `changes` or `differences`.
    """
    texts = found.map(lambda e: e.text)
    return texts.unstack(sort=False) if found.index.nlevels > 1 else texts.to_frame().T
