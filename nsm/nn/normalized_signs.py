"""Signs under noise of neurons whose inputs are ±1: norms, signs and gradients in few passes."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from nsm.nn import compiled
from nsm.nn.surrogate_gradients import (
    DrawSigns,
    certain_of_silent,
    norms_of_rows,
    refuse_second_derivatives,
    slope,
)


class SignOfNormalizedSum(torch.autograd.Function):
    """Signs under noise of v_i = (β_i w_i·x + b_i/s)/‖w_i‖ for inputs ±1.

    What `SignUnderNoise` and the chain rule through v compute, with as few passes over the weights
    as there can be: one for the norms, and one for their gradient. In a small network the calls of
    torch take as long as the passes, so that on a CPU compiled loops take their place.

    Args of `apply`:
        x: Inputs (..., inputs) of a matrix of weights; or the products w·x of every output, which
            autograd differentiates further.
        weight: The weights w, an axis of outputs first.
        beta: β, an axis of outputs first; the others are locations.
        bias: b of every output, or None.
        s: Unit of the noise.
        broadcast: Brings a vector of outputs, or β, into a shape that broadcasts against products.
        draw: Draws the signs of v from the products.
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
        draw: DrawSigns,
        multiplies: bool,
    ) -> Tensor:
        product = torch.nn.functional.linear(x, weight) if multiplies else x
        others = (beta,) if bias is None else (beta, bias)
        one_loop = compiled.fits(weight, *others) and all(v.is_contiguous() for v in others)
        normalize = compiled.normalized if one_loop else _normalized
        norm, factor, shift = normalize(weight, beta, bias, s)
        inputs = x if multiplies else None
        ctx.save_for_backward(product, weight, norm, factor, shift, inputs)
        ctx.s, ctx.broadcast, ctx.one_loop = s, broadcast, one_loop
        return draw(product, broadcast(factor), broadcast(shift))

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Any, ...]:
        refuse_second_derivatives()
        product, weight, norm, factor, shift, x = ctx.saved_tensors
        a, b = ctx.broadcast(factor), ctx.broadcast(shift)
        of_product, of_factor, of_shift = _gradients_of_signs(grads[0], product, a, b)
        neurons = weight, norm, factor, shift, ctx.s
        rest = compiled.gradients_of_neurons if ctx.one_loop else _gradients_of_neurons
        of_weight, of_beta, of_bias = rest(
            of_factor.view(factor.shape),
            of_shift.view(norm.shape),
            *neurons,
            needs_weight=ctx.needs_input_grad[1],
        )
        of_x: Tensor | None = of_product
        if x is not None:
            if of_weight is not None:
                of_weight.addmm_(_rows(of_product).T, _rows(x))
            of_x = of_product @ weight if ctx.needs_input_grad[0] else None
        found = of_x, of_weight, of_beta, of_bias
        needs = ctx.needs_input_grad[: len(found)]
        needed = (g if asked else None for g, asked in zip(found, needs, strict=True))
        return *needed, None, None, None, None


def _normalized(
    weight: Tensor, beta: Tensor, bias: Tensor | None, s: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Return ‖w_i‖, β_i/‖w_i‖ and b_i/(s ‖w_i‖); a row of zeros has the norm 1 in a quotient."""
    norm = norms_of_rows(weight)
    silent = norm == 0
    size = norm.masked_fill(silent, 1)
    shift = certain_of_silent(bias, norm, silent, size * s)
    return norm, beta / _broadcast_outputs(size, beta), shift


def _gradients_of_neurons(
    of_factor: Tensor,
    of_shift: Tensor,
    weight: Tensor,
    norm: Tensor,
    factor: Tensor,
    shift: Tensor,
    s: float,
    needs_weight: bool,
) -> tuple[Tensor | None, Tensor, Tensor]:
    """Return the gradients with respect to w (through the norms), β and b of `_normalized`.

    Args:
        of_factor: Gradient with respect to its second result.
        of_shift: Likewise, its third.
        weight: As in `_normalized`.
        norm: Its first result.
        factor: Its second.
        shift: Its third.
        s: As in `_normalized`.
        needs_weight: Whether to return the first; else it is None.
    """
    silent = norm == 0
    size = norm.masked_fill(silent, 1)
    # Factor and shift are inversely proportional to the norm, whose gradient is w/‖w‖.
    along = of_factor * factor
    if factor.ndim > 1:
        along = along.flatten(1).sum(dim=1)
    of_shift = of_shift.masked_fill(silent, 0)  # silent neurons are certain
    along = -(along + of_shift * shift.masked_fill(silent, 0)) / (size * size)
    along.masked_fill_(silent, 0)
    of_weight = weight * _broadcast_outputs(along, weight) if needs_weight else None
    return of_weight, of_factor / _broadcast_outputs(size, factor), of_shift / (size * s)


def _gradients_of_signs(
    grad: Tensor, sums: Tensor, factor: Tensor, shift: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients with respect to sums, factor and shift; the last two summed to them."""
    if compiled.fits(sums, factor, shift, grad):
        return compiled.gradients_of_signs(grad, sums, factor, shift)
    of_v = slope(torch.addcmul(shift, factor, sums)).mul_(grad)
    of_shift, of_factor = _sum_to(of_v, shift), _sum_to(of_v * sums, factor)
    return of_v.mul_(factor), of_factor, of_shift


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
