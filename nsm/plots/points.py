"""The points of a robustness curve: which rows they pool, their mean, and their spread."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from nsm.plots.axis_places import value_text
from nsm.sweeps.axes import TRAINING_SEED
from nsm.sweeps.rows.stored_rows import WRONG

#: Columns of a row that do not belong to its point: its chip, and what came out.
NOT_AXES = (
    "chip",
    "errors",
    WRONG,
    "seed",
    "elapsed",
    "model",
    "task",
    "experiment",
    TRAINING_SEED,
)


class Point(NamedTuple):
    """Mean and spread of the error at one point.

    Attributes:
        mean: error [%].
        spread: standard deviation [percentage points]; NaN if there is only one row.
        trainings: number of trainings of the network.
        chips: number of chips of each training: the fewest and the most.
    """

    mean: float
    spread: float
    trainings: int
    chips: tuple[int, int]


def pooled_axes(rows: pd.DataFrame, named: Sequence[str]) -> dict[str, list[object]]:
    """Return the axes that a figure of the columns `named` would pool, and their values.

    An axis is pooled if it has several values at the same values of all named columns.

    Args:
        rows: rows of a sweep.
        named: columns that the figure shows.
    """
    axes = [c for c in rows.columns if c not in NOT_AXES and c not in named]
    points = rows.groupby(list(named), dropna=False, sort=False)
    pooled = [c for c in axes if (points[c].nunique(dropna=False) > 1).any()]
    return {c: list(dict.fromkeys(rows[c])) for c in pooled}


def check_points(rows: pd.DataFrame, named: Sequence[str], *, has_lines: bool = True) -> None:
    """Raise ValueError if a point would pool an axis that is not named, or rows of one chip.

    Args:
        rows: rows of a sweep.
        named: columns that the figure shows.
        has_lines: whether the figure can tell an axis apart by lines.
    """
    pooled = pooled_axes(rows, named)
    if pooled:
        shown = "; ".join(
            f"{name} ({', '.join(value_text(v, name) for v in values[:6])}"
            f"{', …' if len(values) > 6 else ''})"
            for name, values in pooled.items()
        )
        first = next(iter(pooled))
        lines = f"Tell lines apart by it (group={first!r}), draw" if has_lines else "Draw"
        raise ValueError(
            f"the rows differ in {shown}, which the figure does not show; their spread would look "
            f"like one of chips. {lines} one panel for each value (facet={first!r}), or choose "
            "rows of one value"
        )
    of_chip = [*named, *[c for c in (TRAINING_SEED,) if c in rows.columns], "chip"]
    again = rows.duplicated(of_chip)
    if again.any():
        row = rows[again].iloc[0]
        where = ", ".join(f"{c} = {value_text(row[c], c)}" for c in of_chip)
        raise ValueError(
            f"{int(again.sum())} rows repeat a point and chip ({where}), as rows of several sweeps "
            "or of several networks of one name do; choose those of one, or name the column that "
            "tells them apart"
        )


def spread_of(percent: Sequence[float], training: Sequence[object]) -> Point:
    """Return mean and spread of the error at one point.

    The mean is that over trainings of the mean over the chips of each. The spread is the standard
    deviation of one new training on one new chip,

        s² = s_chip² + max(0, s_means² − s_chip² ⟨1/n⟩),

    with s_chip² the variance between chips of the same training (pooled over trainings), s_means²
    that of the trainings' means, and ⟨1/n⟩ the mean of 1/(chips of a training). It is the estimate
    of a nested analysis of variance (Searle, Casella & McCulloch 1992, Variance Components, ch. 3).
    With one training it is the standard deviation over chips.

    Args:
        percent: error of each row [%].
        training: what names the training of each row.
    """
    groups = pd.Series(list(percent), dtype=float).groupby(pd.Series(list(training)), dropna=False)
    means = groups.mean().to_numpy()
    counts = groups.count().to_numpy()
    freedom = int((counts - 1).sum())
    within = float("nan")
    if freedom:
        within = float((groups.var().fillna(0).to_numpy() * (counts - 1)).sum() / freedom)
    if len(means) == 1:
        variance = within
    elif not freedom:
        variance = float(means.var(ddof=1))
    else:
        between = means.var(ddof=1) - within * (1 / counts).mean()
        variance = within + max(0.0, float(between))
    chips = (int(counts.min()), int(counts.max()))
    return Point(float(means.mean()), float(np.sqrt(variance)), len(means), chips)


def points_of(data: pd.DataFrame, *, sort: bool) -> pd.DataFrame:
    """Return the points of one line: index "at", columns as the fields of `Point`.

    Args:
        data: rows with their place along the axis in "at" and their error [%] in "percent".
        sort: whether the points are sorted along the axis, or keep the order of the rows.
    """
    found = {}
    for at, part in data.groupby("at", sort=sort):
        training = part[TRAINING_SEED] if TRAINING_SEED in part.columns else [0] * len(part)
        found[at] = spread_of(part["percent"].tolist(), list(training))
    return pd.DataFrame(list(found.values()), index=list(found), columns=Point._fields)


def _number(least: int, most: int, noun: str) -> str:
    """Return a number of things in words: "3 chips", "2 to 3 chips"."""
    count = f"{most}" if least == most else f"{least} to {most}"
    return f"{count} {noun}{'' if most == 1 else 's'}"


def spread_text(points: pd.DataFrame) -> str:
    """Return over what the spread of points is taken, "" if no point has one.

    Args:
        points: all points of a figure, from `points_of`.
    """
    if not points["spread"].notna().any():
        return ""
    chips = [int(n) for pair in points["chips"] for n in pair]
    text = _number(min(chips), max(chips), "chip")
    trainings = (int(points["trainings"].min()), int(points["trainings"].max()))
    if trainings[1] == 1:
        return text
    over = _number(*trainings, "training")
    return over if max(chips) == 1 else f"{over} × {text}"
