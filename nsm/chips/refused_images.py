"""Inputs that a network cannot take, refused by name where a chip's reads of them fail."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from nsm.chips.images import InputForm
from nsm.chips.planning.planner import evaluating_copy
from nsm.chips.structures import as_dtype, leaves, mapped


@contextmanager
def refusing_images(
    model: nn.Module, form: InputForm, inputs: tuple[Any, ...], options: Any = None
) -> Iterator[None]:
    """Raise ValueError, with the shapes, if reads fail on inputs that the network refuses, too.

    A chip reads images of other sizes than it was mapped with, where the network takes them: only
    the network can tell. It is asked where reads have failed, so that reads cost nothing more.

    Args:
        model: The network that was mapped.
        form: What it takes.
        inputs: The arguments of the failing pass.
        options: Its keyword arguments; None for none.
    """
    try:
        yield
    except Exception as problem:
        reason = _refusal(model, inputs, options or {})
        if reason is None:
            raise
        shapes = ", ".join(str(tuple(t.shape[1:])) for t in leaves(inputs))
        known = f", such as {form.tried}" if form.tried else ""
        raise ValueError(
            f"a chip of a {type(model).__name__} cannot take images of shape {shapes}: {reason}; "
            f"give (batch, …) of a shape that the network takes{known}"
        ) from problem


def _refusal(model: nn.Module, inputs: tuple[Any, ...], options: dict[str, Any]) -> str | None:
    """Return what the network itself says of the inputs; None if it takes them."""
    of = next((p for p in model.parameters() if p.is_floating_point()), torch.empty(0))
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        try:
            given = mapped(lambda t: t.to(of.device), as_dtype(inputs, of.dtype))
            evaluating_copy(model)(*given, **options)
        except Exception as problem:  # the forward of a user may raise anything
            return (str(problem).strip() or type(problem).__name__).splitlines()[0]
    return None
