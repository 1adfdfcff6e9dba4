"""Models whose weights are not what an attribute says, or that compute in their own way."""

import warnings

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations, prune

from tests.helpers.zoo.common import BATCH, Example, Zoo, uniform

TRAINED = Zoo()
layer = TRAINED.layer


@TRAINED.add
def weight_norm() -> Example:
    conv = parametrizations.weight_norm(nn.Conv2d(2, 4, 3))
    conv.parametrizations.weight.original0.data.uniform_(0.5, 2)
    head = parametrizations.weight_norm(nn.Linear(36, 3), dim=None)
    return nn.Sequential(conv, nn.ReLU(), nn.Flatten(), head), (uniform(BATCH, 2, 5, 5),)


layer("spectral_norm", lambda: parametrizations.spectral_norm(nn.Linear(6, 4), eps=1e-6), 6)
layer("orthogonal", lambda: parametrizations.orthogonal(nn.Linear(6, 4)), 6)


@TRAINED.add
def weight_norm_hook() -> Example:
    """The old function: a hook makes the weight before every pass, from trained g and v."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # deprecated, but many models have it
        linear = nn.utils.weight_norm(nn.Linear(6, 4))
    linear.weight_g.data.uniform_(0.5, 2)
    return nn.Sequential(linear, nn.ReLU(), nn.Linear(4, 3)), (uniform(BATCH, 6),)


@TRAINED.add
def pruned() -> Example:
    """Weights that were loaded after pruning: the attribute is stale until the first pass."""
    conv = nn.Conv2d(2, 4, 3)
    prune.random_unstructured(conv, "weight", 0.5)
    prune.random_unstructured(conv, "bias", 0.5)
    conv.weight_orig.data.normal_()
    conv.bias_orig.data.normal_()
    return nn.Sequential(conv, nn.Tanh()), (uniform(BATCH, 2, 5, 5),)


class Standardized(nn.Conv2d):
    """A convolution whose kernels are standardized in its forward pass (Qiao et al. 2019)."""

    def forward(self, x: Tensor) -> Tensor:
        mean = self.weight.mean(dim=(1, 2, 3), keepdim=True)
        std = self.weight.std(dim=(1, 2, 3), keepdim=True)
        return self._conv_forward(x, (self.weight - mean) / (std + 1e-5), self.bias)


layer("weight_standardization", lambda: nn.Sequential(Standardized(2, 4, 3), nn.ReLU()), 2, 5, 5)


class Binary(nn.Linear):
    """A layer that computes with the signs of its latent weights (Courbariaux et al. 2015)."""

    def forward(self, x: Tensor) -> Tensor:
        scale = self.weight.abs().mean(dim=1, keepdim=True)
        return functional.linear(x, scale * self.weight.sign(), self.bias)


layer("binary_weights", lambda: nn.Sequential(Binary(6, 8), nn.Hardtanh(), Binary(8, 4)), 6)


class Skip(nn.Sequential):
    """A Sequential with a skip around its layers."""

    def forward(self, x: Tensor) -> Tensor:
        return x + super().forward(x)


layer("sequential_with_a_skip", lambda: Skip(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 6)), 6)


@TRAINED.add
def forward_hook() -> Example:
    """A hook that changes what a layer returns."""
    linear = nn.Linear(6, 8)
    linear.register_forward_hook(lambda module, inputs, out: out.relu() - 0.1)
    return nn.Sequential(linear, nn.Linear(8, 4)), (uniform(BATCH, 6),)


class Repeated(nn.Module):
    """The same layer twice: two reads of one array."""

    def __init__(self) -> None:
        super().__init__()
        self.block = nn.Linear(6, 6)
        self.head = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.tanh(self.block(torch.tanh(self.block(x)))))


layer("same_module_twice", Repeated, 6)


class TiedAutoencoder(nn.Module):
    """An autoencoder that decodes with the transposed weights of its encoder."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Linear(6, 4)
        self.bias = nn.Parameter(torch.randn(6))

    def forward(self, x: Tensor) -> Tensor:
        code = torch.sigmoid(self.encoder(x))
        return functional.linear(code, self.encoder.weight.t(), self.bias)


layer("tied_autoencoder", TiedAutoencoder, 6)


class Tied(nn.Module):
    """Two layers that share one parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(6, 6), nn.Linear(6, 6)
        self.second.weight = self.first.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.second(torch.relu(self.first(x)))


layer("tied_parameters", Tied, 6)


class Functional(nn.Module):
    """Weights as bare parameters, in functional calls."""

    def __init__(self) -> None:
        super().__init__()
        self.kernels = nn.Parameter(torch.randn(4, 1, 3, 3))
        self.up = nn.Parameter(torch.randn(4, 2, 2, 2))
        self.head = nn.Parameter(torch.randn(3, 72) / 8)
        self.bias = nn.Parameter(torch.randn(3))

    def forward(self, x: Tensor) -> Tensor:
        z = functional.conv2d(x, self.kernels, padding="same", groups=2)
        z = functional.max_pool2d(functional.relu(z), 2)
        z = functional.conv_transpose2d(z, self.up, stride=2, padding=1)
        z = functional.pad(z, (1, 1, 1, 1))
        return functional.linear(z.flatten(1), self.head, bias=self.bias)


layer("functional", Functional, 2, 6, 6)


class ByShape(nn.Module):
    """Layers chosen by the shape of the inputs, as many times as they are long."""

    def __init__(self) -> None:
        super().__init__()
        self.short, self.long = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        chosen = self.long if x.shape[1] > 3 else self.short
        state = x[:, 0]
        for t in range(1, x.shape[1]):
            state = torch.tanh(chosen(state)) + x[:, t]
        return self.short(state)


layer("control_flow_on_shapes", ByShape, 5, 4)


class ByValue(nn.Module):
    """A branch that depends on values: torch.fx cannot trace it."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(6, 6), nn.Linear(6, 4)
        self.norm = nn.BatchNorm1d(6)

    def forward(self, x: Tensor) -> Tensor:
        z = self.norm(self.first(x))
        return self.second(z if z.sum() > 0 else -z)


layer("control_flow_on_values", ByValue, 6)
