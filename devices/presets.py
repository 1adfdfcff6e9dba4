"""Devices and gates from the literature, by name; their numbers, citations and doubts stand in presets.json."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

from devices._checks import choice
from devices.device import Device
from devices.read_noise import BlankOut, GaussianNoise, LogConductanceNoise, NoNoise, ReadNoise
from devices.retention import LogTimeDrift, NoDrift, Retention
from devices.write import IdealWrite, StateDependentError, WriteModel

_WRITES: dict[str, type[WriteModel]] = {"ideal": IdealWrite, "state_dependent": StateDependentError}
_NOISES: dict[str, type[ReadNoise]] = {
    "none": NoNoise,
    "bernoulli": BlankOut,
    "gaussian": GaussianNoise,
    "log_conductance": LogConductanceNoise,
}
_RETENTIONS: dict[str, type[Retention]] = {"none": NoDrift, "log_time": LogTimeDrift}


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


def _build(models: Mapping[str, Any], spec: dict[str, Any]) -> Any:
    options = {k: tuple(v) if isinstance(v, list) else v for k, v in spec.items() if k != "kind"}
    return models[spec["kind"]](**options)


def _device(entry: dict[str, Any]) -> Device:
    return Device(
        g_min=entry["g_min"],
        g_max=entry["g_max"],
        levels=entry["levels"],
        write=_build(_WRITES, entry["write"]),
        read_noise=_build(_NOISES, entry["read_noise"]),
        retention=_build(_RETENTIONS, entry["retention"]),
        reference=entry["citation"],
    )


@cache
def _load(section: str) -> Mapping[str, Preset]:
    text = (resources.files("devices") / "presets.json").read_text(encoding="utf-8")
    presets = {}
    for name, entry in json.loads(text)[section].items():
        model = _device(entry) if section == "devices" else _build(_NOISES, entry["xi"])
        words = {k: entry[k] for k in ("technology", "citation", "verified", "status", "notes")}
        presets[name] = Preset(name=name, model=model, **words)
    return MappingProxyType(presets)


PRESETS: Mapping[str, Preset] = _load("devices")
GATES: Mapping[str, Preset] = _load("gates")


def _changed(model: Any, changes: dict[str, Any]) -> Any:
    known = [f.name for f in fields(model)]
    for name in changes:
        choice(f"field of {type(model).__name__}", name, known)
    return replace(model, **changes)


def preset(name: str, **changes: Any) -> Device:
    """Return the published device called `name`, with `changes` to its fields: `preset("rram_wu2018", levels=16)`.

    Raises ValueError for an unknown name or field, listing the known ones.
    """
    model: Device = _changed(PRESETS[choice("device preset", name, PRESETS)].model, changes)
    return model


def gate(name: str, **changes: Any) -> ReadNoise:
    """Return the published gate called `name`, with `changes` to its fields: `gate("nsm_bernoulli", p=0.25)`.

    Raises ValueError for an unknown name or field, listing the known ones.
    """
    model: ReadNoise = _changed(GATES[choice("gate", name, GATES)].model, changes)
    return model
