"""Merging files of rows: the parts of one sweep that ran on several machines become one file."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from devices.arguments import file_path, listed
from nsm.disk import write_file
from nsm.sweeps.axes import TRAINING_SEED
from nsm.sweeps.rows.experiment import difference
from nsm.sweeps.rows.file_lock import Busy, lock
from nsm.sweeps.rows.parquet import check_pyarrow, is_parquet, write_parquet
from nsm.sweeps.rows.places import check_row_files
from nsm.sweeps.rows.sidecar_differences import differences
from nsm.sweeps.rows.sidecar_file import Sidecar, place_for, read_sidecar, save_sidecar
from nsm.sweeps.rows.stored_rows import (
    journal_of,
    read_rows,
    row_columns,
    stored_rows,
    write_csv,
)
from nsm.sweeps.rows.unfinished import Key, planned_rows, write_planned

if TYPE_CHECKING:
    import pandas as pd

#: What two rows of one task and chip must agree in; the time that they took may differ.
OUTCOME = ("errors", "images", "samples", "seed")
#: Columns that do not belong to the labels of a task.
_NOT_LABELS = (*OUTCOME, "chip", "elapsed", "experiment")
#: Rows that do not agree which a message shows.
_SHOWN = 5

Row = dict[str, Any]


def merge_rows(paths: Sequence[str | Path], out: str | Path) -> pd.DataFrame:
    """Merge files of rows of one experiment into one, and return its rows.

    Rows that several files hold are kept once, if they agree in errors, images, samples and seed.
    The rows that no file has yet remain listed as unfinished (see `unfinished.py`), and the
    sidecars are merged too. All of the new file is written in one step, or nothing is.

    Args:
        paths: Files of rows, CSV or Parquet.
        out: The file to write, CSV or Parquet. If it exists already, it counts as one of `paths`,
            so that the same call can be repeated while parts are still running.

    Returns:
        The rows, as `read_rows(out)` gives them. `attrs` holds "rows", "planned", and "doubles",
        the number of rows that were left out because another file has them.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: There is nothing to merge; a file holds no rows of a sweep, or those of another
            experiment (the message names what differs); two files have different results for a task
            and chip (it lists them); or `out` is being written by a sweep.
    """
    out = file_path("out", out)
    paths = [file_path("path in paths", path) for path in listed("paths", paths, "files of rows")]
    if not paths:
        raise ValueError(
            "paths is empty: there is nothing to merge; give the files of rows, such as a.csv b.csv"
        )
    check_row_files(out)
    for path in paths:
        row_columns(path)
    check_pyarrow(out)
    with _locked(out) as exists:
        files = [Path(path) for path in paths]
        if exists and not any(_is_same_file(out, path) for path in files):
            files.insert(0, out)
        columns = _checked_columns(files)
        kept, doubles = _joined({path: stored_rows(path) for path in files})
        sidecar = _joined_sidecar(files, out)
        place_for(out)  # a name that is taken is refused before anything is written
        missing = set().union(*(planned_rows(path) for path in files)) - set(kept)
        _write(out, columns, list(kept.values()))
        write_planned(out, missing)
        if sidecar is not None:
            save_sidecar(out, replace(sidecar, finished=len(kept)))
    rows = read_rows(out)
    rows.attrs["doubles"] = doubles
    return rows


@contextmanager
def _locked(out: Path) -> Iterator[bool]:
    """Keep sweeps from writing to a file that is replaced; yield whether it exists.

    Windows does not replace an open file, so that there the lock ends before.
    """
    held = journal_of(out)
    if not held.exists():
        yield out.exists()
        return
    with open(held, "r+b") as file:
        try:
            release = lock(file, held)
        except Busy:
            raise ValueError(
                f"{out} is being written by a sweep; wait for it, or name another file"
            ) from None
        try:
            if os.name != "nt":
                yield True
        finally:
            release()
    if os.name == "nt":
        yield True


def _is_same_file(a: Path, b: Path) -> bool:
    """Return whether two paths lead to one file."""
    return a.resolve() == b.resolve()


def _checked_columns(files: Sequence[Path]) -> list[str]:
    """Return the columns that all files have, or raise ValueError."""
    first = row_columns(files[0])
    for path in files[1:]:
        columns = row_columns(path)
        if columns != first:
            other = [c for c in columns if c not in first]
            lacks = [c for c in first if c not in columns]
            what = [f"it has the columns {', '.join(other)}"] if other else []
            what += [f"it lacks the columns {', '.join(lacks)}"] if lacks else []
            why = "; ".join(what) or "its columns stand in another order"
            raise ValueError(
                f"{path} holds another experiment than {files[0]}: {why}; merge files of one sweep"
            )
    return first


def _joined(files: Mapping[Path, list[Row]]) -> tuple[dict[Key, Row], int]:
    """Return the rows of all files by task and chip, and how many were doubles.

    Points are called by the labels of the first file that has them.
    """
    kept: dict[Key, Row] = {}
    labels: dict[str, Row] = {}
    models: dict[tuple[str, Any], str] = {}
    contradictions: list[str] = []
    doubles = 0
    first = next((path for path, rows in files.items() if rows), None)
    experiment = files[first][0]["experiment"] if first else ""
    for path, rows in files.items():
        for row in rows:
            training = (row["network"], row.get(TRAINING_SEED))
            why = difference(row["experiment"], training, row["model"], experiment, models)
            if why:
                raise ValueError(
                    f"{path} holds another experiment than {first}: {why}{_values(path, first)}; "
                    "merge files of one sweep"
                )
            models.setdefault(training, row["model"])
            of_task = {k: v for k, v in row.items() if k not in _NOT_LABELS}
            row |= labels.setdefault(row["task"], of_task)
            key = (row["task"], row["chip"])
            if key not in kept:
                kept[key] = row
            elif any(kept[key][name] != row[name] for name in OUTCOME):
                contradictions.append(_contradiction(kept[key], row, path))
            else:
                doubles += 1
    if contradictions:
        _refuse(contradictions)
    return kept, doubles


def _values(path: Path, first: Path | None) -> str:
    """Return the values in which the sidecars of two files differ; "" if one has none."""
    try:
        found = [None if file is None else read_sidecar(file) for file in (path, first)]
    except ValueError:  # a damaged sidecar is not why the file is refused
        return ""
    one, other = found
    if one is None or other is None:
        return ""
    text = differences(one, other, (f"in {path}", f"in {first}"))
    return f" ({text})" if text else ""


def _contradiction(kept: Row, row: Row, path: Path) -> str:
    """Return two rows of one task and chip that differ, in words."""
    differ = [f"{n} {kept[n]} and {row[n]}" for n in OUTCOME if kept[n] != row[n]]
    return f"task {row['task']} chip {row['chip']}: {', '.join(differ)} ({path})"


def _refuse(contradictions: Sequence[str]) -> None:
    """Raise ValueError that lists rows which do not agree."""
    shown = "; ".join(contradictions[:_SHOWN])
    more = f"; and {len(contradictions) - _SHOWN} more" if len(contradictions) > _SHOWN else ""
    raise ValueError(
        f"{len(contradictions)} rows do not agree with those of another file: {shown}{more}. "
        "Nothing was written; one seed gives one result, so look for files that were edited, or "
        "made by other versions (their sidecars tell)"
    )


def _joined_sidecar(files: Sequence[Path], out: Path) -> Sidecar | None:
    """Return the sidecars of all files as one; None if no file has one."""
    found = [side for side in map(read_sidecar, files) if side is not None]
    if not found:
        return None
    joined = replace(found[0], rows=out.name)
    for other in found[1:]:
        joined = joined.with_more(other)
    return joined


def _write(out: Path, columns: Sequence[str], rows: Sequence[Row]) -> None:
    """Write all rows to a file in one step."""
    if is_parquet(out):
        write_parquet(out, columns, rows)
        journal_of(out).unlink(missing_ok=True)
        return
    write_file(out, lambda place: write_csv(place, columns, rows))
