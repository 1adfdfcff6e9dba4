"""The verdict in words: whether a network works on a hardware, why not, and what to fix first."""

import math
from typing import Any

import pandas as pd

from nsm.quantities import counted
from nsm.verdict.search import End

#: A network does not compute if its error in software is at least this part of that of guessing.
_PART_OF_GUESSING = 0.5
#: The same, if the error of guessing is within so many standard errors of its error in software.
_STANDARD_ERRORS = 3


def percent(share: float) -> str:
    """Return a share as a percentage with three digits."""
    return f"{100 * share:.3g} %"


def rows_of(table: pd.DataFrame) -> list[Any]:
    """Return the rows of a table, whose columns are their attributes."""
    return list(table.itertuples(index=False))


def _costly(rows: pd.DataFrame) -> list[Any]:
    """Return the axes whose given value costs more than the loss, the costliest first."""
    return rows_of(rows[rows["repairs"] > 0].sort_values("repairs", ascending=False))


def _points(row: Any) -> str:
    """Return what the given value of one costly axis costs."""
    return f"{100 * row.repairs:.2g} points of loss"


def _of_given(row: Any) -> bool:
    """Return whether the values of an axis are factors on the given one."""
    return "given" in row.unit


def _bound(row: Any, unit: str) -> str:
    """Return which values of an axis are tolerated, such as "at least 8 levels"."""
    if row.ratio == 0:
        return "ideal"
    return f"{'at least' if row.falls else 'at most'} {counted(row.tolerated, unit)}"


def _needs(row: Any) -> str:
    """Return which value of an axis would be tolerated, such as "levels (at least 8)"."""
    said = row.unit in row.axis.split()  # "levels" and "ADC bits" are their own units
    return f"{row.axis} ({_bound(row, '' if said else row.unit)})"


def computes(base: Any) -> bool:
    """Return whether a network computes in software, so that its loss on a chip says something.

    It does if its error p in software is below half of the error of guessing, 1 − 1/classes, and
    more than three standard errors √(p(1 − p)/images) below the error of guessing.

    Args:
        base: Its row of `Tolerances.base_errors`.
    """
    p = base.software
    error = math.sqrt(p * (1 - p) / base.images)
    below = p + _STANDARD_ERRORS * error < base.guessing
    return p < _PART_OF_GUESSING * base.guessing and below


def sentence_of(base: Any, rows: pd.DataFrame) -> str:
    """Return the verdict on one network; one that does not compute in software is named first.

    Args:
        base: Its row of `Tolerances.base_errors`.
        rows: Its rows of `Tolerances.table`.
    """
    errors = f"error {percent(base.given)}, in software {percent(base.software)}"
    costly = _costly(rows)
    if not computes(base):
        text = (
            f"{base.network} is wrong on {percent(base.software)} in software already: train it "
            f"first (error of guessing {percent(base.guessing)}, on this hardware "
            f"{percent(base.given)})"
        )
    elif base.works == "yes":
        text = f"{base.network} works on this hardware ({errors})"
    elif base.works == "not resolved":
        text = (
            f"{base.images} images do not resolve whether {base.network} works on this hardware "
            f"({errors})"
        )
    else:
        curing = [row for row in costly if row.repaired == "yes"]
        why = "; ".join(f"{row.axis}: {_points(row)}" for row in costly[:3])
        if curing:
            cure = " or ".join(_needs(row) for row in curing[:2])
            text = (
                f"{base.network} works with {cure}, but not on this hardware ({errors}). Cost of "
                f"the given values: {why}"
            )
        elif why:
            text = (
                f"{base.network} does not work on this hardware ({errors}). Cost of the "
                f"given values: {why}"
            )
        else:
            text = (
                f"{base.network} does not work on this hardware ({errors}), and no single axis "
                "that was measured repairs it"
            )
    return f"{text}.{_without_gate(base)}"


def _without_gate(base: Any) -> str:
    """Return what the network does without its gate; "" if it has none."""
    if base.refused:
        reason = base.refused.partition("; ")[0]
        return f" Without its gate: cannot be mapped ({reason})."
    if pd.isna(base.without_gate):
        return ""
    return f" Without its gate: error {percent(base.without_gate)}."


def fix_first_of(base: Any, rows: pd.DataFrame) -> str:
    """Return what to improve first for one network, or the thinnest margin of one that works.

    A margin is that of an axis with a limit: all values up to the first that loses more were
    decided. Axes that were not decided, and that may have thinner margins, are named after it.

    Args:
        base: Its row of `Tolerances.base_errors`.
        rows: Its rows of `Tolerances.table`.
    """
    if not computes(base):
        return f"fix first: the training, {percent(base.software)} of error in software"
    costly = _costly(rows)
    if costly:
        row = costly[0]
        value = "the given value" if _of_given(row) else counted(row.given, row.unit)
        return (
            f"fix first: {row.axis}, {_points(row)} at {value}; tolerated: {_bound(row, row.unit)}"
        )
    given = rows[(rows["reference"] == "given") & rows["ratio"].notna()]
    decided = given["decided"].astype(bool)
    # An axis whose worst value is tolerated has no limit, and so no margin.
    limits = rows_of(given[decided & (given["ended"] != End.WORST)].sort_values("ratio"))
    still_open = rows_of(given[~decided])
    if limits:
        return _thinnest(
            limits[0], [row for row in still_open if row.ratio < limits[0].ratio], base
        )
    if still_open:
        return (
            f"fix first: not decided with {base.images} images; give more images, or, if these are "
            "all, allow a larger loss"
        )
    return "fix first: none of the given values limits it on the axes that were measured"


def _thinnest(row: Any, thinner: list[Any], base: Any) -> str:
    """Return the axis with the thinnest margin, and those that may have thinner ones."""
    values = (
        ""
        if _of_given(row)
        else (
            f": {counted(row.tolerated, row.unit)} tolerated, {counted(row.given, row.unit)} given"
        )
    )
    text = (
        f"fix first: {row.axis}, the thinnest margin of the given values (a factor of "
        f"{row.ratio:.2g}{values})"
    )
    if thinner:
        names = ", ".join(other.axis for other in thinner)
        text += f"; not decided with {base.images} images, and perhaps thinner: {names}"
    return text
