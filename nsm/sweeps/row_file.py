"""The rows of a sweep on disk: a file that grows row by row, survives a kill, and can be resumed.

A CSV gets every row as soon as it is finished. Parquet cannot grow, so that rows go to a journal
beside it first (`rows.parquet.journal`, a CSV), and the file is written from its old rows and the
journal when the sweep ends. A killed sweep leaves the journal; the next one goes on with it, and
`read_rows` reads both.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any

from nsm.disk import check_folder_of
from nsm.sweeps.axes import CHIP_AXES
from nsm.sweeps.experiment import IDENTITY as IDENTITY
from nsm.sweeps.experiment import Models, difference
from nsm.sweeps.file_lock import Busy, Release, lock
from nsm.sweeps.labels import as_cell, from_cell
from nsm.sweeps.parquet import (
    check_pyarrow,
    is_parquet,
    parquet_columns,
    read_parquet,
    write_parquet,
)
from nsm.sweeps.unfinished import Key, planned_rows, write_planned

if TYPE_CHECKING:
    import pandas as pd

#: The last columns of every row, after the network, the parameters and `CHIP_AXES`.
RESULTS = ("chip", "errors", "images", "samples", "seed", "elapsed", "model", "task", "experiment")
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
    the sweep is to have ("planned"): more if it is unfinished, see `nsm.sweeps.unfinished`.

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
    lines = _complete_rows(journal_of(path)) if journal_of(path).is_file() else []
    if any(None in row or None in row.values() for row in lines):
        raise ValueError(f"{path} is not a CSV of sweep rows: it has rows of a wrong length")
    rows = [from_row(row) for row in lines]
    if not is_parquet(path) or not Path(path).is_file():
        return rows
    stored = read_parquet(path)
    present = {(row["task"], row["chip"]) for row in stored}
    return [*stored, *(row for row in rows if (row["task"], row["chip"]) not in present)]


def _complete_rows(path: Path) -> list[dict[Any, Any]]:
    """Return the rows of a CSV as texts, without a last one that has not been written completely.

    A file that was edited may lack its last line break. Its last row is complete if it ends in the
    experiment, which all rows of a file share.
    """
    text = path.read_text(encoding="utf-8", errors="replace")
    rows = _csv_rows(text)
    if rows and not text.endswith("\n"):
        ends = {row.get("experiment") for row in rows[:-1]}
        if rows[-1].get("experiment") not in ends:
            return rows[:-1]
    return rows


def _csv_rows(text: str) -> list[dict[Any, Any]]:
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


class RowFile:
    """An append-only file of the rows of one experiment, locked while it is open.

    A torn last line, which a killed run leaves, is cut off when the file is opened; its row is
    computed again.

    Attributes:
        path: The file.
        columns: Names of the columns.
        done: The rows that the file held when it was opened, as texts, by (task, chip).
    """

    def __init__(
        self,
        path: str | Path,
        columns: Sequence[str],
        experiment: str,
        models: Models = MappingProxyType({}),
    ):
        """Open the file, or create it.

        Args:
            path: The CSV; or Parquet, if its name ends in .parquet.
            columns: Names of the columns.
            experiment: See `experiment.difference`.
            models: Hash of every network, by its name and the seed of its training (None if it
                has none).

        Raises:
            ValueError: The file is of another experiment, is being written by another sweep, is a
                folder, or its folder does not exist.
            ImportError: The file is to be Parquet, and pyarrow is not installed.
            OSError: The header cannot be written, for example because the disk is full.
        """
        self.path = Path(path)
        self.columns = list(columns)
        check_folder_of(self.path)
        check_pyarrow(self.path)
        if self.path.is_dir():
            example = self.path / "rows.csv"
            raise ValueError(
                f"cannot write {self.path}: it is a folder; name a file, such as {example}"
            )
        self._journal = journal_of(self.path)
        self._is_published = False
        self._open()
        try:
            self.done = self._recover(experiment, models)
        except BaseException:
            self._close()
            raise

    def _open(self) -> None:
        """Open and lock the journal, which the sweep that held it before may have removed."""
        while True:
            self._file = open(self._journal, "a+b", buffering=0)  # noqa: SIM115 - closed by _close
            try:
                self._release: Release = lock(self._file, self._journal)
            except Busy as problem:
                self._file.close()
                advice = str(problem) or "wait for it, or name another file"
                raise ValueError(
                    f"{self.path} is being written by another sweep; {advice}"
                ) from None
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(self._file.fileno()), os.stat(self._journal)):
                    return
            self._close()

    def _recover(self, experiment: str, models: Models) -> dict[Key, Texts]:
        """Return the rows in the file by (task, chip), after cutting off a torn last line."""
        stored = self._recover_parquet()
        self._file.seek(0)
        content = self._file.read()
        complete = content[: content.rfind(b"\n") + 1]  # the lines that end in a line break
        header = ",".join(self.columns)
        if not complete and not f"{header}\r\n".startswith(content.decode(errors="replace")):
            raise self._foreign("it does not start with a header of this sweep")
        rows = _csv_rows(complete.decode(errors="replace"))
        if complete:
            found = complete.split(b"\n", 1)[0].decode(errors="replace").strip()
            if found != header:
                raise self._foreign(f"its columns are {found}, this sweep's are {header}")
            if any(None in row or None in row.values() for row in rows):
                raise self._foreign("it has rows of a wrong length")
        for row in (*stored, *rows):
            why = difference(row, experiment, models)
            if why:
                raise self._foreign(why)
        if len(complete) < len(content):
            self._file.truncate(len(complete))
        if not complete:
            self._write(self.columns)
        return {(row["task"], int(row["chip"])): row for row in (*rows, *stored)}

    def _recover_parquet(self) -> list[Texts]:
        """Return the rows of a Parquet file as texts; none for a CSV, or if it does not exist."""
        if not is_parquet(self.path) or not self.path.is_file():
            return []
        found = parquet_columns(self.path)
        if found != self.columns:
            columns = [",".join(names) for names in (found, self.columns)]
            raise self._foreign(f"its columns are {columns[0]}, this sweep's are {columns[1]}")
        return [as_texts(row) for row in read_parquet(self.path)]

    def _foreign(self, why: str) -> ValueError:
        return ValueError(
            f"{self.path} holds another experiment: {why}. Name another file, or move this one away"
        )

    def plan(self, keys: Iterable[Key]) -> None:
        """Note on disk which rows are about to be computed, beside those of an unfinished run."""
        planned = {*keys, *planned_rows(self.path)}
        write_planned(self.path, {k for k in planned if k not in self.done})

    def finish(self, done: Collection[Key]) -> None:
        """Note on disk that these rows are there, and write the Parquet file of the journal."""
        write_planned(self.path, planned_rows(self.path) - set(done))
        if is_parquet(self.path):
            write_parquet(self.path, self.columns, stored_rows(self.path))
            self._is_published = True

    def append(self, row: dict[str, Any]) -> None:
        """Write one row and wait until it is on the disk."""
        self._write(list(as_texts({name: row[name] for name in self.columns}).values()))

    def _write(self, values: list[Any]) -> None:
        line = io.StringIO()
        csv.writer(line).writerow(values)
        try:
            left = memoryview(line.getvalue().encode())
            while left:  # the file is unbuffered: one call may write only a part
                left = left[self._file.write(left) :]
            os.fsync(self._file.fileno())
        except OSError as problem:
            raise OSError(
                f"could not write to {self.path} ({problem.strerror}); the rows before are safe: "
                "make room and run the same command again, it goes on from there"
            ) from problem

    def _close(self) -> None:
        """Close the journal and end its lock; remove it if the Parquet file holds its rows."""
        if self._is_published:
            # While the journal is locked: whoever waits for it sees that it is gone. Windows
            # removes no open file, and none that another process has opened meanwhile.
            with suppress(PermissionError):
                self._journal.unlink()
        self._release()
        self._file.close()
        if self._is_published and os.name == "nt":
            with suppress(PermissionError, FileNotFoundError):
                self._journal.unlink()

    def __enter__(self) -> RowFile:
        return self

    def __exit__(
        self,
        exception: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()
