"""Labels: how rows and legends show the values of an axis, and how a CSV keeps them."""

from __future__ import annotations

import ast
import dataclasses
import re
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from devices import Device
from nsm.sweeps.hashing.identity import canonical, short_hash
from nsm.sweeps.nearest_preset import nearest_preset

#: What rows hold as it is: None, truth values, numbers, texts, and tuples of these.
Label = None | bool | int | float | str | tuple[Any, ...]
#: Most characters of a label. An object with a longer description is labeled by a short hash.
LONGEST = 48

_WHOLE = re.compile(r"[+-]?\d+")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|nan|[+-]?inf")


def label_of(given: Any, value: Any, others: Iterable[Any] = ()) -> Label:
    """Return the label of a value.

    Args:
        given: The value as the axis gives it, such as the name of a preset.
        value: What the field makes of it, such as a `Device`.
        others: All values of the axis. A field in which another object of the class differs is
            shown even if it holds its default: `Adc(bits=8)` beside `Adc(bits=4)`.

    Returns:
        Numbers, texts, None and tuples stand for themselves. A name stands for what it names. An
        object is its class and the fields that are not defaults if that is short (a device is a
        preset and the fields that were changed), else its class and six digits of a hash.
    """
    if _is_plain(value):
        label: Label = tuple(value) if isinstance(value, list) else value
        return label
    if isinstance(given, str):
        return Path(given).name if given.endswith(".toml") else given
    text = device_text(value) if isinstance(value, Device) else _described(value)
    apart = _described(value, _differing(value, others))
    if not isinstance(value, Device) and len(apart) <= LONGEST:
        text = apart
    name = getattr(value, "__qualname__", type(value).__name__)
    return text if len(text) <= LONGEST else f"{name}#{short_hash(value, 6)}"


def _is_plain(value: Any) -> bool:
    """Return whether rows hold a value as it is."""
    if isinstance(value, (tuple, list)):
        return all(map(_is_plain, value)) and len(repr(value)) <= LONGEST
    return value is None or type(value) in (bool, int, float, str)


def device_text(device: Device) -> str:
    """Return the preset that a device is most like, and the fields in which it differs."""
    found = nearest_preset(device)
    if found is None:
        return _described(device)
    name, changed = found
    values = [f"{f}={_described(getattr(device, f))}" for f in changed]
    return f"{name}({', '.join(values)})" if values else name


def _differing(value: Any, others: Iterable[Any]) -> set[str]:
    """Return the fields of an object in which others of its class differ from it."""
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        return set()
    alike = [other for other in others if type(other) is type(value)]
    return {
        f.name
        for f in dataclasses.fields(value)
        if any(not _is_same(getattr(value, f.name), getattr(other, f.name)) for other in alike)
    }


def _is_same(one: Any, other: Any) -> bool:
    """Return whether two values of a field are the same; unnamed functions are only themselves."""
    try:
        return one is other or canonical(one) == canonical(other)
    except ValueError:
        return False


def _described(value: Any, shown_too: Collection[str] = ()) -> str:
    """Return class and fields of an object as Python writes them.

    An object that cannot be written so gives a text that is too long for a label.

    Args:
        value: The object.
        shown_too: Fields that are written even if they hold their defaults.
    """
    too_long = "." * (LONGEST + 1)
    if isinstance(getattr(value, "__qualname__", None), str):  # functions and classes
        return str(value.__qualname__)
    if isinstance(value, (tuple, list)):
        inner = ", ".join(map(_described, value))
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if dataclasses.is_dataclass(value):
        shown = (
            f"{f.name}={_described(getattr(value, f.name))}"
            for f in dataclasses.fields(value)
            if f.name in shown_too or not _is_default(f, getattr(value, f.name))
        )
        return f"{type(value).__name__}({', '.join(shown)})"
    text = repr(value)
    tells = type(value).__repr__ is not object.__repr__ and "0x" not in text and "\n" not in text
    return text if tells and not hasattr(value, "__array__") else too_long


def _is_default(field: dataclasses.Field[Any], value: Any) -> bool:
    """Return whether a field holds its default."""
    default = field.default
    if field.default_factory is not dataclasses.MISSING:
        default = field.default_factory()
    return default is not dataclasses.MISSING and canonical(default) == canonical(value)


def as_cell(label: Any) -> str:
    """Return a label as the text of a CSV cell, from which `from_cell` reads the same label.

    None is empty. A text that reads as something else, such as "300" or "True", stands in quotes.
    """
    if label is None:
        return ""
    if not isinstance(label, str):
        return repr(label)
    printable = label.isprintable() and label == label.strip()
    return label if label and printable and from_cell(label) == label else repr(label)


def from_cell(text: str) -> Any:
    """Return the label in a CSV cell: None, a truth value, a number, a tuple, or a text."""
    if text in ("", "True", "False"):
        return None if text == "" else text == "True"
    if _WHOLE.fullmatch(text):
        return int(text)
    if _NUMBER.fullmatch(text):
        return float(text)
    if text[0] in "('\"":
        try:
            return ast.literal_eval(text)
        except (ValueError, SyntaxError):
            return text
    return text
