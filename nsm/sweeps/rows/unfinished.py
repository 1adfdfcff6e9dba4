"""The rows that a sweep on disk still lacks: a small file beside its CSV while it is unfinished.

A killed sweep leaves this file behind, so that figures of its rows can say how many there should
be. The call that computes the last row removes it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from nsm.disk import write_text

#: What names a row: the hash of its task, and the number of its chip.
Key = tuple[str, int]


def marker_of(path: str | Path) -> Path:
    """Return the file that lists the missing rows of a sweep's CSV."""
    return Path(f"{path}.unfinished")


def planned_rows(path: str | Path) -> set[Key]:
    """Return the rows that a sweep's CSV was to get when its last run began.

    A line that is torn or of another form is left out: the list only serves figures.
    """
    marker = marker_of(path)
    if not marker.is_file():
        return set()
    lines = marker.read_text(encoding="utf-8", errors="replace").splitlines()
    words = [line.split() for line in lines]
    return {(w[0], int(w[1])) for w in words if len(w) == 2 and w[1].isdecimal()}


def write_planned(path: str | Path, keys: Iterable[Key]) -> None:
    """Write the rows that a sweep's CSV still lacks; without any, remove their file."""
    marker = marker_of(path)
    lines = [f"{task} {chip}\n" for task, chip in sorted(keys)]
    if not lines:
        marker.unlink(missing_ok=True)
        return
    write_text(marker, "".join(lines), keep=False)
