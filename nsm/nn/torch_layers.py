"""Torch's own layers in the terms of `nsm.nn.described`: an adapter for each known class."""

from functools import partial
from typing import Any

from torch import Tensor, nn

from nsm.nn.convolutions import of_layer
from nsm.nn.described import Described, as_float64, as_options
from nsm.nn.digital import flatten, pool_max, pool_mean, rectify, unflatten
from nsm.nn.geometry import Patches
from nsm.nn.on_chip import Digital, OnTiles

CONV_OPTIONS = ("in_channels", "out_channels", "kernel_size", "stride", "padding")


def with_weights(
    layer: nn.Linear | nn.Conv2d, weight: Tensor, bias: Tensor | None
) -> nn.Linear | nn.Conv2d:
    """Return a layer of the same shape and options with other weights and biases, in float64."""
    out: nn.Linear | nn.Conv2d
    if isinstance(layer, nn.Linear):
        out = nn.Linear(layer.in_features, layer.out_features, bias=bias is not None)
    else:
        out = nn.Conv2d(
            layer.in_channels,
            layer.out_channels,
            layer.kernel_size,  # type: ignore[arg-type]
            layer.stride,  # type: ignore[arg-type]
            layer.padding,  # type: ignore[arg-type]
            layer.dilation,  # type: ignore[arg-type]
            layer.groups,
            bias is not None,
            layer.padding_mode,
        )
    out.weight = nn.Parameter(weight.detach().double())
    if bias is not None:
        out.bias = nn.Parameter(bias.detach().double())
    return out


def check_convolution(layer: nn.Conv2d) -> None:
    """Raise ValueError if a convolution has options that neither files nor chips know."""
    known = layer.dilation == (1, 1) and layer.groups == 1 and layer.padding_mode == "zeros"
    if not known or isinstance(layer.padding, str):
        raise ValueError("only dilation 1, one group and zero padding are known")


def patches_of(layer: Any) -> Patches:
    """Return how a convolution cuts its inputs: any layer with the attributes of `nn.Conv2d`."""
    pairs = [
        (int(rows), int(columns))
        for rows, columns in (layer.kernel_size, layer.stride, layer.padding)
    ]
    return Patches(layer.in_channels, *pairs)


class TorchLayer(Described):
    """Base class of the adapters. By its own answers a layer can be neither mapped nor stored."""

    def __init__(self, layer: Any) -> None:
        self.layer = layer

    @property
    def described(self) -> Any:
        """The layer of torch."""
        return self.layer

    def effective_weight(self) -> Tensor | None:
        """Return the matrix or the kernels; None for vectors, such as those of normalization."""
        weight = getattr(self.layer, "weight", None)
        return weight if isinstance(weight, Tensor) and weight.ndim > 1 else None


class _Weighted(TorchLayer):
    """A layer of weighted sums, y = w x + b."""

    is_weighted = True
    has_linear_outputs = True

    def _bias(self) -> Tensor | None:
        return None if self.layer.bias is None else self.layer.bias.detach().double()

    def with_scaled_outputs(self, factor: Tensor, shift: Tensor) -> nn.Module | None:
        """Return the layer with every output times `factor`, plus `shift`."""
        w = self.layer.weight.detach().double()
        bias = self._bias()
        new_bias = shift if bias is None else shift + factor * bias
        return with_weights(self.layer, w * factor.view(-1, *(1,) * (w.ndim - 1)), new_bias)


class LinearAdapter(_Weighted):
    """`nn.Linear`: an array of weights with linear outputs."""

    def config(self) -> dict[str, Any]:
        """Return in_features, out_features, bias."""
        return {
            **as_options(self.layer, "in_features", "out_features"),
            "bias": self.layer.bias is not None,
        }

    def on_chip(self) -> OnTiles:
        """Return the layer's weights and biases."""
        bias = self.layer.bias
        return OnTiles(
            weight=as_float64(self.layer.weight.flatten(1)),
            bias=None if bias is None else as_float64(bias),
        )

    def with_scaled_inputs(self, factor: Tensor, shift: Tensor) -> nn.Module:
        """Return the layer with its inputs times `factor`, plus `shift`."""
        inputs_per_channel = self.layer.in_features // len(factor)
        of_input, shift_of_input = (
            v.repeat_interleave(inputs_per_channel) for v in (factor, shift)
        )
        w = self.layer.weight.detach().double()
        bias = self._bias()
        new_bias = w @ shift_of_input if bias is None else w @ shift_of_input + bias
        return with_weights(self.layer, w * of_input, new_bias)


class ConvolutionAdapter(_Weighted):
    """A convolution of torch, or a transposed one: an array that is reused at all locations."""

    def on_chip(self) -> OnTiles:
        """Return the kernels as a matrix, the biases, and how the inputs are cut."""
        bias = self.layer.bias
        patches = of_layer(self.layer)
        return OnTiles(
            weight=as_float64(patches.kernel_matrix(self.layer.weight)),
            bias=None if bias is None else as_float64(bias),
            patches=patches,
        )

    def with_scaled_outputs(self, factor: Tensor, shift: Tensor) -> nn.Module | None:
        """Return None: only `nn.Conv2d` is folded as a layer; a plan folds the others."""
        return None


class Conv2dAdapter(ConvolutionAdapter):
    """`nn.Conv2d`."""

    def config(self) -> dict[str, Any]:
        """Return channels, kernel_size, stride, padding, bias."""
        check_convolution(self.layer)
        return {**as_options(self.layer, *CONV_OPTIONS), "bias": self.layer.bias is not None}

    def with_scaled_outputs(self, factor: Tensor, shift: Tensor) -> nn.Module | None:
        """Return the layer with every output times `factor`, plus `shift`."""
        return _Weighted.with_scaled_outputs(self, factor, shift)


class BatchNormAdapter(TorchLayer):
    """`nn.BatchNorm1d` and `nn.BatchNorm2d`: folded into weights before a chip is programmed."""

    def config(self) -> dict[str, Any]:
        """Return num_features, eps, momentum, affine."""
        norm = self.layer
        if not norm.track_running_stats or (norm.affine and norm.bias is None):
            raise ValueError(
                "only batch normalization with running statistics, and with shifts, is known"
            )
        return as_options(norm, "num_features", "eps", "momentum", "affine")

    def on_chip(self) -> OnTiles:
        """Refuse: `nsm.nn.folding.folded` removes the layer first."""
        raise ValueError("batch normalization is folded into weights first (nsm.nn.folding.folded)")

    def normalization(self) -> tuple[Tensor, Tensor]:
        """Return γ/√(σ² + ε) and β − μ γ/√(σ² + ε) per channel."""
        norm = self.layer
        if norm.running_mean is None:
            raise ValueError("it keeps no running statistics")
        factor = (norm.running_var.double() + norm.eps).rsqrt()
        if norm.affine:
            factor = factor * norm.weight.detach().double()
        shift = -norm.running_mean.double() * factor
        return factor, shift + norm.bias.detach().double() if norm.affine else shift


class _Pooling(TorchLayer):
    """Pooling over adjacent windows without padding."""

    def _check(self) -> None:
        raise NotImplementedError

    def _require(self, known: bool) -> None:
        if not known or self.layer.stride != self.layer.kernel_size:
            raise ValueError("only windows side by side, without padding, are known")

    def config(self) -> dict[str, Any]:
        """Return kernel_size."""
        self._check()
        return as_options(self.layer, "kernel_size")

    def _kernel(self) -> tuple[int, int]:
        self._check()
        size = self.layer.kernel_size
        return (size, size) if isinstance(size, int) else (int(size[0]), int(size[1]))


class MaxPool2dAdapter(_Pooling):
    """`nn.MaxPool2d`."""

    def _check(self) -> None:
        p = self.layer
        options = (p.padding, p.dilation, p.return_indices, p.ceil_mode)
        self._require(options in ((0, 1, False, False), ((0, 0), (1, 1), False, False)))

    def on_chip(self) -> Digital:
        """Return the maximum over windows."""
        return Digital(partial(pool_max, kernel=self._kernel()))


class AvgPool2dAdapter(_Pooling):
    """`nn.AvgPool2d`."""

    def _check(self) -> None:
        p = self.layer
        plain = not p.ceil_mode and p.divisor_override is None
        self._require(plain and p.padding in (0, (0, 0)))

    def on_chip(self) -> Digital:
        """Return the mean over windows."""
        return Digital(partial(pool_mean, kernel=self._kernel()))


class ReLUAdapter(TorchLayer):
    """`nn.ReLU`."""

    def config(self) -> dict[str, Any]:
        """Return no arguments."""
        return {}

    def on_chip(self) -> Digital:
        """Return max(x, 0)."""
        return Digital(rectify)


class DropoutAdapter(TorchLayer):
    """`nn.Dropout`: does nothing in `eval()`."""

    moves_values_only = True

    def config(self) -> dict[str, Any]:
        """Return p."""
        return as_options(self.layer, "p")

    def on_chip(self) -> None:
        """Return None: nothing is left to do at inference."""


class FlattenAdapter(TorchLayer):
    """`nn.Flatten`."""

    moves_values_only = True

    def config(self) -> dict[str, Any]:
        """Return start_dim, end_dim."""
        return as_options(self.layer, "start_dim", "end_dim")

    def on_chip(self) -> Digital:
        """Return one row per image."""
        if (self.layer.start_dim, self.layer.end_dim) != (1, -1):
            raise ValueError("only flattening of all axes of an image is known")
        return Digital(flatten)


class UnflattenAdapter(TorchLayer):
    """`nn.Unflatten`."""

    def config(self) -> dict[str, Any]:
        """Return dim, unflattened_size."""
        return {"dim": self.layer.dim, "unflattened_size": list(self.layer.unflattened_size)}

    def on_chip(self) -> Digital:
        """Return the values of every image in the layer's shape."""
        if self.layer.dim != 1 or not isinstance(self.layer.unflattened_size, (tuple, list)):
            raise ValueError("only the first axis of an image can be divided, without names")
        return Digital(partial(unflatten, size=tuple(self.layer.unflattened_size)))
