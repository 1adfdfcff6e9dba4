"""The short hash of a network, by which the rows of a sweep know it."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Iterator
from enum import Enum
from types import CodeType
from typing import Any

import numpy as np
import torch
from torch import nn

from nsm.sweeps.identity import canonical


def fingerprint(model: nn.Module) -> str:
    """Return a short hash of a network: classes, options and hooks of its modules, and its tensors.

    Options are the public attributes that hold numbers, texts, functions or arrays. Attributes
    that start with an underscore, such as seeds, do not count, and neither does the mode of the
    network (`training`). A module that is in training in a network that is not, such as a dropout
    that stays on, does count.

    Args:
        model: Any torch module, with tensors of any precision.

    Returns:
        16 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for name, module in model.named_modules(remove_duplicate=False):
        stays_on = module.training and not model.training
        parts = (name, _class_of(module), stays_on, [*_options(module)], [*_hooks(module)])
        digest.update(canonical(parts))
    for name, tensor in _tensors(model):
        digest.update(canonical((name, *_identified(tensor))))
    return digest.hexdigest()[:16]


def _class_of(module: nn.Module) -> tuple[Any, ...]:
    """Return what identifies the class of a module.

    A class that was made inside a function (torch.fx and parametrizations make such) shares its
    name with others, so that the instructions of its forward pass count as well.
    """
    cls = type(module)
    name = f"{cls.__module__.replace('__mp_main__', '__main__')}.{cls.__qualname__}"
    if "<locals>" not in name:
        return (name,)
    code = getattr(inspect.unwrap(cls.forward), "__code__", None)
    return name, _instructions(code) if isinstance(code, CodeType) else ()


def _instructions(code: CodeType) -> tuple[Any, ...]:
    """Return the instructions of compiled code, with the names and constants that they use."""
    constants = [c for c in code.co_consts if c is None or isinstance(c, (int, float, str))]
    return code.co_code, code.co_names, constants


def _options(module: nn.Module) -> Iterator[tuple[str, bytes]]:
    """Yield name and canonical bytes of the options of a module, in alphabetical order."""
    for name, value in sorted(vars(module).items()):
        if not name.startswith("_") and name != "training" and _is_option(value):
            yield name, _bytes(value)


def _hooks(module: nn.Module) -> Iterator[bytes]:
    """Yield what identifies the hooks that a forward pass of a module calls, in their order."""
    for hook in (*module._forward_pre_hooks.values(), *module._forward_hooks.values()):
        yield _bytes(hook)


def _is_option(value: Any) -> bool:
    """Return whether a value could be an option: a number, a text, a function, or several."""
    if isinstance(value, (tuple, list)):
        return all(_is_option(v) for v in value)
    if isinstance(value, dict):
        return all(_is_option(v) for v in value.values())
    plain = (bool, int, float, str, Enum, np.generic, np.ndarray, torch.Tensor, torch.dtype)
    return value is None or isinstance(value, plain) or inspect.isroutine(value)


def _bytes(value: Any) -> bytes:
    """Return canonical bytes of an option; of a function that cannot be imported, its code."""
    if isinstance(value, torch.dtype):
        return str(value).encode()
    try:
        return canonical(value)
    except ValueError:
        code = getattr(value, "__code__", None)
        return canonical(_instructions(code)) if code else type(value).__qualname__.encode()


def _tensors(model: nn.Module) -> Iterator[tuple[str, Any]]:
    """Yield parameters, buffers and extra states by name, those that files leave out too."""
    yield from model.named_parameters(remove_duplicate=False)
    yield from model.named_buffers(remove_duplicate=False)
    for name, state in model.state_dict().items():
        if not isinstance(state, torch.Tensor):
            yield name, state


def _identified(tensor: Any) -> tuple[Any, ...]:
    """Return precision, shape and bytes of a tensor; numpy lacks some precisions (bfloat16)."""
    if not isinstance(tensor, torch.Tensor):
        return ("extra state", _bytes(tensor))
    plain = tensor.detach().cpu().resolve_conj().resolve_neg()
    if plain.is_quantized:
        plain = plain.dequantize()
    if plain.layout is not torch.strided:
        plain = plain.to_dense()
    data = plain.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
    return str(tensor.dtype), tuple(tensor.shape), data
