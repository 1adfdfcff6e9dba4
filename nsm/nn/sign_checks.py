"""Whether all inputs of a layer are ±1, also in passes that a GPU replays without asking Python."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor


class SignChecks:
    """Answers of a first pass, which the same pass takes for granted while a GPU records it.

    A recorded pass cannot wait for an answer. It takes that of the first pass, and computes on the
    GPU whether an input was not ±1 where the first pass said so. (The formulas for any inputs hold
    for ±1, too, so that the other answer can never be wrong.)

    Args:
        device: The device.

    Attributes:
        answers: What was answered in the first pass, in order.
        wrong: Whether an answer of a recorded pass was wrong, a tensor without axes.
    """

    def __init__(self, device: torch.device) -> None:
        self.answers: list[bool] = []
        self.wrong = torch.zeros((), dtype=torch.bool, device=device)
        self._next: int | None = None

    def start_first(self) -> None:
        """Ask anew from here on, and keep the answers."""
        self.answers = []
        self._next = None

    def start_recorded(self) -> None:
        """Give the kept answers from here on, in the same order."""
        self._next = 0

    def answer(self, x: Tensor) -> bool:
        """Return whether all of x is ±1."""
        if self._next is None:
            self.answers.append(_are_signs(x))
            return self.answers[-1]
        answer = self.answers[self._next]
        self._next += 1
        if answer:
            self.wrong |= (x.detach().square() != 1).any()
        return answer


_CHECKS: ContextVar[SignChecks | None] = ContextVar("sign_checks", default=None)


@contextmanager
def sign_checks(checks: SignChecks) -> Iterator[None]:
    """Let `all_signs` ask `checks` inside the `with` block."""
    token = _CHECKS.set(checks)
    try:
        yield
    finally:
        _CHECKS.reset(token)


def all_signs(x: Tensor) -> bool:
    """Return whether every input is −1 or +1."""
    checks = _CHECKS.get()
    return _are_signs(x) if checks is None else checks.answer(x)


def _are_signs(x: Tensor) -> bool:
    if not x.numel():
        return True
    x = x.detach()
    least, most = torch.aminmax(x * x)
    return least.item() == 1 and most.item() == 1
