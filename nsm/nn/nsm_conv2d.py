"""The convolutional neural sampling layer."""

from typing import Any

import torch
from torch import Tensor, nn

from devices.rows import is_row
from devices.validation import integer, shortened
from nsm.nn.described import as_options
from nsm.nn.geometry import Patches, out_size
from nsm.nn.neural_sampling import NeuralSampling
from nsm.nn.torch_layers import CONV_OPTIONS, patches_of


def _rows_and_columns(name: str, value: Any, *, at_least: int) -> tuple[int, int]:
    """Return a size as (rows, columns), from one number for both or one for each."""
    both = tuple(value) if is_row(value) else (value, value)
    if len(both) != 2:
        raise ValueError(
            f"{name} = {shortened(value)} is not allowed; give one integer, or one for each "
            "direction"
        )
    return integer(name, both[0], at_least=at_least), integer(name, both[1], at_least=at_least)


class NSMConv2d(NeuralSampling):
    """Convolutional neural sampling layer: every output location is a neuron.

    Each neuron has fresh noise in each of its synapses.

    Inputs x (batch, in_channels, height, width) are any real values; outputs z (batch,
    out_channels, height', width') are −1 or +1. Padded inputs are zeros and carry no noise: at the
    border, the norm ‖w∘x‖ runs over the inputs inside the image. The bias belongs to a channel. β
    does too, because a crossbar column that is reused at all locations has one a, unless
    `locations` gives every neuron its own. Noise and gradient are as in `NSMLinear`.

    Args:
        in_channels: Number of input channels.
        out_channels: Number of output channels.
        kernel_size: As in `torch.nn.Conv2d`, one number or (rows, columns); likewise stride and
            padding.
        stride: Step between neighboring windows.
        padding: Zeros added on each side.
        bias: Whether channels have biases.
        noise: See `NSMLinear`.
        p: See `NSMLinear`.
        sigma: See `NSMLinear`.
        site: "synapse", or "neuron": one factor per input, shared by all channels and overlapping
            windows.
        beta: See `NSMLinear`.
        locations: (height', width') of z, for a separate β of every neuron, as in the authors'
            networks; inputs must then have the one size that gives these outputs. None (the
            default): one β per channel.

    Raises:
        ValueError: For an unknown option, p or sigma out of range, or inputs of the wrong shape.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        *,
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        bias: bool = True,
        noise: str = "bernoulli",
        p: float = 0.5,
        sigma: float = 1.0,
        site: str = "synapse",
        beta: str = "learned",
        locations: tuple[int, int] | None = None,
    ) -> None:
        inputs = integer("NSMConv2d.in_channels", in_channels, at_least=1)
        outputs = integer("NSMConv2d.out_channels", out_channels, at_least=1)
        kernel = _rows_and_columns("NSMConv2d.kernel_size", kernel_size, at_least=1)
        size = (
            None
            if locations is None
            else _rows_and_columns("NSMConv2d.locations", locations, at_least=1)
        )
        super().__init__(
            (outputs, inputs, *kernel),
            bias=bias,
            noise=noise,
            p=p,
            sigma=sigma,
            site=site,
            beta=beta,
            locations=size or (),
        )
        self.locations = size
        self.in_channels = inputs
        self.out_channels = outputs
        self.kernel_size = kernel
        self.stride = _rows_and_columns("NSMConv2d.stride", stride, at_least=1)
        self.padding = _rows_and_columns("NSMConv2d.padding", padding, at_least=0)

    def weighted_sum(self, x: Tensor, weight: Tensor, shift: Tensor | None = None) -> Tensor:
        return nn.functional.conv2d(x, weight, shift, stride=self.stride, padding=self.padding)

    def broadcast_outputs(self, vector: Tensor) -> Tensor:
        return vector[:, None, None] if vector.ndim == 1 else vector

    def out_size(self, height: int, width: int) -> tuple[int, int]:
        """Return height and width of z for inputs of that size."""
        return out_size((height, width), self.kernel_size, self.stride, self.padding)

    def same_norm_for_all_signs(self) -> bool:
        return self.padding == (0, 0)

    def norm_of_signs(self, x: Tensor) -> Tensor:
        if self.same_norm_for_all_signs():
            return super().norm_of_signs(x)
        # At the border the norm runs over fewer inputs, but alike for every image of signs.
        return self.norm_of_values(torch.ones_like(x[:1]))

    def check_inputs(self, x: Tensor) -> None:
        if x.ndim != 4 or x.shape[1] != self.in_channels:
            raise ValueError(
                f"NSMConv2d got inputs of shape {tuple(x.shape)}; "
                f"give (batch, {self.in_channels}, height, width)"
            )
        if self.locations is not None and self.out_size(*x.shape[2:]) != self.locations:
            raise ValueError(
                f"NSMConv2d has a β for each of {self.locations} locations, but inputs of shape "
                f"{tuple(x.shape)} give {self.out_size(*x.shape[2:])}; give inputs of the size it "
                "was made for, or leave locations out"
            )

    def patches(self) -> Patches:
        return patches_of(self)

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments, as files store them."""
        size = {} if self.locations is None else {"locations": list(self.locations)}
        return {**as_options(self, *CONV_OPTIONS), **self.noise_config(), **size}

    def extra_repr(self) -> str:
        shape = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}"
        options = f"stride={self.stride}, padding={self.padding}, {super().extra_repr()}"
        locations = "" if self.locations is None else f", locations={self.locations}"
        return f"{shape}, {options}{locations}"
