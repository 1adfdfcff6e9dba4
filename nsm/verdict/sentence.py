"""The verdict in words: whether a network works on a hardware, why not, and what to fix first."""

from typing import Any

import pandas as pd


def percent(share: float) -> str:
    """Return a share as a percentage with two digits."""
    return f"{100 * share:.3g} %"


def quantity(value: float, unit: str) -> str:
    """Return a value with its unit."""
    number = "exact" if value == float("inf") else f"{value:.3g}"
    return f"{number} {unit}".strip()


def rows_of(table: pd.DataFrame) -> list[Any]:
    """Return the rows of a table, whose columns are their attributes."""
    return list(table.itertuples(index=False))


def _costly(rows: pd.DataFrame) -> list[Any]:
    """Return the axes whose published value costs more than the loss, the costliest first."""
    return rows_of(rows[rows["repairs"] > 0].sort_values("repairs", ascending=False))


def _because(row: Any) -> str:
    """Return what one costly axis does."""
    return f"the {row.axis} costs {100 * row.repairs:.2g} points"


def _needs(row: Any) -> str:
    """Return which value of an axis would be tolerated."""
    if row.ratio == 0:
        return f"an ideal {row.axis}"
    bound = "at least" if row.falls else "at most"
    return f"a {row.axis} of {bound} {quantity(row.tolerated, row.unit)}"


def sentence_of(base: Any, rows: pd.DataFrame) -> str:
    """Return the verdict on one network.

    Args:
        base: Its row of `Tolerances.base_errors`.
        rows: Its rows of `Tolerances.table`.
    """
    errors = f"error {percent(base.published)}, in software {percent(base.software)}"
    costly = _costly(rows)
    if base.works == "yes":
        text = f"{base.network} works on this hardware ({errors})"
    elif base.works == "not resolved":
        text = (
            f"{base.images} images do not resolve whether {base.network} works on this hardware "
            f"({errors})"
        )
    else:
        curing = [row for row in costly if row.repaired == "yes"]
        why = "; ".join(_because(row) for row in costly[:3])
        if curing:
            cure = " or ".join(_needs(row) for row in curing[:2])
            text = f"{base.network} works with {cure} ({errors}), because {why}"
        elif why:
            text = f"{base.network} does not work on this hardware ({errors}), because {why}"
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
    """Return what to improve first for one network, or the thinnest margin of one that works."""
    costly = _costly(rows)
    if costly:
        row = costly[0]
        return (
            f"fix first: {row.axis}, which costs {100 * row.repairs:.2g} points at "
            f"{quantity(row.published, row.unit)}; {_needs(row)} is tolerated"
        )
    published = rows[(rows["reference"] == "published") & rows["ratio"].notna()]
    if not len(published):
        return "fix first: nothing that is published limits it on the axes that were measured"
    row = rows_of(published.sort_values("ratio"))[0]
    factor = f"a factor of {row.ratio:.2g}" + ("" if row.decided else " or more")
    known = "" if "published" in row.unit else f", {quantity(row.published, row.unit)} published"
    return (
        f"fix first: {row.axis}, the thinnest margin of what is published ({factor}: "
        f"{quantity(row.tolerated, row.unit)} tolerated{known})"
    )
