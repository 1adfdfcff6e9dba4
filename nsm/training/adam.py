"""The optimizer of all trainings: torch's Adam, without loading torch's compiler."""

from inspect import unwrap

import torch
from torch.optim import Adam as TorchAdam

from devices.validation import LARGEST_SINGLE

#: Largest first rate: Adam divides it by 1 − β₁ = 0.1 in its first step, in single precision.
LARGEST_RATE = 0.09 * LARGEST_SINGLE


class Adam(TorchAdam):
    """`torch.optim.Adam`, step for step, for models that are not compiled.

    torch wraps these methods so that its compiler leaves them out. The first call of a wrapper
    imports the compiler, which takes two seconds: as long as a short training. Nothing is compiled
    here, so the methods are called without their wrappers.
    """

    add_param_group = unwrap(TorchAdam.add_param_group)
    zero_grad = unwrap(TorchAdam.zero_grad)
    state_dict = unwrap(TorchAdam.state_dict)
    load_state_dict = unwrap(TorchAdam.load_state_dict)
    # One of the wrappers turns gradients off.
    step = torch.no_grad()(unwrap(TorchAdam.step))
