"""Values as texts and TOML write them, parsed by the type of the field that takes them.

One parser serves sweep files, axes in Python and `--set PATH=VALUE` on the command line, so that
"none", truth values, lists and tables of models mean the same everywhere.
"""

import tomllib
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from crossbar.bit_slices import BitSliced
from crossbar.hardware import Hardware
from crossbar.mapping import BalancedPair, DifferentialPair, ReferenceColumn, WeightMapping
from devices import (
    Device,
    Faults,
    IdealWrite,
    NoDrift,
    NoFaults,
    NoNoise,
    NoTemperature,
    ReadNoise,
    Retention,
    TemperatureLaw,
    WriteModel,
    gate,
    preset,
)
from devices.tables import MODELS, device_from, from_table
from devices.validation import choice, shortened

#: Names of weight mappings.
MAPPINGS: dict[str, type[WeightMapping]] = {
    "differential_pair": DifferentialPair,
    "balanced_pair": BalancedPair,
    "reference_column": ReferenceColumn,
    "bit_sliced": BitSliced,
}
#: The model that "none" means in each slot; in a field that may be None, it means None.
_NONE_OF: dict[type, type] = {
    ReadNoise: NoNoise,
    WriteModel: IdealWrite,
    Retention: NoDrift,
    Faults: NoFaults,
    TemperatureLaw: NoTemperature,
}
#: What the kind of a model in each slot may leave out: "gaussian" is the kind "gaussian_noise".
_ENDINGS: dict[type, tuple[str, ...]] = {
    ReadNoise: ("_noise",),
    WriteModel: ("_error", "_write"),
    Retention: ("_drift",),
    Faults: ("_cells",),
    TemperatureLaw: ("_temperature",),
}


def is_none(value: Any) -> bool:
    """Return whether "none" means this value: None, or the model without effect of a slot.

    >>> is_none(NoNoise()), is_none(IdealWrite()), is_none(0.0)
    (True, True, False)
    """
    return value is None or type(value) in _NONE_OF.values()


def value_of_text(text: str) -> Any:
    """Return the value that the VALUE of `--set PATH=VALUE` means, before its field parses it.

    It is read as TOML where it is TOML: a number, true or false, a list, a table. Values between
    commas are a list; anything else is a text.

    Raises:
        ValueError: It begins as a list, a table or a quoted text, and is no TOML.

    >>> value_of_text("32, 32"), value_of_text('{kind = "gaussian", sigma = 0.1}')
    ([32, 32], {'kind': 'gaussian', 'sigma': 0.1})
    """
    try:
        table = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError as problem:
        if text.startswith(("[", "{", '"', "'")):
            raise ValueError(
                f"{text} is no TOML value ({problem}); close its brackets and quotes, as in "
                '{kind = "gaussian", sigma = 0.1}'
            ) from None
        table = {}
    if [*table] == ["value"]:
        return table["value"]
    if "," in text and not any(sign in text for sign in "[{\"'"):
        return [value_of_text(part.strip()) for part in text.split(",")]
    return text


@cache
def _hints(cls: type) -> dict[str, Any]:
    """Return the type of every field of a class; none if its annotations cannot be read."""
    try:
        return typing.get_type_hints(cls)
    except (NameError, TypeError):
        return {}


def types_of(owner: type, name: str) -> tuple[Any, ...]:
    """Return the types that the field `name` of a class takes: the members of a union, or one.

    The tuple is empty if the class does not tell.
    """
    hint = _hints(owner).get(name)
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        return typing.get_args(hint)
    return () if hint is None else (hint,)


def parsed(owner: type, name: str, value: Any, where: str) -> Any:
    """Return a value as the field `name` of the class `owner` takes it.

    - "none" is None, or the model without effect (`NoNoise`), unless the field takes texts.
    - "true" and "false" are truth values, and texts of digits are numbers, if the field takes such.
    - A list is a tuple, and so is an array in a field that takes tuples.
    - A whole number such as 4.0 is 4 in a field that takes whole numbers alone.
    - A name is a preset of devices or gates, a weight mapping, or the kind of a model.
    - A table is a model of its `kind`, a changed preset (`preset = NAME` and fields), or the
      fields of the one class that the field takes.

    Everything else, such as a `Device`, stays as it is; the field's own class checks it.

    Args:
        owner: A frozen dataclass, such as `Hardware`.
        name: Name of the field.
        value: The value.
        where: What messages call the field, such as "device.read_noise".

    Raises:
        ValueError: A truth value, name, kind or field of a table is wrong.
    """
    kinds = types_of(owner, name)
    value = _plain(value)
    if hasattr(value, "tolist") and any(typing.get_origin(kind) is tuple for kind in kinds):
        value = value.tolist()
    if isinstance(value, str):
        value = _of_text(owner, name, kinds, value, where)
    if isinstance(value, dict):
        value = _of_table(owner, name, kinds, value, where)
    if isinstance(value, list):
        value = tuple(_element(kinds, v, f"{where}[{i}]") for i, v in enumerate(value))
    value = _whole(kinds, value)
    is_number = isinstance(value, (bool, int, float))
    if is_number and any(map(models_of, kinds)) and not {bool, int, float} & {*kinds}:
        raise ValueError(_no_model(kinds, value, where))
    if kinds == (bool,) and not isinstance(value, bool):
        raise ValueError(f"{where} = {shortened(value)} is not allowed; give true or false")
    return value


def example_of(model: type, number: float | None = None) -> str:
    """Return how Python makes a model, such as "GaussianNoise(0.05)".

    Args:
        model: Class of the model.
        number: Its first field; None for an ellipsis.
    """
    return f"{model.__name__}({'...' if number is None else number})"


def _no_model(kinds: tuple[Any, ...], value: Any, where: str) -> str:
    """Return the message for a number in a field that takes models."""
    slot = next(kind for kind in kinds if models_of(kind))
    message = f"{where} = {value!r} is a number, and the field takes a {slot.__name__}"
    numeric = {
        kind: model
        for kind, model in models_of(slot).items()
        if len(fields(model)) == 1 and float in types_of(model, fields(model)[0].name)
    }
    for kind in ("gaussian_noise", *numeric):
        if kind in numeric:
            field = fields(numeric[kind])[0].name
            return (
                f"{message}; give a model, such as {example_of(numeric[kind], value)} "
                f'({{kind = "{kind}", {field} = {value!r}}} in a file)'
            )
    return f"{message}; give a model of a kind: {', '.join(models_of(slot))}"


def _plain(value: Any) -> Any:
    """Return numpy's scalars and arrays without axes as Python's numbers and truth values."""
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 0):
        return value.item()
    return value


def _whole(kinds: tuple[Any, ...], value: Any) -> Any:
    """Return whole floats as integers where only integers are taken, as in `numpy.linspace`."""
    if isinstance(value, tuple):
        inner = {arg for kind in kinds for arg in typing.get_args(kind)}
        return tuple(_whole((int,), v) for v in value) if inner == {int} else value
    if int in kinds and float not in kinds and isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _element(kinds: tuple[Any, ...], value: Any, where: str) -> Any:
    """Return an element of a list; tables in it are models of the class that the tuple holds."""
    if isinstance(value, list):
        return tuple(_element(kinds, v, f"{where}[{i}]") for i, v in enumerate(value))
    if not isinstance(value, dict):
        return _plain(value)
    inner = [a for kind in kinds for a in typing.get_args(kind) if isinstance(a, type)]
    return _of_table(object, "", tuple(inner), value, where)


def _by_name(owner: type, name: str, kinds: tuple[Any, ...]) -> Callable[..., Any] | None:
    """Return the function that finds a value of the field by its name; None if there is none."""
    if Device in kinds:
        return preset
    return gate if owner is Hardware and name == "gate" else None


def _of_text(owner: type, name: str, kinds: tuple[Any, ...], text: str, where: str) -> Any:
    """Return what a text means in a field that takes `kinds`."""
    if str in kinds:
        numeric = float in kinds or int in kinds
        return _number(text) if numeric else text
    if text.lower() == "none":
        for kind in kinds:
            if kind is type(None) or kind in _NONE_OF:
                return None if kind is type(None) else _NONE_OF[kind]()
    if bool in kinds and text.lower() in ("true", "false"):
        return text.lower() == "true"
    if int in kinds or float in kinds:
        return _number(text)
    find = _by_name(owner, name, kinds)
    if find is not None:
        return find(text)
    if WeightMapping in kinds:
        return build_part(MAPPINGS[choice("mapping", text, MAPPINGS)], where, {})
    if any(models_of(kind) for kind in kinds):
        return {"kind": text}  # a model of which every field has a default
    return text


def _number(text: str) -> Any:
    """Return the number that a text means; the text itself if it means none."""
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text


def models_of(slot: Any) -> dict[str, type]:
    """Return the models that fit a slot, such as `ReadNoise`, by their kind; none for others."""
    if not isinstance(slot, type) or slot is object:
        return {}
    if issubclass(slot, WeightMapping):
        return {k: v for k, v in MAPPINGS.items() if issubclass(v, slot)}
    return {k: v for k, v in MODELS.items() if issubclass(v, slot)}


def _of_table(
    owner: type, name: str, kinds: tuple[Any, ...], table: dict[str, Any], where: str
) -> Any:
    """Return the model, part or device that a table describes."""
    find = _by_name(owner, name, kinds)
    if "preset" in table and find is not None:
        model = find(table["preset"])
        changes = {key: value for key, value in table.items() if key != "preset"}
        return _changed(model, changes, where)
    if Device in kinds:
        return device_from(_fields_of(Device, table, where), where)
    slots = [kind for kind in kinds if models_of(kind)]
    if slots:  # a field may take models of several slots, as a pulse or a write model
        models = {kind: model for slot in slots for kind, model in models_of(slot).items()}
        return _model(slots, models, table, where)
    for part in kinds:
        if isinstance(part, type) and is_dataclass(part):
            return build_part(part, where, table)
    return table


def _fields_of(cls: type, table: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return the values of a table, each parsed by the field of its name."""
    return {key: parsed(cls, key, value, f"{where}.{key}") for key, value in table.items()}


def _changed(model: Any, changes: Mapping[str, Any], where: str) -> Any:
    """Return a copy of a model with changed fields."""
    for key in changes:
        choice(f"field of {where}", key, [f.name for f in fields(model)])
    return replace(model, **_fields_of(type(model), changes, where))


def _model(
    slots: Sequence[type], models: Mapping[str, type], table: dict[str, Any], where: str
) -> Any:
    """Return the model of one of the slots that a table with a `kind` describes."""
    if "kind" not in table:
        example = next(iter(models))
        raise ValueError(f"{where} = {table!r} has no kind; give one, such as {example!r}")
    kind = str(table["kind"])
    without_effect = [_NONE_OF[slot] for slot in slots if slot in _NONE_OF]
    if kind.lower() == "none" and without_effect:
        return without_effect[0]()
    endings = [ending for slot in slots for ending in _ENDINGS.get(slot, ())]
    longer = [kind + ending for ending in endings if kind + ending in models]
    cls = models[longer[0] if longer else choice(f"kind of {where}", kind, models)]
    given = {key: value for key, value in table.items() if key != "kind"}
    if issubclass(cls, WeightMapping):
        return build_part(cls, where, given)
    name = next(known for known, model in models.items() if model is cls)
    return from_table({"kind": name, **_fields_of(cls, given, where)}, where)


def build_part(part: Any, name: str, chosen: Mapping[str, Any]) -> Any:
    """Return an instance of the dataclass `part`, which messages call `name`, from its fields.

    Args:
        part: The dataclass.
        name: What messages call the instance.
        chosen: Value of each given field, as texts and TOML write it; the others keep defaults.

    Raises:
        ValueError: A field is unknown, a field without default is missing, or a value is refused.
    """
    for field_name in chosen:
        choice(f"field of {part.__name__}", field_name, part.__dataclass_fields__)
    missing = [
        f.name
        for f in fields(part)
        if f.default is MISSING and f.default_factory is MISSING and f.name not in chosen
    ]
    if missing:
        raise ValueError(f"{name} needs {' and '.join(f'{name}.{m}' for m in missing)} too")
    return part(**_fields_of(part, chosen, name))


def kinds_of(slot: Any) -> dict[str, type]:
    """Return the model of every `kind` that a table in a slot may name, short names included.

    "none", which means the model without effect, is among them where the slot has one.
    """
    models = models_of(slot)
    short = {
        kind.removesuffix(ending): model
        for kind, model in models.items()
        for ending in _ENDINGS.get(slot, ())
        if kind.endswith(ending) and kind.removesuffix(ending) not in models
    }
    none = {"none": _NONE_OF[slot]} if slot in _NONE_OF else {}
    return {**models, **short, **none}
