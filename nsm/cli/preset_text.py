"""The model of a preset as lines of text: each slot with its numbers."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

#: Slots that are told with the range, and the source, which has a line of its own.
_ELSEWHERE = ("g_min", "g_max", "levels", "reference")
_INDENT = "  "


def model_lines(model: Any) -> list[str]:
    """Return a device or a gate as lines: its range, then every model with its numbers in SI.

    Slots without a model, such as `NoDrift()` or None, share the last line.

    Args:
        model: A `Device`, or the noise of a gate.
    """
    from devices import Device

    if not isinstance(model, Device):
        return _slot("gate", model)
    lines, empty = [_range(model)], []
    for field in fields(model):
        if field.name in _ELSEWHERE:
            continue
        value = getattr(model, field.name)
        if value is None or (is_dataclass(value) and not fields(value)):
            empty.append(field.name)
        else:
            lines += _slot(field.name, value)
    if empty:
        lines.append(f"without a model: {', '.join(empty)}")
    return lines


def _range(device: Any) -> str:
    """Return the range of conductance, with the levels in it."""
    levels = device.level_conductances
    within = "any conductance between" if levels is None else f"{len(levels)} levels"
    return f"range: {device.g_min:.6g} S to {device.g_max:.6g} S, {within}"


def _slot(name: str, value: Any) -> list[str]:
    """Return the lines of one field; those of a model inside of it are indented."""
    if isinstance(value, tuple) and any(map(is_dataclass, value)):
        return [line for k, one in enumerate(value, 1) for line in _slot(f"{name} {k}", one)]
    if not is_dataclass(value):
        return [f"{name} = {_number(value)}"]
    lines = [f"{name}: {type(value).__name__}"]
    for field in fields(value):
        lines += [_INDENT + line for line in _slot(field.name, getattr(value, field.name))]
    return lines


def _number(value: Any) -> str:
    """Return a number with six digits, several of them with commas, and other values as text."""
    if isinstance(value, tuple):
        return ", ".join(_number(one) for one in value)
    return f"{value:.6g}" if isinstance(value, float) else str(value)
