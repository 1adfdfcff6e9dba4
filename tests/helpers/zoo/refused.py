"""Models that no chip can hold, each with a pattern of the reason that its refusal must give."""

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from tests.helpers.zoo.common import BATCH, Example, Zoo, uniform

REFUSED = Zoo()
#: Pattern of the message by the name of a model.
REASONS: dict[str, str] = {}


class Calls(nn.Module):
    """A layer, called in a way that a test gives."""

    def __init__(self, layer: nn.Module, call: Callable[[nn.Module, Tensor], Tensor]) -> None:
        super().__init__()
        self.layer = layer
        self.call = call

    def forward(self, x: Tensor) -> Tensor:
        return self.call(self.layer, x)


def refuse(name: str, reason: str, build: Any) -> None:
    """Add a model that takes (batch, 7) numbers, unless `build` returns inputs of its own."""

    def example() -> Example:
        made = build()
        return made if isinstance(made, tuple) else (made, (uniform(BATCH, 7),))

    REFUSED.put(name, example)
    REASONS[name] = reason


def without_weights() -> nn.Module:
    return nn.Sequential(nn.ReLU(), nn.Flatten())


def own_product() -> nn.Module:
    """Weights that meet the inputs in a way that is not recognized as a matrix product."""
    weights = nn.ParameterList([torch.randn(3, 7)])
    return Calls(weights, lambda w, x: torch.einsum("oi,bi->bo", w[0], x))


def embedding_only() -> Example:
    return nn.Embedding(5, 4), (torch.randint(5, (BATCH, 2)),)


def pairs() -> nn.Module:
    return Calls(nn.Bilinear(3, 4, 2), lambda layer, x: layer(x[:, :3], x[:, 3:]))


def not_a_number() -> nn.Module:
    layer = nn.Linear(7, 3)
    layer.weight.data[0, 0] = float("nan")
    return nn.Sequential(layer)


class Counting(nn.Module):
    """A layer whose outputs grow from pass to pass."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(7, 3)
        self.passes = 0

    def forward(self, x: Tensor) -> Tensor:
        self.passes += 1
        return self.passes * self.layer(x)


class MovingMean(nn.Module):
    """A layer that subtracts a mean which every pass moves."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(7, 3)
        self.register_buffer("mean", torch.zeros(7))

    def forward(self, x: Tensor) -> Tensor:
        self.mean.mul_(0.9).add_(0.1 * x.mean(0))
        return self.layer(x - self.mean)


def complex_weights() -> nn.Module:
    layer = nn.Linear(7, 3, dtype=torch.complex64)
    return Calls(layer, lambda layer, x: layer(x.to(torch.complex64)).abs())


def uninitialized() -> nn.Module:
    return nn.Sequential(nn.LazyLinear(3))


def scripted() -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return torch.jit.script(nn.Sequential(nn.Linear(7, 3)))


refuse("bilinear", r"layer layer \(Bilinear\): it multiplies two inputs", pairs)
refuse("no_weights", r"no layer with weights", without_weights)
refuse("einsum", r"no layer with weights", own_product)
refuse("embedding_only", r"no layer with weights", embedding_only)
refuse("nan_weights", r"NaN or infinite weights", not_a_number)
refuse("values_kept_between_passes", r"keeping values from pass to pass", Counting)
refuse("moving_mean", r"layer layer \(Linear\)|from pass to pass", MovingMean)
refuse("complex_weights", r"complex", complex_weights)
refuse("lazy", r"no weights before its first pass", uninitialized)
refuse("torchscript", r"ScriptModule|TorchScript", scripted)
