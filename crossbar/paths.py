"""Dotted paths into a `Hardware`: how sweep axes and command-line options name its fields.

"device.levels" is the field `levels` of the field `device`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass, replace
from typing import Any

from crossbar.converters import Adc, Dac
from crossbar.hardware import Hardware
from crossbar.mapping import BalancedPair, DifferentialPair, ReferenceColumn, WeightMapping
from crossbar.periphery import Comparator
from crossbar.wires.description import Wires
from devices import Device, gate, preset
from devices.validation import choice, number

#: Names of weight mappings in sweep files.
MAPPINGS: dict[str, type[WeightMapping]] = {
    "differential_pair": DifferentialPair,
    "balanced_pair": BalancedPair,
    "reference_column": ReferenceColumn,
}
#: Extra path into a device that is not a field: it moves g_min and keeps g_max.
ON_OFF = "on_off_ratio"


def _mapping(name: str) -> WeightMapping:
    """Return the weight mapping called `name`."""
    return MAPPINGS[choice("mapping", name, MAPPINGS)]()


#: Fields whose value may be given by name, and the function that finds it.
_BY_NAME: dict[str, Callable[[str], Any]] = {"device": preset, "gate": gate, "mapping": _mapping}
#: Parts of the hardware that dotted keys can build from their own fields.
_PARTS: dict[str, Any] = {
    "adc": Adc,
    "comparator": Comparator,
    "dac": Dac,
    "wires": Wires,
}


def known_paths(description: Any, prefix: str = "") -> list[str]:
    """Return every dotted path into a frozen description, each with `prefix` in front."""
    paths = []
    for f in fields(description):
        value = getattr(description, f.name)
        paths.append(prefix + f.name)
        if is_dataclass(value) and not isinstance(value, type):
            paths += known_paths(value, f"{prefix}{f.name}.")
    return [*paths, prefix + ON_OFF] if isinstance(description, Device) else paths


def check_path(what: str, path: str, hardware: Hardware, others: Sequence[str] = ()) -> None:
    """Raise ValueError unless `path` leads into `hardware` or is one of `others`.

    Args:
        what: What the path is called in the message, such as "axis".
        path: The dotted path.
        hardware: The description into which it should lead.
        others: Further names that are allowed.

    Raises:
        ValueError: the path is unknown (the message suggests the nearest one), or leads into a part
            that this hardware lacks (the message says which).
    """
    head = str(path).partition(".")[0]
    names = {f.name for f in fields(hardware)}
    if head != path and head in names and getattr(hardware, head) is None:
        raise ValueError(
            f"{what} {path!r}: this hardware has {head} = None, so there is no such field; choose "
            f"{head} first (Hardware({head}=...), or its fields in [hardware])"
        )
    choice(what, path, [*others, *known_paths(hardware)])


def replaced(description: Any, path: str, value: Any) -> Any:
    """Return a copy of a frozen description in which the field at `path` is `value`."""
    head, _, rest = path.partition(".")
    if rest:
        return replace(description, **{head: replaced(getattr(description, head), rest, value)})
    if isinstance(description, Device) and head == ON_OFF:
        number(ON_OFF, value, above=1)
        return replace(description, g_min=description.g_max / value)
    if isinstance(value, str) and isinstance(description, Hardware) and head in _BY_NAME:
        value = _BY_NAME[head](value)
    if isinstance(value, list):  # TOML has no tuples
        value = tuple(value)
    return replace(description, **{head: value})


def with_value(hardware: Hardware, path: str, value: Any) -> Hardware:
    """Return `hardware` with the field at a dotted path changed.

    Args:
        hardware: The description, which stays as it is.
        path: Dotted path such as "device.levels".
        value: The new value. Devices, gates and mappings may be given by name.

    Raises:
        ValueError: the path is unknown (the message suggests the nearest one), or its field refuses
            the value.
    """
    check_path("path into Hardware", path, hardware)
    changed: Hardware = replaced(hardware, path, value)
    return changed


def flattened(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return a TOML table whose sub-tables became dotted keys, each with `prefix` in front."""
    flat: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            flat |= flattened(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


def build_hardware(options: Mapping[str, Any]) -> Hardware:
    """Return the hardware that dotted paths and their values describe.

    Args:
        options: Value of each path. "device" is required and names a preset; "gate" is
            "nsm_bernoulli" unless given; everything else keeps the default of `Hardware`.

    Raises:
        ValueError: a path is unknown (the message suggests the nearest one), a part lacks one of
            its fields, or a field refuses its value.
    """
    remaining = dict(options)
    if "device" not in remaining:
        raise ValueError(
            'the hardware needs a device: device = "fefet_jerry2017", or another of `nsm presets`'
        )
    hardware = Hardware(
        device=preset(remaining.pop("device")), gate=gate(remaining.pop("gate", "nsm_bernoulli"))
    )
    # A part that is None by default has no fields to replace: build it from its own fields first.
    for name, part in _PARTS.items():
        prefix = f"{name}."
        given = [path for path in remaining if path.startswith(prefix)]
        if given:
            chosen = {path.removeprefix(prefix): remaining.pop(path) for path in given}
            hardware = with_value(hardware, name, _build_part(part, name, chosen))
    # A path comes before the paths below it: "device.read_noise" before "device.read_noise.sigma".
    for path in sorted(remaining, key=lambda p: p.count(".")):
        choice("hardware key", path, known_paths(hardware))
        hardware = with_value(hardware, path, remaining[path])
    return hardware


def _build_part(part: Any, name: str, chosen: dict[str, Any]) -> Any:
    """Return the part of the hardware called `name`, an instance of the dataclass `part`."""
    for field_name in chosen:
        choice(f"field of {part.__name__}", field_name, part.__dataclass_fields__)
    missing = [f.name for f in fields(part) if f.default is MISSING and f.name not in chosen]
    if missing:
        raise ValueError(f"{name} needs {' and '.join(f'{name}.{m}' for m in missing)} too")
    return part(**chosen)
