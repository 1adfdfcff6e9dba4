"""Training in a fixed range: weights that are clipped after every step, as cells clip them."""

import math

import torch
from torch import Tensor, nn


class WeightBounds:
    """The weights of a network, each kept in ±c/√(fan-in) of its layer.

    Layers start with weights in ±1/√(fan-in), so that c is in units of the usual start. Gradients
    go on as if there were no bound: a weight at the wall leaves it when its gradient turns.

    Args:
        model: The network; `clip` changes its weights.
        c: The bound in units of 1/√(fan-in), above 0.

    Raises:
        ValueError: If no layer has a matrix of weights, or one computes its weights.
    """

    def __init__(self, model: nn.Module, c: float) -> None:
        self._weights = {
            name: (weight, c / math.sqrt(weight[0].numel()))
            for name, weight in _weights(model).items()
        }

    def clip(self) -> None:
        """Clip all weights."""
        with torch.no_grad():
            for weight, bound in self._weights.values():
                weight.clamp_(-bound, bound)

    def saturated(self) -> dict[str, float]:
        """Return the share of each layer's weights that are at the bound, by the layer's name."""
        return {
            name: float((weight.detach().abs() >= bound).double().mean())
            for name, (weight, bound) in self._weights.items()
        }


def _weights(model: nn.Module) -> dict[str, Tensor]:
    """Return the matrices and kernels of a network by the names of their layers."""
    found: dict[str, Tensor] = {}
    for name, module in model.named_modules():
        if hasattr(module, "parametrizations"):
            raise ValueError(
                f"weight_bound: layer {name!r} computes its weights (parametrizations), so that "
                "they cannot be clipped; remove them, or leave weight_bound out"
            )
        own = dict(module.named_parameters(recurse=False)).get("weight")
        if own is not None and own.ndim > 1 and not isinstance(module, nn.Embedding):
            found[name] = own
    if not found:
        raise ValueError(
            "weight_bound has no effect: no layer of the network has a matrix of weights"
        )
    return found
