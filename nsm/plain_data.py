"""Values as plain JSON and named arrays, and back. Files of networks and chips consist of these.

Nothing is pickled. Numbers, texts, lists and None stand for themselves; everything else is an
object of one entry, such as `{"tuple": [2, 2]}`, or `{"object": "devices.GaussianNoise", "fields":
{"sigma": 0.1}}` for a dataclass. Reading calls constructors of
the classes alone that the reader's `Catalog` knows.
"""

import dataclasses
import inspect
import math
import sys
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from importlib import import_module
from typing import Any

import numpy as np

from devices.arguments import listed
from devices.validation import choice, shortened
from nsm.importing import is_importable

#: What stands for a value in JSON.
Plain = Any
#: Encodes or decodes what this file does not know; the second argument names the value.
Other = Callable[[Any, str], Plain]
#: Keys of plain objects whose values are import paths.
PATHS = ("class", "object", "member", "named", "function")


class CannotStore(ValueError):
    """A value that a file cannot hold."""


def path_of(thing: Any) -> str:
    """Return the import path of a class or function; the short one if its package exports it."""
    package, name = str(thing.__module__).split(".")[0], str(thing.__name__)
    if getattr(sys.modules.get(package), name, None) is thing:
        return f"{package}.{name}"
    return _long_path(thing)


def _long_path(thing: Any) -> str:
    return f"{thing.__module__}.{thing.__qualname__}"


def check_importable(thing: Any, what: str) -> None:
    """Raise CannotStore if no other program could import a class or function."""
    if not is_importable(thing):
        raise CannotStore(
            f"{what} is {_long_path(thing)}, which no other program can "
            "import; define it at the top level of a module"
        )


def given_classes(classes: Any) -> list[Any]:
    """Return the classes and functions that a user gives to a reader, checked.

    Raises:
        ValueError: They are no list, or one of them is something else.
    """
    things = listed("classes", classes, "classes=[...]", ordered=False)
    for thing in things:
        if not callable(thing) or not hasattr(thing, "__qualname__"):
            raise ValueError(
                f"classes holds {shortened(thing)}; give classes and functions themselves"
            )
    return things


class Catalog:
    """The classes and functions that a file may name.

    Args:
        given: Classes and functions of the user, found by their import paths.
        packages: Packages of which every dataclass, named tuple and enumeration is known.
        known: Other things by path.
    """

    def __init__(
        self,
        given: Iterable[Any] = (),
        *,
        packages: tuple[str, ...] = (),
        known: Callable[[str], Any] | None = None,
    ):
        things = given_classes(given)
        self._given = {path: g for g in things for path in (path_of(g), _long_path(g))}
        self._packages = packages
        self._known = known or (lambda path: None)

    def get(self, path: str) -> Any:
        """Return the class or function of that path; None if the catalog does not know it.

        A given class counts by its name alone if it has moved to another module since the file
        was written, because the caller vouches for it.
        """
        by_name = {thing.__name__: thing for thing in self._given.values()}
        moved = by_name.get(path.rpartition(".")[2])
        return self._given.get(path) or moved or self._known(path) or self._of_package(path)

    def require(self, path: str) -> Any:
        """Return the class or function of that path; raise ValueError if it is not known."""
        found = self.get(path)
        if found is None:
            raise ValueError(f"the file names {path}, which is not among the known classes")
        return found

    def _of_package(self, path: str) -> Any:
        if path.split(".")[0] not in self._packages:
            return None
        module, _, name = path.rpartition(".")
        try:
            found = getattr(import_module(module), name, None)
        except ImportError:
            return None
        # Modules also hold what they import; only values that describe something are built.
        harmless = isinstance(found, type) and (
            dataclasses.is_dataclass(found) or issubclass(found, (Enum, tuple))
        )
        return found if harmless and found.__module__.split(".")[0] in self._packages else None

    def missing(self, plain: Plain) -> list[str]:
        """Return the paths in plain data that the catalog does not know, each once."""
        return [path for path in dict.fromkeys(_paths(plain)) if self.get(path) is None]


def _paths(plain: Plain) -> Iterable[str]:
    """Yield all import paths in plain data."""
    if isinstance(plain, dict):
        for key, value in plain.items():
            if key in PATHS and isinstance(value, str):
                yield value
            else:
                yield from _paths(value)
    elif isinstance(plain, list):
        for value in plain:
            yield from _paths(value)


def encode(
    value: Any,
    where: str,
    *,
    arrays: dict[str, Any] | None = None,
    classes: list[Any] | None = None,
    other: Other | None = None,
) -> Plain:
    """Return a value as plain data.

    Args:
        value: Number, text, None, list, tuple, dictionary, slice, enumeration, named tuple,
            dataclass, or an array.
        where: What messages call the value, and the name of its array.
        arrays: Takes the arrays by name; None refuses them.
        classes: Takes the classes that are named; None (the default) for no list.
        other: Encodes what is none of these; None refuses it.

    Raises:
        CannotStore: Naming a value that has no plain form.
    """

    def inner(part: Any, name: Any) -> Plain:
        return encode(part, f"{where}.{name}", arrays=arrays, classes=classes, other=other)

    def named(cls: type) -> str:
        check_importable(cls, f"the class of {where}")
        if classes is not None:
            classes.append(cls)
        return path_of(cls)

    if value is None or type(value) in (bool, int, str):
        return value
    if isinstance(value, Enum):
        return {"member": named(type(value)), "name": value.name}
    if isinstance(value, (float, np.number, np.bool_)):
        number = value.item() if isinstance(value, np.generic) else float(value)
        return {"float": repr(number)} if not math.isfinite(number) else number
    if isinstance(value, np.ndarray) and arrays is not None and value.dtype != object:
        # Sums over an array depend in the last bit on its order in memory, which is kept.
        columns = value.flags.f_contiguous and not value.flags.c_contiguous
        arrays[where] = value.T if columns else value
        return {"array": where, "transposed": columns}
    composed = _composed(value, inner, named)
    if composed is not None:
        return composed
    if other is None:
        raise CannotStore(f"{where} is {shortened(value)}, which has no plain form in a file")
    return other(value, where)


def _composed(
    value: Any, inner: Callable[[Any, Any], Plain], named: Callable[[type], str]
) -> Plain | None:
    """Return the plain form of a value made of others; None for another value.

    Args:
        value: The value.
        inner: Encodes a part, given its name.
        named: Returns the import path of a class.
    """
    if type(value) is list:
        return [inner(v, i) for i, v in enumerate(value)]
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        fields = [inner(v, name) for name, v in zip(value._fields, value, strict=True)]
        return {"named": named(type(value)), "fields": fields}
    if isinstance(value, tuple):
        return {"tuple": [inner(v, i) for i, v in enumerate(value)]}
    if isinstance(value, Mapping):
        return {"dict": [[inner(k, "key"), inner(v, k)] for k, v in value.items()]}
    if isinstance(value, slice):
        return {"slice": [value.start, value.stop, value.step]}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [f.name for f in dataclasses.fields(value) if f.init]
        fields_of = {n: inner(getattr(value, n), n) for n in names}
        return {"object": named(type(value)), "fields": fields_of}
    return None


def _built(cls: Any, fields: dict[str, Any]) -> Any:
    """Return an instance; a class such as `ProductNoise(*factors)` takes one field as positions."""
    parameters = inspect.signature(cls).parameters.values()
    positions = [p.name for p in parameters if p.kind is p.VAR_POSITIONAL and p.name in fields]
    given = [value for name in positions for value in fields[name]]
    return cls(*given, **{n: value for n, value in fields.items() if n not in positions})


def decode(
    plain: Plain,
    catalog: Catalog,
    *,
    arrays: Mapping[str, Any] | None = None,
    other: Other | None = None,
) -> Any:
    """Return the value of plain data.

    Args:
        plain: What `encode` returned.
        catalog: Classes that may be built.
        arrays: Arrays by name.
        other: Decodes a form that `encode` left to its own `other`, given its only key.

    Raises:
        ValueError: A class is not in the catalog, or the data have an unknown form.
    """

    def inner(part: Plain) -> Any:
        return decode(part, catalog, arrays=arrays, other=other)

    if isinstance(plain, list):
        return [inner(v) for v in plain]
    if not isinstance(plain, dict):
        return plain
    key: str = next(iter(plain), "")
    value: Any = plain.get(key)
    if key == "float":
        return float(value)
    if key == "tuple":
        return tuple(inner(v) for v in value)
    if key == "dict":
        return {inner(k): inner(v) for k, v in value}
    if key == "slice":
        return slice(*value)
    if key == "array" and arrays is not None:
        found = np.asarray(arrays[choice("array in the file", value, arrays)])
        return found.T if plain["transposed"] else found
    if key == "member":
        return catalog.require(value)[plain["name"]]
    if key == "named":
        return catalog.require(value)(*(inner(v) for v in plain["fields"]))
    if key == "object":
        fields = {n: inner(v) for n, v in plain["fields"].items()}
        try:
            return _built(catalog.require(value), fields)
        except TypeError as problem:
            raise ValueError(
                f"the file holds a {value} of another version of the class ({problem})"
            ) from None
    if other is None:
        raise ValueError(f"the file holds a value of the unknown form {key!r}")
    return other(plain, key)
