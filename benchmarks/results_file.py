"""RESULTS.md: its sections, written as they finish, and compared with those before.

A section is a heading, tables and text. Its last line says on what it was measured.
"""

import os
import platform
import re
from collections.abc import Mapping, Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path

from nsm.disk import write_text

#: A ratio that is worse than before by more than this share is marked.
NOTABLE = 0.2
_TITLE = "# Benchmarks\n\n`make bench`, medians of interleaved runs in one process.\n"
_RATIO = re.compile(r"ratio|^of |relative|/ ?ours")


def read_sections(path: Path) -> dict[str, list[str]]:
    """Return the lines of each section of a results file by its title; none if there is no file."""
    sections: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in path.read_text().splitlines() if path.exists() else ():
        if line.startswith("## "):
            lines = sections.setdefault(line.removeprefix("## "), [])
        else:
            lines.append(line)
    return sections


def write_sections(path: Path, sections: Mapping[str, Sequence[str]]) -> None:
    """Write a results file in one step."""
    blocks = [f"## {title}\n\n" + "\n".join(lines).strip() for title, lines in sections.items()]
    write_text(path, "\n\n".join([_TITLE.strip(), *blocks]) + "\n")


def marked(lines: Sequence[str], before: Sequence[str], *, lower_is_better: bool) -> list[str]:
    """Return lines in which ratios that became worse by more than a fifth tell what they were.

    Args:
        lines: Lines with tables, whose ratios stand in columns that are called so.
        before: The lines of an earlier run.
        lower_is_better: Whether a smaller ratio is the better one.
    """
    known = {key: value for _, _, key, value in _ratios(before)}
    out = list(lines)
    for number, column, key, value in _ratios(lines):
        was = known.get(key)
        if was is None or not was or not value:
            continue
        change = was / value if lower_is_better else value / was
        if change < 1 - NOTABLE:
            cells = out[number].split("|")
            cells[column] = f" **{cells[column].strip()}** (was {was:g}) "
            out[number] = "|".join(cells)
    return out


def _ratios(lines: Sequence[str]) -> list[tuple[int, int, tuple[str, ...], float]]:
    """Return line, cell, what names it, and value of each ratio in the tables of a section.

    A ratio is named by the heading of its column, that column's place, and the cells of its row
    before the first measured one, which holds a comma, a point or a unit.
    """
    found = []
    header: list[str] = []
    for number, line in enumerate(lines):
        cells = line.split("|")
        if not line.startswith("|"):
            header = []
        elif not header:
            header = cells
        elif not set(line) <= set("|-: "):
            names = tuple(c.strip() for c, h in zip(cells, header, strict=False) if _names(h))
            for column, heading in enumerate(header[: len(cells)]):
                value = _number(cells[column])
                if _RATIO.search(heading.strip()) and value is not None:
                    key = (heading.strip(), str(column), *names)
                    found.append((number, column, key, value))
    return found


def _names(heading: str) -> bool:
    """Return whether a column names its row: it holds no measured number."""
    measured = r"\[|ratio|per second|^of |time|relative|/ ?ours|rate$|ms\b"
    return not re.search(measured, heading.strip())


def _number(cell: str) -> float | None:
    text = cell.split("(")[0].replace("*", "").replace(",", "").strip()
    try:
        return float(text)
    except ValueError:
        return None


def machine() -> str:
    """Return what a section was measured on: processor, cores, load, versions, day."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    packages = ", ".join(f"{name} {version(name)}" for name in ("torch", "numba", "numpy"))
    return (
        f"*{_processor()}, {os.cpu_count()} cores, load {load:.1f} at the start; Python "
        f"{platform.python_version()}, {packages}; {date.today()}.*"
    )


def _processor() -> str:
    """Return the name of the processor."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()
