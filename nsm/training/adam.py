"""The optimizer of all trainings: torch's Adam, without loading torch's compiler."""

from collections.abc import Callable
from inspect import unwrap

import torch
from torch import Tensor
from torch.optim import Adam as TorchAdam

from devices.validation import LARGEST_SINGLE

#: Largest first rate: Adam divides it by 1 − β₁ = 0.1 in its first step, in single precision.
LARGEST_RATE = 0.09 * LARGEST_SINGLE


class Adam(TorchAdam):
    """`torch.optim.Adam`, step for step, for models that are not compiled.

    On a CPU it takes torch's fused form, one pass over the parameters; the other forms, one
    operation after the other, take seven times as long. The fused form reads memory in order, so
    that parameters or gradients in another order (transposed, channels last) take the others.

    torch wraps these methods so that its compiler leaves them out. The first call of a wrapper
    imports the compiler, which takes two seconds: as long as a short training. Nothing is compiled
    here, so the methods are called without their wrappers.
    """

    add_param_group = unwrap(TorchAdam.add_param_group)
    zero_grad = unwrap(TorchAdam.zero_grad)
    state_dict = unwrap(TorchAdam.state_dict)
    load_state_dict = unwrap(TorchAdam.load_state_dict)
    # One of the wrappers turns gradients off.
    _step = torch.no_grad()(unwrap(TorchAdam.step))

    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Take a step, as `torch.optim.Adam.step`."""
        for group in self.param_groups:
            chosen = group["foreach"] or group["differentiable"]
            fits = not chosen and all(map(_in_order, group["params"]))
            group["fused"] = True if fits else None
        loss: float | None = self._step(closure)
        return loss


def _in_order(parameter: Tensor) -> bool:
    """Return whether a parameter and its gradient lie on the CPU without gaps, row after row."""
    grad = parameter.grad
    in_order = parameter.is_contiguous() and (grad is None or grad.is_contiguous())
    return parameter.device.type == "cpu" and in_order
