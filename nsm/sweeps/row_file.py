"""Rows of a sweep on disk: a CSV that grows as they finish, survives a kill, and knows which experiment it is of."""

import csv
import fcntl
import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any

from nsm.disk import check_folder_of

#: What the parts of an experiment's mark stand for.
SHARED = ("the images or labels", "the hardware before the axes", "samples, seed or sampling")


class RowFile:
    """An append-only CSV of one experiment, locked while it is open.

    experiment: hashes joined by "-", one for each of `SHARED`; models: hash of every named network.

    Opening recovers a torn last line (its row is computed again). Raises ValueError for a file of another experiment,
    one that another sweep is writing, or a folder that does not exist; OSError naming the file where the disk is full.
    """

    def __init__(
        self,
        path: str | Path,
        columns: Sequence[str],
        experiment: str,
        models: Mapping[str, str] = MappingProxyType({}),
    ):
        self.path = Path(path)
        self.columns = list(columns)
        check_folder_of(self.path)
        if self.path.is_dir():
            raise ValueError(
                f"cannot write {self.path}: it is a folder; name a file, such as {self.path / 'rows.csv'}"
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

    def _recover(self, experiment: str, models: Mapping[str, str]) -> set[tuple[str, int]]:
        """Return (task, chip) of the rows that stand in the file, after cutting a torn last line."""
        self._file.seek(0)
        content = self._file.read()
        whole = content[: content.rfind(b"\n") + 1]
        header = ",".join(self.columns)
        if not whole and not f"{header}\r\n".startswith(content.decode(errors="replace")):
            raise self._foreign("it does not start with a header of this sweep")
        rows = list(csv.DictReader(io.StringIO(whole.decode(errors="replace"))))
        if whole:
            found = whole.split(b"\n", 1)[0].decode(errors="replace").strip()
            if found != header:
                raise self._foreign(f"its columns are {found}, this sweep's are {header}")
            if any(None in row or None in row.values() for row in rows):
                raise self._foreign("it has rows of a wrong length")
            for row in rows:
                self._check_same(row, experiment, models)
        if len(whole) < len(content):
            self._file.truncate(len(whole))
        if not whole:
            self._write(header.split(","))
        return {(row["task"], int(row["chip"])) for row in rows}

    def _check_same(
        self, row: Mapping[str, str], experiment: str, models: Mapping[str, str]
    ) -> None:
        found, wanted = row["experiment"].split("-"), experiment.split("-")
        if len(found) != len(wanted):
            raise self._foreign("its rows carry no mark of an experiment")
        differ = [name for name, a, b in zip(SHARED, found, wanted, strict=False) if a != b]
        if differ:
            raise self._foreign(f"{' and '.join(differ)} differ")
        network = row.get("network", "")
        if models.get(network, row.get("model")) != row.get("model"):
            raise self._foreign(f"its network {network!r} has other weights")

    def _foreign(self, why: str) -> ValueError:
        return ValueError(
            f"{self.path} holds another experiment: {why}. Name another file, or move this one away"
        )

    def append(self, row: dict[str, Any]) -> None:
        """Write one row and see it onto the disk."""
        self._write([row[c] for c in self.columns])

    def _write(self, values: list[Any]) -> None:
        line = io.StringIO()
        csv.writer(line).writerow(["" if v is None else v for v in values])
        try:
            left = memoryview(line.getvalue().encode())
            while left:  # unbuffered: a write may take less than it was given
                left = left[self._file.write(left) :]
            os.fsync(self._file.fileno())
        except OSError as problem:
            raise OSError(
                f"could not write to {self.path} ({problem.strerror}); the rows before are safe: make room and run the same "
                "command again, it goes on from there"
            ) from problem

    def __enter__(self) -> "RowFile":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
