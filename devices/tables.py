"""Devices as tables of names and numbers: how presets are stored, and how a user writes a device of their own as TOML.

A model is a table with its `kind`, the class's name in lower case with underscores, and the fields that differ from their
defaults: `{kind = "gaussian_noise", sigma = 0.1}`. A device is a table of its numbers and of one model per slot.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from typing import Any

import tomli_w

from devices.device import Device
from devices.faults.stuck import NoFaults, StuckCells
from devices.faults.wear import WearOut
from devices.ferroelectric.domains import DomainSwitching, Gb2Activation, NormalActivation
from devices.ferroelectric.fefet import DomainWrite, FeFet, ThresholdNoise
from devices.programming.error import IdealWrite, SaturatingError, StateDependentError
from devices.programming.set_reset import SetResetVariability
from devices.programming.write_verify import WriteVerify
from devices.pulses.base import NonlinearPulses
from devices.pulses.step_pulses import (
    ConstantPulses,
    ExpStepPulses,
    LinearPulses,
    PiecewisePulses,
    PowerPulses,
    SoftBoundsPulses,
)
from devices.read_noise.base import NoNoise, ProductNoise, ReadNoise
from devices.read_noise.flicker import FlickerNoise
from devices.read_noise.memoryless import (
    BlankOut,
    GaussianNoise,
    LogConductanceNoise,
    LognormalNoise,
    PowerLawNoise,
)
from devices.read_noise.published import PcmFlicker, PcmReadNoise, SonosReadNoise
from devices.read_noise.selector import StochasticSelector
from devices.read_noise.telegraph import TelegraphNoise, TrapEnsemble
from devices.read_noise.thermal import ThermalShotNoise
from devices.read_noise.time_laws import FixedTime, LognormalTime, LogUniformTime
from devices.retention.base import LogTimeDrift, NoDrift
from devices.retention.drift import ClippedLog, PowerLawDrift, TabulatedRelaxation
from devices.temperature import (
    ActivatedTemperature,
    MetallicTemperature,
    MixedTemperature,
    NoTemperature,
)
from devices.validation import choice

WORDS = (
    "technology",
    "citation",
    "verified",
    "status",
    "notes",
)  # what is said of a device's numbers


def kind_of(model: Any) -> str:
    """Return the name of a model's class as tables write it."""
    name = model.__name__ if isinstance(model, type) else type(model).__name__
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


#: Every model that a table may name.
KINDS: Mapping[str, type] = {
    kind_of(c): c
    for c in (
        *(
            NoNoise,
            BlankOut,
            GaussianNoise,
            LognormalNoise,
            PowerLawNoise,
            LogConductanceNoise,
            ProductNoise,
        ),
        *(
            TelegraphNoise,
            TrapEnsemble,
            LogUniformTime,
            LognormalTime,
            FixedTime,
            FlickerNoise,
            PcmFlicker,
        ),
        *(
            ThermalShotNoise,
            PcmReadNoise,
            SonosReadNoise,
            ThresholdNoise,
            FeFet,
            StochasticSelector,
        ),
        *(
            IdealWrite,
            StateDependentError,
            SaturatingError,
            SetResetVariability,
            WriteVerify,
            DomainWrite,
        ),
        *(DomainSwitching, NormalActivation, Gb2Activation),
        *(
            NonlinearPulses,
            ConstantPulses,
            LinearPulses,
            SoftBoundsPulses,
            ExpStepPulses,
            PowerPulses,
            PiecewisePulses,
        ),
        *(
            NoDrift,
            LogTimeDrift,
            PowerLawDrift,
            ClippedLog,
            TabulatedRelaxation,
            NoFaults,
            StuckCells,
            WearOut,
        ),
        *(NoTemperature, MetallicTemperature, ActivatedTemperature, MixedTemperature),
    )
}


def _default(field: Field[Any]) -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()


def to_table(model: Any) -> dict[str, Any]:
    """Return a model as a table: its kind, and the fields that differ from their defaults."""

    def plain(value: Any) -> Any:
        if is_dataclass(value):
            return to_table(value)
        return [plain(v) for v in value] if isinstance(value, (tuple, list)) else value

    changed = {
        f.name: getattr(model, f.name)
        for f in fields(model)
        if getattr(model, f.name) != _default(f)
    }
    kind = {} if isinstance(model, Device) else {"kind": kind_of(model)}
    return kind | {name: plain(value) for name, value in changed.items() if value is not None}


def from_table(table: Any, where: str) -> Any:
    """Return the model that a table describes; where: what it is, for messages.

    Raises ValueError for an unknown kind or field, suggesting the nearest, a field that is missing, or a value that the
    model refuses.
    """
    if not isinstance(table, dict) or "kind" not in table:
        raise ValueError(
            f'{where} = {table!r} is not a model; give a table with its kind, as {{kind = "no_noise"}}'
        )
    kind = KINDS[choice(f"kind of {where}", table["kind"], KINDS)]
    options = {name: _value(v, f"{where}.{name}") for name, v in table.items() if name != "kind"}
    return _build(kind, options, where)


def _value(value: Any, where: str) -> Any:
    if isinstance(value, dict):
        return from_table(value, where)
    if isinstance(value, list):
        return tuple(_value(v, f"{where}[{i}]") for i, v in enumerate(value))
    return value


def _build(kind: type, options: dict[str, Any], where: str) -> Any:
    known = [f.name for f in fields(kind)]
    for name in options:
        choice(f"field of {where}", name, known)
    missing = [f.name for f in fields(kind) if _default(f) is MISSING and f.name not in options]
    if missing:
        raise ValueError(f"{where} ({kind.__name__}) needs {', '.join(missing)}")
    if kind is ProductNoise:
        if not isinstance(options["factors"], tuple):
            raise ValueError(
                f"{where}.factors = {options['factors']!r} is not a list of models; give [{{kind = …}}, …]"
            )
        return ProductNoise(*options["factors"])
    try:
        return kind(**options)
    except TypeError as problem:
        raise ValueError(f"{where} ({kind.__name__}): {problem}") from None


def device_from(table: Mapping[str, Any], where: str) -> Device:
    """Return the device that a table describes, its citation as reference; see `from_table`."""
    options = {
        name: _value(v, f"{where}: {name}") for name, v in table.items() if name not in WORDS
    }
    if "citation" in table:
        options.setdefault("reference", table["citation"])
    device: Device = _build(Device, options, where)
    return device


def gate_from(table: Mapping[str, Any], where: str) -> ReadNoise:
    """Return the gate that a table describes under the key `gate`."""
    for name in table:
        choice(f"key of {where}", name, ("gate", *WORDS))
    model = from_table(table.get("gate"), f"{where}: gate")
    if not isinstance(model, ReadNoise):
        raise ValueError(
            f"{where}: gate is a {type(model).__name__}, not a gate; see `nsm presets`"
        )
    return model


def read_table(path: str | Path) -> dict[str, Any]:
    """Return the TOML file at `path`. Raises FileNotFoundError, or ValueError where it is not TOML."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"no device file {path}; `nsm presets export NAME > mine.toml` makes one to start from"
        )
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise ValueError(f"{path} is not TOML: {problem}") from None


def as_toml(model: Device | ReadNoise, words: Mapping[str, str]) -> str:
    """Return a device or a gate as the text of a TOML file; words: technology, citation, …"""
    table = to_table(model) if isinstance(model, Device) else {"gate": to_table(model)}
    table.pop("reference", None)
    return tomli_w.dumps({**words, **table})
