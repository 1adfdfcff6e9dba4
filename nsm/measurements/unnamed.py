"""Columns without a name: the index that pandas, R or a spreadsheet wrote, and empty columns."""

import re
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

_UNNAMED = re.compile(r"(Unnamed: \d+(\.\d+)?|__index_level_\d+__)?")


def is_unnamed(name: str) -> bool:
    """Return whether a header is empty, or what pandas writes in its place."""
    return _UNNAMED.fullmatch(name.strip()) is not None


def are_numbered(cells: list[str]) -> bool:
    """Return whether a first line is the header of a data frame whose columns have no names.

    It has an empty cell above the index, and then the numbers of the columns: ",0,1,2".
    """
    return len(cells) > 1 and cells == ["", *map(str, range(len(cells) - 1))]


def without_unnamed(frame: "pd.DataFrame") -> tuple["pd.DataFrame", list[str]]:
    """Return a data frame without unnamed columns that tell nothing, and notes on them.

    Such a column is empty, or counts its rows: 0, 1, 2, … or 1, 2, 3, ….

    Args:
        frame: A table; several of its columns may have the same name.
    """
    kept, notes = [], []
    for i, name in enumerate(map(str, frame.columns)):
        column = frame.iloc[:, i]
        if not is_unnamed(name) or not len(frame):
            kept.append(i)
        elif column.isna().all():
            notes.append(f"Column {i + 1} has no name and no values: left out.")
        elif _counts_rows(column):
            notes.append(
                f"Column {i + 1} has no name and counts the rows: taken for an index, and left out."
            )
        else:
            kept.append(i)
    return frame.iloc[:, kept], notes


def _counts_rows(column: "pd.Series") -> bool:
    """Return whether a column is 0, 1, 2, … or 1, 2, 3, …."""
    if column.dtype.kind not in "iuf":
        return False
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    return values[0] in (0, 1) and bool(np.all(values == values[0] + np.arange(values.size)))
