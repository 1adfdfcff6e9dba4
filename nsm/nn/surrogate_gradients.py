"""Sign functions and rectifiers with the gradients that training uses in their place."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

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


def _refuse_second_derivatives() -> None:
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
        _refuse_second_derivatives()
        (v,) = ctx.saved_tensors
        return slope(v).mul_(grads[0]), None


class SignUnderNoise(torch.autograd.Function):
    """`SignOfNoisySum` of a sum that is drawn here, in memory that becomes the signs'.

    Args of `apply`:
        v: Argument of the firing probability.
        noisy: Draws u for v, in memory of its own.
    """

    @staticmethod
    def forward(ctx: Any, v: Tensor, noisy: Callable[[Tensor], Tensor]) -> Tensor:
        ctx.save_for_backward(v)
        return signs_(noisy(v))

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Tensor, None]:
        _refuse_second_derivatives()
        (v,) = ctx.saved_tensors
        return slope(v).mul_(grads[0]), None


class SignOfNormalizedSum(torch.autograd.Function):
    """Signs under noise of v_i = (β_i w_i·x + b_i/s)/‖w_i‖ for inputs ±1.

    What `SignUnderNoise` and the chain rule through v compute, with as few passes over the weights
    as there can be: one for the norms, and one for their gradient. In a small network the calls of
    torch take as long as the passes, so that views and scalars are left out where they can be.

    Args of `apply`:
        x: Inputs (..., inputs) of a matrix of weights; or the products w·x of every output, of
            which autograd knows the rest.
        weight: The weights w, an axis of outputs first.
        beta: β, an axis of outputs first; the others are locations.
        bias: b of every output, or None.
        s: Unit of the noise.
        broadcast: Brings a vector of outputs, or β, into a shape that broadcasts against products.
        noisy: Draws u for v, in memory of its own.
        multiplies: Whether x holds inputs.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        beta: Tensor,
        bias: Tensor | None,
        s: float,
        broadcast: Callable[[Tensor], Tensor],
        noisy: Callable[[Tensor], Tensor],
        multiplies: bool,
    ) -> Tensor:
        product = torch.nn.functional.linear(x, weight) if multiplies else x
        norm = _norms(weight)
        # A GPU would have to be waited for; on a CPU the usual case is asked for, and is faster.
        silent = None if norm.device.type == "cpu" and norm.all().item() else norm == 0
        size = norm if silent is None else norm.masked_fill(silent, 1)
        unit = size * s
        if silent is not None:
            shift = certain_of_silent(bias, norm, silent, unit)
        else:
            shift = torch.zeros_like(norm) if bias is None else bias / unit
        factor = beta / _broadcast_outputs(size, beta)
        v = torch.addcmul(broadcast(shift), broadcast(factor), product)
        inputs = x if multiplies else None
        ctx.save_for_backward(product, weight, v, size, unit, silent, shift, factor, inputs)
        ctx.broadcast = broadcast
        return signs_(noisy(v))

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Any, ...]:
        _refuse_second_derivatives()
        product, weight, v, size, unit, silent, shift, factor, x = ctx.saved_tensors
        of_v = slope(v).mul_(grads[0])
        of_shift = _sum_to(of_v, ctx.broadcast(shift)).view(size.shape)
        of_factor = _sum_to(of_v * product, ctx.broadcast(factor)).view(factor.shape)
        # v is inversely proportional to the norm, whose gradient is w/‖w‖.
        along = of_factor * factor
        if factor.ndim > 1:
            along = along.flatten(1).sum(dim=1)
        along.addcmul_(of_shift, shift).div_(size * size).neg_()
        if silent is not None:  # silent neurons are certain
            of_shift = of_shift.masked_fill(silent, 0)
            along.masked_fill_(silent, 0)
        of_weight = None
        if ctx.needs_input_grad[1]:
            of_weight = weight * _broadcast_outputs(along, weight)
        of_beta = of_bias = None
        if ctx.needs_input_grad[2]:
            of_beta = of_factor / _broadcast_outputs(size, factor)
        if ctx.needs_input_grad[3]:
            of_bias = of_shift / unit
        of_x: Tensor | None = of_v.mul_(ctx.broadcast(factor))
        if x is not None:
            if of_weight is not None:
                of_weight.addmm_(_rows(of_v).T, _rows(x))
            of_x = of_v @ weight if ctx.needs_input_grad[0] else None
        return of_x, of_weight, of_beta, of_bias, None, None, None, None


def _norms(weight: Tensor) -> Tensor:
    """Return ‖w_i‖ of every output i, an axis of outputs first."""
    rows = weight if weight.ndim == 2 else weight.flatten(1)
    # `Tensor.norm` calls the same function after more checks in Python.
    norms: Tensor = torch.linalg.vector_norm(rows, dim=1)
    return norms


def _broadcast_outputs(vector: Tensor, other: Tensor) -> Tensor:
    """Return a vector of outputs, shaped to broadcast against `other`, outputs first."""
    return vector if other.ndim == 1 else vector.view(-1, *(1,) * (other.ndim - 1))


def _sum_to(values: Tensor, other: Tensor) -> Tensor:
    """Return the sums of values over the axes along which `other` is broadcast."""
    if values.ndim == 2 and other.ndim == 1:
        return values.sum(0)
    return values.sum_to_size(other.shape)


def _rows(x: Tensor) -> Tensor:
    """Return x as a matrix, whose columns are the last axis."""
    return x if x.ndim == 2 else x.reshape(-1, x.shape[-1])


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
        norm = _norms(weight)
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
