"""Sign functions and rectifiers with the gradients that training uses in their place."""

import math
from typing import Any

import torch
from torch import Tensor


def signs(u: Tensor) -> Tensor:
    """Return sgn(u) with sgn(0) = +1."""
    return torch.copysign(torch.ones((), dtype=u.dtype, device=u.device), u + 0.0)  # −0 + 0 is +0


class SignOfNoisySum(torch.autograd.Function):
    """Forward: sgn(u), sgn(0) = +1. Backward: d(2P − 1)/dv = (2/√π) exp(−v²).

    P is the firing probability, with 2P − 1 = erf(v).
    """

    @staticmethod
    def forward(ctx: Any, v: Tensor, u: Tensor) -> Tensor:
        ctx.save_for_backward(v)
        return signs(u)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Tensor, None]:
        (v,) = ctx.saved_tensors
        return torch.square(v).neg_().exp_().mul_(2 / math.sqrt(math.pi)).mul_(grads[0]), None


class SignOfSigmoid(torch.autograd.Function):
    """Forward: ±1 with P(+1) = sigmoid(u). Backward: the gradient of 2P − 1 = tanh(u/2)."""

    @staticmethod
    def forward(ctx: Any, u: Tensor, uniform: Tensor) -> Tensor:
        ctx.save_for_backward(u)
        return torch.where(uniform < torch.sigmoid(u), 1.0, -1.0).to(u.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Tensor, None]:
        (u,) = ctx.saved_tensors
        return grads[0] * (1 - torch.tanh(u / 2) ** 2) / 2, None


class NormOfRows(torch.autograd.Function):
    """Forward: ‖w_i‖ of every output i. Backward: g_i w_i/‖w_i‖, 0 where the norm is 0."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor) -> Tensor:
        norm = weight.flatten(1).norm(dim=1)
        ctx.save_for_backward(weight, norm)
        return norm

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Tensor:
        weight, norm = ctx.saved_tensors
        factor = grads[0] / torch.where(norm > 0, norm, 1)
        out: Tensor = weight * factor.view(-1, *(1,) * (weight.ndim - 1))
        return out


class SignThrough(torch.autograd.Function):
    """Forward: sgn(u), sgn(0) = +1. Backward: the identity (straight-through estimator)."""

    @staticmethod
    def forward(ctx: Any, u: Tensor) -> Tensor:
        return signs(u)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Tensor:
        gradient: Tensor = grads[0]
        return gradient


class NoisyRectified(torch.autograd.Function):
    """Forward: max(0, u). Backward: the identity, also below zero."""

    @staticmethod
    def forward(ctx: Any, u: Tensor) -> Tensor:
        return u.clamp_min(0)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Tensor:
        gradient: Tensor = grads[0]
        return gradient
