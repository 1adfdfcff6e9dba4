"""Canonical bytes of values: what tells one point of a sweep from another.

Equal values have equal bytes, in every process and on every machine, whatever numpy prints and
wherever the values lie in memory; values that differ have different bytes. The hash of these bytes
identifies networks, tasks and experiments.
"""

from __future__ import annotations

import copyreg
import dataclasses
import functools
import hashlib
import inspect
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from enum import Enum
from functools import partial
from types import MappingProxyType, ModuleType
from typing import Any

import numpy as np

from nsm.importing import is_importable

#: Returns what is encoded in place of a value, or None for the value itself.
StandIn = Callable[[Any], Any]
#: Results by what was computed and the `id` of its argument, with the argument, so that no other
#: object gets this `id` meanwhile. None outside of `remembering`.
_MEMORY: ContextVar[dict[tuple[str, int], tuple[Any, Any]] | None] = ContextVar(
    "memory", default=None
)
_REMEMBERED = 2048  # objects at a time, whose bytes are a few kilobytes each


@contextmanager
def remembering() -> Iterator[None]:
    """Inside the `with` block, compute what identifies one object only once.

    The points of a sweep share most parts of their hardware, and their networks. Objects must not
    change inside the block.
    """
    token = _MEMORY.set({} if _MEMORY.get() is None else _MEMORY.get())
    try:
        yield
    finally:
        _MEMORY.reset(token)


def remembered(what: str, value: Any, compute: Callable[[Any], Any]) -> Any:
    """Return compute(value), computed once for each object inside of `remembering`.

    Args:
        what: Name of what is computed.
        value: The object.
        compute: Computes it.
    """
    memory = _MEMORY.get()
    if memory is None:
        return compute(value)
    key = (what, id(value))
    found = memory.get(key)
    if found is None:
        found = (value, compute(value))
        if len(memory) >= _REMEMBERED:  # neighbors in a grid share most; the others may be many
            memory.clear()
        memory[key] = found
    return found[1]


def canonical(value: Any, stand_in: StandIn | None = None) -> bytes:
    """Return the canonical bytes of a value; equal bytes mean the same point of a sweep.

    - Numbers of one value are one point whatever their type: 1, 1.0 and `np.float64(1)`. Truth
      values are no numbers. All NaN are one value.
    - Lists and tuples of the same values are the same. Arrays (and tensors) are the same if shape
      and values are.
    - Dataclasses, enumerations and named tuples count by their class and fields. A mapping counts
      by its items in their order.
    - Functions and classes count by their import path.
    - Any other object counts by its class and what `pickle` would store of it, except what
      `functools.cached_property` remembers.

    Args:
        value: Anything above, nested at will.
        stand_in: Says what identifies a part in another way, such as a function without an import
            path by its code; None: every part identifies itself as above. A part that its own
            stand-in holds again, such as a function that calls itself, counts by its place.

    Raises:
        ValueError: A part of the value has no canonical bytes: it cannot be imported (a lambda, a
            class inside a function), cannot be stored (an open file), or holds itself.
    """
    return _encoded(value, (), stand_in)


def short_hash(value: Any, digits: int = 16) -> str:
    """Return the first hexadecimal digits of the SHA-256 of a value's canonical bytes."""
    return hashlib.sha256(canonical(value)).hexdigest()[:digits]


def _framed(kind: str, *parts: bytes) -> bytes:
    """Return the parts, each with its length, so that no two lists of parts run together alike."""
    frames = (str(len(part)).encode() + b":" + part for part in parts)
    return kind.encode() + b"(" + b"".join(frames) + b")"


def import_path(thing: Any) -> str:
    """Return the import path of a class or function.

    Raises:
        ValueError: The path leads to no such thing, because it is a lambda, or was defined inside
            a function: its name would not tell it from others.
    """
    module = str(thing.__module__)
    if not is_importable(thing):
        raise ValueError(
            f"{module}.{thing.__qualname__} cannot be part of a sweep: its name does not tell it "
            "from others; define it at the top of a module"
        )
    # Worker processes call the module of the program by another name.
    return f"{'__main__' if module == '__mp_main__' else module}.{thing.__qualname__}"


def _path_of(thing: Any) -> bytes:
    """Return the import path of a class or function as bytes."""
    return bytes(remembered("import path", thing, import_path).encode())


def _encoded(value: Any, holders: tuple[int, ...], stand_in: StandIn | None) -> bytes:
    """Return canonical bytes; `holders` are the ids of the objects that hold `value`."""
    other = None if stand_in is None else stand_in(value)
    if other is not None:
        if id(value) in holders:
            return _framed("holder", str(holders.index(id(value))).encode())
        return _framed("stand-in", _encoded(other, (*holders, id(value)), stand_in))
    simple = _simple(value)
    if simple is not None:
        return simple
    if id(value) in holders:
        raise ValueError(
            f"a {type(value).__name__} cannot be part of a sweep: it holds itself; leave the "
            "reference out in its __getstate__"
        )
    inside = (*holders, id(value))

    def all_of(kind: str, parts: Iterable[Any]) -> bytes:
        return _framed(kind, *(_encoded(part, inside, stand_in) for part in parts))

    if type(value) in (list, tuple):
        return all_of("sequence", value)
    if isinstance(value, np.ndarray):
        return _array(value, all_of)
    if _is_tensor(value):
        return _array(_numpy(value), all_of)
    if isinstance(value, (set, frozenset)):
        return _framed("set", *sorted(_encoded(part, inside, stand_in) for part in value))
    if type(value) in (dict, MappingProxyType):
        return all_of("mapping", value.items())
    if "__dataclass_fields__" in vars(type(value)):
        if stand_in is not None:  # what it encodes may depend on what holds the value
            named = [(f.name, getattr(value, f.name)) for f in dataclasses.fields(value)]
            return all_of("dataclass", (type(value), *named))
        return bytes(remembered("fields", value, partial(_of_fields, inside=inside)))
    if isinstance(value, Mapping):
        return all_of("object", (type(value), *value.items()))
    return all_of("object", _stored(value))


def _of_fields(value: Any, inside: tuple[int, ...]) -> bytes:
    """Return the bytes of a dataclass; `inside` are the ids of it and of what holds it."""
    cls: Any = type(value)
    parts = (
        _framed("sequence", name, _encoded(getattr(value, field), inside, None))
        for field, name in _names_of_fields(cls)
    )
    return _framed("dataclass", _framed("named", _path_of(cls)), *parts)


@functools.lru_cache(maxsize=256)
def _names_of_fields(cls: type) -> list[tuple[str, bytes]]:
    """Return the name of every field of a dataclass, and the name's bytes."""
    return [(f.name, canonical(f.name)) for f in dataclasses.fields(cls)]


def _simple(value: Any) -> bytes | None:
    """Return the bytes of a value without parts; None if it has parts."""
    if value is None:
        return b"none"
    if type(value) in (int, float):  # the most frequent ones first: sweeps have many points
        return _number(value)
    if type(value) is str:
        return _framed("text", value.encode("utf-8", "surrogatepass"))
    if isinstance(value, Enum):
        return _framed("member", _path_of(type(value)), value.name.encode())
    if isinstance(value, (bool, np.bool_)):
        return b"true" if value else b"false"
    if isinstance(value, (int, float, np.integer, np.floating)):
        return _number(value)
    if isinstance(value, str):
        return _framed("text", str(value).encode("utf-8", "surrogatepass"))
    if isinstance(value, (bytes, bytearray)):
        return _framed("bytes", bytes(value))
    if isinstance(value, ModuleType):
        return _framed("module", value.__name__.encode())
    if isinstance(value, type) or (_is_routine(value) and not _is_bound(value)):
        return _framed("named", _path_of(value))
    return None


def _is_routine(value: Any) -> bool:
    """Return what `inspect.isroutine` does, which is slow for objects that are none."""
    return (callable(value) or hasattr(type(value), "__get__")) and inspect.isroutine(value)


def _is_bound(routine: Any) -> bool:
    """Return whether a routine is a method of an object, which pickle stores as a pair."""
    owner = getattr(routine, "__self__", None)
    return owner is not None and not isinstance(owner, ModuleType)


def _number(value: Any) -> bytes:
    """Return the bytes of a real number: its exact value, whatever its type."""
    if isinstance(value, (int, np.integer)):
        return b"number " + str(int(value)).encode()
    number = float(value)
    if isinstance(value, np.longdouble) and value == value and np.longdouble(number) != value:
        raise ValueError(
            f"{value!r} cannot be part of a sweep: it has more digits than a float; give a float"
        )
    if math.isfinite(number) and number.is_integer():
        return b"number " + str(int(number)).encode()
    return b"number " + (number.hex() if math.isfinite(number) else str(number)).encode()


def _is_tensor(value: Any) -> bool:
    """Return whether a value is a torch tensor, without importing torch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def _numpy(tensor: Any) -> Any:
    """Return a tensor as an array that holds all its values exactly."""
    plain = tensor.detach().cpu()
    return (plain.double() if plain.is_floating_point() else plain).numpy()


def _array(a: Any, all_of: Any) -> bytes:
    """Return the bytes of an array: its shape, and its values as float64 where that is exact."""
    kind = a.dtype.kind
    if a.ndim == 0 and kind in "bfiuUSO":
        return all_of("sequence", a.item()) if kind == "O" else canonical(a[()])
    if kind in "fiu":
        numbers = np.ascontiguousarray(a, dtype="<f8") + 0.0  # −0 becomes 0
        with np.errstate(invalid="ignore"):
            exact = np.array_equal(numbers.astype(a.dtype), a, equal_nan=kind == "f")
        if exact:
            numbers[np.isnan(numbers)] = np.nan  # one NaN of the many
            return _framed("array", repr(a.shape).encode(), numbers.tobytes())
    if kind == "b":
        return _framed("truths", repr(a.shape).encode(), np.ascontiguousarray(a).tobytes())
    if kind == "c":
        return all_of("complex", (a.real, a.imag))
    if kind in "fiuUSO":
        return all_of("array of objects", (a.shape, *a.ravel().tolist()))
    raise ValueError(
        f"an array of dtype {a.dtype} cannot be part of a sweep; give numbers or texts"
    )


def _stored(value: Any) -> tuple[Any, ...]:
    """Return what pickle would store of an object: how it is made, and its state."""
    name = f"{type(value).__module__}.{type(value).__qualname__}"
    reduce = copyreg.dispatch_table.get(type(value))
    try:
        stored = reduce(value) if reduce else value.__reduce_ex__(4)
    except Exception as problem:
        raise ValueError(
            f"a {name} cannot be part of a sweep: {problem}; leave it out in the __getstate__ of "
            "the object that holds it"
        ) from None
    if isinstance(stored, str):  # the name of a global object, such as np.sin
        return type(value), stored
    make, arguments, state, items, pairs = (*stored, None, None, None)[:5]
    if isinstance(state, dict):
        state = {k: v for k, v in state.items() if not _is_remembered(type(value), k)}
    listed = [*items] if items is not None else None
    mapped = dict(pairs) if pairs is not None else None
    return make, arguments, state, listed, mapped


def _is_remembered(owner: type, name: Any) -> bool:
    """Return whether an attribute is what a cached property remembers."""
    attribute = inspect.getattr_static(owner, name, None) if isinstance(name, str) else None
    return isinstance(attribute, functools.cached_property)
