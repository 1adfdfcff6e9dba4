"""Training rules that the NSM is compared with (Detorakis et al. 2019, Table 2)."""

from dataclasses import replace

import torch
from torch import Tensor, nn

from nsm.nn.activations import Sign
from nsm.nn.neural_sampling import NeuralSampling
from nsm.nn.nsm_conv2d import NSMConv2d
from nsm.nn.nsm_linear import NSMLinear
from nsm.nn.on_chip import OnTiles, SampledNeurons
from nsm.nn.surrogate_gradients import SignOfNoisySum, SignThrough
from nsm.nn.torch_layers import with_weights


class StraightThrough(NeuralSampling):
    """z = sgn(u) of the noisy sum as in an NSM; the gradient takes the sign for the identity (STE).

    It reaches everything in u: weights, bias, β and, through the noise, the inputs.
    """

    def forward(self, x: Tensor) -> Tensor:
        z: Tensor = SignThrough.apply(self.noisy_sum(x))
        return z


class StraightThroughLinear(StraightThrough, NSMLinear):
    """`NSMLinear` trained with the straight-through estimator (ablation of the NSM's gradient)."""


class StraightThroughConv2d(StraightThrough, NSMConv2d):
    """`NSMConv2d` trained with the straight-through estimator (ablation of the NSM's gradient)."""


class BinConcrete(NeuralSampling):
    """Relaxed sample at temperature 1: z = 2 sigmoid(ln(P/(1 − P)) + Λ) − 1, Λ logistic.

    P is the firing probability of an NSM neuron, and z > 0 with probability P (Maddison et al.
    2017, arXiv 1611.00712; here with the odds P/(1 − P), where the authors' code has P). The
    gradient is that of the relaxed sample. Inputs are first brought to ±1, with the
    straight-through estimator. On a chip the states are the signs of z.
    """

    def forward(self, x: Tensor) -> Tensor:
        v = self.argument(SignThrough.apply(x))
        uniform = self.uniform(v)
        certain = v.clamp(-8, 8)  # beyond ±8, erfc underflows in float32
        odds = torch.erfc(-certain).log() - torch.erfc(certain).log()
        tiny = torch.finfo(v.dtype).tiny  # keeps the logarithm finite where the draw is 0 or 1
        logistic = (uniform.clamp_min(tiny) / (1 - uniform).clamp_min(tiny)).log()
        return torch.tanh((odds + logistic) / 2)

    def on_chip(self) -> OnTiles:
        """Return what an NSM layer asks for, and that the layers behind it know relaxed states."""
        asked = super().on_chip()
        assert isinstance(asked.neurons, SampledNeurons)
        return replace(asked, neurons=replace(asked.neurons, relaxed=True))


class BinConcreteLinear(BinConcrete, NSMLinear):
    """`NSMLinear` trained with relaxed samples (BinConcrete)."""


class BinConcreteConv2d(BinConcrete, NSMConv2d):
    """`NSMConv2d` trained with relaxed samples (BinConcrete)."""


class Noiseless(NeuralSampling):
    """z = sgn(2 w·x + b): ξ = a = 1 in the forward pass, without noise (BN).

    The gradient is that of the NSM.
    """

    draws_in_eval = False

    def forward(self, x: Tensor) -> Tensor:
        product, norm, bias = self.terms(x)
        v = self.quotient(product, norm, bias)
        z: Tensor = SignOfNoisySum.apply(v, (2 * product + bias).detach())
        return z

    def on_chip(self) -> OnTiles:
        """Refuse: a chip needs the two layers that `plain_layers` returns."""
        raise ValueError("it is split into plain weights and a sign first (nsm.nn.folding.folded)")


class NoiselessLinear(Noiseless, NSMLinear):
    """`NSMLinear` without its noise (BN)."""

    def plain_layers(self) -> list[nn.Module]:
        """Return a `Linear` of weights 2 w, and the sign."""
        plain = nn.Linear(self.in_features, self.out_features)
        return [with_weights(plain, 2 * self.weight, self.bias), Sign()]


class NoiselessConv2d(Noiseless, NSMConv2d):
    """`NSMConv2d` without its noise (BN)."""

    def plain_layers(self) -> list[nn.Module]:
        """Return a `Conv2d` of kernels 2 w, and the sign."""
        plain = nn.Conv2d(
            self.in_channels, self.out_channels, self.kernel_size, self.stride, self.padding
        )
        return [with_weights(plain, 2 * self.weight, self.bias), Sign()]
