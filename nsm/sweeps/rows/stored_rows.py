"""Rows as they are stored: a CSV, or Parquet with the journal of a sweep that has not ended."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from devices.arguments import file_path, path_text
from devices.user_warnings import warn_user
from devices.validation import instance
from nsm.sweeps.axes import CHIP_AXES
from nsm.sweeps.rows.checked_lines import (
    CHECK,
    as_texts,
    csv_lines,
    decoded,
    from_row,
    header_of,
    rows_of,
)
from nsm.sweeps.rows.parquet import is_parquet, parquet_columns, read_parquet
from nsm.sweeps.rows.unfinished import planned_rows

if TYPE_CHECKING:
    import pandas as pd

#: The last columns of every row, after the network, the parameters and `CHIP_AXES`.
RESULTS = ("chip", "errors", "images", "samples", "seed", "elapsed", "model", "task", "experiment")
#: Column of the images that were wrong, of `collect(keep_wrong=True)`; files have none.
WRONG = "wrong"


def journal_of(path: str | Path) -> Path:
    """Return the CSV to which the rows of a file are appended: the file itself, if it is one."""
    return Path(f"{path}.journal") if is_parquet(path) else Path(path)


def check_table(rows: Any) -> None:
    """Raise ValueError unless rows are a table of pandas."""
    import pandas as pd

    advice = "give the rows of nsm.collect or nsm.read_rows"
    instance("rows", rows, pd.DataFrame, advice=advice)


def row_columns(path: str | Path) -> list[str]:
    """Return the column names of a sweep's file, without the check of its rows.

    They are read without pandas, which takes long to import.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file holds no sweep rows.
    """
    form = "a Parquet file" if is_parquet(path) else "a CSV"
    try:
        columns = _header(Path(path))
    except (ValueError, OSError, csv.Error) as problem:
        if isinstance(problem, FileNotFoundError):
            raise
        raise ValueError(f"{path} is not {form} of sweep rows ({problem})") from None
    missing = [c for c in ("network", *CHIP_AXES, *RESULTS) if c not in columns]
    if missing:
        raise ValueError(
            f"{path} is not {form} of sweep rows: it lacks the columns {', '.join(missing)}"
            f"{_other_separator(columns)}"
        )
    return [name for name in columns if name != CHECK]


def _other_separator(columns: Sequence[str]) -> str:
    """Return what to do with a header that another character than a comma separates; or ""."""
    if len(columns) != 1:
        return ""
    found = [name for mark, name in ((";", "semicolons"), ("\t", "tabs")) if mark in columns[0]]
    return f"; it is separated by {found[0]}: save it with commas" if found else ""


def _header(path: Path) -> list[str]:
    """Return the column names of a Parquet file, or of a CSV or journal."""
    if is_parquet(path) and os.path.isfile(path):
        return parquet_columns(path)
    if not os.path.isfile(journal_of(path)):  # Path.is_file fails for names that are too long
        raise FileNotFoundError(f"no file {path_text(path)}")
    with open(journal_of(path), "rb") as file:
        first = file.readline()
    return header_of(decoded(first, path))


def read_rows(path: str | Path) -> pd.DataFrame:
    """Return the rows of a sweep's file, one per task and chip, in the order they were written.

    A CSV and a Parquet file of the same rows give the same table. A last line that a killed or
    running sweep has not finished is left out.

    The attributes of the table (`rows.attrs`) hold the number of "rows" in the file, and how many
    the sweep is to have ("planned"): more if it is unfinished, see `nsm.sweeps.rows.unfinished`, or
    if rows of a finished sweep were removed, which its sidecar tells and a warning says.

    Args:
        path: CSV, or Parquet if the name ends in .parquet.

    Raises:
        FileNotFoundError: There is no such file.
        ImportError: The file is Parquet, and pyarrow is not installed.
        ValueError: The file holds no sweep rows, or one that is not as it was written; the message
            tells the line.
    """
    path = file_path("path", path)
    columns = row_columns(path)
    import pandas as pd

    rows = stored_rows(path)
    table = pd.DataFrame(rows, columns=columns)
    present = {(row["task"], row["chip"]) for row in rows}
    missing = planned_rows(path) - present
    planned = len(rows) + len(missing)
    table.attrs |= {"rows": len(rows), "planned": max(planned, _finished(path, rows))}
    return table


def _finished(path: Path, rows: Sequence[Mapping[str, Any]]) -> int:
    """Return how many rows a file had when its sweep ended; warn if it has fewer now."""
    from nsm.sweeps.rows.sidecar_file import finished_rows  # it reads rows

    finished = finished_rows(path, rows[0]["experiment"] if rows else None)
    if finished > len(rows):
        warn_user(
            f"{path} has {len(rows)} rows, and had {finished} when its sweep ended; the same call "
            "of the sweep computes those again that were removed"
        )
    return finished


def stored_rows(path: str | Path) -> list[dict[str, Any]]:
    """Return all rows of a file, of Parquet and its journal, as `RowFile.append` got them.

    Raises:
        ValueError: A row is not as it was written, see `checked_lines.rows_of`.
    """
    journal = journal_of(path)
    lines = rows_of(decoded(journal.read_bytes(), journal), journal) if journal.is_file() else []
    rows = [from_row(row) for row in lines]
    if not is_parquet(path) or not Path(path).is_file():
        return rows
    stored = read_parquet(path)
    present = {(row["task"], row["chip"]) for row in stored}
    return [*stored, *(row for row in rows if (row["task"], row["chip"]) not in present)]


def write_csv(path: str | Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a CSV of rows, as `RowFile.append` does it row by row."""
    texts = (as_texts({name: row[name] for name in columns}) for row in rows)
    with open(path, "wb") as file:
        file.writelines(csv_lines(columns, texts))
