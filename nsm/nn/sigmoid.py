"""The networks an NSM is compared with: a rectifier network, and a stochastic network without weight normalisation."""

import math

import torch
from torch import Tensor, nn

from devices.validation import integer
from nsm.nn.stochastic import Stochastic


class _SignOfSigmoid(torch.autograd.Function):
    """Forward: ±1 with P(+1) = sigmoid(u). Backward: the gradient of 2P − 1 = tanh(u/2)."""

    @staticmethod
    def forward(ctx, u: Tensor, uniform: Tensor) -> Tensor:  # type: ignore[no-untyped-def]
        ctx.save_for_backward(u)
        return torch.where(uniform < torch.sigmoid(u), 1.0, -1.0).to(u.dtype)

    @staticmethod
    def backward(ctx, *grads: Tensor) -> tuple[Tensor, None]:  # type: ignore[no-untyped-def]
        (u,) = ctx.saved_tensors
        return grads[0] * (1 - torch.tanh(u / 2) ** 2) / 2, None


class SigmoidLinear(Stochastic):
    """Stochastic binary layer of an StNN: z = ±1 with P(z = +1) = 1/(1 + exp(−w·x)), no bias, drawn on every pass.

    x: (..., in_features), z: (..., out_features). The noise is additive (logistic, of fixed size), so that the weights'
    scale matters: this is what weight normalisation takes away (the StNN of Detorakis et al. 2019, Table 1, after
    Lee et al. 2015).
    """

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.in_features = integer("SigmoidLinear.in_features", in_features, at_least=1)
        self.out_features = integer("SigmoidLinear.out_features", out_features, at_least=1)
        bound = 1 / math.sqrt(in_features)
        self.weight = nn.Parameter(torch.empty(out_features, in_features).uniform_(-bound, bound))

    def extra_repr(self) -> str:
        return f"{self.in_features}, {self.out_features}"

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[-1] != self.in_features:
            raise ValueError(
                f"SigmoidLinear got inputs of shape {tuple(x.shape)}; the last axis must be {self.in_features}"
            )
        u = nn.functional.linear(x, self.weight)
        generator = self.generator(x.device)
        uniform = torch.rand(u.shape, generator=generator, dtype=u.dtype, device=u.device)
        z: Tensor = _SignOfSigmoid.apply(u, uniform)
        return z
