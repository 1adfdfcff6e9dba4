"""What a file of rows held when a sweep opens it again, and whether it is of that sweep."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from nsm.sweeps.rows.checked_lines import CHECK, Texts, as_texts, decoded, rows_of
from nsm.sweeps.rows.experiment import Models, difference, training_of
from nsm.sweeps.rows.parquet import is_parquet, parquet_columns, read_parquet
from nsm.sweeps.rows.sidecar_differences import differences
from nsm.sweeps.rows.sidecar_file import Sidecar, read_sidecar


class Recovered(NamedTuple):
    """What a file held.

    Attributes:
        rows: Its rows, as texts; those of the Parquet file come last.
        size: Bytes of the complete lines of the CSV or journal; 0 if not even the header is there.
    """

    rows: list[Texts]
    size: int


def recovered(path: Path, content: bytes, columns: Sequence[str]) -> Recovered:
    """Return what a file of rows held.

    Args:
        path: The file; messages name it.
        content: What its CSV, or the journal of a Parquet file, holds.
        columns: Columns of this sweep.

    Raises:
        ValueError: It has other columns, or a row that is not as it was written.
    """
    stored = _of_parquet(path, columns)
    complete = content[: content.rfind(b"\n") + 1]  # the lines that end in a line break
    text = decoded(complete, path)
    header = ",".join([*columns, CHECK])
    if not complete and not f"{header}\r\n".startswith(content.decode(errors="replace")):
        raise _foreign(path, "it does not start with a header of this sweep")
    if complete:
        found = text.split("\n", 1)[0].strip()
        if found != header:
            raise _foreign(path, f"its columns are {found}, this sweep's are {header}")
    return Recovered([*rows_of(text, path), *stored], len(complete))


def _of_parquet(path: Path, columns: Sequence[str]) -> list[Texts]:
    """Return the rows of a Parquet file as texts; none for a CSV, or if it does not exist."""
    if not is_parquet(path) or not path.is_file():
        return []
    found = parquet_columns(path)
    if found != list(columns):
        texts = [",".join(names) for names in (found, columns)]
        raise _foreign(path, f"its columns are {texts[0]}, this sweep's are {texts[1]}")
    return [as_texts(row) for row in read_parquet(path)]


def check_experiment(
    path: Path,
    rows: Sequence[Texts],
    experiment: str,
    models: Models,
    here: Callable[[], Sidecar] | None,
) -> None:
    """Raise ValueError if a row is of another experiment; arguments as of `RowFile`."""
    for row in rows:
        training = training_of(row)
        why = difference(row["experiment"], training, row.get("model"), experiment, models)
        if why:
            raise _foreign(path, why + _values(path, here))


def _foreign(path: Path, why: str) -> ValueError:
    return ValueError(
        f"{path} holds another experiment: {why}. Name another file, or move this one away"
    )


def _values(path: Path, here: Callable[[], Sidecar] | None) -> str:
    """Return the values in which the sidecars of a file and of this sweep differ."""
    if here is None:
        return ""
    try:
        there = read_sidecar(path)
    except ValueError:  # a damaged sidecar is not why the file is refused
        return ""
    found = "" if there is None else differences(there, here(), ("there", "here"))
    return f" ({found})" if found else ""
