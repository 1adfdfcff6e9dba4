"""Lines of a CSV of rows, read with care: every row ends in a check of all its cells.

A bit that flipped, a value that was edited, a number that a spreadsheet rounded, a row that was
copied from elsewhere: none of these can be seen in a row itself. The last cell of each row is a
short hash of the others and of the names of their columns, and a row that does not agree with it is
refused by its line.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from nsm.sweeps.labels import as_cell, from_cell
from nsm.sweeps.rows.csv_line import csv_line

#: Name of the column of the check, the last one of a file.
CHECK = "check"
#: Columns of texts that may look like numbers.
HASHES = ("model", "task", "experiment")
#: Column of the seed. It is written in hexadecimal, which spreadsheets leave as it is: they round
#: whole numbers of more than 15 digits.
SEED = "seed"

#: The texts of a row, by column.
Texts = dict[str, str]


def from_row(row: Mapping[str, str]) -> dict[str, Any]:
    """Return a row of a CSV with the values that `RowFile.append` got."""
    return {name: _value(name, text) for name, text in row.items()}


def _value(name: str, text: str) -> Any:
    if name in HASHES:
        return text
    if name == SEED and text.startswith("0x"):
        return int(text, 16)
    return from_cell(text)


def as_texts(row: Mapping[str, Any]) -> Texts:
    """Return a row as the texts of a CSV, from which `from_row` makes the same row."""
    return {name: _cell(name, value) for name, value in row.items()}


def _cell(name: str, value: Any) -> str:
    if name in HASHES:
        return str(value)
    return hex(value) if name == SEED and isinstance(value, int) else as_cell(value)


def with_check(texts: Texts) -> Texts:
    """Return the texts of a row with those of its check."""
    return texts | {CHECK: check_of(texts)}


def csv_lines(columns: Sequence[str], rows: Iterable[Texts]) -> Iterator[bytes]:
    """Yield the lines of a file of rows: the header, and each row with its check.

    Args:
        columns: Names of the columns, without that of the check.
        rows: The texts of the rows, in the order of the columns.
    """
    yield csv_line([*columns, CHECK])
    for row in rows:
        yield csv_line(with_check(row).values())


def check_of(texts: Mapping[str, str]) -> str:
    """Return the check of a row: 8 hexadecimal digits of the BLAKE2 hash of names and cells."""
    cells = (f"{name}\x1f{text}\x1e" for name, text in texts.items() if name != CHECK)
    return hashlib.blake2s("".join(cells).encode(errors="replace"), digest_size=4).hexdigest()


def decoded(content: bytes, path: Path) -> str:
    """Return the text of a file of rows, without the mark that some editors put at its beginning.

    Raises:
        ValueError: It is UTF-16.
    """
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise ValueError(
            f"{path} was saved as UTF-16, as some editors and spreadsheets do; save it as UTF-8"
        )
    return content.decode("utf-8-sig", errors="replace")


def header_of(text: str) -> list[str]:
    """Return the names of all columns of a file."""
    return next(csv.reader(io.StringIO(text, newline="")), [])


def rows_of(text: str, path: Path) -> list[Texts]:
    """Return the rows of a file as texts, without their checks, one for each task and chip.

    A last line that has not been written completely is left out. A row that stands there twice is
    returned once.

    Args:
        text: What the file holds.
        path: What messages call it.

    Raises:
        ValueError: A row has a wrong length, does not agree with its check, has more errors than
            images, or contradicts another row of its task and chip. The message tells the line.
    """
    (_, names), *lines = _lines(text, path) or [(1, [])]
    if names and names[-1] not in (CHECK, "experiment"):
        raise ValueError(
            f"{path}, line 1: its last column is {names[-1]!r}; put back the original header, "
            f"which ends in {CHECK!r}"
        )
    found: dict[Any, tuple[int, Texts]] = {}
    experiment = ""
    for number, (line, cells) in enumerate(lines, start=1):
        is_open = number == len(lines) and not text.endswith("\n")
        row = _checked(names, cells, path, line, experiment if is_open else None)
        if row is None:
            break
        experiment = row.get("experiment", "")
        key = (row.get("task"), row.get("chip"))
        if key in found and not _agree(found[key][1], row):
            raise _damaged(path, line, f"it contradicts line {found[key][0]}, of the same chip")
        found.setdefault(key, (line, row))
    return [row for _, row in found.values()]


def _lines(text: str, path: Path) -> list[tuple[int, list[str]]]:
    """Return the cells of every line that has some, and the number of the line."""
    reader = csv.reader(io.StringIO(text, newline=""))
    lines, line = [], 1
    try:
        for cells in reader:
            if cells:
                lines.append((line, cells))
            line = reader.line_num + 1
    except csv.Error as problem:
        raise _damaged(path, line, f"it is no line of a CSV ({problem})") from None
    return lines


def _checked(
    names: Sequence[str], cells: Sequence[str], path: Path, line: int, before: str | None
) -> Texts | None:
    """Return a row without its check; None if it is torn.

    Args:
        names: Names of the columns.
        cells: The cells of the row.
        path: What messages call the file.
        line: Number of the line.
        before: For a line without an end, the experiment of the row before; else None.
    """
    row = dict(zip(names, cells, strict=False))
    if len(cells) != len(names):
        if before is not None and len(cells) < len(names):
            return None
        raise _damaged(path, line, f"it has {len(cells)} cells, the header {len(names)}")
    if CHECK not in row:  # a file of an earlier version, or of another program
        if before is not None and row.get("experiment") != before:
            return None
    else:
        check = row.pop(CHECK)
        right = _checks_of(row)
        if before is not None and any(r != check and r.startswith(check) for r in right):
            return None
        if check not in right:
            what = "it, or the header," if line == 2 else "it"
            raise _damaged(path, line, f"{what} was changed after it was written{_named(row)}")
    _check_meaning(row, path, line)
    return row


def _checks_of(row: Texts) -> set[str]:
    """Return the checks of a row as it is, and with its values as they are written here."""
    try:
        return {check_of(row), check_of(as_texts(from_row(row)))}
    except ValueError:  # a value that cannot be read
        return {check_of(row)}


def _named(row: Mapping[str, str]) -> str:
    """Return which row it is, as far as its cells tell."""
    shown = [f"{name} = {row[name]!r}" for name in ("network", "chip") if name in row]
    return f" ({', '.join(shown)})" if shown else ""


def _check_meaning(row: Texts, path: Path, line: int) -> None:
    """Raise ValueError unless 0 ≤ errors ≤ images, in whole numbers."""
    if not {"errors", "images"} <= set(row):
        return
    errors, images = (from_cell(row[name]) for name in ("errors", "images"))
    if not (type(errors) is type(images) is int and 0 <= errors <= images):
        raise _damaged(path, line, f"it has {errors!r} errors in {images!r} images")


def _agree(one: Texts, other: Texts) -> bool:
    """Return whether two rows of one task and chip are the same but for the time that they took."""
    a, b = (as_texts(from_row(row)) for row in (one, other))  # numbers in one notation
    return all(a[name] == b[name] for name in a if name != "elapsed")


def _damaged(path: Path, line: int, why: str) -> ValueError:
    return ValueError(
        f"{path}, line {line}: {why}. Put the original line back, or remove it: "
        "the sweep that made the file computes it again"
    )
