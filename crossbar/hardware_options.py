"""A `Hardware` as the options of a sweep file: dotted paths and values that TOML can write."""

from collections.abc import Mapping
from dataclasses import Field, fields, is_dataclass
from typing import Any

import numpy as np

from crossbar.field_values import MAPPINGS
from crossbar.hardware import Hardware
from crossbar.mapping import WeightMapping
from devices import Device
from devices.tables import model_name, to_table


def hardware_options(hardware: Hardware) -> dict[str, Any]:
    """Return hardware as options, from which `crossbar.paths.build_hardware` makes the same.

    Every field of the hardware is there with its value, so that the text tells it without the
    defaults of a version: the parts by their fields ("adc.bits"), models as tables of their kind
    and the fields that are not defaults. A field that is None by default, and is None, is left out.

    Args:
        hardware: Hardware of models of this project. A model of another class has a table too, but
            its kind is unknown to `build_hardware`.
    """
    options: dict[str, Any] = {}
    for field in fields(hardware):
        value = getattr(hardware, field.name)
        if isinstance(value, Device):
            table = to_table(value)
            options |= {f"device.{name}": _plain(part) for name, part in table.items()}
        elif _is_part(value):
            options |= {f"{field.name}.{name}": v for name, v in _fields_of(value).items()}
        elif not _is_default_none(field, value):
            options[field.name] = _plain(value)
    return options


def _is_part(value: Any) -> bool:
    """Return whether a value is described by its fields alone, as a converter is."""
    is_model = isinstance(value, WeightMapping) or hasattr(value, "moments")
    return is_dataclass(value) and not isinstance(value, type) and not is_model


def _fields_of(value: Any) -> dict[str, Any]:
    """Return the fields of a dataclass as TOML writes them."""
    return {
        f.name: _plain(getattr(value, f.name))
        for f in fields(value)
        if not _is_default_none(f, getattr(value, f.name))
    }


def _is_default_none(field: Field[Any], value: Any) -> bool:
    """Return whether a field is None, which TOML cannot write, because nothing was given."""
    return value is None and field.default is None


def _plain(value: Any) -> Any:
    """Return a value as TOML writes it; None as the text "none"."""
    if value is None:
        return "none"
    if isinstance(value, WeightMapping):
        kinds = {model: kind for kind, model in MAPPINGS.items()}
        return {"kind": kinds.get(type(value), model_name(value)), **_fields_of(value)}
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(to_table(value))
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, (np.ndarray, np.generic)):
        return _plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    return value if isinstance(value, (bool, int, float, str)) else repr(value)
