"""What happens to weights, done in software: a common scale, a grid of levels. The curves to hold a chip's against."""

import copy
from collections.abc import Iterator
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from devices.validation import choice, integer, number
from nsm.nn.folding import ChannelScale, folded
from nsm.nn.rules import RowNormConv2d, RowNormLinear

Network = TypeVar("Network", bound=nn.Module)
_ROW_NORM = (RowNormLinear, RowNormConv2d)


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


def _weighted(model: nn.Module) -> Iterator[tuple[nn.Module, Tensor, Tensor | None]]:
    """Yield the layers with a matrix or kernels of weights, these, and their biases: no normalisation, no slopes."""
    for layer in model.modules():
        weight, bias = getattr(layer, "weight", None), getattr(layer, "bias", None)
        if isinstance(weight, Tensor) and weight.ndim > 1:
            yield layer, weight, bias if isinstance(bias, Tensor) else None


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
        for layer, weight, bias in _weighted(out):
            (layer.gain if isinstance(layer, _ROW_NORM) else weight).mul_(factor)
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
            met = layer.normalized() if isinstance(layer, _ROW_NORM) else weight
            size = met.abs().flatten(1).amax(dim=1)
            step = (size if by_row else size.max().expand_as(size)).clamp_min(
                torch.finfo(met.dtype).tiny
            ) / steps
            of_weights = step.reshape(-1, *(1,) * (met.ndim - 1))
            weight.copy_((met / of_weights).round() * of_weights)
            if isinstance(layer, _ROW_NORM):
                layer.gain.copy_(
                    weight.flatten(1).norm(dim=1)
                )  # the weights are then their own normalised ones
            if biases and bias is not None:
                bias.copy_((bias / step).round() * step)
    return out
