"""Activations beside torch's own: inputs coded as ±1, deterministic sign, noisy rectifier.

`nsm.nn.coding` has codings with a threshold per pixel, and with several.
"""

from functools import partial
from typing import Any

from torch import Tensor, nn

from devices.validation import number
from nsm.nn.coding import Coding
from nsm.nn.described import Described, as_options
from nsm.nn.digital import binarize
from nsm.nn.on_chip import Digital
from nsm.nn.stochastic import Stochastic
from nsm.nn.surrogate_gradients import NoisyRectified, SignThrough, signs_


class Binarize(Coding):
    """Digital coding of the input as ±1: +1 where x ≥ threshold, else −1. It passes no gradient.

    Args:
        threshold: In units of x; 0.5 by default.
        flip: Probability in [0, 0.5) that an input changes its sign in `train()`, drawn on every
            pass; a regularizer like dropout. Nothing is drawn in `eval()`.
    """

    def __init__(self, threshold: float = 0.5, *, flip: float = 0.0) -> None:
        super().__init__(flip=flip)
        self.threshold = number("Binarize.threshold", threshold)

    def forward(self, x: Tensor) -> Tensor:
        return self.flipped(signs_(self.values(x) - self.threshold))

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments, as files store them."""
        return as_options(self, "threshold", "flip")

    def on_chip(self) -> Digital:
        """Return the comparison with the threshold."""
        return Digital(partial(binarize, threshold=self.threshold))

    def extra_repr(self) -> str:
        return f"threshold={self.threshold}, flip={self.flip}"


class Sign(Described, nn.Module):
    """Deterministic binary neuron, z = sgn(u), trained with the straight-through estimator.

    It follows a `Linear` or `Conv2d` in the paper's BD networks, and a `RowNormLinear` or
    `RowNormConv2d` in wBD.
    """

    is_sign = True

    def forward(self, u: Tensor) -> Tensor:
        z: Tensor = SignThrough.apply(u)
        return z

    def config(self) -> dict[str, Any]:
        """Return no arguments."""
        return {}

    def on_chip(self) -> Digital:
        """Return the comparison with 0, for signs that do not follow an array's comparators."""
        return Digital(partial(binarize, threshold=0))


class NoisyReLU(Stochastic):
    """Rectifier of a noisy sum, z = max(0, u + N(0, std²)), drawn on every pass (SN).

    The gradient is that of the identity, also below zero.

    Args:
        std: Standard deviation of the noise, in units of u; 0.1 by default.
    """

    def __init__(self, std: float = 0.1) -> None:
        super().__init__()
        self.std = number("NoisyReLU.std", std, at_least=0)

    def forward(self, u: Tensor) -> Tensor:
        z: Tensor = NoisyRectified.apply(u + self.std * self.normal(u))
        return z

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments, as files store them."""
        return as_options(self, "std")

    def plain_layers(self) -> list[nn.Module]:
        """Refuse: no chip computes the same."""
        raise ValueError(
            "its noise is added by software and comes from no device; put nn.ReLU() in its place"
        )

    def on_chip(self) -> None:
        """Refuse, as `plain_layers` does."""
        self.plain_layers()

    def extra_repr(self) -> str:
        return f"std={self.std}"
