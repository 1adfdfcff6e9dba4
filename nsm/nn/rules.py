"""Training rules the NSM is compared with, each a layer or an activation of its own (Detorakis et al. 2019, Table 2)."""

from typing import Any

import torch
from torch import Tensor, nn

from devices.validation import number
from nsm.nn.layers import NeuralSampling, NSMConv2d, NSMLinear
from nsm.nn.stochastic import Stochastic
from nsm.nn.surrogate_gradients import SignOfNoisySum, SignThrough, _NoisyRectified


class Sign(nn.Module):
    """Deterministic binary neuron, z = sgn(u): the gradient passes straight through (BD; after a `RowNorm…`, wBD)."""

    def forward(self, u: Tensor) -> Tensor:
        z: Tensor = SignThrough.apply(u)
        return z


class NoisyReLU(Stochastic):
    """Rectifier of a noisy sum, z = max(0, u + N(0, std²)), drawn on every pass; gradient straight through (SN)."""

    def __init__(self, std: float = 0.1) -> None:
        super().__init__()
        self.std = number("NoisyReLU.std", std, at_least=0)

    def extra_repr(self) -> str:
        return f"std={self.std}"

    def forward(self, u: Tensor) -> Tensor:
        normal = torch.randn(
            u.shape, generator=self.generator(u.device), dtype=u.dtype, device=u.device
        )
        z: Tensor = _NoisyRectified.apply(u + self.std * normal)
        return z


def _row_normalised(weight: Tensor, gain: Tensor) -> Tensor:
    """Return g_i w_i/‖w_i‖ of every output i (Salimans & Kingma 2016), 0 where w_i is."""
    norm = weight.flatten(1).norm(dim=1)
    return weight * (gain / torch.where(norm > 0, norm, 1)).view(-1, *(1,) * (weight.ndim - 1))


class RowNormLinear(nn.Linear):
    """Linear layer with weight normalisation per output, y = g_i w_i·x/‖w_i‖ + b_i."""

    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        super().__init__(in_features, out_features, bias)
        self.gain = nn.Parameter(self.weight.detach().norm(dim=1))

    def normalized(self) -> Tensor:
        """Return the weights that inputs meet."""
        return _row_normalised(self.weight, self.gain)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.linear(x, self.normalized(), self.bias)


class RowNormConv2d(nn.Conv2d):
    """Convolution with weight normalisation per output channel."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.gain = nn.Parameter(self.weight.detach().flatten(1).norm(dim=1))

    def normalized(self) -> Tensor:
        """Return the weights that inputs meet."""
        return _row_normalised(self.weight, self.gain)

    def forward(self, x: Tensor) -> Tensor:
        return self._conv_forward(x, self.normalized(), self.bias)


class _StraightThrough(NeuralSampling):
    """z = sgn(u) of the noisy sum as in an NSM; the gradient passes through the sign, u, its noise, a and β alike (STE)."""

    def forward(self, x: Tensor) -> Tensor:
        z: Tensor = SignThrough.apply(self.noisy_sum(x))
        return z


class StraightThroughLinear(_StraightThrough, NSMLinear):
    """`NSMLinear` trained straight through its sign: what the gradient of the probability is worth (STE)."""


class StraightThroughConv2d(_StraightThrough, NSMConv2d):
    """`NSMConv2d` trained straight through its sign (STE)."""


class _BinConcrete(NeuralSampling):
    """z = 2 sigmoid(ln(P/(1 − P)) + Λ) − 1, Λ standard logistic: the relaxed sample at temperature 1, gradient exact.

    P is the firing probability of an NSM neuron, and z > 0 with probability P (Maddison et al. 2017; the odds, where the
    authors' code has P itself). Inputs are brought to ±1 first, straight through. On a chip the states are the signs.
    """

    def forward(self, x: Tensor) -> Tensor:
        v = self.argument(SignThrough.apply(x))
        uniform = torch.rand(
            v.shape, generator=self.generator(v.device), dtype=v.dtype, device=v.device
        )
        certain = v.clamp(-8, 8)  # beyond, erfc leaves float32
        odds = torch.erfc(-certain).log() - torch.erfc(certain).log()
        tiny = torch.finfo(v.dtype).tiny
        logistic = (uniform.clamp_min(tiny) / (1 - uniform).clamp_min(tiny)).log()
        return torch.tanh((odds + logistic) / 2)


class BinConcreteLinear(_BinConcrete, NSMLinear):
    """`NSMLinear` with relaxed samples (BinConcrete)."""


class BinConcreteConv2d(_BinConcrete, NSMConv2d):
    """`NSMConv2d` with relaxed samples (BinConcrete)."""


class _Noiseless(NeuralSampling):
    """z = sgn(2 w·x + b): the NSM's gradient, ξ = a = 1 in the forward pass and so no noise at all (BN)."""

    def forward(self, x: Tensor) -> Tensor:
        product, norm, bias = self._terms(x)
        z: Tensor = SignOfNoisySum.apply(
            self._argument(product, norm, bias), (2 * product + bias).detach()
        )
        return z


class NoiselessLinear(_Noiseless, NSMLinear):
    """`NSMLinear` without its noise (BN)."""


class NoiselessConv2d(_Noiseless, NSMConv2d):
    """`NSMConv2d` without its noise (BN)."""
