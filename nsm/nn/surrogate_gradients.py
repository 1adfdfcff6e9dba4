"""Sign functions and rectifiers with the gradients that training uses in their place."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

#: Draws the signs of factor · sums + shift + √½ n; without factor and shift, of sums + √½ n.
DrawSigns = Callable[[Tensor, Tensor | None, Tensor | None], Tensor]

_LOG_SLOPE_AT_0 = math.log(2 / math.sqrt(math.pi))  # ln of d erf(v)/dv at v = 0


def signs(u: Tensor) -> Tensor:
    """Return sgn(u) with sgn(0) = +1."""
    return torch.copysign(u.new_ones(()), u + 0.0)  # −0 + 0 is +0


def signs_(u: Tensor) -> Tensor:
    """Turn u into sgn(u) in its own memory, with sgn(0) = +1; return it."""
    return torch.copysign(u.new_ones(()), u.add_(0.0), out=u)


def slope(v: Tensor) -> Tensor:
    """Return d erf(v)/dv = (2/√π) exp(−v²)."""
    # One pass less than with the factor outside of the exponential.
    return torch.addcmul(v.new_full((), _LOG_SLOPE_AT_0), v, v, value=-1).exp_()


def refuse_second_derivatives() -> None:
    """Raise RuntimeError if gradients are to be differentiated: what was saved has no history."""
    if torch.is_grad_enabled():
        raise RuntimeError(
            "the surrogate gradient of noisy signs has no second derivatives, and was asked for "
            "them with create_graph=True; leave that out"
        )


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
        refuse_second_derivatives()
        (v,) = ctx.saved_tensors
        return slope(v).mul_(grads[0]), None


class SignUnderNoise(torch.autograd.Function):
    """`SignOfNoisySum` of a sum v + √½ n that is drawn here.

    Args of `apply`:
        v: Argument of the firing probability.
        draw: Returns the signs of v times a factor plus a shift, under noise.
    """

    @staticmethod
    def forward(ctx: Any, v: Tensor, draw: DrawSigns) -> Tensor:
        ctx.save_for_backward(v)
        return draw(v, None, None)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Tensor, None]:
        refuse_second_derivatives()
        (v,) = ctx.saved_tensors
        return slope(v).mul_(grads[0]), None


def norms_of_rows(weight: Tensor) -> Tensor:
    """Return ‖w_i‖ of every output i, an axis of outputs first."""
    rows = weight if weight.ndim == 2 else weight.flatten(1)
    # `Tensor.norm` calls the same function after more checks in Python.
    norms: Tensor = torch.linalg.vector_norm(rows, dim=1)
    return norms


def certain_of_silent(bias: Tensor | None, norm: Tensor, silent: Tensor, unit: Tensor) -> Tensor:
    """Return b/(s ‖w‖) per output; ±∞ for a row of zeros, which is not noisy.

    Args:
        bias: b, or None for 0.
        norm: ‖w‖.
        silent: Where the norm is 0.
        unit: s ‖w‖, with s in place of 0.
    """
    if bias is None:
        return torch.zeros_like(norm).masked_fill(silent, math.inf)
    certain = torch.where(bias >= 0, math.inf, -math.inf).to(norm.dtype)
    return torch.where(silent, certain, bias / unit)


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
        norm = norms_of_rows(weight)
        ctx.save_for_backward(weight, norm)
        return norm

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Tensor:
        weight, norm = ctx.saved_tensors
        factor = grads[0] / torch.where(norm > 0, norm, 1)
        out: Tensor = weight * factor.view(-1, *(1,) * (weight.ndim - 1))
        return out


def norm_of_rows(weight: Tensor) -> Tensor:
    """Return ‖w_i‖ of every output i, an axis of outputs first."""
    norm: Tensor = NormOfRows.apply(weight)
    return norm


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
