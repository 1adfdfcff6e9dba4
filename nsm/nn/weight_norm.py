"""Layers with weight normalization (Salimans and Kingma 2016, arXiv 1602.07868)."""

from typing import Any

import torch
from torch import Tensor, nn

from nsm.nn.described import Described
from nsm.nn.on_chip import OnTiles
from nsm.nn.torch_layers import Conv2dAdapter, LinearAdapter, with_weights


def normalized_rows(weight: Tensor, magnitude: Tensor) -> Tensor:
    """Return g_i w_i/‖w_i‖ of every output i, with g the `magnitude`; 0 where w_i is 0."""
    norm = weight.flatten(1).norm(dim=1)
    factor = magnitude / torch.where(norm > 0, norm, 1)
    return weight * factor.view(-1, *(1,) * (weight.ndim - 1))


class RowNorm(Described):
    """What the two layers with weight normalization share: effective weights g_i w_i/‖w_i‖."""

    weight: Tensor
    magnitude: Tensor

    def effective_weight(self) -> Tensor:
        """Return the effective weights g_i w_i/‖w_i‖."""
        return normalized_rows(self.weight, self.magnitude)

    def scale_effective_weight(self, factor: float) -> None:
        """Multiply the magnitudes; the directions stay."""
        self.magnitude.mul_(factor)

    def set_effective_weight(self, value: Tensor) -> None:
        """Set the weights to `value` and the magnitudes to its norms: the two then agree."""
        self.weight.copy_(value)
        self.magnitude.copy_(self.weight.flatten(1).norm(dim=1))

    def plain_layers(self) -> list[nn.Module]:
        """Return one layer of torch with the effective weights."""
        return [with_weights(self.described, self.effective_weight(), self.described.bias)]


class RowNormLinear(RowNorm, nn.Linear):
    """Fully connected layer with weight normalization per output, y = g_i w_i·x/‖w_i‖ + b_i.

    Args:
        in_features: Number of inputs.
        out_features: Number of outputs.
        bias: Whether outputs have biases.

    Attributes:
        magnitude: g of Salimans and Kingma, (outputs,); at the start the norms of the weights.
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        super().__init__(in_features, out_features, bias)
        self.magnitude = nn.Parameter(self.weight.detach().norm(dim=1))

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.linear(x, self.effective_weight(), self.bias)

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments, as files store them."""
        return LinearAdapter(self).config()

    def on_chip(self) -> OnTiles:
        """Return the effective weights and the biases."""
        return LinearAdapter(self.plain_layers()[0]).on_chip()


class RowNormConv2d(RowNorm, nn.Conv2d):
    """Convolution with weight normalization per output channel; arguments as of `torch.nn.Conv2d`.

    Attributes:
        magnitude: g of Salimans and Kingma, (channels,); at the start the norms of the kernels.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.magnitude = nn.Parameter(self.weight.detach().flatten(1).norm(dim=1))

    def forward(self, x: Tensor) -> Tensor:
        return self._conv_forward(x, self.effective_weight(), self.bias)

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments, as files store them."""
        return Conv2dAdapter(self).config()

    def on_chip(self) -> OnTiles:
        """Return the effective kernels, the biases, and how the inputs are cut."""
        return Conv2dAdapter(self.plain_layers()[0]).on_chip()
