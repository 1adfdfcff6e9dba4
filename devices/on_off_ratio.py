"""A device with another on/off ratio."""

import math
from dataclasses import fields, is_dataclass, replace
from typing import Any

from devices.device import Device
from devices.programming.base import WriteModel
from devices.pulses.base import PulseResponse
from devices.validation import instance, number


def with_on_off_ratio(device: Device, ratio: float) -> Device:
    """Return the device with g_min = g_max/ratio; pulses that span its range span the new one.

    Args:
        device: The device.
        ratio: On/off ratio g_max/g_min; infinity for g_min = 0.

    Raises:
        ValueError: If the ratio is not above 1, or a list of levels leaves the new range.
    """
    instance("device", device, Device)
    if not (isinstance(ratio, float) and ratio == math.inf):
        number("on_off_ratio", ratio, above=1)
    g_min = device.g_max / ratio
    write, pulses = (_spanning(part, device.g_min, g_min) for part in (device.write, device.pulses))
    return replace(device, g_min=g_min, write=write, pulses=pulses)


def _spanning(model: Any, old: float, new: float) -> Any:
    """Return a model whose pulses that begin at the conductance `old` [S] begin at `new` [S]."""
    if isinstance(model, PulseResponse):
        return replace(model, g_min=new) if model.g_min == old else model
    if not isinstance(model, WriteModel) or not is_dataclass(model):
        return model
    parts = {f.name: getattr(model, f.name) for f in fields(model) if f.init}
    moved = {name: _spanning(part, old, new) for name, part in parts.items()}
    changed = {name: part for name, part in moved.items() if part is not parts[name]}
    return replace(model, **changed) if changed else model
