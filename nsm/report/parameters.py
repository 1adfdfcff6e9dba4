"""The parameters of a chip in words, and how they differ from a published device and defaults."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from crossbar import DifferentialPair, Hardware
from devices import (
    PRESETS,
    BlankOut,
    Device,
    GaussianNoise,
    IdealWrite,
    LognormalNoise,
    NoDrift,
    NoFaults,
    NoNoise,
    NoTemperature,
    Ohmic,
)
from devices.tables import model_name
from nsm.chips.hardware_table import HardwareTable
from nsm.plots.texts import plain_title
from nsm.report.page import Table
from nsm.sweeps.axis_labels import AXIS_LABELS
from nsm.sweeps.hashing.identity import canonical
from nsm.sweeps.nearest_preset import nearest_preset

#: Most characters of a value in a table.
LONGEST = 160
#: Units of fields that have no title of their own, by the last part of the path.
_UNITS = {
    "g_min": "S", "g_max": "S", "read_period": "s", "read_voltage": "V", "temperature": "K",
    "bandwidth": "Hz", "offset": "A", "noise": "A", "r_row": "Ω", "r_col": "Ω", "r_access": "Ω",
    "series_resistance": "Ω", "read_disturb_voltage": "V", "compliance": "A",
}  # fmt: skip
#: Units of the fields of models, which are told in words.
_MODEL_UNITS = {
    "tau_capture": "s", "tau_emission": "s", "median": "s", "period": "s",
    "f_low": "Hz", "f_high": "Hz", "g_ref": "S", "on_conductance": "S", "measured_at": "K",
}  # fmt: skip


def siemens(value: float) -> str:
    """Return a conductance [S] in the unit that suits it."""
    for factor, unit in ((1e9, "nS"), (1e6, "µS")):
        if value * factor < 100:
            return f"{value * factor:.3g} {unit}"
    return f"{value * 1e3:.3g} mS"


def words(part: object) -> str:
    """Return a part of a hardware in words: a number, a text, or a model with its own fields.

    >>> words(GaussianNoise(0.1))
    'gaussian noise, sigma 0.1'
    """
    match part:
        case None | NoDrift() | NoFaults() | NoNoise() | NoTemperature():
            return "none"
        case GaussianNoise(sigma=0) | LognormalNoise(sigma=0):
            return "none"
        case IdealWrite():
            return "exact"
        case Ohmic():
            return "ohmic"
        case BlankOut():
            return f"blank-out, conducts with probability {part.p:g}"
        case DifferentialPair():
            return "differential pairs"
        case bool():
            return "yes" if part else "no"
        case float():
            return f"{part:.4g}"
        case np.ndarray() | tuple() | list():
            return _short(", ".join(map(words, np.asarray(part, dtype=object).ravel().tolist())))
    if dataclasses.is_dataclass(part) and not isinstance(part, type):
        return _short(_model_words(part))
    return _short(str(part))


def _short(text: str) -> str:
    """Return a text without its middle if it is long."""
    half = LONGEST // 2
    return text if len(text) <= LONGEST else f"{text[:half]} … {text[-half:]}"


def _model_words(model: Any) -> str:
    """Return the class of a model in words, and those of its fields that are not defaults."""
    fields = [
        f"{f.name.replace('_', ' ')} {_with_unit(f.name, getattr(model, f.name))}"
        for f in dataclasses.fields(model)
        if f.init and not _is_default(f, getattr(model, f.name))
    ]
    return ", ".join([model_name(type(model)).replace("_", " "), *fields])


def _with_unit(name: str, value: object) -> str:
    """Return a field of a model in words, with its unit if it is a number that has one."""
    unit = _MODEL_UNITS.get(name) if isinstance(value, float | int) else None
    return words(value) if unit is None else f"{words(value)} {unit}"


def _is_default(field: Any, value: Any) -> bool:
    """Return whether a field holds its default."""
    default = field.default
    if field.default_factory is not dataclasses.MISSING:
        default = field.default_factory()
    return default is not dataclasses.MISSING and _same(default, value)


def _same(one: Any, other: Any) -> bool:
    """Return whether two values mean the same."""
    try:
        return canonical(one) == canonical(other)
    except ValueError:  # a function without a name tells nothing
        return one is other


def _are_none(one: Any, other: Any) -> bool:
    """Return whether two models have no effect, of whatever classes they are."""
    return words(one) == words(other) == "none"


def differences(one: Any, other: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield path, value of `other` and value of `one` for every field in which they differ.

    Two models of one class are compared field by field, models of different classes as a whole. Two
    models without effect, such as noises of σ = 0, do not differ.

    Args:
        one: A description, such as a `Device`.
        other: What it is compared with.
        path: Dotted path that leads to both.
    """
    for field in dataclasses.fields(one):
        mine, theirs = getattr(one, field.name), getattr(other, field.name)
        below = f"{path}.{field.name}" if path else field.name
        if field.name == "reference" or _same(mine, theirs) or _are_none(mine, theirs):
            continue
        if type(mine) is type(theirs) and dataclasses.is_dataclass(mine):
            yield from differences(mine, theirs, below)
        else:
            yield below, theirs, mine


def _label(path: str) -> str:
    """Return the title of a field with its unit."""
    if path in AXIS_LABELS:
        return plain_title(path)
    unit = _UNITS.get(path.rpartition(".")[2])
    return f"{path} [{unit}]" if unit else path


def _cell(path: str, value: Any) -> tuple[str, str]:
    """Return a value as a cell of the table."""
    is_conductance = path.rpartition(".")[2] in ("g_min", "g_max") and isinstance(value, float)
    if is_conductance:
        return siemens(value), ""
    if path.endswith("levels") and value is None:
        return "continuous", ""
    return words(value), ""


def _table(caption: str, against: str, rows: list[tuple[str, Any, Any]], note: str) -> Table:
    """Return a table of differences."""
    lines = [(_label(p), [_cell(p, theirs), _cell(p, mine)]) for p, theirs, mine in rows]
    return Table(
        caption=caption, first="parameter", columns=[against, "here"], rows=lines, note=note,
        is_text=True,
    )  # fmt: skip


def difference_tables(hardware: Hardware, of: str = "") -> tuple[list[Table], list[str]]:
    """Return how a chip differs from a published device and from the defaults of the circuit.

    Args:
        hardware: the chip.
        of: which layers it is of; "" for all.

    Returns:
        Tables, and sentences on what does not differ.
    """
    device, where = hardware.device, f", layers {of}" if of else ""
    name, _ = nearest_preset(device) or (None, [])
    if name is None:
        against, plain = "ideal", Device(g_min=device.g_min, g_max=device.g_max)
        same = f"The cells{where} are ideal ones of this range."
    else:
        against, plain = name, PRESETS[name].model  # type: ignore[assignment]
        same = f"The device{where} is the preset {name}, unchanged."
    tables, texts = [], []
    changed = list(differences(device, plain, "device"))
    if changed:
        note = (
            "" if name is None else f"{PRESETS[name].citation}. All other fields are the preset's."
        )
        tables.append(_table(f"The device{where} against {against}", against, changed, note))
    else:
        texts.append(same)
    circuit = list(differences(hardware, Hardware(device=device)))
    if circuit:
        note = "All other fields have their defaults."
        tables.append(_table(f"The circuit{where} against the defaults", "default", circuit, note))
    else:
        texts.append(f"All fields of the circuit{where} have their defaults.")
    return tables, texts


def parameters(hardware: Hardware | HardwareTable) -> tuple[list[Table], list[str]]:
    """Return the tables and sentences of `difference_tables` for all layers of a chip."""
    if isinstance(hardware, Hardware):
        return difference_tables(hardware)
    tables, texts = [], []
    for key, part in hardware.items():
        if part is None:
            texts.append(f"Layers {key} are digital.")
            continue
        more_tables, more_texts = difference_tables(part, key)
        tables += more_tables
        texts += more_texts
    return tables, texts


def hardware_facts(hardware: Hardware) -> dict[str, dict[str, object]]:
    """Return the parameters of a chip, by name, in named groups."""
    device = hardware.device
    levels = device.level_conductances
    error = float(device.programming_error(np.array([device.g_max]))[0])
    share = 100 * error / (device.g_max - device.g_min)
    rows, columns = hardware.tile_shape
    comparator = hardware.comparator
    name, _ = nearest_preset(device) or (None, [])
    published: dict[str, object] = {"preset": "none is like it"}
    programming = words(device.write)
    if name is not None:
        source = PRESETS[name]
        if _same(device.write, getattr(source.model, "write", None)):
            programming = source.programming
        published = {
            "preset": f"{name}, {source.technology}",
            "source": f"{source.citation} (numbers: {source.status}; {source.verified})",
        }
    on_off = device.g_max / device.g_min if device.g_min > 0 else float("inf")
    cell: dict[str, object] = {
        **published,
        "conductance range": f"{siemens(device.g_min)} to {siemens(device.g_max)}, "
        f"on/off ratio {on_off:.3g}",
        "levels": "continuous" if levels is None else len(levels),
        "programming": programming,
        "programming error": f"root mean square {siemens(error)} at the largest conductance "
        f"({share:.2g} % of the range)",
        "read noise": words(device.read_noise),
        "drift": words(device.retention),
        "stuck cells": words(device.faults),
    }
    circuit: dict[str, object] = {
        "gate of the stochastic layers": f"{words(hardware.gate)}, one per "
        f"{hardware.gate_sharing.replace('_', ' ')}",
        "weights": words(hardware.mapping),
        "weight scale": f"one per {hardware.weight_scale}",
        "tile": f"{rows} word lines × {columns} bit lines",
        "wires": "no resistance" if hardware.wires is None else words(hardware.wires),
        "biases": {"word_line": "on word lines without gates"}.get(hardware.bias, hardware.bias),
        "deterministic path": hardware.deterministic_path,
        "comparators": f"offset {comparator.offset:g} A, noise {comparator.noise:g} A (s.d.)",
        "converter": "ideal" if hardware.adc is None else words(hardware.adc),
        "reads": f"at {hardware.read_voltage:g} V, every {hardware.read_period * 1e6:g} µs, "
        f"{hardware.temperature:g} K",
    }
    return {"Device": cell, "Circuit": circuit}
