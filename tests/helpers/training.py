"""Small untrained networks for the tests of training, and a check of their gradients."""

import torch
from torch import nn

from nsm import nsm_mlp, relu_mlp, stnn_mlp

WIDTHS = (64, 40, 30, 10)

BUILDS = {
    "nsm": nsm_mlp,
    "neuron": lambda w: nsm_mlp(w, site="neuron", beta="native"),
    "stnn": stnn_mlp,
    "relu": lambda w: relu_mlp(w, dropout=0.2),
    "flipped": lambda w: nsm_mlp(w, flip=0.1),
}


def fresh(build="nsm"):
    """Return an untrained network, the same one on every call."""
    torch.manual_seed(0)
    return BUILDS[build](WIDTHS)


def assert_learns(model, x, y):
    """Check that every parameter gets a finite gradient that is not all zeros."""
    nn.functional.cross_entropy(model(x), y).backward()
    for name, parameter in model.named_parameters():
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().max() > 0, name
