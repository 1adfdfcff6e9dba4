"""Noisy signs and their gradients on a CPU, each in one compiled pass over the sums.

Drawing the normals in torch takes several times as long as such a pass, on one thread. Passes use
as many threads as both torch and `crossbar.threads` allow, and give the same for any number.
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from crossbar.reads.normals import noisy_signs
from crossbar.reads.packed import in_threads
from crossbar.reads.span import Span
from nsm.nn._neuron_loops import gradients_of_columns, gradients_of_rows, normalize, only_signs

#: Rough time of one gradient, in times of one synapse's read from packed bits.
_COST = 60.0


def fits(*numbers: Tensor) -> bool:
    """Return whether compiled passes take these: float32 on the CPU, and the first in C order."""
    first = numbers[0]
    return (
        all(x.dtype == torch.float32 and x.device.type == "cpu" for x in numbers)
        and first.is_contiguous()
        and first.numel() > 0
        and not torch.compiler.is_compiling()
    )


def _array(x: Tensor) -> NDArray[np.float32]:
    """Return x as an array that shares its memory."""
    array: NDArray[np.float32] = (x.detach() if x.requires_grad else x).numpy()
    return array


# For a matrix and a vector, calls of torch that change nothing would take as long as the pass.
def _matrix(x: Tensor) -> NDArray[np.float32]:
    """Return x (rows, …), in C order, as a matrix that shares its memory; a vector as one row."""
    return _array(x if x.ndim == 2 else x.reshape(1 if x.ndim == 1 else len(x), -1))


def _shape_of_row(x: Tensor) -> torch.Size:
    return x.shape if x.ndim == 1 else x.shape[1:]


def _is_a_row(vector: Tensor, x: Tensor) -> bool:
    """Return whether `vector` has one number for every column of `_matrix(x)`."""
    return vector.ndim == 1 and x.ndim <= 2 and len(vector) == x.shape[-1]


def _columns(vector: Tensor, x: Tensor) -> NDArray[np.float32]:
    """Return `vector`, which broadcasts against x, with one number for every column."""
    every = vector if _is_a_row(vector, x) else vector.expand(_shape_of_row(x)).reshape(-1)
    return np.ascontiguousarray(_array(every))


def _shaped(array: NDArray[np.float32], like: Tensor) -> Tensor:
    """Return an array as a tensor of the shape of `like`, which has as many numbers."""
    tensor = torch.from_numpy(array)
    return tensor if like.ndim == tensor.ndim else tensor.view(like.shape)


def _summed(columns: NDArray[np.float32], vector: Tensor, x: Tensor) -> Tensor:
    """Return numbers of columns, summed over the axes along which `vector` is broadcast."""
    tensor = torch.from_numpy(columns)
    if _is_a_row(vector, x):
        return tensor
    return tensor.view(_shape_of_row(x)).sum_to_size(vector.shape)


def are_signs(x: Tensor) -> bool:
    """Return whether all of x, which fits, is −1 or +1."""
    answer: bool = only_signs(_matrix(x).reshape(-1))
    return answer


def signs_under_noise(
    sums: Tensor, factor: Tensor, shift: Tensor, generator: torch.Generator | None
) -> Tensor:
    """Return the signs of factor · sums + shift + √½ n, with sgn(0) = +1.

    Args:
        sums: (rows, …), in C order, or one row (columns,).
        factor: Broadcasts against the axes of the sums beyond the first.
        shift: Likewise.
        generator: Gives the two words from which the normals n are drawn; None takes torch's own.
    """
    drawn = torch.empty(2, dtype=torch.int64, device="cpu").random_(generator=generator)
    key = drawn.numpy().view(np.uint64)
    of_columns = _columns(factor, sums), _columns(shift, sums)
    threads = torch.get_num_threads()
    signs = noisy_signs(_matrix(sums), *of_columns, math.sqrt(0.5), key, threads)
    return _shaped(signs, sums)


def gradients_of_signs(
    grad: Tensor, sums: Tensor, factor: Tensor, shift: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients with respect to the sums, factor and shift of `signs_under_noise`.

    The gradient of a sign is that of 2P − 1 = erf(factor · sums + shift).

    Args:
        grad: Gradient with respect to the signs.
        sums: As in `signs_under_noise`.
        factor: Likewise.
        shift: Likewise.
    """
    of_grad, of_sums = _matrix(grad.contiguous()), _matrix(sums)
    a, b = _columns(factor, sums), _columns(shift, sums)
    out, of_a, of_b = np.empty_like(of_sums), np.empty_like(a), np.empty_like(b)

    def work(part: Span) -> None:
        here = part.first, part.last
        gradients_of_columns(out, of_b, of_a, of_grad, of_sums, a, b, *here)

    in_threads(work, Span(0, len(a)), _COST * out.size, at_most=torch.get_num_threads())
    return _shaped(out, sums), _summed(of_a, factor, sums), _summed(of_b, shift, sums)


def normalized(
    weight: Tensor, beta: Tensor, bias: Tensor | None, s: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Return ‖w_i‖, β_i/‖w_i‖ and b_i/(s ‖w_i‖) of every output i.

    For a row of zeros they are 0, β_i and ±∞, since the neuron has no noise.

    Args:
        weight: w, an axis of outputs first.
        beta: β, likewise; its other axes are locations.
        bias: b of every output, or None for 0.
        s: Unit of the noise.
    """
    rows, betas = _matrix(weight), _array(beta)
    biases = np.zeros(len(rows), np.float32) if bias is None else _array(bias)
    norm, shift = np.empty((2, len(rows)), np.float32)
    factor = np.empty(betas.shape, np.float32)
    by_output = betas.reshape(len(rows), -1), factor.reshape(len(rows), -1)
    normalize(norm, shift, rows, *by_output, biases, np.float32(s))
    return torch.from_numpy(norm), torch.from_numpy(factor), torch.from_numpy(shift)


def gradients_of_neurons(
    of_factor: Tensor,
    of_shift: Tensor,
    weight: Tensor,
    norm: Tensor,
    factor: Tensor,
    shift: Tensor,
    s: float,
    needs_weight: bool,
) -> tuple[Tensor | None, Tensor, Tensor]:
    """Return the gradients with respect to w (through the norms), β and b of `normalized`.

    Args:
        of_factor: Gradient with respect to its second result.
        of_shift: Likewise, its third.
        weight: As in `normalized`.
        norm: Its first result.
        factor: Its second.
        shift: Its third.
        s: As in `normalized`.
        needs_weight: Whether to return the first; else it is None.
    """
    rows, sizes = _matrix(weight), _array(norm)
    of_weight = np.empty(rows.shape if needs_weight else (0, 0), np.float32)
    of_bias = np.empty_like(sizes)
    of_beta = np.empty(tuple(factor.shape), np.float32)
    by_output = [
        a.reshape(len(rows), -1) for a in (of_beta, _array(of_factor.contiguous()), _array(factor))
    ]
    arrays = _array(of_shift.contiguous()), rows, sizes, _array(shift)
    gradients_of_rows(of_weight, of_bias, *by_output, *arrays, np.float32(s))
    through_norms = _shaped(of_weight, weight) if needs_weight else None
    return through_norms, torch.from_numpy(of_beta), torch.from_numpy(of_bias)
