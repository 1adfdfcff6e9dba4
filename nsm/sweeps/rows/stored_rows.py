"""Rows as they are stored: a CSV, or Parquet with the journal of a sweep that has not ended."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nsm.sweeps.axes import CHIP_AXES
from nsm.sweeps.labels import as_cell, from_cell
from nsm.sweeps.rows.parquet import is_parquet, parquet_columns, read_parquet
from nsm.sweeps.rows.unfinished import planned_rows

if TYPE_CHECKING:
    import pandas as pd

#: The last columns of every row, after the network, the parameters and `CHIP_AXES`.
RESULTS = ("chip", "errors", "images", "samples", "seed", "elapsed", "model", "task", "experiment")
#: Column of the images that were wrong, of `collect(keep_wrong=True)`; files have none.
WRONG = "wrong"
#: Columns of texts that may look like numbers.
HASHES = ("model", "task", "experiment")

#: The texts of a row, by column.
Texts = dict[str, str]


def journal_of(path: str | Path) -> Path:
    """Return the CSV to which the rows of a file are appended: the file itself, if it is one."""
    return Path(f"{path}.journal") if is_parquet(path) else Path(path)


def row_columns(path: str | Path) -> list[str]:
    """Return the column names of a sweep's file, read without pandas, which takes long to import.

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
        )
    return columns


def _header(path: Path) -> list[str]:
    """Return the column names of a Parquet file, or of a CSV or journal."""
    if is_parquet(path) and path.is_file():
        return parquet_columns(path)
    if not journal_of(path).is_file():
        raise FileNotFoundError(f"no file {path}")
    with open(journal_of(path), encoding="utf-8", newline="") as file:
        return next(csv.reader(file), [])


def read_rows(path: str | Path) -> pd.DataFrame:
    """Return the rows of a sweep's file, one per task and chip, in the order they were written.

    A CSV and a Parquet file of the same rows give the same table. A last line that a killed or
    running sweep has not finished is left out.

    The attributes of the table (`rows.attrs`) hold the number of "rows" in the file, and how many
    the sweep is to have ("planned"): more if it is unfinished, see `nsm.sweeps.rows.unfinished`.

    Args:
        path: CSV, or Parquet if the name ends in .parquet.

    Raises:
        FileNotFoundError: There is no such file.
        ImportError: The file is Parquet, and pyarrow is not installed.
        ValueError: The file holds no sweep rows.
    """
    columns = row_columns(path)
    import pandas as pd

    rows = stored_rows(path)
    table = pd.DataFrame(rows, columns=columns)
    present = {(row["task"], row["chip"]) for row in rows}
    missing = planned_rows(path) - present
    table.attrs |= {"rows": len(rows), "planned": len(rows) + len(missing)}
    return table


def stored_rows(path: str | Path) -> list[dict[str, Any]]:
    """Return all rows of a file, of Parquet and its journal, as `RowFile.append` got them.

    Raises:
        ValueError: A row has a wrong length.
    """
    lines = complete_rows(journal_of(path)) if journal_of(path).is_file() else []
    if any(None in row or None in row.values() for row in lines):
        raise ValueError(f"{path} is not a CSV of sweep rows: it has rows of a wrong length")
    rows = [from_row(row) for row in lines]
    if not is_parquet(path) or not Path(path).is_file():
        return rows
    stored = read_parquet(path)
    present = {(row["task"], row["chip"]) for row in stored}
    return [*stored, *(row for row in rows if (row["task"], row["chip"]) not in present)]


def complete_rows(path: Path) -> list[dict[Any, Any]]:
    """Return the rows of a CSV as texts, without a last one that has not been written completely.

    A file that was edited may lack its last line break. Its last row is complete if it ends in the
    experiment, which all rows of a file share.
    """
    text = path.read_text(encoding="utf-8", errors="replace")
    rows = csv_rows(text)
    if rows and not text.endswith("\n"):
        ends = {row.get("experiment") for row in rows[:-1]}
        if rows[-1].get("experiment") not in ends:
            return rows[:-1]
    return rows


def csv_rows(text: str) -> list[dict[Any, Any]]:
    """Return the rows of a CSV as texts, by column."""
    return list(csv.DictReader(io.StringIO(text, newline="")))


def from_row(row: Mapping[str, str]) -> dict[str, Any]:
    """Return a row of a CSV with the values that `RowFile.append` got."""
    return {name: text if name in HASHES else from_cell(text) for name, text in row.items()}


def as_texts(row: Mapping[str, Any]) -> Texts:
    """Return a row as the texts of a CSV, from which `from_row` makes the same row."""
    return {name: value if name in HASHES else as_cell(value) for name, value in row.items()}


def write_csv(path: str | Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a CSV of rows, as `RowFile.append` does it row by row."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(as_texts({name: row[name] for name in columns}).values() for row in rows)
