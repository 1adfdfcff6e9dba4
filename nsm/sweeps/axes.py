"""Axes of a sweep: what their names lead to, and what their values are.

An axis is a dotted path into the hardware, or one of `ON_CHIP`. With hardware by layer a path
changes every entry of the table, and "stem:device.levels" only the entry "stem".

This file imports no torch, so that a mistake in a sweep file is found at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import is_dataclass
from typing import Any, NamedTuple

from crossbar.hardware import Hardware
from crossbar.paths import ON_OFF, check_path, value_at, with_value
from devices.validation import choice, instance, number
from nsm.chips.compensated_per import COMPENSATED_PER
from nsm.chips.hardware_table import HardwareTable
from nsm.sweeps.hashing.identity import canonical
from nsm.sweeps.labels import Label, label_of

#: Axes that are not fields of `Hardware`, and their defaults. gain: common-mode gain of the
#: programmed chip; reprogrammed_scale: factor on the weights before programming; seconds: age [s].
CHIP_AXES = {"gain": 1.0, "reprogrammed_scale": 1.0, "seconds": 0.0}
#: Axis of the compensation that is measured on the aged chip, see `MappedNetwork.compensate`. Rows
#: have a column of it only where a sweep has the axis.
COMPENSATION = "compensation"
#: Names of all axes that act on the chip and are not fields of `Hardware`.
ON_CHIP = (*CHIP_AXES, COMPENSATION)
#: Column of the seed of a training, where networks were trained several times; see `grid`.
TRAINING_SEED = "training_seed"
#: End of the axis "head:layer": layers of the entry "head" of a table are on tiles, or digital.
PLACE = "layer"
PLACES = ("tiles", "digital")


class AxisValue(NamedTuple):
    """One value of an axis.

    Attributes:
        label: What rows and legends show.
        value: What the chip gets.
    """

    label: Label
    value: Any


def read_axis(
    hardware: Hardware | HardwareTable, name: str, values: Any, *, again: bool = False
) -> list[AxisValue]:
    """Return the values of an axis, with their labels.

    Args:
        hardware: The hardware before the axes change it.
        name: Name of the axis.
        values: Values in any iterable, which is read once; or a mapping from labels to values. A
            table among the values may have its label under the key "name".
        again: Whether a value may occur again, as on an axis that moves together with others.

    Raises:
        ValueError: The axis is unknown or has no values, a value means nothing to its field, or
            two values have the same label.
    """
    check_axis(hardware, name)
    pairs = list(_pairs(name, values))
    found = _told_apart(pairs, [_axis_value(hardware, name, *pair) for pair in pairs])
    if not found:
        raise ValueError(f"axis {name!r} has no values ({values!r}); give a list of at least one")
    seen: dict[Any, bytes] = {}
    for label, value in found:
        of_value = canonical((label, value)) if again else b""
        for key in (canonical(label), str(label)):
            if key in seen and (not again or seen[key] != of_value):
                raise ValueError(
                    f"axis {name!r} has two values called {label!r}; leave one out, or give "
                    "them names: {name: value, ...}"
                )
        seen |= {canonical(label): of_value, str(label): of_value}
    return found


def _told_apart(pairs: Sequence[tuple[Any, Any]], found: Sequence[AxisValue]) -> list[AxisValue]:
    """Return the values of an axis, with labels that show every field in which objects differ."""
    objects = [each.value for each in found if is_dataclass(each.value)]
    return [
        AxisValue(label_of(given, each.value, objects), each.value)
        if label is ... and is_dataclass(each.value)
        else each
        for (label, given), each in zip(pairs, found, strict=True)
    ]


def _pairs(name: str, values: Any) -> Iterator[tuple[Any, Any]]:
    """Yield (label, value) of an axis; the label is `...` if it is not given."""
    if isinstance(values, (str, bytes)) or not _is_iterable(values):
        raise ValueError(f"axis {name!r} has no values ({values!r}); give a list of at least one")
    if isinstance(values, Mapping):
        for label, value in values.items():
            if not isinstance(label, str):
                raise ValueError(
                    f"axis {name!r} calls a value {label!r}, which is not a text; give names as "
                    "{name: value, ...}"
                )
            yield label, value
        return
    # Arrays and tensors tell their values as Python's own numbers.
    for value in values.tolist() if hasattr(values, "tolist") else values:
        if isinstance(value, dict) and "name" in value:
            rest = {key: v for key, v in value.items() if key != "name"}
            instance(f"axis {name!r}: name", value["name"], str, advice="give a text, in quotes")
            yield value["name"], rest
        else:
            yield ..., value


def _is_iterable(values: Any) -> bool:
    """Return whether something holds several values; arrays without axes hold one."""
    return isinstance(values, Iterable) and getattr(values, "ndim", 1) > 0


def _axis_value(hardware: Hardware | HardwareTable, name: str, label: Any, given: Any) -> AxisValue:
    """Return a value as its field takes it, and its label."""
    if getattr(given, "ndim", None) == 0 and hasattr(given, "item"):
        given = given.item()
    value = given
    if name == COMPENSATION:
        value = _compensation(given)
        return AxisValue(("none" if value is None else value) if label is ... else label, value)
    if name not in ON_CHIP:
        path, entries = _targets(hardware, name)
        if path == PLACE:
            choice(f"value of axis {name!r}", given, PLACES)
        elif path.rpartition(".")[2] != ON_OFF:
            value = value_at(entries[0][1], path, given)
    return AxisValue(label_of(given, value) if label is ... else label, value)


def _compensation(given: Any) -> str | None:
    """Return what has one factor, "layer" or "column"; None for no compensation."""
    if given is None:
        return None
    value = choice(f"value of axis {COMPENSATION!r}", given, ("none", *COMPENSATED_PER))
    return None if value == "none" else value


def _targets(
    hardware: Hardware | HardwareTable, name: str
) -> tuple[str, list[tuple[str, Hardware]]]:
    """Return the path of an axis, and the (key, hardware) that it changes; the key may be "".

    Raises:
        ValueError: The axis names an entry that the hardware does not have, or a digital one.
    """
    key, colon, path = str(name).rpartition(":")
    if isinstance(hardware, Hardware):
        if colon:
            raise ValueError(
                f"axis {name!r} is of the layers {key!r}, but one hardware serves all layers; give "
                f'a table, such as {{"{key}": hardware, "*": hardware}}'
            )
        return path, [("", hardware)]
    if colon:
        part = hardware[choice(f"entry of the hardware table in axis {name!r}", key, hardware)]
        if part is None:
            raise ValueError(
                f"axis {name!r}: the layers {key!r} are digital and have no hardware to change"
            )
        return path, [(key, part)]
    return path, [(key, part) for key, part in hardware.items() if part is not None]


def check_axis(hardware: Hardware | HardwareTable, name: str) -> None:
    """Raise ValueError unless `name` is an axis of every hardware that it changes."""
    if name in ON_CHIP:
        return
    path, entries = _targets(hardware, name)
    if not entries:
        raise ValueError(f"axis {name!r}: all layers are digital, there is no hardware to change")
    if path == PLACE and ":" in name:
        return
    for key, part in entries:
        try:
            check_path("axis", path, part, ON_CHIP)
        except ValueError as problem:
            where = f" (hardware of {key!r})" if key else ""
            raise ValueError(f"{problem}{where}") from None


def with_axis(
    hardware: Hardware | HardwareTable, name: str, value: Any
) -> Hardware | HardwareTable:
    """Return the hardware with the value of one axis, which is not one of `ON_CHIP`.

    Args:
        hardware: The hardware, which stays as it is.
        name: Name of the axis, see `check_axis`.
        value: What the chip gets, see `AxisValue`.
    """
    if isinstance(hardware, Hardware):
        return with_value(hardware, name, value)
    path, entries = _targets(hardware, name)
    changed: dict[str, Hardware | None] = dict(hardware)
    for key, part in entries:
        if path != PLACE:
            changed[key] = with_value(part, path, value)
        elif value == "digital":
            changed[key] = None
    return HardwareTable(changed)


def on_chip(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the value of each of `ON_CHIP` at a point, checked.

    Raises:
        ValueError: A gain or scale is not above 0, or an age is negative.
    """
    found = {name: values.get(name, default) for name, default in CHIP_AXES.items()}
    found[COMPENSATION] = values.get(COMPENSATION)
    for name in ("gain", "reprogrammed_scale"):
        number(name, found[name], above=0)
    number("seconds", found["seconds"], at_least=0, unit="s")
    return found
