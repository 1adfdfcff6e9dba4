"""The points of a sweep: every combination of the values of its axes, on every hardware.

This file imports no torch, so that a mistake in a sweep file is found at once.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from crossbar.hardware import Hardware
from crossbar.paths import ON_OFF
from devices.arguments import listed, table
from nsm.chips.hardware_table import HardwareTable
from nsm.sweeps.axes import ON_CHIP, AxisValue, on_chip, read_axis, with_axis
from nsm.sweeps.hardwares import HARDWARE, Hardwares
from nsm.sweeps.hashing.identity import canonical
from nsm.sweeps.labels import Label
from nsm.sweeps.refusals.inert_axes import refuse_inert

#: The values of an axis, or the values by their labels.
Values = Iterable[Any] | Mapping[str, Any]
#: One hardware for all points, or several by name.
AnyHardware = Hardware | HardwareTable | Hardwares
#: Fields of a device that decide each other: the on/off ratio moves g_min.
_RANGE_FIELDS = ("device.g_min", "device.g_max", f"device.{ON_OFF}")


def points(
    hardware: AnyHardware,
    axes: Mapping[str, Values],
    zipped: Iterable[Mapping[str, Values]] = (),
) -> list[dict[str, Any]]:
    """Return the arguments of `Task` for every combination of values; the last axis varies fastest.

    Args:
        hardware: The hardware before the axes change it.
        axes: As for `grid`.
        zipped: As for `grid`; they vary faster than the axes.

    Raises:
        ValueError: Unknown axis, axis without values, two values with the same label, or a value
            that its field refuses; an axis that changes nothing at any point, or that is given
            twice; zipped axes of unequal lengths; or two points that are the same chip.
    """
    table("axes", axes, "values by the names of axes, such as {'gain': [0.1, 1.0]}")
    given = {name: _listed(values) for name, values in axes.items()}
    zips = [
        {
            name: _listed(values)
            for name, values in table("axes in zipped", together, "values by name").items()
        }
        for together in listed("zipped", zipped, "a list of tables of axes")
    ]
    _check_given_once(given, zips)
    found: list[dict[str, Any]] = []
    bases = hardware if isinstance(hardware, Hardwares) else {None: hardware}
    for name, base in bases.items():
        with _of_hardware(name):
            found += _of_one(base, given, zips, {} if name is None else {HARDWARE: name})
    names = [*given, *(name for table in zips for name in table)]
    refuse_inert([n for n in names if n not in ON_CHIP or n == "seconds"], found)
    if isinstance(hardware, Hardwares) or _overlap(names):
        _refuse_same(found)
    return found


def _listed(values: Any) -> Any:
    """Return values that can be read several times; what holds no values stays for `read_axis`."""
    stays = isinstance(values, (str, bytes, Mapping)) or hasattr(values, "tolist")
    return values if stays or not isinstance(values, Iterable) else list(values)


def _check_given_once(axes: Mapping[str, Any], zips: Sequence[Mapping[str, Any]]) -> None:
    """Raise ValueError for an axis that is given twice, or a zip of less than two axes."""
    seen = set(axes)
    for number, together in enumerate(zips, start=1):
        if len(together) < 2:
            raise ValueError(
                f"zip {number} has {', '.join(map(repr, together)) or 'no axis'}; axes move "
                "together if there are two or more, a single one belongs to the axes"
            )
        for name in together:
            if name in seen:
                raise ValueError(f"axis {name!r} is given twice; leave one of them out")
        seen |= set(together)


@contextmanager
def _of_hardware(name: str | None) -> Iterator[None]:
    """Say in the message of a ValueError which of several hardwares it is about."""
    try:
        yield
    except ValueError as problem:
        if name is None:
            raise
        raise ValueError(f"hardware {name!r}: {problem}") from None


def _of_one(
    base: Hardware | HardwareTable,
    axes: Mapping[str, Any],
    zips: Sequence[Mapping[str, Any]],
    labels: Mapping[str, Label],
) -> list[dict[str, Any]]:
    """Return the points of one hardware, whose rows have further labels."""
    groups = [
        [{name: value} for value in read_axis(base, name, values)] for name, values in axes.items()
    ]
    groups += [_read_zip(base, table) for table in zips]
    found = []
    made: dict[tuple[int, ...], Hardware | HardwareTable] = {}
    for combination in itertools.product(*groups):
        values = {name: value for group in combination for name, value in group.items()}
        found.append(_point(base, values, labels, made))
    return found


def _read_zip(
    hardware: Hardware | HardwareTable, table: Mapping[str, Any]
) -> list[dict[str, AxisValue]]:
    """Return the values of axes that move together, one mapping for each step.

    Raises:
        ValueError: The axes have different numbers of values, or two steps are the same.
    """
    read = {name: read_axis(hardware, name, values, again=True) for name, values in table.items()}
    lengths = {name: len(values) for name, values in read.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name!r} has {length}" for name, length in lengths.items())
        raise ValueError(f"zipped axes need as many values each, but {told}")
    steps = [dict(zip(read, values, strict=True)) for values in zip(*read.values(), strict=True)]
    seen: set[bytes] = set()
    for step in steps:
        key = canonical([label for label, _ in step.values()])
        if key in seen:
            labels = ", ".join(f"{name} = {label!r}" for name, (label, _) in step.items())
            raise ValueError(f"zipped axes have the step {labels} twice; leave one out")
        seen.add(key)
    return steps


def _depth(name: str) -> tuple[int, bool]:
    """Return how special an axis is: of a part of a part, and of some layers only."""
    return name.count("."), ":" in name


def _point(
    base: Hardware | HardwareTable,
    values: Mapping[str, AxisValue],
    labels: Mapping[str, Label],
    made: dict[tuple[int, ...], Hardware | HardwareTable],
) -> dict[str, Any]:
    """Return the arguments of `Task` that one value per axis decides, checked.

    Args:
        base: The hardware before the axes change it.
        values: The value of each axis.
        labels: Further labels of the row.
        made: Hardware by the values that were set, which points of the same values share.
    """
    changed = base
    key: tuple[int, ...] = ()
    # A whole part comes before its fields, whatever the order of the axes: "device" would
    # otherwise replace what "device.levels" has set.
    for name in sorted(values, key=_depth):
        if name in ON_CHIP:
            continue
        key = (*key, id(values[name]))
        if key not in made:
            made[key] = with_axis(changed, name, values[name].value)
        changed = made[key]
    chip = on_chip({name: value for name, (_, value) in values.items()})
    parameters = {**labels, **{name: label for name, (label, _) in values.items()}}
    return {"hardware": changed, "base": base, "parameters": parameters, **chip}


def _overlap(names: Sequence[str]) -> bool:
    """Return whether two axes may set the same field of the hardware."""
    paths = [name.rpartition(":")[2] for name in names if name not in ON_CHIP]
    if sum(path in _RANGE_FIELDS for path in paths) > 1:
        return True
    return any(
        a == b or a.startswith(f"{b}.") or b.startswith(f"{a}.")
        for a, b in itertools.combinations(paths, 2)
    )


def _refuse_same(found: Sequence[Mapping[str, Any]]) -> None:
    """Raise ValueError if two points are the same chip: only one of them would have a row."""
    seen: dict[tuple[bytes, bytes], Mapping[str, Label]] = {}
    of_hardware: dict[int, bytes] = {}  # many points share one
    for point in found:
        hardware = point["hardware"]
        if id(hardware) not in of_hardware:
            of_hardware[id(hardware)] = canonical(hardware)
        treated = {k: v for k, v in point.items() if k not in ("hardware", "base", "parameters")}
        key = (of_hardware[id(hardware)], canonical(treated))
        labels = point["parameters"]
        if key in seen:
            differ = [name for name, label in labels.items() if seen[key].get(name) != label]
            one, other = (
                ", ".join(f"{name} = {at[name]!r}" for name in differ) for at in (seen[key], labels)
            )
            same = ", ".join(f"{k} = {v!r}" for k, v in labels.items() if k not in differ)
            where = f" at {same}" if same else ""
            raise ValueError(
                f"{one} and {other} are the same chip{where}: something else decides what "
                f"{' and '.join(map(repr, differ))} should change; leave one of them out"
            )
        seen[key] = labels
