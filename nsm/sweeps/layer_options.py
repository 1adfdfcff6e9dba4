"""Hardware by layer as sweep files and `--set` write it: what differs from that of all layers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from crossbar.hardware import Hardware
from crossbar.paths import with_options
from devices.validation import choice
from nsm.chips.hardware_table import ALL_OTHERS, HardwareTable, as_table, is_pattern
from nsm.sweeps.axes import PLACE, PLACES


def by_layer(hardware: Hardware, layers: Mapping[str, Any]) -> Hardware | HardwareTable:
    """Return the hardware of all layers, or a table if some layers differ.

    Args:
        hardware: What the layers have in common.
        layers: For each name of a layer or pattern, "digital", or the options that differ: value of
            each dotted path, and "layer", which is "tiles" or "digital".

    Raises:
        ValueError: An option is unknown or refused, or has no effect because its layers are
            digital.
    """
    if not layers:
        return hardware
    entries = {key: _entry(hardware, key, value) for key, value in layers.items()}
    # Patterns decide in their order, so that the one for all others must be the last.
    others = entries.pop(ALL_OTHERS, hardware)
    return HardwareTable({**entries, ALL_OTHERS: others})


def with_entries(
    hardware: Hardware | HardwareTable, axes: Iterable[str]
) -> Hardware | HardwareTable:
    """Return the hardware with an entry for the layers of every axis such as "head:layer".

    The entry has the hardware that the layers have without it. A pattern gets one only if it is the
    only pattern, since patterns decide in their order.

    Args:
        hardware: Hardware of all layers, or a table with an entry for all others.
        axes: Names of the axes.
    """
    for name in axes:
        key = str(name).rpartition(":")[0]
        table = as_table(hardware)
        rivals = [k for k in table if is_pattern(k) and k != ALL_OTHERS]
        if not key or (is_pattern(key) and rivals and key not in table):
            continue
        if key in table:
            hardware = table
            continue
        others = table[ALL_OTHERS]
        own = others if is_pattern(key) else table.of(key)
        entries = {k: v for k, v in table.items() if k != ALL_OTHERS}
        hardware = HardwareTable({**entries, key: own, ALL_OTHERS: others})
    return hardware


def _entry(hardware: Hardware, key: str, value: Any) -> Hardware | None:
    """Return the hardware of the layers of one key; None if they are digital."""
    if isinstance(value, str):
        choice(f"hardware of layer {key!r}", value, ("digital",))
        return None
    if not isinstance(value, Mapping):
        raise ValueError(
            f'hardware of layer {key!r} = {value!r}; give "digital", or a table of what differs, '
            'such as {"device.levels" = 16}'
        )
    changes = dict(value)
    place = choice(f"{PLACE} of {key!r}", changes.pop(PLACE, PLACES[0]), PLACES)
    if place == PLACES[0]:
        return with_options(hardware, changes, f"hardware key of layer {key!r}")
    if changes:
        raise ValueError(
            f"layer {key!r} is digital, so that {', '.join(changes)} would have no effect; leave "
            "one of them out"
        )
    return None
