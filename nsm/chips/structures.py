"""Arguments and results of networks: tensors in tuples, lists and mappings."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from crossbar.reads.packed import Packed


def mapped(function: Callable[[Any], Any], structure: Any) -> Any:
    """Return the same structure with `function(tensor)` in place of every tensor.

    Arrays of numpy and packed states count as tensors.

    Args:
        function: Called with every tensor, in order.
        structure: A tensor, or tuples, lists and mappings of tensors; other values stay.
    """
    if isinstance(structure, (Tensor, np.ndarray, Packed)):
        return function(structure)
    if isinstance(structure, Mapping):
        return {key: mapped(function, value) for key, value in structure.items()}
    if isinstance(structure, tuple) and hasattr(structure, "_fields"):
        return type(structure)(*(mapped(function, value) for value in structure))
    if isinstance(structure, (tuple, list)):
        return type(structure)(mapped(function, value) for value in structure)
    return structure


def leaves(structure: Any) -> list[Tensor]:
    """Return the tensors of a structure in order."""
    found: list[Tensor] = []
    mapped(found.append, structure)
    return found


def tensors_of(
    arguments: tuple[tuple[Any, ...], dict[str, Any]], who: str, advice: str
) -> list[Tensor]:
    """Return the tensors among the arguments of a call, or raise ValueError.

    Args:
        arguments: Positional arguments and options of the call.
        who: What is called, for the message.
        advice: What to do instead of giving arrays, for the message.

    Raises:
        ValueError: There is an array that is no tensor, or no tensor.
    """
    given = leaves(arguments)
    wrong = [t for t in given if not isinstance(t, Tensor)]
    if wrong or not given:
        first = wrong[0] if wrong else next(iter(arguments[0]), None)
        raise ValueError(f"{who} was called with a {type(first).__name__}; {advice}")
    return given


def combined(function: Callable[[list[Tensor]], Any], structures: list[Any]) -> Any:
    """Return one structure that combines the tensors at the same place of several structures.

    Args:
        function: Called with the list of these tensors, one for each structure.
        structures: Structures of the same form.
    """
    columns = zip(*(leaves(s) for s in structures), strict=True)
    made = iter([function(list(column)) for column in columns])
    return mapped(lambda _: next(made), structures[0])


def as_dtype(structure: Any, dtype: torch.dtype) -> Any:
    """Return the structure with all floating-point tensors in one precision."""
    return mapped(lambda t: t.to(dtype) if t.is_floating_point() else t, structure)


def rows_of(structure: Any) -> int:
    """Return the length of the first axis of the first tensor that has one."""
    return next((len(t) for t in leaves(structure) if t.ndim), 1)
