"""The short hash of a network, by which the rows of a sweep know it."""

from __future__ import annotations

import dataclasses
import hashlib
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
import torch
from torch import nn

from nsm.sweeps.hashing.code import StandIns, module_name, of_class
from nsm.sweeps.hashing.identity import canonical


def fingerprint(model: nn.Module, stand_ins: StandIns | None = None) -> str:
    """Return a short hash of a network: classes, options and hooks of its modules, and its tensors.

    Options are the public attributes that hold numbers, texts, functions, other callables,
    dataclasses or arrays. Attributes that start with an underscore, such as seeds, do not count,
    and neither does the mode of the network (`training`). A module that is in training in a network
    that is not, such as a dropout that stays on, does count. Functions without an import path, such
    as lambdas, count by their code and the values that it uses, see `nsm.sweeps.hashing.code`.

    Args:
        model: Any torch module, with tensors of any precision.
        stand_ins: Those of the network that refers to this one; None for a network by itself.

    Returns:
        16 hexadecimal digits.

    Raises:
        ValueError: A hook or an option cannot be identified, such as a callable that holds an open
            file; the message names the layer.
    """
    places = {id(m): name for name, m in model.named_modules()}
    bytes_of = _Bytes(stand_ins or StandIns(places))
    digest = hashlib.sha256()
    for name, module in model.named_modules(remove_duplicate=False):
        stays_on = module.training and not model.training
        with _named(name, module):
            options = [*_options(module, bytes_of)]
            hooks = [*_hooks(module, bytes_of)]
            cls = _class_of(module, bytes_of)
        digest.update(canonical((name, cls, stays_on, options, hooks)))
    for name, tensor in _tensors(model):
        digest.update(canonical((name, *_identified(tensor, bytes_of))))
    return digest.hexdigest()[:16]


@dataclass(frozen=True)
class _Bytes:
    """Returns canonical bytes of options and hooks."""

    stand_ins: StandIns

    def __call__(self, value: Any) -> bytes:
        """Return canonical bytes of a value."""
        if isinstance(value, torch.dtype):
            return str(value).encode()
        return canonical(value, self.stand_ins)


@contextmanager
def _named(name: str, module: nn.Module) -> Iterator[None]:
    """Say in the message of a ValueError which layer it is about."""
    try:
        yield
    except ValueError as problem:
        where = f"layer {name} ({type(module).__name__})" if name else type(module).__name__
        raise ValueError(f"{where}: {problem}") from None


def _class_of(module: nn.Module, bytes_of: _Bytes) -> tuple[Any, ...]:
    """Return what identifies the class of a module.

    A class that was made inside a function (torch.fx and parametrizations make such) shares its
    name with others, so that its functions count as well.
    """
    cls = type(module)
    name = module_name(cls)
    return (name,) if "<locals>" not in name else (name, bytes_of(of_class(cls)))


def _options(module: nn.Module, bytes_of: _Bytes) -> Iterator[tuple[str, bytes]]:
    """Yield name and canonical bytes of the options of a module, in alphabetical order."""
    for name, value in sorted(vars(module).items()):
        if not name.startswith("_") and name != "training" and _is_option(value):
            with _of("attribute", name):
                yield name, bytes_of(value)


def _hooks(module: nn.Module, bytes_of: _Bytes) -> Iterator[bytes]:
    """Yield what identifies the hooks that a forward pass of a module calls, in their order."""
    for hook in (*module._forward_pre_hooks.values(), *module._forward_hooks.values()):
        with _of("hook", getattr(hook, "__qualname__", type(hook).__qualname__)):
            yield bytes_of(hook)


@contextmanager
def _of(what: str, name: str) -> Iterator[None]:
    """Say in the message of a ValueError which attribute or hook it is about."""
    try:
        yield
    except ValueError as problem:
        raise ValueError(f"{what} {name}: {problem}") from None


def _is_option(value: Any) -> bool:
    """Return whether a value could be an option: a number, a text, a callable, or several."""
    if isinstance(value, (tuple, list)):
        return all(_is_option(v) for v in value)
    if isinstance(value, dict):
        return all(_is_option(v) for v in value.values())
    plain = (bool, int, float, str, Enum, np.generic, np.ndarray, torch.Tensor, torch.dtype)
    if value is None or isinstance(value, plain) or inspect.isroutine(value):
        return True
    if isinstance(value, (type, nn.Module)):
        return False
    # The laws of this package's layers follow from the numbers beside them.
    ours = type(value).__module__.startswith("nsm.")
    return callable(value) or (dataclasses.is_dataclass(value) and not ours)


def _tensors(model: nn.Module) -> Iterator[tuple[str, Any]]:
    """Yield parameters, buffers and extra states by name, those that files leave out too."""
    yield from model.named_parameters(remove_duplicate=False)
    yield from model.named_buffers(remove_duplicate=False)
    for name, state in model.state_dict().items():
        if not isinstance(state, torch.Tensor):
            yield name, state


def _identified(tensor: Any, bytes_of: _Bytes) -> tuple[Any, ...]:
    """Return precision, shape and bytes of a tensor; numpy lacks some precisions (bfloat16)."""
    if not isinstance(tensor, torch.Tensor):
        return ("extra state", bytes_of(tensor))
    plain = tensor.detach().cpu().resolve_conj().resolve_neg()
    if plain.is_quantized:
        plain = plain.dequantize()
    if plain.layout is not torch.strided:
        plain = plain.to_dense()
    data = plain.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
    return str(tensor.dtype), tuple(tensor.shape), data
