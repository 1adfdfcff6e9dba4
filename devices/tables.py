"""Devices as tables of names and numbers: the format of presets and of users' TOML files.

A model is a table with the key `kind`, which is the name of its class in lower case with
underscores, and with the fields that differ from their defaults. An example is
`{kind = "gaussian_noise", sigma = 0.1}`. A device is a table of its numbers and of one model per
slot.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

from devices.arguments import path_text
from devices.device import Device
from devices.faults.base import NoFaults
from devices.faults.fault_map import FaultMap
from devices.faults.stuck import StuckCells
from devices.faults.wear import WearOut
from devices.ferroelectric.activation import Gb2Activation, NormalActivation
from devices.ferroelectric.domain_write import DomainWrite
from devices.ferroelectric.domains import DomainSwitching
from devices.ferroelectric.fefet import FeFet, ThresholdNoise
from devices.iv import CurrentVoltage, Ohmic, SinhCurve
from devices.iv_table import TabulatedCurrent
from devices.operating_point import OperatingPoint
from devices.programming.base import IdealWrite
from devices.programming.error import SaturatingError, StateDependentError
from devices.programming.open_loop import OpenLoopPulses
from devices.programming.set_reset import SetResetVariability
from devices.programming.tabulated import TabulatedError
from devices.programming.write_verify import WriteVerify
from devices.pulses.nonlinear import NonlinearPulses
from devices.pulses.piecewise import PiecewisePulses
from devices.pulses.step_laws import (
    ConstantPulses,
    ExpStepPulses,
    LinearPulses,
    PowerPulses,
    SoftBoundsPulses,
)
from devices.read_noise.base import NoNoise, ReadNoise
from devices.read_noise.flicker import FlickerNoise
from devices.read_noise.flicker_laws import LogConductanceFlicker
from devices.read_noise.in_series import InSeries
from devices.read_noise.memoryless import BlankOut, GaussianNoise, LognormalNoise
from devices.read_noise.product import ProductNoise
from devices.read_noise.published import PcmFlicker, PcmReadNoise, SonosReadNoise
from devices.read_noise.selector import StochasticSelector
from devices.read_noise.state_dependent import LogConductanceNoise, PowerLawNoise
from devices.read_noise.tabulated import TabulatedFlicker, TabulatedNoise
from devices.read_noise.tabulated_spectrum import TabulatedSpectrum
from devices.read_noise.telegraph import TelegraphNoise
from devices.read_noise.thermal import ThermalShotNoise
from devices.read_noise.time_laws import FixedTime, LognormalTime, LogUniformTime
from devices.read_noise.trap_ensemble import TrapEnsemble
from devices.retention.base import NoDrift
from devices.retention.log_time import LogTimeDrift
from devices.retention.power_law import ClippedLog, PowerLawDrift
from devices.retention.process import RelaxationProcess
from devices.retention.relaxation import TabulatedRelaxation
from devices.retention.tabulated_drift import TabulatedDrift
from devices.temperature import (
    ActivatedTemperature,
    MetallicTemperature,
    MixedTemperature,
    NoTemperature,
)
from devices.validation import choice, instance, shortened

#: Keys that say where the numbers of a device or gate come from; texts, not fields of a model.
PROVENANCE = (
    "technology",
    "citation",
    "verified",
    "status",
    "notes",
    "measured",
    "inferred",
    "levels_counted",
    "programming",
)

_READ_NOISES = (
    NoNoise,
    BlankOut,
    GaussianNoise,
    LognormalNoise,
    PowerLawNoise,
    LogConductanceNoise,
    ProductNoise,
    TelegraphNoise,
    TrapEnsemble,
    LogUniformTime,
    LognormalTime,
    FixedTime,
    FlickerNoise,
    PcmFlicker,
    LogConductanceFlicker,
    TabulatedNoise,
    TabulatedFlicker,
    TabulatedSpectrum,
    ThermalShotNoise,
    PcmReadNoise,
    SonosReadNoise,
    StochasticSelector,
    InSeries,
    OperatingPoint,
)
_WRITE_MODELS = (
    IdealWrite,
    StateDependentError,
    SaturatingError,
    TabulatedError,
    SetResetVariability,
    OpenLoopPulses,
    WriteVerify,
)
_FERROELECTRICS = (
    FeFet,
    ThresholdNoise,
    DomainWrite,
    DomainSwitching,
    NormalActivation,
    Gb2Activation,
)
_PULSE_RESPONSES = (
    NonlinearPulses,
    ConstantPulses,
    LinearPulses,
    SoftBoundsPulses,
    ExpStepPulses,
    PowerPulses,
    PiecewisePulses,
)
_RETENTIONS = (
    NoDrift,
    LogTimeDrift,
    PowerLawDrift,
    ClippedLog,
    TabulatedRelaxation,
    TabulatedDrift,
    RelaxationProcess,
)
_FAULTS = (NoFaults, StuckCells, WearOut, FaultMap)
_IV_LAWS = (Ohmic, CurrentVoltage, SinhCurve, TabulatedCurrent)
_TEMPERATURE_LAWS = (NoTemperature, MetallicTemperature, ActivatedTemperature, MixedTemperature)


def model_name(model: Any) -> str:
    """Return the name by which tables call a model: `GaussianNoise` is "gaussian_noise".

    Args:
        model: A model, or its class.
    """
    name = model.__name__ if isinstance(model, type) else type(model).__name__
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


#: The class of every model that a table may name as its `kind`.
MODELS: Mapping[str, type] = {
    model_name(cls): cls
    for cls in (
        *_READ_NOISES,
        *_WRITE_MODELS,
        *_FERROELECTRICS,
        *_PULSE_RESPONSES,
        *_RETENTIONS,
        *_FAULTS,
        *_TEMPERATURE_LAWS,
        *_IV_LAWS,
    )
}


def _default(field: Field[Any]) -> Any:
    """Return a field's default; MISSING if it has none."""
    return field.default if field.default_factory is MISSING else field.default_factory()


def _same(a: Any, b: Any) -> bool:
    """Return whether two values of a field are the same; arrays are never defaults."""
    return not isinstance(a, np.ndarray) and bool(a == b)


def to_table(model: Any) -> dict[str, Any]:
    """Return a model or device as a table: its kind and the fields that are not defaults."""

    def plain(value: Any) -> Any:
        if is_dataclass(value):
            return to_table(value)
        if isinstance(value, (np.ndarray, np.generic)):  # TOML has no numbers of numpy
            return value.tolist()
        if isinstance(value, Mapping):  # maps by tile; TOML has no keys but texts
            return {", ".join(map(str, key)): plain(v) for key, v in value.items()}
        return [plain(v) for v in value] if isinstance(value, (tuple, list)) else value

    changed = {
        f.name: getattr(model, f.name)
        for f in fields(model)
        if not _same(getattr(model, f.name), _default(f))
    }
    kind = {} if isinstance(model, Device) else {"kind": model_name(model)}
    return kind | {name: plain(value) for name, value in changed.items() if value is not None}


def from_table(table: Any, where: str) -> Any:
    """Return the model that a table describes.

    Args:
        table: A mapping with the key `kind` and fields of that model.
        where: What the table is, for messages.

    Raises:
        ValueError: If a kind or field is unknown or missing, or the model refuses a value.
    """
    if not isinstance(table, dict) or "kind" not in table:
        raise ValueError(
            f"{where} = {shortened(table)} is not a model; give a table with its kind, such as "
            '{kind = "no_noise"}'
        )
    model_class = MODELS[choice(f"kind of {where}", table["kind"], MODELS)]
    given = {name: v for name, v in table.items() if name != "kind"}
    if model_class is FaultMap:  # its tables are maps by tile, not models
        return _build(model_class, given, where)
    options = {name: _value(v, f"{where}.{name}") for name, v in given.items()}
    return _build(model_class, options, where)


def _value(value: Any, where: str) -> Any:
    """Return a value of a table, with tables in it as models and lists as tuples."""
    if isinstance(value, dict):
        return from_table(value, where)
    if isinstance(value, list):
        return tuple(_value(v, f"{where}[{i}]") for i, v in enumerate(value))
    return value


def _build(model_class: type, options: dict[str, Any], where: str) -> Any:
    """Return an instance of the class, after checking the names of its fields."""
    known = [f.name for f in fields(model_class)]
    for name in options:
        choice(f"field of {where}", name, known)
    required = [f.name for f in fields(model_class) if _default(f) is MISSING]
    missing = [name for name in required if name not in options]
    if missing:
        raise ValueError(f"{where} ({model_class.__name__}) needs {', '.join(missing)}")
    if model_class is ProductNoise:  # its factors are positional arguments
        if not isinstance(options["factors"], tuple):
            raise ValueError(
                f"{where}.factors = {shortened(options['factors'])} is not a list of models; give "
                "[{kind = …}, …]"
            )
        return ProductNoise(*options["factors"])
    try:
        return model_class(**options)
    except TypeError as problem:
        raise ValueError(f"{where} ({model_class.__name__}): {problem}") from None


def _check_provenance(table: Mapping[str, Any], where: str) -> None:
    """Raise ValueError unless where the numbers come from is told in texts."""
    for name in PROVENANCE:
        instance(f"{where}: {name}", table.get(name, ""), str, advice='give a text, in quotes: "…"')


def device_from(table: Mapping[str, Any], where: str) -> Device:
    """Return the device that a table describes, with its citation as reference.

    Args:
        table: The device's fields and its provenance.
        where: What the table is, for messages.

    Raises:
        ValueError: As `from_table`.
    """
    for name in table:  # before its value, which may be no model
        choice(f"field of {where}", name, (*(f.name for f in fields(Device)), *PROVENANCE))
    _check_provenance(table, where)
    options = {
        name: _value(v, f"{where}: {name}") for name, v in table.items() if name not in PROVENANCE
    }
    if "citation" in table:
        options.setdefault("reference", table["citation"])
    device: Device = _build(Device, options, where)
    return device


def gate_from(table: Mapping[str, Any], where: str) -> ReadNoise:
    """Return the gate that a table describes under the key `gate`; see `device_from`."""
    for name in table:
        choice(f"key of {where}", name, ("gate", *PROVENANCE))
    _check_provenance(table, where)
    model = from_table(table.get("gate"), f"{where}: gate")
    if not isinstance(model, ReadNoise):
        raise ValueError(
            f"{where}: gate is a {type(model).__name__}, which is not a gate; see `nsm presets`"
        )
    return model


def read_table(path: str | Path) -> dict[str, Any]:
    """Return the content of the TOML file at `path`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is not TOML.
    """
    path = Path(path)
    if not os.path.isfile(path):  # Path.is_file fails for names that are too long
        raise FileNotFoundError(
            f"no device file {path_text(path)}; `nsm presets export NAME > mine.toml` "
            "makes one to start from"
        )
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise ValueError(f"{path} is not TOML: {problem}") from None


def as_toml(model: Device | ReadNoise, provenance: Mapping[str, str]) -> str:
    """Return a device or a gate as the text of a TOML file.

    Args:
        model: The device, or the read noise that is used as a gate.
        provenance: Texts for the keys of `PROVENANCE`, which come first in the file; empty ones
            are left out.
    """
    table = to_table(model) if isinstance(model, Device) else {"gate": to_table(model)}
    table.pop("reference", None)  # the provenance has it as the citation
    said = {key: text for key, text in provenance.items() if text}
    return tomli_w.dumps({**said, **table})
