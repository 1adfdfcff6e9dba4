"""Which published device a device is like: the same answer for labels of rows and for pages."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Any

from devices import PRESETS, Device
from nsm.sweeps.hashing.identity import canonical

#: Fields in which a device may differ from the preset that it is called after.
MOST_CHANGES = 2
#: The same for a device whose largest conductance is that of the preset.
MOST_CHANGES_OF_ONE_RANGE = 4


def nearest_preset(device: Device) -> tuple[str, list[str]] | None:
    """Return the published device that a device is most like, and the fields in which they differ.

    It differs in the fewest fields, in at most `MOST_CHANGES`, or in at most
    `MOST_CHANGES_OF_ONE_RANGE` where its `g_max` is that of the preset; and in fewer than from an
    ideal device of its own range, since that would be the shorter description. Of two presets with
    equally many, that of the same `g_max` is chosen. The field `reference` is not counted.

    Args:
        device: The device.

    Returns:
        Name of the preset and names of the fields; None if no preset is like the device.
    """
    fields = {name: _bytes(getattr(device, name)) for name in _names()}
    ideal = Device(g_min=device.g_min, g_max=device.g_max)
    own = sum(fields[name] != _bytes(getattr(ideal, name)) for name in fields)
    changed: dict[str, list[str]] = {}
    for preset, of_preset in _presets().items():
        differ = [name for name in fields if fields[name] != of_preset[name]]
        most = MOST_CHANGES if "g_max" in differ else MOST_CHANGES_OF_ONE_RANGE
        if len(differ) <= most and len(differ) < own:
            changed[preset] = differ
    if not changed:
        return None
    nearest = min(changed, key=lambda preset: (len(changed[preset]), "g_max" in changed[preset]))
    return nearest, changed[nearest]


def _names() -> list[str]:
    """Return the fields of a device that decide what it is like."""
    return [f.name for f in dataclasses.fields(Device) if f.name != "reference"]


def _bytes(value: Any) -> bytes | object:
    """Return the canonical bytes of a field; a function without a name is like nothing else."""
    try:
        return canonical(value)
    except ValueError:
        return object()


@cache
def _presets() -> dict[str, dict[str, bytes | object]]:
    """Return the canonical bytes of every field of the published devices."""
    return {
        preset: {name: _bytes(getattr(entry.model, name)) for name in _names()}
        for preset, entry in PRESETS.items()
        if isinstance(entry.model, Device)
    }
