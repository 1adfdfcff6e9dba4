"""What a network gives for fixed inputs: a file of a chip tells by it that a network is another."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from nsm.chips.planning.check import TOLERANCE, without_fast_path
from nsm.chips.planning.planner import evaluating_copy
from nsm.chips.structures import as_dtype, leaves, mapped
from nsm.nn.stochastic import reseed, seed_torch

#: Seed of what the network draws, so that stochastic networks give the same outputs again.
_SEED = 0


def reference_outputs(model: nn.Module, example: tuple[Any, ...]) -> list[Tensor]:
    """Return the outputs of a network in double precision, or in its own if it insists on it.

    Args:
        model: The network; a copy of it runs, in `eval()`.
        example: Its arguments.

    Returns:
        Its outputs in order, complex numbers as pairs of real ones.

    Raises:
        ValueError: The network cannot run on these arguments.
    """
    problems: list[Exception] = []
    for dtype in (torch.float64, None):
        network = evaluating_copy(model, shared=True)
        arguments = mapped(torch.clone, example)
        if dtype is not None:
            network, arguments = network.to(dtype), as_dtype(arguments, dtype)
        reseed(network, _SEED)
        try:
            with torch.no_grad(), without_fast_path(), torch.random.fork_rng(devices=[]):
                seed_torch(_SEED)
                found = leaves(network(*arguments))
        except Exception as problem:  # the forward of a user may raise anything
            problems.append(problem)
        else:
            return [_real(output) for output in found]
    raise ValueError(f"the network cannot run on the chip's example ({problems[-1]})")


def check_outputs(
    model: nn.Module, example: tuple[Any, ...], wanted: Sequence[Tensor], what: str
) -> None:
    """Raise ValueError unless a network gives the outputs that a file holds.

    Args:
        model: The network with the file's weights.
        example: The arguments of the network for which the file holds outputs.
        wanted: These outputs, of `reference_outputs`.
        what: What messages call the file.

    Raises:
        ValueError: The network does not run on these arguments, or gives other outputs.
    """
    advice = (
        "it is another network with the same weights; give the one that was mapped, with its "
        "activations, hooks and options"
    )
    try:
        found = reference_outputs(model, example)
    except ValueError as problem:
        raise ValueError(f"{what} does not fit the network: {problem}; {advice}") from problem
    shapes, held = ([tuple(t.shape) for t in outputs] for outputs in (found, wanted))
    if shapes != held:
        raise ValueError(
            f"{what} does not fit the network: for the chip's example its outputs have the shapes "
            f"{shapes}, and had {held} when the chip was saved; {advice}"
        )
    for number, (ours, theirs) in enumerate(zip(found, wanted, strict=True)):
        difference = _difference(ours, theirs)
        if not difference <= TOLERANCE.get(theirs.dtype, 1e-6):
            raise ValueError(
                f"{what} does not fit the network: for the chip's example its output {number} "
                f"differs by {difference:.2g} of the largest value from what it was when the chip "
                f"was saved; {advice}"
            )


def _difference(ours: Tensor, theirs: Tensor) -> float:
    """Return the largest difference relative to the largest value; infinite if NaN differ."""
    a, b = ours.double().cpu(), theirs.double().cpu()
    same = (a == b) | (a.isnan() & b.isnan())
    if same.all():
        return 0.0
    if not (torch.isfinite(a) & torch.isfinite(b))[~same].all():
        return float("inf")
    largest = b[torch.isfinite(b)].abs().max().clamp_min(1e-300)
    return float((a - b)[~same].abs().max() / largest)


def _real(output: Tensor) -> Tensor:
    """Return an output as files hold it."""
    real = torch.view_as_real(output.resolve_conj()) if output.is_complex() else output
    return real.detach().clone(memory_format=torch.contiguous_format)
