"""Devices and gates from the literature, by name; their numbers, citations and doubts stand in presets.json."""

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
from devices.tables import WORDS, as_toml, device_from, gate_from, read_table
from devices.validation import choice


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A published device or gate, with where its numbers come from.

    technology: what it is. citation: the paper, with DOI. verified: where the numbers were read, and which were not
    found. status: "published" (read in the text or its authors' table), "refit" (a fit of published figures by others),
    "memory" (partly from memory), or "illustrative". notes: what the model leaves out. model: the object itself.
    """

    name: str
    technology: str
    citation: str
    verified: str
    status: str
    notes: str
    model: Device | ReadNoise

    def toml(self) -> str:
        """Return the preset as the text of a device file, to be changed and used as `device = "mine.toml"`."""
        return as_toml(self.model, {k: getattr(self, k) for k in WORDS})


@cache
def _load(section: str) -> Mapping[str, Preset]:
    text = (resources.files("devices") / "presets.json").read_text(encoding="utf-8")
    presets = {}
    for name, entry in json.loads(text)[section].items():
        model = (device_from if section == "devices" else gate_from)(entry, name)
        presets[name] = Preset(name=name, model=model, **{k: entry[k] for k in WORDS})
    return MappingProxyType(presets)


PRESETS: Mapping[str, Preset] = _load("devices")
GATES: Mapping[str, Preset] = _load("gates")


def read_preset(path: str | Path) -> Preset:
    """Return the device or gate in a file that `Preset.toml` made and a user changed; what it does not say is "".

    Raises FileNotFoundError, or ValueError for a file that describes neither.
    """
    table = read_table(path)
    model = (gate_from if "gate" in table else device_from)(table, str(path))
    return Preset(
        name=Path(path).stem, model=model, **{word: str(table.get(word, "")) for word in WORDS}
    )


def _changed(model: Any, changes: dict[str, Any]) -> Any:
    known = [f.name for f in fields(model)]
    for name in changes:
        choice(f"field of {type(model).__name__}", name, known)
    return replace(model, **changes)


def preset(name: str, **changes: Any) -> Device:
    """Return the published device called `name`, with `changes` to its fields: `preset("rram_wu2018", levels=16)`.

    A name that ends in .toml is the path of a device file (`Preset.toml` makes one). Raises ValueError for an unknown name or
    field, listing the known ones, or a file that describes no device; FileNotFoundError.
    """
    if str(name).endswith(".toml"):
        model: Any = device_from(read_table(name), name)
    else:
        model = PRESETS[choice("device preset", name, PRESETS)].model
    changed: Device = _changed(model, changes)
    return changed


def gate(name: str, **changes: Any) -> ReadNoise:
    """Return the published gate called `name`, with `changes` to its fields: `gate("nsm_bernoulli", p=0.25)`.

    A name that ends in .toml is the path of a gate file. Raises as `preset`.
    """
    model = (
        gate_from(read_table(name), name)
        if str(name).endswith(".toml")
        else GATES[choice("gate", name, GATES)].model
    )
    changed: ReadNoise = _changed(model, changes)
    return changed
