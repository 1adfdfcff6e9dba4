"""Scaling and quantization of weights in software: the reference for the curves of a chip."""

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


def as_held(model: Network) -> Network:
    """Return a copy with the weights that a chip would hold: batch normalization folded in.

    A normalization before all weights stays, because no array holds it. Precision and mode of the
    network stay.
    """
    if not any(isinstance(m, _BatchNorm) for m in model.modules()):
        return copy.deepcopy(model)
    if not isinstance(model, nn.Sequential):
        raise _not_held(
            f"a {type(model).__name__} does not say what comes after what; give an nn.Sequential"
        )
    try:
        parts = [named.layer for named in folded(model)]
    except ValueError as problem:
        raise _not_held(str(problem)) from None
    # Every ChannelScale stands for a normalization of the model, in the same order: put that back.
    normalizations = (m for m in model if isinstance(m, _BatchNorm))
    layers = [next(normalizations) if isinstance(p, ChannelScale) else p for p in parts]
    kept = set(model)
    out = nn.Sequential(
        *(copy.deepcopy(m) if m in kept else m.train(model.training) for m in layers)
    )
    out = out.to(next(model.parameters()).dtype)
    out.training = model.training  # not `train()`: the layers that were kept have their own modes
    digital = sum(isinstance(part, ChannelScale) for part in parts)
    left = [type(m).__name__ for m in out.modules() if isinstance(m, _BatchNorm)]
    if len(left) > digital:
        raise _not_held(
            f"{left[-1]} is left over; give a flat nn.Sequential whose normalization is "
            "BatchNorm1d or BatchNorm2d"
        )
    return out  # type: ignore[return-value]


def _not_held(why: str) -> ValueError:
    """Return the error about a network whose weights on a chip are not known."""
    return ValueError(
        "weights are changed as a chip holds them, with batch normalization folded in, but " + why
    )


def weighted_layers(model: nn.Module) -> Iterator[tuple[Described, Tensor, Tensor | None]]:
    """Yield the layers with a matrix or kernels: what answers for them, weights, biases."""
    for layer in model.modules():
        said = registry.description(layer)
        weight = said.effective_weight()
        bias = getattr(layer, "bias", None)
        if weight is not None:
            yield said, weight, bias if isinstance(bias, Tensor) else None


def scale_weights(model: Network, factor: float, *, biases: bool = True) -> Network:
    """Return a copy of the network with all weights times one factor.

    The firing probabilities of an NSM depend on w/‖w‖, β and b/‖w‖ only: they stay the same if the
    biases are scaled too. Under weight normalization (`RowNormLinear`, `RowNormConv2d`) the
    magnitudes carry the factor. Batch normalization of an `nn.Sequential` is first folded into
    weights and biases, as in `eval()` (see `nsm.nn.folding.folded`); one before all weights stays.

    Args:
        model: The network, which stays as it is.
        factor: Above 0.
        biases: Whether biases are scaled too; True by default.

    Raises:
        ValueError: For a factor ≤ 0, or batch normalization that cannot be folded.
    """
    number("factor", factor, above=0)
    out = as_held(model)
    with torch.no_grad():
        for layer, _, bias in weighted_layers(out):
            layer.scale_effective_weight(factor)
            if biases and bias is not None:
                bias.mul_(factor)
    return out


def quantize_weights(
    model: Network, levels: int, *, scale: str = "layer", biases: bool = False
) -> Network:
    """Return a copy of the network whose |w| lie on a grid of equal steps from 0.

    These are the weights of a differential pair of ideal cells with that many levels and g_min = 0:
    two levels leave −w_max, 0 and +w_max. Under weight normalization, the effective weights are
    rounded. Batch normalization is folded as in `scale_weights`.

    Args:
        model: The network, which stays as it is.
        levels: Number of levels from 0 to the largest |w|, at least 2.
        scale: Largest |w| of what: "layer" (the default) or output "row".
        biases: Whether biases are rounded to the same steps, as bias word lines have them, in as
            many steps as they need; otherwise (the default) they stay.

    Raises:
        ValueError: For fewer than 2 levels, an unknown scale, or batch normalization that cannot be
            folded.
    """
    steps = integer("levels", levels, at_least=2) - 1
    by_row = choice("scale", scale, ("layer", "row")) == "row"
    out = as_held(model)
    with torch.no_grad():
        for layer, weight, bias in weighted_layers(out):
            largest = weight.abs().flatten(1).amax(dim=1)
            if not by_row:
                largest = largest.max().expand_as(largest)
            step = largest.clamp_min(torch.finfo(weight.dtype).tiny) / steps  # a row of zeros stays
            of_weights = step.reshape(-1, *(1,) * (weight.ndim - 1))
            layer.set_effective_weight((weight / of_weights).round() * of_weights)
            if biases and bias is not None:
                bias.copy_((bias / step).round() * step)
    return out
