"""Room to grow: how far the weights of an untrained network are from the ends of their range."""

import copy

import torch
from torch import nn

from devices.validation import instance, number


def widened(model: nn.Module, factor: float) -> nn.Module:
    """Return a copy whose plain linear layers have all weights and biases times a factor.

    Mapped with `reprogrammed_scale = 1/factor` it computes what `model` computes, in cells that
    hold weights up to `factor` times its largest. Rectifiers need this, because they learn large
    weights. An NSM does not depend on the scale of its weights: there `reprogrammed_scale` alone
    leaves the same room.

    Args:
        model: The network, which does not change.
        factor: At least 1.
    """
    instance("model", model, nn.Module)
    number("factor", factor, at_least=1)
    wide = copy.deepcopy(model)
    with torch.no_grad():
        for layer in wide.modules():
            if type(layer) is nn.Linear:
                layer.weight.mul_(factor)
                if layer.bias is not None:
                    layer.bias.mul_(factor)
    return wide
