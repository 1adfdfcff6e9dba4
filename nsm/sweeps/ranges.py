"""Evenly spaced values of an axis, on a linear or a logarithmic scale."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any

import numpy as np

from devices.validation import choice, integer, number

#: How values are spaced: equal differences, or equal ratios.
SCALES = ("linear", "log")
#: Significant digits of a value: 0.316227766017 is easier to read, and to select in a figure, than
#: all 17 digits.
DIGITS = 12


@dataclass(frozen=True, kw_only=True)
class Range:
    """Values from `start` to `stop`, both included, which an axis of a sweep takes.

    On a linear scale value i is start + i (stop − start)/(num − 1), and on a logarithmic one
    start · (stop/start)^(i/(num − 1)), rounded to `DIGITS` significant digits.

    >>> list(Range(start=0.01, stop=1, num=3, scale="log"))
    [0.01, 0.1, 1.0]

    Attributes:
        start: The first value; on a logarithmic scale above 0.
        stop: The last value; on a logarithmic scale above 0.
        num: How many values, at least 2.
        scale: "linear" (default) or "log".

    Raises:
        ValueError: A number is not allowed, or the ends are equal.
    """

    start: float
    stop: float
    num: int
    scale: str = "linear"

    def __post_init__(self) -> None:
        choice("scale of a range", self.scale, SCALES)
        for name in ("start", "stop"):
            if self.scale == "log":
                number(f"{name} of a logarithmic range", getattr(self, name), above=0)
            else:
                number(f"{name} of a range", getattr(self, name))
        integer("num of a range", self.num, at_least=2)
        if self.start == self.stop:
            raise ValueError(
                f"a range from {self.start} to {self.stop} has one value; give it as a list"
            )

    def __len__(self) -> int:
        return self.num

    def __iter__(self) -> Iterator[float]:
        """Yield the values."""
        spaced = np.geomspace if self.scale == "log" else np.linspace
        for value in spaced(self.start, self.stop, self.num):
            yield float(f"{value:.{DIGITS}g}")


#: Keys of a table that is a range.
KEYS = tuple(f.name for f in fields(Range))
_REQUIRED = tuple(f.name for f in fields(Range) if f.default is MISSING)


def range_of(table: Mapping[str, Any], axis: str) -> Range:
    """Return the range that a table such as {start = 1, stop = 9, num = 5} describes.

    Args:
        table: The table.
        axis: Name of the axis, for messages.

    Raises:
        ValueError: A key is unknown or missing, or a value is not allowed.
    """
    for key in table:
        choice(f"key of the range of axis {axis!r}", key, KEYS)
    missing = [key for key in _REQUIRED if key not in table]
    if missing:
        raise ValueError(
            f"the range of axis {axis!r} lacks {' and '.join(missing)}; give such as "
            '{start = 0.01, stop = 1.0, num = 5, scale = "log"}'
        )
    try:
        return Range(**table)
    except ValueError as problem:
        raise ValueError(f"axis {axis!r}: {problem}") from None
