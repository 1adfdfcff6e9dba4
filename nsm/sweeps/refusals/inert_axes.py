"""Axes that change nothing in a chip, and why: they are refused before anything is computed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from crossbar.hardware import Hardware
from devices import NoDrift, NoNoise, NoTemperature
from nsm.chips.hardware_table import HardwareTable

#: Whether a field of a hardware changes what its chips compute.
Acts = Callable[[Hardware], bool]


def _follows(hardware: Hardware, **condition: float) -> bool:
    """Return whether noise, gate or retention is another one under another condition."""
    models = (hardware.device.read_noise, hardware.gate, hardware.device.retention)
    return any(hardware.operating_point.changes(model, **condition) for model in models)


def _temperature_acts(hardware: Hardware) -> bool:
    has_law = not isinstance(hardware.device.temperature_law, NoTemperature)
    return has_law or _follows(hardware, temperature=2 * hardware.temperature)


def _has_currents_of_fixed_size(hardware: Hardware) -> bool:
    """Return whether read-outs have currents that do not scale with the voltage."""
    comparator, adc = hardware.comparator, hardware.adc
    if comparator.offset or comparator.noise:
        return True
    return adc is not None and bool(adc.offset or adc.noise or adc.range is not None)


def _voltage_acts(hardware: Hardware) -> bool:
    return (
        not hardware.is_ohmic
        or _has_currents_of_fixed_size(hardware)
        or _follows(hardware, voltage=2 * hardware.read_voltage)
    )


def _scale_acts(hardware: Hardware) -> bool:
    return (
        not hardware.is_ohmic
        or _has_currents_of_fixed_size(hardware)
        or hardware.current_noise is not None
    )


def _bandwidth_acts(hardware: Hardware) -> bool:
    return _follows(hardware, bandwidth=2 * hardware.operating_point.noise_bandwidth)


def _period_acts(hardware: Hardware) -> bool:
    return hardware.has_memory or (hardware.bandwidth is None and _bandwidth_acts(hardware))


#: Where paths of the model of retention begin.
_RETENTION = "device.retention"
#: For every axis that may have no effect: whether it acts on a hardware, and the reason if not.
_FIELDS: Mapping[str, tuple[Acts, str]] = {
    "temperature": (
        _temperature_acts,
        "the device has no temperature_law, and no noise or retention that depends on temperature",
    ),
    "read_voltage": (
        _voltage_acts,
        "cells are ohmic, no noise or gate depends on the voltage, and read-outs have no offset, "
        "noise or range in amperes",
    ),
    "input_scale": (
        _scale_acts,
        "cells are ohmic and have no thermal noise, and read-outs have no offset, noise or range "
        "in amperes",
    ),
    "bandwidth": (_bandwidth_acts, "no noise depends on the bandwidth, such as ThermalShotNoise"),
    "read_period": (
        _period_acts,
        "no noise has a memory, and none depends on the bandwidth of a read over its period",
    ),
    "gate_sharing": (
        lambda hardware: not isinstance(hardware.gate, NoNoise),
        "there is no gate to share",
    ),
    "compensate_wires": (
        lambda hardware: hardware.wires is not None,
        "there are no wires to compensate",
    ),
}


def refuse_inert(axes: Sequence[str], points: Sequence[Mapping[str, Any]]) -> None:
    """Raise ValueError if an axis changes nothing at any point of a sweep.

    Args:
        axes: Names of the axes.
        points: Arguments of `Task` for every point.
    """
    for name in axes:
        reason = inert_reason(name, points)
        if reason:
            raise ValueError(f"axis {name!r} changes nothing: {reason}; {_instead_of(name)}")


def inert_reason(name: str, points: Sequence[Mapping[str, Any]]) -> str:
    """Return why an axis changes nothing at any point of a sweep; "" if it acts.

    Args:
        name: Name of the axis.
        points: Arguments of `Task` for every point; hardware and seconds are read.
    """
    if name == "seconds":
        parts = [part for point in points for part in _changed(point["hardware"], "")]
        return (
            ""
            if any(map(_ages, parts))
            else "the device has no retention, and no noise has a memory"
        )
    path = name.rpartition(":")[2]
    if path.startswith(_RETENTION):  # a model of retention acts on chips that are aged
        aged = any(point["seconds"] for point in points)
        return "" if aged else "every chip is read at 0 s"
    if path not in _FIELDS:
        return ""
    acts, reason = _FIELDS[path]
    changed = [_changed(point["hardware"], name) for point in points]
    return "" if any(acts(part) for parts in changed for part in parts) else reason


def _instead_of(name: str) -> str:
    """Return what to do about an axis that changes nothing."""
    if name == "seconds":
        return "leave it out, or give Device(retention=...)"
    is_retention = name.rpartition(":")[2].startswith(_RETENTION)
    return "give an axis 'seconds'" if is_retention else "leave it out"


def _ages(hardware: Hardware) -> bool:
    """Return whether cells change with their age."""
    return not isinstance(hardware.device.retention, NoDrift) or hardware.has_memory


def _changed(hardware: Hardware | HardwareTable, axis: str) -> list[Hardware]:
    """Return the hardware of the layers on tiles that an axis changes."""
    key, of_entry, _ = axis.rpartition(":")
    if isinstance(hardware, Hardware):
        return [hardware]
    entries = [hardware[key]] if of_entry else list(hardware.values())
    return [part for part in entries if part is not None]
