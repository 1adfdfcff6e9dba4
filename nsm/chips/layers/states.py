"""What passes from layer to layer of a chip: tensors, values in numpy, or packed states."""

import numpy as np
import torch
from torch import Tensor

from crossbar.reads.packed import Packed
from nsm.nn.digital import Values, as_numbers

#: Values as arrays (floats, or True for +1 and False for −1), or states ±1 packed into bits.
States = Values | Packed


def unpacked(z: States) -> Values:
    """Return states as an array: truth values if they were packed."""
    return z.positive() if isinstance(z, Packed) else z


def tensor_of(z: States | Tensor) -> Tensor:
    """Return values as a tensor; states become the numbers −1 and +1 in float64."""
    if isinstance(z, Tensor):
        return z
    return torch.as_tensor(as_numbers(unpacked(z)))


def values_of(z: States | Tensor) -> States:
    """Return a tensor as float64 in numpy; values of numpy and states come back unchanged.

    Tensors of whole numbers and of truth values count as numbers, not as states.
    """
    if not isinstance(z, Tensor):
        return z
    out: Values = np.ascontiguousarray(z.detach().cpu().double().numpy())
    return out
