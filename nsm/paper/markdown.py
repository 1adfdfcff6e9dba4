"""Tables in Markdown."""

from collections.abc import Iterable
from typing import Any


def row(cells: Iterable[Any]) -> str:
    """Return a row of a Markdown table; None is an empty cell."""
    return "| " + " | ".join("" if c is None else str(c) for c in cells) + " |"


def table(header: list[str], rows: Iterable[Iterable[Any]]) -> list[str]:
    """Return the lines of a Markdown table."""
    return [row(header), "|" + "---|" * len(header), *map(row, rows)]
