"""Dotted paths into a `Hardware`: how sweep axes and command-line options name one number of a nested description."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass, replace
from typing import Any

from crossbar.hardware import Hardware
from crossbar.mapping import BalancedPair, DifferentialPair, ReferenceColumn, WeightMapping
from crossbar.periphery import Adc, Comparator
from crossbar.wires.description import Wires
from devices import Device, gate, preset
from devices.validation import choice, number

MAPPINGS: dict[str, type[WeightMapping]] = {
    "differential_pair": DifferentialPair,
    "balanced_pair": BalancedPair,
    "reference_column": ReferenceColumn,
}
ON_OFF = "on_off_ratio"  # device.on_off_ratio: moves g_min, keeps g_max


def _mapping(name: str) -> WeightMapping:
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


def flattened(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return a TOML table with its sub-tables as dotted paths, quoted keys and tables alike."""
    flat: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            flat |= flattened(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


def _part(kind: Any, group: str, chosen: dict[str, Any]) -> Any:
    """Return an optional part of the hardware from its own fields."""
    missing = [f.name for f in fields(kind) if f.default is MISSING and f.name not in chosen]
    if missing:
        raise ValueError(f"{group} needs {' and '.join(f'{group}.{name}' for name in missing)} too")
    return kind(**chosen)


def build_hardware(options: Mapping[str, Any]) -> Hardware:
    """Return the hardware that dotted paths and their values describe; "device" is needed and names a preset.

    Raises ValueError for an unknown path, suggesting the nearest one, or a value that its field refuses.
    """
    left = dict(options)
    if "device" not in left:
        raise ValueError(
            'the hardware needs a device: device = "fefet_jerry2017", or another of `nsm presets`'
        )
    hardware = Hardware(
        device=preset(left.pop("device")), gate=gate(left.pop("gate", "nsm_bernoulli"))
    )
    for group, kind in (
        ("adc", Adc),
        ("comparator", Comparator),
        ("wires", Wires),
    ):  # optional parts, from their own fields
        chosen = {
            k.removeprefix(f"{group}."): left.pop(k)
            for k in list(left)
            if k.startswith(f"{group}.")
        }
        for name in chosen:
            choice(f"field of {kind.__name__}", name, kind.__dataclass_fields__)
        if chosen:
            hardware = with_value(hardware, group, _part(kind, group, chosen))
    for path in sorted(left, key=lambda p: p.count(".")):
        hardware = with_value(
            hardware, choice("hardware key", path, known_paths(hardware)), left[path]
        )
    return hardware
