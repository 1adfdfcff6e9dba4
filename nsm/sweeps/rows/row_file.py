"""The rows of a sweep on disk: a file that grows row by row, survives a kill, and can be resumed.

A CSV gets every row as soon as it is finished. Parquet cannot grow, so that rows go to a journal
beside it first (`rows.parquet.journal`, a CSV), and the file is written from its old rows and the
journal when the sweep ends. A killed sweep leaves the journal; the next one goes on with it, and
`stored_rows.read_rows` reads both.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import IO, Any

from nsm.sweeps.rows.checked_lines import CHECK, Texts, as_texts, with_check
from nsm.sweeps.rows.csv_line import csv_line
from nsm.sweeps.rows.experiment import Models
from nsm.sweeps.rows.file_lock import Busy, Release, lock
from nsm.sweeps.rows.guard import rescued, what_happened
from nsm.sweeps.rows.parquet import (
    check_pyarrow,
    is_parquet,
    write_parquet,
)
from nsm.sweeps.rows.places import check_row_files
from nsm.sweeps.rows.recovery import check_experiment, recovered
from nsm.sweeps.rows.sidecar_file import Sidecar
from nsm.sweeps.rows.stored_rows import journal_of, stored_rows
from nsm.sweeps.rows.unfinished import Key, planned_rows, write_planned


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
        here: Callable[[], Sidecar] | None = None,
    ):
        """Open the file, or create it.

        Args:
            path: The CSV; or Parquet, if its name ends in .parquet.
            columns: Names of the columns.
            experiment: See `experiment.difference`.
            models: Hash of every network, by its name and the seed of its training (None if it
                has none).
            here: Returns what this sweep's sidecar says, for messages; None for no values in them.

        Raises:
            ValueError: The file is of another experiment, has a row that is not as it was written,
                is being written by another sweep, or cannot be written (see `check_row_files`).
            ImportError: The file is to be Parquet, and pyarrow is not installed.
            OSError: The header cannot be written, for example because the disk is full.
        """
        self.path = Path(path)
        self.columns = list(columns)
        check_pyarrow(self.path)
        check_row_files(self.path)
        self._journal = journal_of(self.path)
        self._is_published = False
        self._written: list[Texts] = []
        self._open()
        try:
            self.done = self._recover(experiment, models, here)
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

    def _recover(
        self, experiment: str, models: Models, here: Callable[[], Sidecar] | None
    ) -> dict[Key, Texts]:
        """Return the rows in the file by (task, chip), after cutting off a torn last line."""
        self._file.seek(0)
        content = self._file.read()
        found = recovered(self.path, content, self.columns)
        check_experiment(self.path, found.rows, experiment, models, here)
        if found.size < len(content):
            self._file.truncate(found.size)
        self._size = found.size or append_line(self._file, [*self.columns, CHECK], self.path)
        return {(row["task"], int(row["chip"])): row for row in found.rows}

    def plan(self, keys: Iterable[Key]) -> None:
        """Note on disk which rows are about to be computed, beside those of an unfinished run."""
        planned = {*keys, *planned_rows(self.path)}
        write_planned(self.path, {k for k in planned if k not in self.done})

    def finish(self, done: Collection[Key]) -> None:
        """Note on disk that these rows are there, and write the Parquet file of the journal."""
        self._check_file()
        write_planned(self.path, planned_rows(self.path) - set(done))
        if is_parquet(self.path):
            write_parquet(self.path, self.columns, stored_rows(self.path))
            self._is_published = True

    def append(self, row: dict[str, Any]) -> None:
        """Write one row and wait until it is on the disk.

        Raises:
            OSError: It cannot be written, or the file is not the one any more that was opened. Then
                all rows, this one too, are in a new file, which the message names.
        """
        texts = as_texts({name: row[name] for name in self.columns})
        self._written.append(texts)
        self._check_file()
        self._size += append_line(self._file, list(with_check(texts).values()), self.path)

    def _check_file(self) -> None:
        """Raise OSError, with all rows in a neighbor file, if another program changed the file."""
        happened = what_happened(self._file, self._journal, self._size)
        if not happened:
            return
        rows = [*self.done.values(), *self._written]
        place = rescued(self.path, self.columns, rows)
        raise OSError(
            f"{self._journal} {happened} while the sweep ran. All {len(rows)} finished rows are in "
            f"{place}: run the same command with this file to go on"
        )

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


def append_line(file: IO[bytes], values: Sequence[str], path: Path) -> int:
    """Write one line of a CSV to an unbuffered file, wait for the disk, and return its bytes.

    Args:
        file: The file, opened for appending.
        values: The cells of the line.
        path: What messages call the file.

    Raises:
        OSError: It cannot be written, for example because the disk is full.
    """
    line = csv_line(values)
    try:
        left = memoryview(line)
        while left:  # the file is unbuffered: one call may write only a part
            left = left[file.write(left) :]
        os.fsync(file.fileno())
    except OSError as problem:
        raise OSError(
            f"could not write to {path} ({problem.strerror}); the rows before are safe: "
            "make room and run the same command again, it goes on from there"
        ) from problem
    return len(line)
