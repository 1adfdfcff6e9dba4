"""The fingerprint of a network: of any torch module, and of everything that it computes with."""

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from nsm import NSMConv2d, nsm_mlp, relu_mlp, stnn_mlp
from nsm.nn.inference import sample
from nsm.sweeps.fingerprint import fingerprint


class Scaled(nn.Module):
    """A module of your own, with an option, a function, a mask and a tensor that no file keeps."""

    def __init__(self, factor=1.0, activation=functional.relu, mask=(1.0, 0.0), shift=0.0):
        super().__init__()
        self.inner = nn.Linear(2, 2)
        self.factor = factor
        self.activation = activation
        self.register_buffer("mask", torch.tensor(mask), persistent=False)
        self.shift = np.full(2, shift)

    def forward(self, x):
        y = self.activation(self.inner(x)) * self.mask * self.factor
        return y + torch.as_tensor(self.shift, dtype=y.dtype)


def made(build, *arguments, **options):
    torch.manual_seed(0)
    return build(*arguments, **options)


def local(activation):
    class Local(nn.Module):
        def forward(self, x):
            return x.relu() if activation == "relu" else x

    class Other(nn.Module):
        def forward(self, x):
            return x.tanh()

    Other.__qualname__ = Local.__qualname__
    return (Local if activation == "relu" else Other)()


def perturbed(model):
    with torch.no_grad():
        next(model.parameters()).view(-1)[0] += 1e-3
    return model


def tied():
    layer = made(nn.Linear, 3, 3)
    return nn.Sequential(layer, nn.ReLU(), layer)


def hooked(hook):
    model = made(nn.Linear, 2, 2)
    model.register_forward_hook(hook)
    return model


def stays_on():
    model = nn.Sequential(nn.Dropout(), made(nn.Linear, 2, 2)).eval()
    model[0].train()
    return model


#: Networks that are all different.
NETWORKS = {
    "nsm": lambda: made(nsm_mlp, (8, 6, 3)),
    "relu": lambda: made(relu_mlp, (8, 6, 3)),
    "stnn": lambda: made(stnn_mlp, (8, 6, 3)),
    "other weights": lambda: perturbed(made(nsm_mlp, (8, 6, 3))),
    "native": lambda: made(nsm_mlp, (8, 6, 3), beta="native"),
    "stride 1": lambda: made(NSMConv2d, 1, 2, 3),
    "stride 2": lambda: made(NSMConv2d, 1, 2, 3, stride=2),
    "double": lambda: made(nn.Linear, 2, 3).double(),
    "bfloat16": lambda: made(nn.Linear, 2, 3).bfloat16(),
    "half": lambda: made(nn.Linear, 2, 3).half(),
    "weight norm": lambda: nn.utils.parametrizations.weight_norm(made(nn.Linear, 2, 3)),
    "nested": lambda: nn.Sequential(made(nn.Linear, 2, 3)),
    "tied": tied,
    "untied": lambda: copy.deepcopy(nn.Sequential(tied()[0], nn.ReLU(), made(nn.Linear, 3, 3))),
    "LSTM": lambda: made(nn.LSTM, 2, 3),
    "attention": lambda: made(nn.MultiheadAttention, 4, 2),
    "other heads": lambda: made(nn.MultiheadAttention, 4, 1),
    "encoder": lambda: made(nn.TransformerEncoderLayer, 4, 2),
    "encoder, gelu": lambda: made(nn.TransformerEncoderLayer, 4, 2, activation="gelu"),
    "own": lambda: made(Scaled),
    "own, factor": lambda: made(Scaled, factor=2.0),
    "own, function": lambda: made(Scaled, activation=torch.tanh),
    "own, lambda": lambda: made(Scaled, activation=lambda x: x * 3),
    "own, other lambda": lambda: made(Scaled, activation=lambda x: x * 4),
    "own, mask": lambda: made(Scaled, mask=(0.0, 1.0)),
    "own, array": lambda: made(Scaled, shift=1.0),
    "local": lambda: local("relu"),
    "other local": lambda: local("tanh"),
    "dropout": lambda: nn.Sequential(nn.Dropout(), made(nn.Linear, 2, 2)).eval(),
    "dropout that stays on": stays_on,
    "hook": lambda: hooked(lambda module, inputs, output: 2 * output),
    "other hook": lambda: hooked(lambda module, inputs, output: 3 * output),
    "empty": nn.Sequential,
}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_same_network_has_the_same_fingerprint(name):
    model = NETWORKS[name]()
    assert fingerprint(model) == fingerprint(NETWORKS[name]()) == fingerprint(copy.deepcopy(model))


def test_other_networks_have_other_fingerprints():
    untied = {"untied"}  # it has the tensors of the tied one, each in its own memory
    found = {name: fingerprint(make()) for name, make in NETWORKS.items() if name not in untied}
    assert len({*found.values()}) == len(found)


def test_reads_modes_and_seeds_leave_the_fingerprint():
    model = made(nsm_mlp, (8, 6, 3))
    before = fingerprint(model)
    sample(model, np.ones((2, 8)), 2, rng=3)
    assert fingerprint(model.eval()) == fingerprint(model.train()) == before
