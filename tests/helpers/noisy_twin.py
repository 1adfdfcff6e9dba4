"""A slow twin of a chip with noisy cells: every read multiplies each weight by a drawn number."""

import copy

import torch
from torch import Tensor, nn
from torch.func import functional_call

from nsm.chips.layers.attention import Attention
from nsm.chips.layers.recurrent import recurrent_of

WEIGHTED = (
    nn.Linear,
    nn.Conv1d,
    nn.Conv2d,
    nn.Conv3d,
    nn.ConvTranspose1d,
    nn.ConvTranspose2d,
    nn.ConvTranspose3d,
)


class Noisy(nn.Module):
    """A layer that computes every output with weights of its own, w (1 + σ ε); biases are exact.

    Args:
        layer: A linear layer or a convolution.
        sigma: Standard deviation σ of the noise of a cell, relative to its conductance.
        generator: What ε ~ N(0, 1) is drawn from.
    """

    def __init__(self, layer: nn.Module, sigma: float, generator: torch.Generator) -> None:
        super().__init__()
        self.layer, self.sigma, self.generator = layer, sigma, generator

    def forward(self, x: Tensor) -> Tensor:
        """Return outputs; a linear layer reads each row, a convolution each location by itself."""
        if isinstance(self.layer, nn.Linear):
            rows = x.reshape(-1, x.shape[-1])
            return self._read(rows).reshape(*x.shape[:-1], -1)
        out = torch.empty_like(self.layer(x))
        for place in torch.ones(out.shape[2:]).nonzero().tolist():
            out[:, :, *place] = self._read(x)[:, :, *place]
        return out

    def _read(self, x: Tensor) -> Tensor:
        """Return the layer's outputs for every row of x, each with weights of its own."""
        w = self.layer.weight
        epsilon = torch.randn(len(x), *w.shape, generator=self.generator, dtype=w.dtype)

        def read(weight: Tensor, row: Tensor) -> Tensor:
            return functional_call(self.layer, {"weight": weight}, (row[None],))[0]

        return torch.vmap(read)(w * (1 + self.sigma * epsilon), x)


def noisy_twin(model: nn.Module, sigma: float, seed: int) -> nn.Module:
    """Return a copy of a model in float64 whose layers with weights are noisy.

    Args:
        model: The model; layers that it holds directly or in others, no functional calls.
        sigma: Relative noise of a cell in every read.
        seed: Seed of the noise.
    """
    generator = torch.Generator().manual_seed(seed)

    def linear(_name: str, weight: Tensor, bias: Tensor | None) -> nn.Module:
        layer = nn.Linear(*reversed(weight.shape), bias=bias is not None, dtype=weight.dtype)
        layer.weight = nn.Parameter(weight.detach())
        if bias is not None:
            layer.bias = nn.Parameter(bias.detach())
        return Noisy(layer, sigma, generator)

    def replaced(module: nn.Module) -> nn.Module:
        if isinstance(module, WEIGHTED):
            return Noisy(module, sigma, generator)
        if isinstance(module, (nn.RNNBase, nn.RNNCellBase)):
            return recurrent_of(module, linear)
        if isinstance(module, nn.MultiheadAttention):
            return Attention(module, linear)
        for name, child in module.named_children():
            setattr(module, name, replaced(child))
        return module

    return replaced(copy.deepcopy(model).double()).eval()
