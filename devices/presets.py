"""Published devices and gates by name.

Their numbers, with citations and with what could not be verified, are in presets.json. There the
text "@pulses" inside of `write` stands for the pulse response of the same device. An entry of
`variants` is another preset, named NAME_VARIANT, that differs from NAME in the fields it gives:
`rram_wu2018` is programmed by open-loop pulses as in its source, and `rram_wu2018_verify` by the
same pulses with a verifying read after each.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any

from devices.arguments import file_path, text
from devices.device import Device
from devices.read_noise.base import ReadNoise
from devices.tables import PROVENANCE, as_toml, device_from, gate_from, read_table
from devices.validation import choice, shortened


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
        measured: Which of the device's properties the source measured.
        inferred: What was derived or assumed here to make a device of them.
        levels_counted: What `Device.levels` counts, such as the pulses over the range or the levels
            that a verifying read tells apart; "" for gates.
        programming: How cells are programmed, which is what `Device.write` models; "" for gates.
        model: The device, or the read noise that acts as a gate.
    """

    name: str
    technology: str
    citation: str
    verified: str
    status: str
    notes: str
    measured: str
    inferred: str
    levels_counted: str
    programming: str
    model: Device | ReadNoise

    def __post_init__(self) -> None:
        for field in fields(self):
            if field.name != "model":
                text(f"Preset.{field.name}", getattr(self, field.name))
        if not isinstance(self.model, (Device, ReadNoise)):
            raise ValueError(
                f"Preset.model = {shortened(self.model)} is neither a Device nor a ReadNoise"
            )

    def toml(self) -> str:
        """Return the text of a device file, to be changed and used as `device = "mine.toml"`."""
        return as_toml(self.model, {key: getattr(self, key) for key in PROVENANCE})


def _filled(value: Any, pulses: Any) -> Any:
    """Return a part of an entry in which "@pulses" has become the table of the pulse response."""
    if isinstance(value, dict):
        return {key: _filled(v, pulses) for key, v in value.items()}
    return pulses if value == "@pulses" else value


def _entries(section: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return name and table of every entry of a section, and of its variants."""
    for name, entry in section.items():
        plain = {key: value for key, value in entry.items() if key != "variants"}
        yield name, _filled(plain, entry.get("pulses"))
        for variant, changes in entry.get("variants", {}).items():
            yield f"{name}_{variant}", _filled(plain | changes, entry.get("pulses"))


@cache
def _load(section: str) -> Mapping[str, Preset]:
    """Return the presets in one section of presets.json, "devices" or "gates"."""
    text = (resources.files("devices") / "presets.json").read_text(encoding="utf-8")
    model_from = device_from if section == "devices" else gate_from
    presets = {}
    for name, entry in _entries(json.loads(text)[section]):
        provenance = {key: entry.get(key, "") for key in PROVENANCE}
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
    path = file_path("path", path)
    table = read_table(path)
    model = (gate_from if "gate" in table else device_from)(table, str(path))
    provenance = {key: str(table.get(key, "")) for key in PROVENANCE}
    return Preset(name=path.stem, model=model, **provenance)


def _changed(model: Any, changes: dict[str, Any]) -> Any:
    """Return the model with changed fields, after checking their names."""
    known = [f.name for f in fields(model)]
    for name in changes:
        choice(f"field of {type(model).__name__}", name, known)
    return replace(model, **changes)


def _published(what: str, name: str, known: Mapping[str, Preset]) -> Preset:
    """Return the record of a name; a file of that name without its ending is pointed out."""
    is_text = isinstance(name, str)
    if is_text and name not in known and Path(f"{name}.toml").is_file():
        raise ValueError(f"unknown {what} {name!r}; for the file of that name give {name}.toml")
    return known[choice(what, name, known)]


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
        model = _published("device preset", name, PRESETS).model
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
        model = _published("gate", name, GATES).model
    changed: ReadNoise = _changed(model, changes)
    return changed
