"""Rows of numbers as tables of measured values: checked, and the same whatever they came as.

A list of a TOML file, a tuple and a numpy array become a tuple of Python floats, so that equal
tables compare equal, hash equal and have one identity in sweeps.
"""

from collections.abc import Sized
from itertools import pairwise
from typing import Any

import numpy as np

from devices.validation import number, shortened


def row(name: str, values: Any, **allowed: Any) -> tuple[float, ...]:
    """Return the numbers of a row as Python floats.

    Args:
        name: What the row is, for messages, such as "TabulatedError.std".
        values: A list, a tuple or a one-dimensional array.
        allowed: Limits and unit of each number, as for `devices.validation.number`.

    Raises:
        ValueError: If it is no row, or one of its numbers is not finite or outside the limits; the
            message says which one.
    """
    if not is_row(values):
        unit = f" [{allowed['unit']}]" if allowed.get("unit") else ""
        raise ValueError(
            f"{name} = {shortened(values)} is not a row of numbers; give a list{unit}, such as "
            "[1e-6, 2e-6]"
        )
    return tuple(number(f"{name}[{i}]", value, **allowed) for i, value in enumerate(values))


def rising_row(name: str, values: Any, **allowed: Any) -> tuple[float, ...]:
    """Return the positions of a table, two or more that rise; see `row`.

    Raises:
        ValueError: Also if there are fewer than two, or a number is not above the one before it.
    """
    numbers = row(name, values, **allowed)
    if len(numbers) < 2:
        raise ValueError(
            f"{name} = {numbers} is too short to interpolate; give two or more numbers that rise"
        )
    for i, (before, after) in enumerate(pairwise(numbers)):
        if after <= before:
            raise ValueError(
                f"{name} must rise, but [{i + 1}] = {after:g} follows [{i}] = {before:g}; sort the "
                "table, and merge rows that are there twice"
            )
    return numbers


def check_lengths(name: str, values: Sized, other_name: str, other: Sized) -> None:
    """Raise ValueError unless a row has one entry for each position of its table.

    Args:
        name: What the row is, for the message.
        values: The row.
        other_name: What the positions are called, such as "conductances".
        other: The positions.
    """
    if len(values) != len(other):
        raise ValueError(
            f"{name} is of length {len(values)} for {len(other)} {other_name}; give one for each"
        )


def rows_of(
    name: str, values: Any, outer: tuple[str, Sized], inner: tuple[str, Sized], **allowed: Any
) -> tuple[tuple[float, ...], ...]:
    """Return a table of two positions as rows of Python floats.

    Args:
        name: What the table is, for messages, such as "TabulatedDrift.std".
        values: One row for each outer position, with one number for each inner position.
        outer: What the outer positions are called, and the positions.
        inner: The same of the inner positions.
        allowed: Limits and unit of each number, as for `devices.validation.number`.

    Raises:
        ValueError: If it is no list of such rows, or a number is refused.
    """
    if not is_row(values):
        raise ValueError(
            f"{name} = {shortened(values)} is not a list of rows; give one row for each of the "
            f"{len(outer[1])} {outer[0]}, with one number for each of the {len(inner[1])} "
            f"{inner[0]}"
        )
    rows = tuple(row(f"{name}[{i}]", given, **allowed) for i, given in enumerate(values))
    check_lengths(name, rows, *outer)
    for i, numbers in enumerate(rows):
        check_lengths(f"{name}[{i}]", numbers, *inner)
    return rows


def is_row(values: Any) -> bool:
    """Return whether values are a list, a tuple or an array with at least one axis."""
    return isinstance(values, (list, tuple)) or (isinstance(values, np.ndarray) and values.ndim > 0)
