"""Scaling and quantization of weights in software: the reference for the curves of a chip."""

import copy
from collections.abc import Iterator
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from devices.validation import boolean, choice, integer, number
from nsm.nn import registry
from nsm.nn.convolutions import TRANSPOSES
from nsm.nn.described import Described
from nsm.nn.files.tensor_file import check_values
from nsm.nn.folding import ChannelScale, folded
from nsm.nn.inference import check_holds_weights

Network = TypeVar("Network", bound=nn.Module)

#: Layers whose matrices are digital on a chip.
_NOT_ON_TILES = (nn.Embedding, nn.EmbeddingBag, nn.LayerNorm, nn.RMSNorm)


def as_held(model: Network) -> Network:
    """Return a copy with the weights that a chip would hold: batch normalization folded in.

    A normalization before all weights stays, because no array holds it. Precision and mode of the
    network stay.

    Raises:
        ValueError: It is no network, its values are not finite, or a normalization cannot be
            folded.
    """
    check_holds_weights(model)
    check_values(model.state_dict(), "the network")
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
    """Yield the layers with a matrix or kernels: what answers for them, weights, biases.

    Tables and normalizations, which a chip does not put on tiles, are left out.

    Raises:
        ValueError: Naming a layer whose weights cannot be changed in place.
    """
    for path, layer in model.named_modules():
        _check_changeable(path, layer)
        if isinstance(layer, _NOT_ON_TILES):
            continue
        said = registry.description(layer)
        weight = said.effective_weight()
        bias = getattr(layer, "bias", None)
        if weight is not None:
            yield said, weight, bias if isinstance(bias, Tensor) else None


def _check_changeable(path: str, layer: nn.Module) -> None:
    """Raise ValueError, naming the layer, if its weights on tiles cannot be changed in place."""
    start = f"layer {path!r} ({type(layer).__name__})"
    if hasattr(layer, "parametrizations"):
        raise ValueError(
            f"{start} computes its weights (parametrizations), so that they cannot be changed; "
            "make them permanent with torch.nn.utils.parametrize.remove_parametrizations"
        )
    if isinstance(layer, (nn.RNNBase, nn.RNNCellBase, nn.MultiheadAttention)):
        raise ValueError(
            f"{start} holds several matrices, which are changed on chips alone; map the network, "
            "and give the hardware levels or a weight_range"
        )


def rows_by_group(layer: nn.Module, weight: Tensor) -> Tensor:
    """Return weights as (groups, outputs of a group, inputs of a group).

    Every group of a convolution is a layer of its own on a chip; other layers have one group.

    Args:
        layer: The layer.
        weight: Its weights, as it holds them.
    """
    by_group = weight.unflatten(0, (getattr(layer, "groups", 1), -1))
    if isinstance(layer, TRANSPOSES):
        by_group = by_group.transpose(1, 2)
    return by_group.flatten(2)


def beside_weights(values: Tensor, layer: nn.Module, weight: Tensor) -> Tensor:
    """Return a number of each output in a shape that broadcasts against the layer's weights.

    Args:
        values: (groups, outputs of a group).
        layer: The layer.
        weight: Its weights, as it holds them.
    """
    if isinstance(layer, TRANSPOSES):  # its weights are (inputs, outputs of a group, ...)
        values = values.repeat_interleave(len(weight) // len(values), dim=0)
        return values.reshape(*values.shape, *(1,) * (weight.ndim - 2))
    return values.reshape(-1, *(1,) * (weight.ndim - 1))


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
        ValueError: For a factor ≤ 0, batch normalization that cannot be folded, or naming a layer
            whose weights cannot be changed in place: parametrized, recurrent, or attention.
    """
    number("factor", factor, above=0)
    boolean("biases", biases)
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
    two levels leave −w_max, 0 and +w_max. Every group of a convolution counts as a layer.
    Under weight normalization, the effective weights are rounded. Batch normalization is folded as
    in `scale_weights`.

    Args:
        model: The network, which stays as it is.
        levels: Number of levels from 0 to the largest |w|, at least 2.
        scale: Largest |w| of what: "layer" (the default) or output "row".
        biases: Whether biases are rounded to the same steps, as bias word lines have them, in as
            many steps as they need; otherwise (the default) they stay.

    Raises:
        ValueError: For fewer than 2 levels, an unknown scale, batch normalization that cannot be
            folded, or naming a layer whose weights cannot be changed in place, see `scale_weights`.
    """
    steps = integer("levels", levels, at_least=2) - 1
    by_row = choice("scale", scale, ("layer", "row")) == "row"
    boolean("biases", biases)
    out = as_held(model)
    with torch.no_grad():
        for layer, weight, bias in weighted_layers(out):
            largest = rows_by_group(layer.described, weight).abs().amax(dim=2)
            if not by_row:
                largest = largest.amax(dim=1, keepdim=True).expand_as(largest)
            step = largest.clamp_min(torch.finfo(weight.dtype).tiny) / steps  # a row of zeros stays
            of_weights = beside_weights(step, layer.described, weight)
            layer.set_effective_weight((weight / of_weights).round() * of_weights)
            if biases and bias is not None:
                of_biases = step.flatten()
                bias.copy_((bias / of_biases).round() * of_biases)
    return out
