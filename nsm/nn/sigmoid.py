"""The stochastic layer without weight normalization that an NSM is compared with (StNN)."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from devices.validation import integer
from nsm.nn.described import as_float64, as_options
from nsm.nn.on_chip import LogisticNeurons, OnTiles
from nsm.nn.stochastic import Stochastic
from nsm.nn.surrogate_gradients import SignOfSigmoid


class SigmoidLinear(Stochastic):
    """Stochastic binary layer of an StNN: z = ±1 with P(z = +1) = 1/(1 + exp(−w·x)).

    It draws on every pass and has no bias. Inputs x are (..., in_features), outputs z
    (..., out_features). The noise is logistic, additive and of fixed size, so that the size of the
    weights matters; an NSM does not depend on it. This is the StNN of Detorakis et al. 2019,
    Table 1, after Lee et al. 2015.

    Args:
        in_features: Number of inputs.
        out_features: Number of neurons.
    """

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.in_features = integer("SigmoidLinear.in_features", in_features, at_least=1)
        self.out_features = integer("SigmoidLinear.out_features", out_features, at_least=1)
        bound = 1 / math.sqrt(in_features)
        self.weight = nn.Parameter(torch.empty(out_features, in_features).uniform_(-bound, bound))

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[-1] != self.in_features:
            raise ValueError(
                f"SigmoidLinear got inputs of shape {tuple(x.shape)}; "
                f"the last axis must be {self.in_features}"
            )
        u = nn.functional.linear(x, self.weight)
        z: Tensor = SignOfSigmoid.apply(u, self.uniform(u))
        return z

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments, as files store them."""
        return as_options(self, "in_features", "out_features")

    def effective_weight(self) -> Tensor:
        """Return the weights."""
        return self.weight

    def on_chip(self) -> OnTiles:
        """Return the weights, read by thresholds with logistic noise."""
        weight = as_float64(self.weight.flatten(1))
        return OnTiles(weight=weight, bias=None, neurons=LogisticNeurons())

    def extra_repr(self) -> str:
        return f"{self.in_features}, {self.out_features}"
