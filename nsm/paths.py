"""Dotted paths into a `Hardware`: how sweep axes and command-line options name one number of a nested description."""

from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

from crossbar import BalancedPair, DifferentialPair, Hardware, Mapping, ReferenceColumn
from devices import Device, gate, preset
from devices._checks import choice, number

MAPPINGS: dict[str, type[Mapping]] = {
    "differential_pair": DifferentialPair,
    "balanced_pair": BalancedPair,
    "reference_column": ReferenceColumn,
}
ON_OFF = "on_off_ratio"  # device.on_off_ratio: moves g_min, keeps g_max


def _mapping(name: str) -> Mapping:
    return MAPPINGS[choice("mapping", name, MAPPINGS)]()


#: Fields whose value may be a name: what a text stands for.
_BY_NAME: dict[str, Callable[[str], Any]] = {"device": preset, "gate": gate, "mapping": _mapping}


def known_paths(thing: Any, prefix: str = "") -> list[str]:
    """Return every dotted path into `thing`, a frozen description."""
    paths = []
    for f in fields(thing):
        value = getattr(thing, f.name)
        paths.append(prefix + f.name)
        if is_dataclass(value) and not isinstance(value, type):
            paths += known_paths(value, f"{prefix}{f.name}.")
    return [*paths, prefix + ON_OFF] if isinstance(thing, Device) else paths


def check_path(what: str, path: str, thing: Hardware, others: Sequence[str] = ()) -> None:
    """Raise ValueError unless `path` leads into `thing` or is one of `others`; it names the nearest, or the absent part."""
    head = str(path).partition(".")[0]
    if head != path and head in {f.name for f in fields(thing)} and getattr(thing, head) is None:
        raise ValueError(
            f"{what} {path!r}: this hardware has {head} = None, and so no such number; give it {head} first "
            f"(Hardware({head}=...), or its fields in [hardware])"
        )
    choice(what, path, [*others, *known_paths(thing)])


def replaced(thing: Any, path: str, value: Any) -> Any:
    """Return a copy of the frozen `thing` with the field at `path` set to `value`."""
    head, _, rest = path.partition(".")
    if rest:
        return replace(thing, **{head: replaced(getattr(thing, head), rest, value)})
    if isinstance(thing, Device) and head == ON_OFF:
        number(ON_OFF, value, above=1)
        return replace(thing, g_min=thing.g_max / value)
    if isinstance(value, str) and isinstance(thing, Hardware) and head in _BY_NAME:
        value = _BY_NAME[head](value)
    if isinstance(value, list):
        value = tuple(value)
    return replace(thing, **{head: value})


def with_value(hardware: Hardware, path: str, value: Any) -> Hardware:
    """Return `hardware` with the field at the dotted `path` set to `value`; texts name devices, gates and mappings.

    Raises ValueError for an unknown path, suggesting the nearest one, or a value that the field refuses.
    """
    check_path("path into Hardware", path, hardware)
    changed: Hardware = replaced(hardware, path, value)
    return changed
