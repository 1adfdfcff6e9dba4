"""Whether two values are the same: plain data, arrays, functions and objects, part by part."""

import dataclasses
import functools
import types
import weakref
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch


def same(a: Any, b: Any, paired: Mapping[int, int] | None = None) -> bool:
    """Return whether two values compute the same wherever they are used.

    Numbers must agree in type and value (NaN with NaN), arrays and tensors in precision, shape and
    values. Functions are the same if they run the same code with the same defaults and the same
    enclosed values. Objects compare by their own `==`, or by their attributes if they have none;
    dataclasses whose `==` says no are compared field by field, as theirs tells NaN from NaN.

    Args:
        a: One value.
        b: The other.
        paired: Identities of objects that stand for each other: `id` of one -> `id` of the other.
            Values that refer back to themselves are followed with its help.
    """
    pairs = dict(paired or {})
    if a is b or pairs.get(id(a)) == id(b):
        return True
    if isinstance(a, tuple) and isinstance(b, tuple):  # torch.Size is a tuple of another name
        return len(a) == len(b) and all(same(x, y, pairs) for x, y in zip(a, b, strict=True))
    if type(a) is not type(b):
        return False
    pairs[id(a)] = id(b)
    if isinstance(a, (float, complex, np.generic)):
        return bool(a == b or (a != a and b != b))
    if isinstance(a, (np.ndarray, torch.Tensor)):
        return _same_arrays(a, b)
    if isinstance(a, list):
        return len(a) == len(b) and all(same(x, y, pairs) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(v, b[k], pairs) for k, v in a.items())
    if isinstance(a, weakref.ReferenceType):
        return same(a(), b(), pairs)
    if isinstance(a, (types.FunctionType, types.MethodType, functools.partial)):
        return _same_functions(a, b, pairs)
    return _same_objects(a, b, pairs)


def _same_arrays(a: Any, b: Any) -> bool:
    """Return whether two arrays of one library agree in precision, shape and values."""
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    if isinstance(a, torch.Tensor):
        x, y = a.detach().cpu(), b.detach().cpu()
        # NaN, the only value that differs from itself, agrees with NaN.
        return bool(((x == y) | ((x != x) & (y != y))).all())
    if a.dtype == object:
        return all(same(x, y) for x, y in zip(a.ravel(), b.ravel(), strict=True))
    return bool(((a == b) | ((a != a) & (b != b))).all())


def _same_functions(a: Any, b: Any, pairs: Mapping[int, int]) -> bool:
    """Return whether two functions, bound methods or partials do the same."""
    parts: tuple[str, ...] = ("__defaults__", "__kwdefaults__")
    if isinstance(a, functools.partial):
        parts = ("func", "args", "keywords")
    elif isinstance(a, types.MethodType):
        parts = ("__func__", "__self__")
    elif a.__code__ is not b.__code__ or not same(_enclosed(a), _enclosed(b), pairs):
        return False
    return all(same(getattr(a, name), getattr(b, name), pairs) for name in parts)


def _enclosed(function: Any) -> list[Any]:
    """Return the values that a function has from where it was defined."""
    return [cell.cell_contents for cell in function.__closure__ or ()]


def _same_objects(a: Any, b: Any, pairs: Mapping[int, int]) -> bool:
    """Return whether two objects of one class are equal, or have the same attributes."""
    # A module has no `==` of its own; its parameters differ after another initialization.
    has_equality = type(a).__eq__ is not object.__eq__
    if has_equality:
        try:
            equal = bool(a == b)
            if equal or not dataclasses.is_dataclass(a):
                return equal
        except (ValueError, TypeError, RuntimeError):  # such as a dataclass that holds arrays
            pass
    if not dataclasses.is_dataclass(a) and not hasattr(a, "__dict__"):
        return False
    try:
        return same(_attributes(a), _attributes(b), pairs)
    except RecursionError:  # they refer to each other without end, and count as different
        return False


def _attributes(value: Any) -> dict[str, Any]:
    """Return what an object holds: the fields that a dataclass compares, else its attributes."""
    if dataclasses.is_dataclass(value):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value) if f.compare}
    return vars(value)
