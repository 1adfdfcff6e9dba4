"""The hardware of a sweep in its sidecar: options of a sweep file, read back as the same."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

import tomli_w

from crossbar.hardware import Hardware
from crossbar.hardware_options import hardware_options
from crossbar.paths import build_hardware, flattened
from nsm.chips.hardware_table import HardwareTable
from nsm.sweeps.hashing.identity import canonical
from nsm.sweeps.labels import device_text

#: The options of digital layers, as a sweep file may write them.
DIGITAL = {"layer": "digital"}


def base_hardware(
    bases: Sequence[Hardware | HardwareTable],
) -> tuple[dict[str, Any], list[str]]:
    """Return the hardware before the axes as options, and notes on what cannot be read back."""
    distinct = {canonical(base): base for base in bases}
    described = [_options(base) for base in distinct.values()]
    options = described[0] if len(described) == 1 else {"several": described}
    if _reads_back(options, list(distinct)):
        return options, []
    return options, ["the hardware has models of other classes, which cannot be read back"]


def _options(base: Hardware | HardwareTable) -> dict[str, Any]:
    """Return one hardware as options, or by layer."""
    if isinstance(base, Hardware):
        return hardware_options(base)
    # Every entry is a table: TOML writes texts before tables, and the order of patterns decides.
    layers = {k: DIGITAL if v is None else hardware_options(v) for k, v in base.items()}
    return {"layers": layers}


def _reads_back(options: Mapping[str, Any], wanted: Sequence[bytes]) -> bool:
    """Return whether the hardware of options is the one that they describe."""
    try:
        found: Any = read_hardware(tomllib.loads(tomli_w.dumps(dict(options))))
    except (ValueError, TypeError):
        return False
    made = found if isinstance(found, list) else [found]
    return [canonical(one) for one in made] == list(wanted)


def read_hardware(
    options: Mapping[str, Any],
) -> Hardware | HardwareTable | list[Hardware | HardwareTable]:
    """Return the hardware that a sidecar describes: of all layers, or by layer.

    Args:
        options: `Sidecar.hardware`: dotted paths and their values, as `build_hardware` takes them;
            or {"layers": {name: such options, or `DIGITAL`}}; or {"several": [...]} of these, where
            the rows were made from several hardwares, which gives a list.

    Raises:
        ValueError: A model is of a class that no table knows, or the text was edited.
    """
    if "several" in options:
        return [_one_hardware(each) for each in options["several"]]
    return _one_hardware(options)


def _one_hardware(options: Mapping[str, Any]) -> Hardware | HardwareTable:
    """Return one hardware of its options, of all layers or by layer."""
    if "layers" not in options:
        return build_hardware(flattened(options))
    entries = {
        key: None if value == DIGITAL else build_hardware(flattened(value))
        for key, value in options["layers"].items()
    }
    return HardwareTable(entries)


def device_labels(base: Hardware | HardwareTable) -> dict[str, str]:
    """Return what the devices of a hardware are like, by its entries."""
    entries = {"*": base} if isinstance(base, Hardware) else base
    return {key: device_text(part.device) for key, part in entries.items() if part is not None}
