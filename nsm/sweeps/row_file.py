"""The rows of a sweep on disk: a CSV that grows row by row, survives a kill, and can be resumed."""

from __future__ import annotations

import csv
import fcntl
import io
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any

from nsm.disk import check_folder_of
from nsm.sweeps.axes import CHIP_AXES, TRAINING_SEED
from nsm.sweeps.labels import as_cell, from_cell
from nsm.sweeps.unfinished import Key, planned_rows, write_planned

if TYPE_CHECKING:
    import pandas as pd

#: The first part of an experiment's hash: how rows are identified. Earlier versions of the program
#: hashed what Python printed of a value, so that their rows cannot be told apart safely.
IDENTITY = "canonical"
#: What each further part covers, in the words of the message that refuses a file.
SHARED = (
    "the images or labels",
    "the hardware before the axes",
    "samples, seed, sampling or calibration",
)

#: The last columns of every row, after the network, the parameters and `CHIP_AXES`.
RESULTS = ("chip", "errors", "images", "samples", "seed", "elapsed", "model", "task", "experiment")
#: Columns of texts that may look like numbers.
HASHES = ("model", "task", "experiment")


def row_columns(path: str | Path) -> list[str]:
    """Return the column names of a sweep's CSV, read without pandas, which takes long to import.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is not a CSV of sweep rows.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"no file {path}")
    try:
        with open(path, encoding="utf-8", newline="") as file:
            columns = next(csv.reader(file), [])
    except (ValueError, OSError, csv.Error) as problem:
        raise ValueError(f"{path} is not a CSV of sweep rows ({problem})") from None
    missing = [c for c in ("network", *CHIP_AXES, *RESULTS) if c not in columns]
    if missing:
        raise ValueError(
            f"{path} is not a CSV of sweep rows: it lacks the columns {', '.join(missing)}"
        )
    return columns


def read_rows(path: str | Path) -> pd.DataFrame:
    """Return the rows of a sweep's CSV, one per task and chip, in the order they were written.

    The attributes of the table (`rows.attrs`) hold the number of "rows" in the file, and how many
    the sweep is to have ("planned"): more if it is unfinished, see `nsm.sweeps.unfinished`.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is not a CSV of sweep rows.
    """
    row_columns(path)
    import pandas as pd

    rows = _rows(Path(path).read_text(encoding="utf-8", errors="replace"))
    if any(None in row or None in row.values() for row in rows):
        raise ValueError(f"{path} is not a CSV of sweep rows: it has rows of a wrong length")
    table = pd.DataFrame([from_row(row) for row in rows], columns=row_columns(path))
    present = {(row["task"], row["chip"]) for row in rows}
    missing = {(task, str(chip)) for task, chip in planned_rows(path)} - present
    table.attrs |= {"rows": len(rows), "planned": len(rows) + len(missing)}
    return table


def _rows(text: str) -> list[dict[str, str]]:
    """Return the rows of a CSV as texts, by column."""
    return list(csv.DictReader(io.StringIO(text, newline="")))


def from_row(row: Mapping[str, str]) -> dict[str, Any]:
    """Return a row of a CSV with the values that `RowFile.append` got."""
    return {name: text if name in HASHES else from_cell(text) for name, text in row.items()}


class RowFile:
    """An append-only CSV of the rows of one experiment, locked while it is open.

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
        models: Mapping[tuple[str, Any], str] = MappingProxyType({}),
    ):
        """Open the file, or create it.

        Args:
            path: The CSV.
            columns: Names of the columns.
            experiment: `IDENTITY` and one hash for each of `SHARED`, joined by "-".
            models: Hash of every network, by its name and the seed of its training (None if it
                has none).

        Raises:
            ValueError: The file is of another experiment, is being written by another sweep, is a
                folder, or its folder does not exist.
            OSError: The header cannot be written, for example because the disk is full.
        """
        self.path = Path(path)
        self.columns = list(columns)
        check_folder_of(self.path)
        if self.path.is_dir():
            example = self.path / "rows.csv"
            raise ValueError(
                f"cannot write {self.path}: it is a folder; name a file, such as {example}"
            )
        self._file = open(self.path, "a+b", buffering=0)  # noqa: SIM115 - closed by __exit__
        try:
            self._lock()
            self.done = self._recover(experiment, models)
        except BaseException:
            self._file.close()
            raise

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(
                f"{self.path} is being written by another sweep; wait for it, or name another file"
            ) from None

    def _recover(
        self, experiment: str, models: Mapping[tuple[str, Any], str]
    ) -> dict[tuple[str, int], dict[str, str]]:
        """Return the rows in the file by (task, chip), after cutting off a torn last line."""
        self._file.seek(0)
        content = self._file.read()
        complete = content[: content.rfind(b"\n") + 1]  # the lines that end in a line break
        header = ",".join(self.columns)
        if not complete and not f"{header}\r\n".startswith(content.decode(errors="replace")):
            raise self._foreign("it does not start with a header of this sweep")
        rows = _rows(complete.decode(errors="replace"))
        if complete:
            found = complete.split(b"\n", 1)[0].decode(errors="replace").strip()
            if found != header:
                raise self._foreign(f"its columns are {found}, this sweep's are {header}")
            if any(None in row or None in row.values() for row in rows):
                raise self._foreign("it has rows of a wrong length")
            for row in rows:
                self._check_same(row, experiment, models)
        if len(complete) < len(content):
            self._file.truncate(len(complete))
        if not complete:
            self._write(self.columns)
        return {(row["task"], int(row["chip"])): row for row in rows}

    def _check_same(
        self, row: Mapping[str, str], experiment: str, models: Mapping[tuple[str, Any], str]
    ) -> None:
        """Raise ValueError if a row is of another experiment or of other weights."""
        way, *found = row["experiment"].split("-")
        if way != IDENTITY or len(found) != len(SHARED):
            raise self._foreign("its rows are identified in another way, as by an earlier version")
        wanted = experiment.split("-")[1:]
        differ = [name for name, a, b in zip(SHARED, found, wanted, strict=True) if a != b]
        if differ:
            raise self._foreign(f"{' and '.join(differ)} differ")
        network = from_cell(row.get("network", ""))
        seed = from_cell(row.get(TRAINING_SEED, ""))
        if models.get((network, seed), row.get("model")) != row.get("model"):
            of = "" if seed is None else f" of training seed {seed}"
            raise self._foreign(f"its network {network!r}{of} has other weights")

    def _foreign(self, why: str) -> ValueError:
        return ValueError(
            f"{self.path} holds another experiment: {why}. Name another file, or move this one away"
        )

    def plan(self, keys: Iterable[Key]) -> None:
        """Note on disk which rows are about to be computed, beside those of an unfinished run."""
        planned = {*keys, *planned_rows(self.path)}
        write_planned(self.path, {k for k in planned if k not in self.done})

    def finish(self, done: Collection[Key]) -> None:
        """Note on disk that these rows are there."""
        write_planned(self.path, planned_rows(self.path) - set(done))

    def append(self, row: dict[str, Any]) -> None:
        """Write one row and wait until it is on the disk."""
        self._write([row[c] if c in HASHES else as_cell(row[c]) for c in self.columns])

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

    def __enter__(self) -> RowFile:
        return self

    def __exit__(
        self,
        exception: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
