"""A file of rows under a running sweep: whether it is still the one that the sweep writes.

A file that is replaced, removed, cut or written by another program while a sweep runs takes rows
with it that the sweep believes to be safe. It is looked at before every row.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO

from nsm.disk import write_file
from nsm.sweeps.rows.checked_lines import Texts, csv_lines


def what_happened(file: IO[bytes], path: Path, size: int) -> str:
    """Return what another program did to a file that is open here, in words; "" if nothing.

    Args:
        file: The open file.
        path: Its path.
        size: Its size, as far as it was written here.
    """
    try:
        there = os.stat(path)
    except FileNotFoundError:
        return "was removed"
    if not os.path.samestat(os.fstat(file.fileno()), there):
        return "was replaced by another file"
    if there.st_size < size:
        return f"was cut from {size} to {there.st_size} bytes"
    if there.st_size > size:
        return f"was written by another program ({there.st_size - size} bytes more)"
    return ""


def rescued(path: Path, columns: Sequence[str], rows: Iterable[Texts]) -> Path:
    """Write rows to a new file beside a file of rows, and return its path.

    If their folder is gone, too, it is in the folder for temporary files.

    Args:
        path: The file of rows.
        columns: Names of the columns.
        rows: All rows, as texts.
    """
    folder = path.parent if path.parent.is_dir() else Path(tempfile.gettempdir())
    number = 1
    while (place := folder / f"{path.stem}.rescued{number}.csv").exists():
        number += 1
    content = b"".join(csv_lines(columns, rows))
    write_file(place, lambda temporary: temporary.write_bytes(content))
    return place
