"""What identifies functions and classes that no import path names: their code and what it holds.

A lambda, a function made by a function, and a class inside a function share their names with
others. They are told apart by the instructions, and by the values that these use: constants,
defaults, values from where the function was defined, and plain global values.
"""

from __future__ import annotations

import dis
import inspect
from collections.abc import Mapping
from enum import Enum
from types import (
    BuiltinFunctionType,
    CellType,
    CodeType,
    FunctionType,
    MethodDescriptorType,
    ModuleType,
    WrapperDescriptorType,
)
from typing import Any

import numpy as np
import torch
from torch import nn

from nsm.sweeps.hashing.identity import import_path

#: Plain values, which count where a function reads them from its module.
PLAIN = (bool, int, float, complex, str, bytes, Enum, np.generic, np.ndarray, torch.Tensor)

#: Routines of compiled libraries, such as `torch.tanh`, which are told apart by their names.
COMPILED = (BuiltinFunctionType, MethodDescriptorType, WrapperDescriptorType)


class StandIns:
    """Says what identifies the parts of a network that have no canonical bytes of their own.

    Modules count by their place in the network, or, if they are no part of it, by their
    fingerprint; functions and classes without an import path by their code.

    Args:
        places: Name of every module of the network, by its `id`.
    """

    def __init__(self, places: Mapping[int, str]):
        self._places = dict(places)

    def __call__(self, value: Any) -> Any:
        """Return what is encoded in place of a value, or None for the value itself."""
        if isinstance(value, nn.Module):
            return self._of_module(value)
        if isinstance(value, torch.dtype):
            return ("precision", str(value))
        if isinstance(value, CodeType):
            return _of_code(value)
        if isinstance(value, CellType):
            return _of_cell(value)
        if isinstance(value, FunctionType) and not _has_path(value):
            return ("function", *of_function(value))
        if isinstance(value, type) and not _has_path(value):
            return ("class", *of_class(value))
        if isinstance(value, COMPILED) and not _has_path(value) and not _is_bound(value):
            return ("compiled", module_name(value))
        return None

    def _of_module(self, module: nn.Module) -> tuple[Any, ...]:
        from nsm.sweeps.hashing.fingerprint import fingerprint  # which asks for stand-ins

        if id(module) not in self._places:
            # Its place comes first: the module may hold a function that holds the module.
            self._places[id(module)] = f"outside {len(self._places)}"
            return ("module outside", fingerprint(module, self))
        return ("module", self._places[id(module)])


def of_function(function: FunctionType) -> tuple[Any, ...]:
    """Return what a function computes with: code, defaults, enclosed and plain global values."""
    code = function.__code__
    names = _globals_of(code) & {n for n, v in function.__globals__.items() if _is_plain(v)}
    return (
        code,
        function.__defaults__,
        function.__kwdefaults__,
        function.__closure__,
        [(name, function.__globals__[name]) for name in sorted(names)],
    )


def of_class(cls: type) -> tuple[Any, ...]:
    """Return name, bases, functions and plain values of a class that was made in a function."""
    own = sorted(vars(cls).items())
    members = [
        (name, inspect.unwrap(value) if isinstance(value, FunctionType) else value)
        for name, value in own
        if isinstance(value, FunctionType) or (not name.startswith("__") and _is_plain(value))
    ]
    return module_name(cls), cls.__bases__, members


def module_name(cls: Any) -> str:
    """Return the module and name of a class or routine, the same in worker processes."""
    module = str(getattr(cls, "__module__", None)).replace("__mp_main__", "__main__")
    return f"{module}.{cls.__qualname__}"


def _has_path(thing: Any) -> bool:
    """Return whether an import path leads to a function or class."""
    try:
        import_path(thing)
    except (ValueError, AttributeError):  # some compiled routines are of no module
        return False
    return True


def _is_bound(routine: Any) -> bool:
    """Return whether a compiled routine is a method of an object, not of a class or module."""
    owner = getattr(routine, "__self__", None)
    return owner is not None and not isinstance(owner, (type, ModuleType))


def _of_code(code: CodeType) -> tuple[Any, ...]:
    """Return instructions, names and constants; those of functions inside are among these."""
    constants = [
        (type(c).__name__, None if c is ... else c) for c in map(_in_order, code.co_consts)
    ]
    arguments = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
    return ("code", code.co_code, code.co_names, code.co_varnames, arguments, constants)


def _in_order(constant: Any) -> Any:
    """Return a constant whose parts tell their types: 1 and 1.0 compute in other precisions."""
    if isinstance(constant, (tuple, frozenset)):
        parts = [(type(part).__name__, _in_order(part)) for part in constant]
        return tuple(parts) if isinstance(constant, tuple) else frozenset(parts)
    return None if constant is ... else constant


def _of_cell(cell: CellType) -> tuple[Any, ...]:
    """Return the value of a cell of a closure."""
    try:
        return ("enclosed", cell.cell_contents)
    except ValueError:  # a name that was never assigned
        return ("empty",)


def _globals_of(code: CodeType) -> set[str]:
    """Return the global names that code reads, with those of the functions inside it."""
    found = {i.argval for i in dis.get_instructions(code) if i.opname == "LOAD_GLOBAL"}
    inner = [c for c in code.co_consts if isinstance(c, CodeType)]
    return found.union(*map(_globals_of, inner))


def _is_plain(value: Any) -> bool:
    """Return whether a value is plain data, or several."""
    if isinstance(value, (tuple, list)):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(map(_is_plain, value.values()))
    return value is None or isinstance(value, PLAIN)
