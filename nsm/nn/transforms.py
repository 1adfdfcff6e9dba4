"""What happens to weights, done in software: a common scale, a grid of levels. The curves to hold a chip's against."""

import copy
from collections.abc import Iterator
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from devices.validation import choice, integer, number
from nsm.nn import registry
from nsm.nn.described import Described
from nsm.nn.folding import ChannelScale, folded

Network = TypeVar("Network", bound=nn.Module)


def _as_held(model: Network) -> Network:
    """Return a copy whose weights are those that a chip would hold: batch normalisation folded in.

    One that comes before all weights stays as it is: no array holds it. Precision and mode of the network stay.
    """
    if not any(isinstance(m, _BatchNorm) for m in model.modules()):
        return copy.deepcopy(model)
    if not isinstance(model, nn.Sequential):
        raise _cannot_fold(
            f"a {type(model).__name__} does not say what comes after what; give an nn.Sequential"
        )
    try:
        parts = [part for _, part in folded(model)]
    except ValueError as problem:
        raise _cannot_fold(str(problem)) from None
    first = (m for m in model if isinstance(m, _BatchNorm))  # a digital step each, in this order
    layers = [next(first) if isinstance(part, ChannelScale) else part for part in parts]
    kept = set(model)
    out = nn.Sequential(
        *(copy.deepcopy(m) if m in kept else m.train(model.training) for m in layers)
    )
    out = out.to(next(model.parameters()).dtype)
    out.training = model.training  # layers that were kept have modes of their own
    digital = sum(isinstance(part, ChannelScale) for part in parts)
    left = [type(m).__name__ for m in out.modules() if isinstance(m, _BatchNorm)]
    if len(left) > digital:
        raise _cannot_fold(
            f"{left[-1]} is left over; give a flat nn.Sequential whose normalisation is BatchNorm1d or BatchNorm2d"
        )
    return out  # type: ignore[return-value]


def _cannot_fold(why: str) -> ValueError:
    return ValueError(
        f"weights are changed as a chip holds them, with batch normalisation folded in, but {why}"
    )


def _weighted(model: nn.Module) -> Iterator[tuple[Described, Tensor, Tensor | None]]:
    """Yield the layers with a matrix or kernels: what answers for them, effective weights, biases."""
    for layer in model.modules():
        said = registry.description(layer)
        weight = said.effective_weight()
        bias = getattr(layer, "bias", None)
        if weight is not None:
            yield said, weight, bias if isinstance(bias, Tensor) else None


def scale_weights(model: Network, factor: float, *, biases: bool = True) -> Network:
    """Return a copy of the network with the weights of every layer, and the biases too or not, times `factor`.

    An NSM's firing probabilities depend on w/‖w‖, β and b/‖w‖ alone: they stay where the biases go along. Under weight
    normalisation (`RowNormLinear`, `RowNormConv2d`) the gains carry the factor. Batch normalisation of an `nn.Sequential` is
    folded into weights and biases first, as in `eval()` (see `nsm.nn.folding.folded`); one that comes before all weights stays.
    Raises ValueError for a factor ≤ 0, or batch normalisation that cannot be folded.
    """
    number("factor", factor, above=0)
    out = _as_held(model)
    with torch.no_grad():
        for layer, _, bias in _weighted(out):
            layer.scale_effective_weight(factor)
            if biases and bias is not None:
                bias.mul_(factor)
    return out


def quantize_weights(
    model: Network, levels: int, *, scale: str = "layer", biases: bool = False
) -> Network:
    """Return a copy of the network whose |w| lie on `levels` even steps from 0 to the largest of a "layer" or "row".

    The weights of a differential pair of ideal cells with so many levels, g_min = 0: 2 levels leave −w_max, 0 and +w_max.
    Under weight normalisation these are the weights that inputs meet, `normalized()`; batch normalisation is folded as in
    `scaled`. biases: they too lie on the steps of their layer or row, as bias word lines have them (as many steps as they
    need); otherwise they stay. Raises ValueError for fewer than 2 levels, an unknown scale, or batch normalisation that
    cannot be folded.
    """
    steps = integer("levels", levels, at_least=2) - 1
    by_row = choice("scale", scale, ("layer", "row")) == "row"
    out = _as_held(model)
    with torch.no_grad():
        for layer, weight, bias in _weighted(out):
            largest = weight.abs().flatten(1).amax(dim=1)
            if not by_row:
                largest = largest.max().expand_as(largest)
            step = largest.clamp_min(torch.finfo(weight.dtype).tiny) / steps
            of_weights = step.reshape(-1, *(1,) * (weight.ndim - 1))
            layer.set_effective_weight((weight / of_weights).round() * of_weights)
            if biases and bias is not None:
                bias.copy_((bias / step).round() * step)
    return out
