"""Checks of arguments that are no numbers: texts, paths, lists and tables.

Each function returns the checked value or raises ValueError, as those of `devices.validation` do.
"""

import os
from collections.abc import Iterable, Mapping, Set
from pathlib import Path
from typing import Any

from devices.validation import shortened


def text(name: str, value: Any) -> str:
    """Return `value`, if it is a text that files can hold.

    Args:
        name: What the value is, for the message.
        value: The value to check. Half of a surrogate pair is no character, and is refused.

    Raises:
        ValueError: If it is something else.
    """
    if not isinstance(value, str):
        raise ValueError(f"{name} = {shortened(value)} is not a text; give a str")
    try:
        value.encode()
    except UnicodeEncodeError as problem:
        half = value[problem.start]
        raise ValueError(
            f"{name} = {shortened(value)} holds {half!r}, half of a character, which no file can "
            "hold; leave it out"
        ) from None
    return value


def file_path(name: str, value: Any) -> Path:
    """Return `value` as a path, if it is one.

    Args:
        name: What the value is, for the message.
        value: The value to check, a text or a `pathlib.Path`.

    Raises:
        ValueError: If it is something else, is empty, or has a character that no path has.
    """
    given = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(given, str):
        raise ValueError(
            f"{name} = {shortened(value)} is not a path; give a text or a pathlib.Path"
        )
    try:
        os.fsencode(given)
    except UnicodeEncodeError:
        raise ValueError(
            f"{name} = {shortened(value)} holds half of a character, which no path can hold; give "
            "another name"
        ) from None
    if not given or "\0" in given:
        raise ValueError(
            f"{name} = {shortened(value)} is empty or holds a zero character, which no path does; "
            "give a name"
        )
    return Path(given)


def path_text(path: str | Path) -> str:
    """Return a path for a message; a long one loses its middle."""
    return shortened(str(path))[1:-1]


def listed(name: str, value: Any, advice: str, *, ordered: bool = True) -> list[Any]:
    """Return the members of `value`, if it is a list or another iterable.

    Args:
        name: What the value is, for the message.
        value: The value to check. Texts, bytes and tables are no lists.
        advice: What to give instead, such as "a list of tasks".
        ordered: Whether the order has a meaning, so that sets are no lists either; default True.

    Raises:
        ValueError: If it is something else.
    """
    is_other = isinstance(value, (str, bytes, bytearray, Mapping))
    is_other |= ordered and isinstance(value, Set)
    # Arrays and tensors of no axis say that they can be iterated over, and cannot.
    if is_other or not isinstance(value, Iterable) or getattr(value, "ndim", 1) == 0:
        raise ValueError(f"{name} = {shortened(value)} is not a list; give {advice}")
    if isinstance(value, type):
        raise ValueError(f"{name} = {shortened(value)} is a class, not a list; give {advice}")
    return list(value)


def table(name: str, value: Any, advice: str) -> Mapping[Any, Any]:
    """Return `value`, if it is a mapping.

    Args:
        name: What the value is, for the message.
        value: The value to check.
        advice: What to give instead, such as "chips by name, {'NSM': chip}".

    Raises:
        ValueError: If it is something else.
    """
    if not isinstance(value, Mapping):
        raise ValueError(f"{name} = {shortened(value)} is not a dict; give {advice}")
    return value
