"""What a layer says about itself: how it is stored and mapped, whether it draws in `eval()`."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from nsm.nn.on_chip import Digital, OnTiles


def as_float64(values: Tensor) -> NDArray[np.float64]:
    """Return a tensor's values as float64 numpy, from whatever device it is on."""
    return np.asarray(values.detach().cpu().double().numpy())


def as_options(layer: Any, *names: str) -> dict[str, Any]:
    """Return the attributes of those names as plain data that JSON keeps: tuples become lists."""
    found = {name: getattr(layer, name) for name in names}
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in found.items()
    }


class Described:
    """The questions that storing, mapping, folding and plotting ask, with cautious answers.

    The layers of this package inherit from it beside `nn.Module` and answer for themselves. For
    torch's layers the adapters in `nsm.nn.torch_layers` answer. `nsm.nn.registry.description` finds
    either.

    Attributes:
        is_weighted: True if the layer multiplies its inputs by weights, which belong on tiles.
        draws_in_eval: True if the layer draws random numbers in `eval()` too; False by default.
        is_sign: True if the layer is the deterministic sign of its input, which comparators can
            take over.
        has_linear_outputs: True if the layer returns plain weighted sums, w x + b.
        moves_values_only: True if the layer changes at most the shape in `eval()`, so that
            normalization passes by it.
    """

    is_weighted: bool = False
    draws_in_eval: bool = False
    is_sign: bool = False
    has_linear_outputs: bool = False
    moves_values_only: bool = False

    @property
    def described(self) -> Any:
        """The layer that is described: this object, unless it is an adapter."""
        return self

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments as plain data, in the order in which files store them.

        Raises:
            ValueError: With the reason, if the layer has options that a file does not keep.
        """
        raise ValueError(f"{type(self.described).__name__} does not say how it is stored (config)")

    def on_chip(self) -> OnTiles | Digital | None:
        """Return what the layer needs on a chip, or None if nothing is left to do at inference.

        Raises:
            ValueError: With the reason, if the layer cannot be mapped.
        """
        raise ValueError(f"{type(self.described).__name__} does not say how it maps (on_chip)")

    def plain_layers(self) -> list[nn.Module]:
        """Return layers that compute the same in `eval()`, without weight normalization.

        Most layers return themselves.

        Raises:
            ValueError: With the reason, if no chip can compute the same.
        """
        return [self.described]

    def effective_weight(self) -> Tensor | None:
        """Return the effective weights, with weight normalization; None if there are no weights."""
        return None

    def scale_effective_weight(self, factor: float) -> None:
        """Multiply the effective weights by `factor`, in place."""
        weight = self.effective_weight()
        if weight is not None:
            weight.mul_(factor)

    def set_effective_weight(self, value: Tensor) -> None:
        """Change the parameters so that the effective weights are `value`, in place."""
        weight = self.effective_weight()
        if weight is not None:
            weight.copy_(value)

    def normalization(self) -> tuple[Tensor, Tensor] | None:
        """Return factor and shift per channel of batch normalization in `eval()`.

        Other layers return None.

        Raises:
            ValueError: If the normalization keeps no running statistics.
        """
        return None

    def with_scaled_outputs(self, factor: Tensor, shift: Tensor) -> nn.Module | None:
        """Return one layer that computes `factor` y + `shift` of this layer's outputs y.

        The result is None if no layer of the class can.

        Args:
            factor: (output channels,).
            shift: (output channels,).
        """
        return None

    def with_scaled_inputs(self, factor: Tensor, shift: Tensor) -> nn.Module | None:
        """Return one layer that computes what this layer computes of `factor` x + `shift`.

        The result is None if no layer of the class can.

        Args:
            factor: (channels,). After `Flatten` a channel is several neighboring inputs.
            shift: (channels,).
        """
        return None
