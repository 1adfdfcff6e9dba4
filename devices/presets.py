"""Published devices and gates by name.

Their numbers, with citations and with what could not be verified, are in presets.json.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any

from devices.device import Device
from devices.read_noise.base import ReadNoise
from devices.tables import PROVENANCE, as_toml, device_from, gate_from, read_table
from devices.validation import choice


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A published device or gate, and where its numbers come from.

    Attributes:
        name: Its key in `PRESETS` or `GATES`.
        technology: What kind of cell it is.
        citation: The paper, with DOI.
        verified: Where the numbers were read, and which of them could not be verified.
        status: "published" (read in the paper or in its authors' tables), "refit" (others' fit to
            published figures), "memory" (partly from memory) or "illustrative".
        notes: What the model includes, assumes and leaves out.
        model: The device, or the read noise that acts as a gate.
    """

    name: str
    technology: str
    citation: str
    verified: str
    status: str
    notes: str
    model: Device | ReadNoise

    def toml(self) -> str:
        """Return the text of a device file, to be changed and used as `device = "mine.toml"`."""
        return as_toml(self.model, {key: getattr(self, key) for key in PROVENANCE})


@cache
def _load(section: str) -> Mapping[str, Preset]:
    """Return the presets in one section of presets.json, "devices" or "gates"."""
    text = (resources.files("devices") / "presets.json").read_text(encoding="utf-8")
    model_from = device_from if section == "devices" else gate_from
    presets = {}
    for name, entry in json.loads(text)[section].items():
        provenance = {key: entry[key] for key in PROVENANCE}
        presets[name] = Preset(name=name, model=model_from(entry, name), **provenance)
    return MappingProxyType(presets)


#: All published devices by name.
PRESETS: Mapping[str, Preset] = _load("devices")
#: All published gates by name.
GATES: Mapping[str, Preset] = _load("gates")


def read_preset(path: str | Path) -> Preset:
    """Return the device or gate in a TOML file, such as a changed copy of `Preset.toml`.

    Provenance that the file does not give is "".

    Args:
        path: The file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file describes neither a device nor a gate.
    """
    table = read_table(path)
    model = (gate_from if "gate" in table else device_from)(table, str(path))
    provenance = {key: str(table.get(key, "")) for key in PROVENANCE}
    return Preset(name=Path(path).stem, model=model, **provenance)


def _changed(model: Any, changes: dict[str, Any]) -> Any:
    """Return the model with changed fields, after checking their names."""
    known = [f.name for f in fields(model)]
    for name in changes:
        choice(f"field of {type(model).__name__}", name, known)
    return replace(model, **changes)


def preset(name: str, **changes: Any) -> Device:
    """Return a published device, with changes to its fields: `preset("rram_wu2018", levels=16)`.

    Args:
        name: A key of `PRESETS`, or the path of a device file, which ends in .toml.
        **changes: Fields of `Device` with new values.

    Raises:
        ValueError: If the name or a field is unknown, or the file describes no device.
        FileNotFoundError: If there is no such file.
    """
    if str(name).endswith(".toml"):
        model: Any = device_from(read_table(name), name)
    else:
        model = PRESETS[choice("device preset", name, PRESETS)].model
    changed: Device = _changed(model, changes)
    return changed


def gate(name: str, **changes: Any) -> ReadNoise:
    """Return a published gate, with changes to its fields: `gate("nsm_bernoulli", p=0.25)`.

    Args:
        name: A key of `GATES`, or the path of a gate file, which ends in .toml.
        **changes: Fields of the gate's model with new values.

    Raises:
        ValueError: If the name or a field is unknown, or the file describes no gate.
        FileNotFoundError: If there is no such file.
    """
    if str(name).endswith(".toml"):
        model: Any = gate_from(read_table(name), name)
    else:
        model = GATES[choice("gate", name, GATES)].model
    changed: ReadNoise = _changed(model, changes)
    return changed
