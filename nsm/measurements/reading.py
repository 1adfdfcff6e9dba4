"""What is known while a measurement is read, and what comes of it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nsm.measurements.columns import Columns


@dataclass(kw_only=True)
class Reading:
    """A table that is being read.

    Attributes:
        columns: The table.
        period: Time from one read to the next by argument [s], or None.
        wanted: Cells that were asked for; none for all.
        reads: First read and the one after the last by argument, or None.
        used: Options that had an effect.
        counts: What was found, by words.
        cells: Names of the cells that were read.
    """

    columns: Columns
    period: float | None
    wanted: tuple[str, ...]
    reads: tuple[int, int | None] | None
    used: set[str] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)
    cells: tuple[str, ...] = ()

    @property
    def where(self) -> str:
        """Path of the file, for messages."""
        return self.columns.where

    def chosen(self) -> tuple[str, ...]:
        """Return the cells that were asked for, which is an effect of that option."""
        self.used.add("cell")
        return self.wanted


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """A measurement that was read.

    Attributes:
        kind: Name of its kind.
        path: The file.
        arrays: Arguments of the fit by name, in SI.
        cells: Names of the cells; none if the table does not name them.
        counts: What was found in the table, by words.
        notes: Sentences on what was assumed and what was not read.
        used: Options that had an effect.
    """

    kind: str
    path: str
    arrays: Mapping[str, Any]
    cells: tuple[str, ...]
    counts: Mapping[str, int]
    notes: tuple[str, ...]
    used: frozenset[str]
