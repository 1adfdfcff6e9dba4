"""Every dotted path into the hardware, and tables of them as TOML may nest them."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from crossbar.field_values import models_of, types_of
from crossbar.paths import ON_OFF
from devices import Device
from nsm.sweeps.spec.field_docs import field_docs
from nsm.sweeps.spec.schema_values import Schema, Values


def paths_of(cls: type, values: Values, *, labeled: bool = False) -> dict[str, Schema]:
    """Return the schema of the values at every dotted path into a class.

    Fields of a slot such as `read_noise` are those of all models that fit it. Models inside of
    models of the same slot are left out: TOML writes them as tables.

    Args:
        cls: The class, such as `Hardware`.
        values: Makes the schemas of values.
        labeled: Whether tables may have a label, as values of axes do.
    """
    found: dict[str, list[Schema]] = {}
    for path, owner, name in _paths(cls, "", ()):
        if name == ON_OFF:
            schema: Schema = {"type": "number", "exclusiveMinimum": 1}
            text = "On/off ratio g_max/g_min; it moves g_min."
        else:
            schema = values.of_field(owner, name, labeled=labeled)
            text = field_docs(owner).get(name, "")
        described = {**schema, "description": text} if text and "$ref" not in schema else schema
        if described not in found.setdefault(path, []):
            found[path].append(described)
    kind = " of an axis" if labeled else ""
    return {
        path: values.defined(f"{path}{kind}", s[0] if len(s) == 1 else {"anyOf": s})
        for path, s in found.items()
    }


def _paths(cls: type, prefix: str, above: tuple[type, ...]) -> Iterator[tuple[str, type, str]]:
    """Yield every path, the class whose field it is, and the name of the field.

    Args:
        cls: The class.
        prefix: The path of the class, with a dot at its end.
        above: Slots and parts that the path has passed.
    """
    for each in fields(cls):
        if not each.init or each.name.startswith("_"):
            continue
        path = prefix + each.name
        yield path, cls, each.name
        for kind in types_of(cls, each.name):
            if kind in above:
                continue
            for inner in dict.fromkeys(_classes(kind)):
                yield from _paths(inner, f"{path}.", (*above, kind))
    if cls is Device:
        yield prefix + ON_OFF, cls, ON_OFF


def _classes(kind: Any) -> list[type]:
    """Return the classes whose fields may be below a field of some type."""
    if models_of(kind):
        return [model for model in models_of(kind).values() if is_dataclass(model)]
    is_class = isinstance(kind, type) and is_dataclass(kind) and not inspect.isabstract(kind)
    return [kind] if is_class else []


def table_of(paths: Mapping[str, Schema], values: Values, name: str) -> Schema:
    """Return the schema of a table whose keys are paths, with dots or as tables in tables.

    Args:
        paths: Schema of the value at each path.
        values: Keeps the tables in it as definitions.
        name: What definitions call the table.
    """
    heads: dict[str, dict[str, Schema]] = {}
    for path, schema in paths.items():
        head, dot, rest = path.partition(".")
        if dot:
            heads.setdefault(head, {})[rest] = schema
    properties = dict(paths)
    for head, below in heads.items():
        nested = values.defined(f"{name} {head}", table_of(below, values, f"{name} {head}"))
        own = paths.get(head)
        properties[head] = nested if own is None else {"anyOf": [own, nested]}
    return {"type": "object", "properties": properties, "additionalProperties": False}
