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


def quantised(model: Network, levels: int, *, scale: str = "layer") -> Network:
    """Return a copy of the network whose |w| lie on `levels` even steps from 0 to the largest of a "layer" or "row".

    The weights of a differential pair of ideal cells with so many levels, g_min = 0: 2 levels leave −w_max, 0 and +w_max.
    Biases stay. Raises ValueError for fewer than 2 levels or an unknown scale.
    """
    steps = integer("levels", levels, at_least=2) - 1
    by_row = choice("scale", scale, ("layer", "row")) == "row"
    out = copy.deepcopy(model)
    with torch.no_grad():
        for name, parameter in out.named_parameters():
            if name.endswith("weight") and parameter.ndim > 1:
                size: Tensor = parameter.abs().flatten(1).amax(dim=1) if by_row else parameter.abs().max()
                step = (
                    size.clamp_min(torch.finfo(parameter.dtype).tiny).reshape(-1, *(1,) * (parameter.ndim - 1)) / steps
                )
                parameter.copy_((parameter / step).round() * step)
    return out
