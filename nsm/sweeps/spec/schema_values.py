"""JSON schemas of the values that fields of the hardware take, made of their types."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

import crossbar.hardware as described
from crossbar.field_values import kinds_of, models_of, types_of
from crossbar.hardware import Hardware
from devices import GATES, PRESETS, Device
from nsm.sweeps.spec.field_docs import field_docs

Schema = dict[str, Any]
#: Names that fields of texts take.
_NAMES: dict[tuple[type, str], tuple[str, ...]] = {
    (Hardware, "gate_sharing"): described.GATE_SHARINGS,
    (Hardware, "bias"): described.BIASES,
    (Hardware, "deterministic_path"): described.DETERMINISTIC_PATHS,
    (Hardware, "weight_scale"): described.WEIGHT_SCALES,
    (Hardware, "weight_range"): described.WEIGHT_RANGES,
}
#: Schemas of plain types. "none" and truth values may be texts, as in `--set`.
_PLAIN: dict[Any, Schema] = {
    bool: {"enum": [True, False, "true", "false"]},
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
    type(None): {"const": "none"},
}
#: A file of a device or gate, which its name tells.
_FILE: Schema = {"type": "string", "pattern": "\\.toml$"}


@dataclass
class Values:
    """Makes schemas of values, and keeps those of models as definitions.

    Attributes:
        definitions: Schemas of models by name, which others refer to.
    """

    definitions: dict[str, Schema] = field(default_factory=dict)

    def of_field(self, owner: type, name: str, *, labeled: bool = False) -> Schema:
        """Return the schema of what the field `name` of a class takes.

        Args:
            owner: A frozen dataclass, such as `Hardware`.
            name: Name of the field.
            labeled: Whether a table may have its label under "name", as values of axes do.
        """
        if (owner, name) in _NAMES and str in types_of(owner, name):
            plain = [_PLAIN[kind] for kind in types_of(owner, name) if kind is not str]
            return _any([{"enum": [*_NAMES[owner, name]]}, *plain])
        found: list[Schema] = []
        for kind in types_of(owner, name):
            found += self._of_kind(owner, name, kind, labeled)
        return _any(found)

    def defined(self, name: str, schema: Schema) -> Schema:
        """Return a reference to a schema, which becomes a definition of this name."""
        self.definitions[name] = schema
        return {"$ref": f"#/definitions/{name.replace(' ', '%20')}"}

    def of_class(self, cls: type) -> dict[str, Schema]:
        """Return the schema of every field of a dataclass by name, described by its docstring."""
        texts = field_docs(cls)
        found = {}
        for each in fields(cls):
            if each.init and not each.name.startswith("_"):
                text = {"description": texts[each.name]} if each.name in texts else {}
                found[each.name] = {**self.of_field(cls, each.name), **text}
        return found

    def _of_kind(self, owner: type, name: str, kind: Any, labeled: bool) -> list[Schema]:
        """Return the schemas of one type of a field."""
        if kind in _PLAIN:
            return [_PLAIN[kind]]
        if kind is Device:
            changed = self._changed(Device, [*PRESETS], labeled)
            table = self.defined("Device" + labeled * " of an axis", changed)
            return [{"enum": [*PRESETS]}, _FILE, table]
        of_gate: list[Schema] = []
        if owner is Hardware and name == "gate":
            of_gate = [{"enum": [*GATES]}, _FILE, self._gate(labeled)]
        if models_of(kind):
            return [*of_gate, self._models(kind, labeled)]
        if isinstance(kind, type) and is_dataclass(kind) and not inspect.isabstract(kind):
            return [self._part(kind, labeled)]
        if typing.get_origin(kind) in (tuple, Sequence):
            return [{"type": "array"}]
        return [{}] if kind is Any else [{"type": ["array", "object", "number", "string"]}]

    def _part(self, part: type, labeled: bool) -> Schema:
        """Return a reference to the schema of a part that one class describes."""
        name = part.__name__ + labeled * " of an axis"
        if name in self.definitions:
            return self.defined(name, self.definitions[name])
        self.defined(name, {})
        return self.defined(name, _object(self.of_class(part), labeled))

    def _models(self, slot: type, labeled: bool) -> Schema:
        """Return a reference to the schema of all models that fit a slot."""
        name = slot.__name__ + labeled * " of an axis"
        if name in self.definitions:
            return self.defined(name, self.definitions[name])
        self.defined(name, {})  # models may hold models of the same slot
        kinds = kinds_of(slot)
        names = {cls: [k for k, model in kinds.items() if model is cls] for cls in kinds.values()}
        tables = [self._model(cls, names[cls], labeled) for cls in names]
        return self.defined(name, {"anyOf": [{"enum": [*kinds]}, *tables]})

    def _model(self, cls: type, kinds: list[str], labeled: bool) -> Schema:
        """Return the schema of the table of one model."""
        properties = {"kind": {"enum": kinds}, **self.of_class(cls)}
        return {**_object(properties, labeled), "required": ["kind"]}

    def _changed(self, cls: type, presets: list[str], labeled: bool) -> Schema:
        """Return the schema of a table of fields of a class, or of a changed preset."""
        preset = {"anyOf": [{"enum": presets}, _FILE]}
        return _object({"preset": preset, **self.of_class(cls)}, labeled)

    def _gate(self, labeled: bool) -> Schema:
        """Return the schema of a changed preset of a gate."""
        preset = {"anyOf": [{"enum": [*GATES]}, _FILE]}
        own = {
            name: schema
            for model in {type(entry.model) for entry in GATES.values()}
            for name, schema in self.of_class(model).items()
        }
        return {**_object({"preset": preset, **own}, labeled), "required": ["preset"]}


def _object(properties: dict[str, Schema], labeled: bool) -> Schema:
    """Return the schema of a table with these keys alone, and its label if it may have one."""
    label = {"name": {"type": "string"}} if labeled else {}
    return {
        "type": "object",
        "properties": {**properties, **label},
        "additionalProperties": False,
    }


def _any(schemas: list[Schema]) -> Schema:
    """Return a schema that is one of several."""
    if len(schemas) == 1:
        return dict(schemas[0])
    return {"anyOf": schemas} if schemas else {}
