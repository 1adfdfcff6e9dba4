"""The JSON schema of sweep files, with which editors complete and check them.

It is made of the dataclasses that a sweep file fills: their fields, types and docstrings. Draft 7,
which editors' plugins for TOML know.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from crossbar.hardware import Hardware
from nsm.chips.compensated_per import COMPENSATED_PER
from nsm.chips.converter_range import METHODS, SHARED_BY
from nsm.datasets.own.options import Options
from nsm.datasets.registry import LOADERS
from nsm.sweeps.axes import CHIP_AXES, COMPENSATION, PLACE, PLACES
from nsm.sweeps.calibration import OPTIONS
from nsm.sweeps.ranges import SCALES, Range
from nsm.sweeps.spec.field_docs import field_docs
from nsm.sweeps.spec.schema_paths import paths_of, table_of
from nsm.sweeps.spec.schema_values import Values
from nsm.sweeps.spec.sweep_file import KEYS, Sweep
from nsm.sweeps.spec.sweep_sections import DATA_OPTIONS
from nsm.sweeps.until import Until

Schema = dict[str, Any]
DRAFT = "http://json-schema.org/draft-07/schema#"


def sweep_schema() -> Schema:
    """Return the JSON schema of sweep files; `nsm sweep --schema` prints it."""
    values = Values()
    hardware = table_of(paths_of(Hardware, values), values, "table")
    layer = _with(hardware, {PLACE: {"enum": [*PLACES]}})
    values.definitions |= {
        "layer": {"anyOf": [{"const": "digital"}, layer]},
        "layers": {"type": "object", "additionalProperties": _ref("layer")},
        "hardware": _with(hardware, {"layers": _ref("layers")}),
        "range": _range(values),
        "axes": _axes(values),
    }
    properties = {key: _described(Sweep, key, schema) for key, schema in _keys(values).items()}
    return {
        "$schema": DRAFT,
        "title": "Sweep of nsm",
        "description": "What `nsm sweep FILE` runs: networks on hardware, at every point of axes.",
        "type": "object",
        "properties": {key: properties[key] for key in KEYS},
        "additionalProperties": False,
        "oneOf": [{"required": ["network"]}, {"required": ["networks"]}],
        "definitions": values.definitions,
    }


def schema_text() -> str:
    """Return the schema as a text."""
    return json.dumps(sweep_schema(), ensure_ascii=False)


def _ref(name: str) -> Schema:
    return {"$ref": f"#/definitions/{name}"}


def _with(table: Schema, more: Mapping[str, Schema]) -> Schema:
    """Return the schema of a table with further keys."""
    return {**table, "properties": {**table["properties"], **more}}


def _described(cls: type, name: str, schema: Schema) -> Schema:
    """Return a schema with what the docstring of a class says of a field."""
    text = field_docs(cls).get(name)
    if text is None or "$ref" in schema:
        # Draft 7 ignores everything beside a reference.
        return schema if text is None else {"allOf": [schema], "description": text}
    return {**schema, "description": text}


def _keys(values: Values) -> dict[str, Schema]:
    """Return the schemas of the keys of a file, before they are described."""
    text = {"type": "string", "minLength": 1}
    settings = {each.name: _setting(each.metadata) for each in fields(Sweep) if each.metadata}
    own = _without_none(values.of_class(Options))
    rules = {"images": {"type": "integer", "minimum": 1}, **_calibration()}
    return {
        **settings,
        "network": {**text, "description": "File, shipped network, or module:callable."},
        "networks": {"type": "object", "minProperties": 1, "additionalProperties": text},
        "data": {"anyOf": [{"enum": [*LOADERS]}, text]},
        "data_options": _table({name: own[name] for name in DATA_OPTIONS}),
        "calibrate": {**_table(rules), "required": ["images"]},
        "until": {**_table(_without_none(values.of_class(Until))), "minProperties": 1},
        "hardware": _ref("hardware"),
        "hardwares": {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": _ref("hardware"),
            "description": "Several hardwares by name: what differs from [hardware].",
        },
        "axes": _ref("axes"),
        "zip": {
            "type": "array",
            "items": {"allOf": [_ref("axes"), {"minProperties": 1}]},
            "description": "Axes whose values move together, in tables [[zip]].",
        },
    }


def _without_none(properties: Mapping[str, Schema]) -> dict[str, Schema]:
    """Return schemas without "none", which only fields of the hardware take: keys are left out."""
    found = {}
    for name, schema in properties.items():
        others = [each for each in schema.get("anyOf", ()) if each != {"const": "none"}]
        rest = {key: value for key, value in schema.items() if key != "anyOf"}
        found[name] = {**rest, **(others[0] if len(others) == 1 else {"anyOf": others})}
    return found


def _table(properties: Mapping[str, Schema]) -> Schema:
    """Return the schema of a table with these keys alone."""
    return {"type": "object", "properties": dict(properties), "additionalProperties": False}


def _setting(metadata: Mapping[str, Any]) -> Schema:
    """Return the schema of a number or name that `Sweep` checks by its metadata."""
    if "choices" in metadata:
        return {"enum": [*metadata["choices"]]}
    return {"type": "integer", "minimum": metadata["at_least"]}


def _calibration() -> dict[str, Schema]:
    """Return the schemas of the options of a calibration."""
    known = {"method": {"enum": [*METHODS]}, "per": {"enum": [*SHARED_BY]}}
    number = {"type": "number", "exclusiveMinimum": 0, "maximum": 100}
    return {name: known.get(name, number) for name in OPTIONS}


def _range(values: Values) -> Schema:
    """Return the schema of a range of values."""
    properties = {**values.of_class(Range), "scale": {"enum": [*SCALES]}}
    required = [each.name for each in fields(Range) if each.name != "scale"]
    return {**_table(properties), "required": required}


def _axes(values: Values) -> Schema:
    """Return the schema of [axes]: a list or a range for every path, chip axis and layer."""
    paths = paths_of(Hardware, values, labeled=True)
    of_paths = {
        path: values.defined(f"axis {path}", _axis(schema)) for path, schema in paths.items()
    }
    number: Schema = {"type": "number"}
    on_chip: dict[str, Schema] = {name: _axis(number) for name in CHIP_AXES}
    on_chip[COMPENSATION] = _axis({"enum": ["none", *COMPENSATED_PER]})
    table = table_of({**of_paths, **on_chip}, values, "axes")
    names = "|".join(re.escape(path) for path in paths)
    any_axis = {"anyOf": [{"type": "array", "minItems": 1}, _ref("range")]}
    patterns = {f"^.+:({names})$": any_axis, f"^.+:{PLACE}$": _axis({"enum": [*PLACES]})}
    return {**table, "patternProperties": patterns}


def _axis(value: Schema) -> Schema:
    """Return the schema of an axis whose values have a schema."""
    listed = {"type": "array", "minItems": 1, "items": value}
    return {"anyOf": [listed, _ref("range")]}
