"""The fingerprint of a network: of any torch module, and of everything that it computes with."""

import copy
from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from nsm import NSMConv2d, nsm_mlp, relu_mlp, stnn_mlp
from nsm.nn.inference import sample
from nsm.sweeps.hashing.fingerprint import fingerprint


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


def scaled_by(factor):
    return lambda module, inputs, output: factor * output


def repeated(times):
    def hook(module, inputs, output):
        return output if times == 0 else repeated(times - 1)(module, inputs, 2 * output)

    return hook


def recursive(last):
    def hook(module, inputs, output, depth=2):
        return output + last if depth == 0 else hook(module, inputs, output, depth - 1)

    return hook


def about_itself(factor):
    model = nn.Sequential(made(nn.Linear, 2, 2), made(nn.Linear, 2, 2))
    model[1].register_forward_hook(lambda module, inputs, output: factor * model[0](output))
    return model


def read_by(other):
    model = made(nn.Linear, 2, 2)
    model.register_forward_hook(lambda module, inputs, output: other(output))
    return model


class Callable:
    """A callable that no file can hold, because of its function."""

    def __init__(self, factor):
        self.function = lambda x: x
        self.factor = factor

    def __call__(self, module, inputs, output):
        return self.factor * self.function(output)

    def method(self, module, inputs, output):
        return self(module, inputs, output)


@dataclass
class Config:
    factor: float
    shape: tuple = (2, 3)


def forward_of(factor):
    class Local(nn.Module):
        gain = factor + 1

        def forward(self, x):
            return self.scaled(x)

        def scaled(self, x, by=1):
            return x * factor * by

    return Local()


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
    "closure": lambda: hooked(scaled_by(2.0)),
    "other closure": lambda: hooked(scaled_by(3.0)),
    "closure, tensor": lambda: hooked(scaled_by(torch.tensor([1.0, 2.0]))),
    "closure, other tensor": lambda: hooked(scaled_by(torch.tensor([1.0, 3.0]))),
    "closure of closures": lambda: hooked(repeated(1)),
    "closure of other closures": lambda: hooked(repeated(2)),
    "recursion": lambda: hooked(recursive(1)),
    "other recursion": lambda: hooked(recursive(2)),
    "default": lambda: hooked(lambda module, inputs, output, by=2: by * output),
    "other default": lambda: hooked(lambda module, inputs, output, by=3: by * output),
    "keyword": lambda: hooked(lambda module, inputs, output, *, by=2: by * output),
    "other keyword": lambda: hooked(lambda module, inputs, output, *, by=3: by * output),
    "tuple": lambda: hooked(lambda module, inputs, output: output.expand((1, 2))),
    "other tuple": lambda: hooked(lambda module, inputs, output: output.expand((2, 2))),
    "set": lambda: hooked(lambda module, inputs, output: output if 1 in {1, 2} else inputs[0]),
    "other set": lambda: hooked(
        lambda module, inputs, output: output if 1 in {3, 2} else inputs[0]
    ),
    "whole": lambda: hooked(lambda module, inputs, output: 7 * output),
    "not whole": lambda: hooked(lambda module, inputs, output: 7.0 * output),
    "inner lambda": lambda: hooked(lambda module, inputs, output: (lambda x: 5 * x)(output)),
    "other inner lambda": lambda: hooked(lambda module, inputs, output: (lambda x: 6 * x)(output)),
    "callable": lambda: hooked(Callable(2.0)),
    "other callable": lambda: hooked(Callable(3.0)),
    "method": lambda: hooked(Callable(2.0).method),
    "partial": lambda: hooked(partial(lambda by, *arguments: by * arguments[2], 2)),
    "other partial": lambda: hooked(partial(lambda by, *arguments: by * arguments[2], 3)),
    "about itself": lambda: about_itself(2),
    "about itself, other": lambda: about_itself(3),
    "read by another": lambda: read_by(made(nn.Linear, 2, 2)),
    "read by yet another": lambda: read_by(perturbed(made(nn.Linear, 2, 2))),
    "own, compiled": lambda: made(Scaled, activation=torch.sigmoid),
    "own, callable": lambda: made(Scaled, activation=partial(functional.leaky_relu, inplace=True)),
    "own, configuration": lambda: made(Scaled, factor=Config(2.0)),
    "own, other configuration": lambda: made(Scaled, factor=Config(3.0)),
    "local, closure": lambda: forward_of(2),
    "local, other closure": lambda: forward_of(3),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_same_network_has_the_same_fingerprint(name):
    model = NETWORKS[name]()
    assert fingerprint(model) == fingerprint(NETWORKS[name]())
    if not name.startswith("about itself"):  # a copy's hook reads the layer of the original
        assert fingerprint(model) == fingerprint(copy.deepcopy(model))


def test_other_networks_have_other_fingerprints():
    untied = {"untied"}  # it has the tensors of the tied one, each in its own memory
    found = {name: fingerprint(make()) for name, make in NETWORKS.items() if name not in untied}
    assert len({*found.values()}) == len(found)


def test_reads_modes_and_seeds_leave_the_fingerprint():
    model = made(nsm_mlp, (8, 6, 3))
    before = fingerprint(model)
    sample(model, np.ones((2, 8)), 2, rng=3)
    assert fingerprint(model.eval()) == fingerprint(model.train()) == before


def global_value(by):
    """A hook as a notebook has it: a lambda and a global number."""
    space = {"by": by, "other": object()}
    exec("hook = lambda module, inputs, output: by * output + other.shift", space)
    return hooked(space["hook"])


def test_a_plain_global_value_that_a_lambda_reads_counts():
    assert fingerprint(global_value(2)) == fingerprint(global_value(2))
    assert fingerprint(global_value(2)) != fingerprint(global_value(3))


def test_what_cannot_be_identified_is_refused_by_name(tmp_path):
    model = nn.Sequential(made(nn.Linear, 2, 2))
    with open(tmp_path / "log", "w") as file:
        model[0].register_forward_hook(scaled_by(file))
        message = r"layer 0 \(Linear\): hook scaled_by.<locals>.<lambda>: .*TextIOWrapper cannot be"
        with pytest.raises(ValueError, match=message):
            fingerprint(model)
    model = made(Scaled, factor=partial(functional.relu, iter([1])))
    model.factor = partial(functional.relu, (n for n in [1]))
    with pytest.raises(ValueError, match="Scaled: attribute factor: .*generator cannot be part"):
        fingerprint(model)
