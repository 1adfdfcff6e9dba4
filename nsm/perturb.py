"""What happens to weights, done in software: a common scale, a grid of levels. The curves to hold a chip's against."""

import copy
from typing import TypeVar

import torch
from torch import Tensor, nn

from devices._checks import choice, integer, number

Network = TypeVar("Network", bound=nn.Module)


def scaled(model: Network, factor: float, *, biases: bool = True) -> Network:
    """Return a copy of the network with the weights of every layer, and the biases too or not, times `factor`.

    An NSM's firing probabilities depend on w/‖w‖, β and b/‖w‖ alone: they stay where the biases go along. Raises
    ValueError for a factor ≤ 0.
    """
    number("factor", factor, above=0)
    out = copy.deepcopy(model)
    with torch.no_grad():
        for name, parameter in out.named_parameters():
            if name.endswith("weight") or (biases and name.endswith("bias")):
                parameter.mul_(factor)
    return out


def quantised(model: Network, levels: int, *, scale: str = "layer", biases: bool = False) -> Network:
    """Return a copy of the network whose |w| lie on `levels` even steps from 0 to the largest of a "layer" or "row".

    The weights of a differential pair of ideal cells with so many levels, g_min = 0: 2 levels leave −w_max, 0 and +w_max.
    biases: they too lie on the steps of their layer or row, as bias word lines have them (as many steps as they need);
    otherwise they stay. Raises ValueError for fewer than 2 levels or an unknown scale.
    """
    steps = integer("levels", levels, at_least=2) - 1
    by_row = choice("scale", scale, ("layer", "row")) == "row"
    out = copy.deepcopy(model)
    with torch.no_grad():
        for layer in out.modules():
            weight, bias = getattr(layer, "weight", None), getattr(layer, "bias", None)
            if not isinstance(weight, Tensor) or weight.ndim < 2:
                continue
            size = weight.abs().flatten(1).amax(dim=1)
            step = (size if by_row else size.max().expand_as(size)).clamp_min(torch.finfo(weight.dtype).tiny) / steps
            of_weights = step.reshape(-1, *(1,) * (weight.ndim - 1))
            weight.copy_((weight / of_weights).round() * of_weights)
            if biases and isinstance(bias, Tensor):
                bias.copy_((bias / step).round() * step)
    return out
