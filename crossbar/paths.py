"""Dotted paths into a `Hardware`: how sweep axes and command-line options name its fields.

"device.levels" is the field `levels` of the field `device`.
"""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

from crossbar.field_values import MAPPINGS as MAPPINGS
from crossbar.field_values import build_part, example_of, models_of, parsed, types_of
from crossbar.hardware import Hardware
from devices import Device, with_on_off_ratio
from devices.tables import device_from
from devices.validation import choice

#: Extra path into a device that is not a field: see `devices.with_on_off_ratio`.
ON_OFF = "on_off_ratio"


#: A table with one of these keys is one value, such as `{kind = "gaussian", sigma = 0.1}`; any
#: other table holds further paths.
VALUE_KEYS = ("kind", "preset")


def _parts() -> dict[str, Any]:
    """Return the parts of the hardware that dotted keys can build from their own fields."""
    return {
        f.name: kind
        for f in fields(Hardware)
        for kind in types_of(Hardware, f.name)
        if is_dataclass(kind) and kind is not Device and not inspect.isabstract(kind)
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
        ValueError: The path is unknown (the message suggests the nearest one), or leads into a part
            that this hardware lacks (the message says which).
    """
    head = str(path).partition(".")[0]
    names = {f.name for f in fields(hardware)}
    if head != path and head in names and getattr(hardware, head) is None:
        raise ValueError(
            f"{what} {path!r}: this hardware has {head} = None, so there is no such field; choose "
            f"{head} first (Hardware({head}=...), or its fields in [hardware])"
        )
    known = [*others, *known_paths(hardware)]
    if path not in known:
        _check_models(what, str(path), hardware)
    choice(what, path, known)


def _check_models(what: str, path: str, hardware: Hardware) -> None:
    """Raise ValueError if a path leads into a model without fields, such as `NoNoise()`."""
    owner: Any = hardware
    names = path.split(".")
    for i, name in enumerate(names[:-1]):
        slots = [kind for kind in types_of(type(owner), name) if models_of(kind)]
        if not is_dataclass(owner) or not hasattr(owner, name):
            return
        holder, owner = owner, getattr(owner, name)
        field = names[i + 1]
        having = [m for s in slots for m in models_of(s).values() if _has_field(m, field)]
        if not having or not is_dataclass(owner) or fields(owner):
            continue  # a model with fields is answered with the nearest of them
        above, model = ".".join(names[: i + 1]), _simplest(having)
        first = fields(model)[0].name == field
        one, other = (example_of(model, n if first else None) for n in (0.05, 0.1))
        made = (
            f"devices.preset(name, {name}={one})"
            if isinstance(holder, Device)
            else f"{type(holder).__name__}({name}={one}, ...)"
        )
        raise ValueError(
            f"{what} {path!r}: {above} is {owner!r}, which has no {field}; choose a model that "
            f"has, such as {made}, or give {above!r} itself values, such as {other}"
        )


def _has_field(model: type, name: str) -> bool:
    """Return whether a dataclass has a field."""
    return name in model.__dataclass_fields__ if is_dataclass(model) else False


def _simplest(models: Sequence[type]) -> type:
    """Return `GaussianNoise` if it is among the models, else the one with the fewest fields."""
    by_name = {model.__name__: model for model in models}
    return by_name.get("GaussianNoise") or min(models, key=lambda m: len(fields(m)))


def _owner(description: Any, path: str) -> Any:
    """Return the part of a description that has the last field of a path."""
    for name in path.split(".")[:-1]:
        description = getattr(description, name)
    return description


def value_at(hardware: Hardware, path: str, value: Any) -> Any:
    """Return a value as the field at a dotted path takes it, see `field_values.parsed`.

    Args:
        hardware: The description.
        path: Dotted path that leads into it, see `check_path`.
        value: The value, which may be a text, a list or a table as TOML writes them.

    Raises:
        ValueError: As `field_values.parsed`.
    """
    return parsed(type(_owner(hardware, path)), path.rpartition(".")[2], value, path)


def _replaced(description: Any, path: str, value: Any) -> Any:
    """Return a copy of a frozen description in which the field at `path` is `value`."""
    head, _, rest = path.partition(".")
    if rest:
        return replace(description, **{head: _replaced(getattr(description, head), rest, value)})
    if isinstance(description, Device) and head == ON_OFF:
        return with_on_off_ratio(description, value)
    return replace(description, **{head: value})


def with_value(hardware: Hardware, path: str, value: Any) -> Hardware:
    """Return `hardware` with the field at a dotted path changed.

    Args:
        hardware: The description, which stays as it is.
        path: Dotted path such as "device.levels".
        value: The new value. Devices, gates and mappings may be given by name, models as tables
            of their kind and fields; see `field_values.parsed`.

    Raises:
        ValueError: The path is unknown (the message suggests the nearest one), or its field refuses
            the value.
    """
    check_path("path into Hardware", path, hardware)
    changed: Hardware = _replaced(hardware, path, value_at(hardware, path, value))
    return changed


def flattened(
    table: Mapping[str, Any], prefix: str = "", *, value_keys: Sequence[str] = VALUE_KEYS
) -> dict[str, Any]:
    """Return a TOML table whose sub-tables became dotted keys, each with `prefix` in front.

    Args:
        table: The table.
        prefix: What the keys begin with.
        value_keys: Tables with one of these keys are values and stay tables; by default those with
            a kind or a preset.

    Raises:
        ValueError: A sub-table is empty.
    """
    flat: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, dict) and not value:
            raise ValueError(
                f"{prefix}{key} is an empty table, which has no effect; give its fields, or leave "
                "it out"
            )
        if isinstance(value, dict) and not any(k in value for k in value_keys):
            flat |= flattened(value, f"{prefix}{key}.", value_keys=value_keys)
        else:
            flat[prefix + key] = value
    return flat


def build_hardware(options: Mapping[str, Any]) -> Hardware:
    """Return the hardware that dotted paths and their values describe.

    Args:
        options: Value of each path, as for `with_value`. "device" is required: a preset, a table,
            or at least "device.g_min" and "device.g_max". "gate" is "nsm_bernoulli" unless given;
            everything else keeps the default of `Hardware`.

    Raises:
        ValueError: A path is unknown (the message suggests the nearest one), a part lacks one of
            its fields, or a field refuses its value.
    """
    remaining = dict(options)
    if "device" in remaining:
        device = parsed(Hardware, "device", remaining.pop("device"), "device")
    else:
        device = _device_of_fields(remaining)
    gate = parsed(Hardware, "gate", remaining.pop("gate", "nsm_bernoulli"), "gate")
    return with_options(Hardware(device=device, gate=gate), remaining)


def _device_of_fields(options: dict[str, Any]) -> Device:
    """Return the device of the paths "device.g_min", ..., which are taken out of the options."""
    names = [f.name for f in fields(Device) if f"device.{f.name}" in options]
    if not {"g_min", "g_max"} <= {*names}:
        raise ValueError(
            'the hardware needs a device: device = "fefet_jerry2017", or another of `nsm presets`'
        )
    own = {name: options.pop(f"device.{name}") for name in names}
    table = {name: parsed(Device, name, own[name], f"device.{name}") for name in names}
    return device_from(table, "device")


def with_options(
    hardware: Hardware, options: Mapping[str, Any], what: str = "hardware key"
) -> Hardware:
    """Return `hardware` with the fields at several dotted paths changed.

    Args:
        hardware: The description, which stays as it is.
        options: Value of each path, as for `with_value`. Fields of a part that is None, such as
            "adc.bits", make that part.
        what: What messages call a path.

    Raises:
        ValueError: As `build_hardware`.
    """
    remaining = dict(options)
    # Tile and mapping decide which wires fit, so plain fields come before parts.
    for path in [p for p in remaining if "." not in p and p not in _parts()]:
        check_path(what, path, hardware)
        hardware = with_value(hardware, path, remaining.pop(path))
    # A part that is None by default has no fields to replace: build it from its own fields first.
    for name, part in _parts().items():
        prefix = f"{name}."
        given = [path for path in remaining if path.startswith(prefix)]
        if given and getattr(hardware, name) is None and name not in remaining:
            chosen = {path.removeprefix(prefix): remaining.pop(path) for path in given}
            hardware = with_value(hardware, name, build_part(part, name, chosen))
    # A path comes before the paths below it: "device.read_noise" before "device.read_noise.sigma".
    for path in sorted(remaining, key=lambda p: p.count(".")):
        check_path(what, path, hardware)
        hardware = with_value(hardware, path, remaining[path])
    return hardware
