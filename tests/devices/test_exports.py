"""`import devices` is enough: whatever fits into a slot is exported, and explains itself."""

import importlib
import inspect
import pkgutil
from dataclasses import is_dataclass
from types import UnionType
from typing import Union, get_args, get_origin, get_type_hints

import pytest

import devices
from devices import Device

MODULES = [
    importlib.import_module(module.name)
    for module in pkgutil.walk_packages(devices.__path__, "devices.")
]
PUBLIC_CLASSES = {
    cls
    for module in MODULES
    for name, cls in inspect.getmembers(module, inspect.isclass)
    if cls.__module__ == module.__name__ and not name.startswith("_")
}


def classes_of(annotation):
    """Return the classes of this project in an annotation, also inside unions and tuples."""
    if get_origin(annotation) in (Union, UnionType, tuple):
        return {cls for part in get_args(annotation) for cls in classes_of(part)}
    ours = inspect.isclass(annotation) and annotation.__module__.startswith("devices.")
    return {annotation} if ours else set()


def slots_below(cls):
    """Return the classes that fields of `cls` may hold, of the models that fit these, and so on."""
    found = set()
    new = {cls}
    while new:
        found |= new
        fitting = {c for c in PUBLIC_CLASSES if issubclass(c, tuple(found))}
        hints = [hint for c in found | fitting for hint in get_type_hints(c).values()]
        new = {c for hint in hints for c in classes_of(hint)} - found
    return found


BASES = slots_below(Device)
FITTING = {cls for cls in PUBLIC_CLASSES if issubclass(cls, tuple(BASES))}


def name(cls):
    return cls.__name__


def test_the_search_finds_the_slots_and_what_is_inside_of_models():
    found = {cls.__name__ for cls in BASES}
    assert {"WriteModel", "ReadNoise", "Retention", "Faults", "TemperatureLaw"} <= found
    assert {"PulseResponse", "TimeLaw", "ActivationLaw", "FeFet", "ClippedLog"} <= found
    assert len(FITTING) > 50


@pytest.mark.parametrize("cls", sorted(FITTING, key=name), ids=name)
def test_every_class_that_fits_a_slot_is_exported(cls):
    assert getattr(devices, cls.__name__, None) is cls


@pytest.mark.parametrize("cls", sorted(PUBLIC_CLASSES, key=name), ids=name)
def test_every_dataclass_and_every_abstract_class_is_exported(cls):
    if is_dataclass(cls) or inspect.isabstract(cls):
        assert getattr(devices, cls.__name__, None) is cls


@pytest.mark.parametrize("module", [devices, *MODULES], ids=lambda module: module.__name__)
def test_every_module_and_every_public_class_and_function_has_a_docstring(module):
    assert (module.__doc__ or "").strip()
    for name, thing in vars(module).items():
        defined_here = getattr(thing, "__module__", None) == module.__name__
        if defined_here and not name.startswith("_") and callable(thing):
            assert (thing.__doc__ or "").strip(), f"{module.__name__}.{name}"


@pytest.mark.parametrize("cls", sorted(PUBLIC_CLASSES, key=name), ids=name)
def test_every_public_method_has_a_docstring_of_its_class_or_a_base(cls):
    for name, member in vars(cls).items():
        if name.startswith("_") or not (inspect.isfunction(member) or isinstance(member, property)):
            continue
        assert inspect.getdoc(getattr(cls, name)), f"{cls.__name__}.{name}"
