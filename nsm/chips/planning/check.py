"""Whether the plan of a chip computes what the network computes: run both on the same inputs."""

import copy
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from devices.validation import shortened
from nsm.chips.layers.states import tensor_of
from nsm.chips.planning.multiply_adds import counting
from nsm.chips.planning.plan import PlannedLayer, planned_layers
from nsm.chips.planning.planner import evaluating_copy, exact_copy
from nsm.chips.structures import as_dtype, leaves, mapped, rows_of
from nsm.nn.stochastic import reseed, seed_torch

#: Largest difference between the outputs of plan and network, relative to the largest output, by
#: the precision in which they run: double, unless the network's forward insists on another.
TOLERANCE = {torch.float64: 1e-6, torch.float32: 1e-5, torch.float16: 2e-2, torch.bfloat16: 1e-1}

#: Outputs of the layers of a run, by path; one for each call.
Recorded = dict[str, list[Tensor]]


@dataclass(frozen=True)
class Checked:
    """What the comparison of a plan with its network found.

    Attributes:
        difference: Largest difference of the outputs, relative to the largest output.
        multiply_adds: Multiply-adds of one input by the path of the layer; "" for what the
            network's own forward does.
        output: The network's output for the inputs of the comparison.
        by_row: Whether every row of the inputs is an image of its own, whose outputs depend on no
            other row; None if one row alone could not be tried.
        in_turn: Whether every layer sees the rows of the images one after the other, so that reads
            of several images can be made in one pass.
    """

    difference: float
    multiply_adds: dict[str, int]
    output: Any
    by_row: bool | None
    in_turn: bool


class PlanMismatch(ValueError):
    """A plan computes something else than its network."""


def check_plan(plan: nn.Module, model: nn.Module, inputs: tuple[Any, ...]) -> Checked:
    """Compare the outputs of a plan with those of its network.

    Both run in double precision with the same random numbers. Layers that draw (neural sampling)
    give the network's draws in the plan, so that everything around them is compared exactly. A
    second run, of one input, tells whether the plan depends on the size of a batch.

    Args:
        plan: The plan. Its layers learn how often, and at how many locations, an input is read.
        model: The network as the user gave it.
        inputs: Arguments of the network; the first axis of tensors is the batch.

    Raises:
        PlanMismatch: Naming the first layer whose outputs differ.
        ValueError: The network itself cannot run on the inputs.
    """
    if not all(torch.isfinite(t).all() for t in leaves(inputs)):
        raise ValueError("the inputs for the comparison (example) hold NaN or infinite values")
    with torch.no_grad(), without_fast_path(), torch.random.fork_rng(devices=[]):
        layers = {layer.path for layer in planned_layers(plan)}
        tried = _runnable(model, inputs, layers)
        dtype = _precision(tried.arguments)
        tolerance = TOLERANCE.get(dtype, 1e-6)
        ours = copy.deepcopy(plan).to(dtype)
        whole = _compared(ours, tried, tolerance)
        rows = rows_of(tried.arguments)
        first, last = (
            _tried(tried.network, _one_image(tried.arguments, rows, number), layers)
            for number in (0, rows - 1)
        )
        difference, by_row, in_turn = whole.difference, None, True
        if first is not None:
            of_one = _compared(ours, first, tolerance)
            difference = max(difference, of_one.difference)
            other_seed = _tried(tried.network, tried.arguments, layers, seed=1)
            draws = other_seed is None or _largest(other_seed.outputs, tried.outputs) > 0
            by_row = _is_by_row((first, last), tried.outputs, tolerance, draws=draws)
            in_turn = _in_turn(whole.seen, of_one.seen, rows, draws=draws)
    _tell_layers(plan, ours, whole.multiply_adds, rows)
    each = {path: count // rows for path, count in whole.multiply_adds.items()}
    return Checked(difference, each, whole.outputs, by_row, in_turn)


def _tell_layers(plan: nn.Module, ours: nn.Module, counts: dict[str, int], rows: int) -> None:
    """Tell the layers of a plan how often, and at how many locations, an input is read."""
    for layer, tried in zip(planned_layers(plan), planned_layers(ours), strict=True):
        layer.locations = tried.locations
        once = rows * layer.wanted.weight.size
        layer.reads_per_pass = max(1, counts.get(layer.path, 0) // once)


def _one_image(arguments: tuple[Any, ...], rows: int, number: int) -> tuple[Any, ...]:
    """Return the arguments of one image; tensors that are the same for all images stay."""
    return tuple(
        mapped(lambda t: t[number : number + 1] if t.ndim and len(t) == rows else t, argument)
        for argument in arguments
    )


@contextmanager
def without_fast_path() -> Iterator[None]:
    """Keep torch's transformers from computing with weights past the layers that hold them."""
    was = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(was)


def _precision(arguments: tuple[Any, ...]) -> torch.dtype:
    """Return the precision in which a network runs on its arguments."""
    floats = (t.dtype for t in leaves(arguments) if t.is_floating_point())
    return next(floats, torch.float64)


class _Pass(NamedTuple):
    """A pass of a network.

    Attributes:
        network: The network, as it was before the pass.
        arguments: What it was given.
        outputs: What it returned.
        of_layers: Outputs of its layers, by path.
    """

    network: nn.Module
    arguments: tuple[Any, ...]
    outputs: Any
    of_layers: Recorded


def _runnable(model: nn.Module, inputs: tuple[Any, ...], layers: Collection[str]) -> _Pass:
    """Return a pass of a network in double precision, or as it and its inputs came.

    Raises:
        ValueError: With what the network says, if it runs in neither; or it keeps values.
    """
    problems: list[Exception] = []
    for dtype in (torch.float64, None):
        network = evaluating_copy(model, shared=True)
        arguments = inputs
        if dtype is not None:
            network, arguments = network.to(dtype), as_dtype(inputs, dtype)
        used = exact_copy(network, shared=True)  # another copy, since a forward may keep values
        try:
            outputs, of_layers = _run(used, arguments, lambda path, _module: path in layers)
        except Exception as problem:  # the forward of a user may raise anything
            problems.append(problem)
            continue
        again, _ = _run(used, arguments)
        if not _largest(again, outputs) <= TOLERANCE.get(_precision(arguments), 1e-6):
            raise ValueError(
                "cannot map the network: the same inputs give other outputs in the next pass, "
                "since it is keeping values from pass to pass; a chip's reads do not depend on "
                "each other, so keep such values outside of the network"
            )
        return _Pass(network, arguments, outputs, of_layers)
    shapes = ", ".join(str(tuple(t.shape)) for t in leaves(inputs))
    if not shapes:
        raise ValueError(
            f"example = {shortened(inputs)} holds no tensor; give inputs, not their shape, such as "
            "example=x[:4]"
        )
    raise ValueError(
        f"the network cannot run on inputs of shape {shapes} ({problems[-1]}); give example=, "
        "inputs that it takes"
    ) from problems[-1]


def _tried(
    network: nn.Module, inputs: tuple[Any, ...], layers: Collection[str], *, seed: int = 0
) -> _Pass | None:
    """Return a pass of a network; None if it does not take these inputs."""
    try:
        outputs, of_layers = _run(
            exact_copy(network, shared=True),
            inputs,
            lambda path, _module: path in layers,
            seed=seed,
        )
    except Exception:  # the forward of a user may raise anything; the first axis may be no batch
        return None
    return _Pass(network, inputs, outputs, of_layers)


def _is_by_row(
    alone: tuple[_Pass | None, ...], together: Any, tolerance: float, *, draws: bool
) -> bool:
    """Return whether the outputs of the first and of the last image alone are those of its row.

    Networks that draw give others each time; of them only the shapes are compared.
    """
    outputs = leaves(together)
    if not all(t.ndim for t in outputs):
        return False
    for one, row in zip(alone, (slice(0, 1), slice(-1, None)), strict=True):
        found = [] if one is None else leaves(one.outputs)
        expected = [t[row] for t in outputs]
        if [t.shape for t in found] != [t.shape for t in expected]:
            return False
        if not draws and not _largest(found, expected) <= tolerance:
            return False
    return True


def _in_turn(seen: Recorded, of_one: Recorded, rows: int, *, draws: bool) -> bool:
    """Return whether every planned layer saw the rows of the first image first.

    Args:
        seen: Inputs of the layers in a pass of all images, by path.
        of_one: The same of a pass of the first image.
        rows: Number of images.
        draws: Whether the network draws, so that only numbers of rows can be compared.
    """
    for path, inputs in seen.items():
        alone = of_one.get(path, [])
        if len(alone) != len(inputs):
            return False
        for together, one in zip(inputs, alone, strict=True):
            if len(together) != rows * len(one):
                return False
            if not draws and not _largest(together[: len(one)], one) <= 1e-6:
                return False
    return True


class _Comparison(NamedTuple):
    """What a pass of a plan gave beside the pass of its network.

    Attributes:
        difference: Largest difference of the outputs, relative to the largest output.
        outputs: Outputs of the plan.
        seen: Rows that each planned layer saw, by path.
        multiply_adds: Multiply-adds by path of the layer.
    """

    difference: float
    outputs: Any
    seen: Recorded
    multiply_adds: dict[str, int]


def _compared(plan: nn.Module, of_network: _Pass, tolerance: float) -> _Comparison:
    """Return the comparison of a plan with a pass of its network.

    Raises:
        PlanMismatch: The difference is too large, or the plan does not run.
    """
    layers = {layer.path: layer for layer in planned_layers(plan)}
    theirs = of_network.of_layers
    for layer in layers.values():
        layer.seen = []
    wanted = _replayed(of_network, layers)
    try:
        with counting(plan) as counts:
            got, ours = _run(
                plan, of_network.arguments, lambda _path, layer: isinstance(layer, PlannedLayer)
            )
    except Exception as problem:  # code that was traced, or hooks of a user, may raise anything
        raise PlanMismatch(
            f"cannot map the network: with layers on tiles it does not run ({problem})"
        ) from problem
    finally:
        for layer in layers.values():
            layer.replay = None
    difference = _largest(got, wanted)
    if not difference <= tolerance:
        raise PlanMismatch(_reason(layers, theirs, ours, tolerance))
    seen = {path: layer.seen for path, layer in layers.items()}
    return _Comparison(difference, got, seen, counts)


def _replayed(of_network: _Pass, layers: dict[str, PlannedLayer]) -> Any:
    """Let planned layers that draw give what the network's drew; return the outputs to compare.

    They are those of a pass in which these layers draw nothing, so that they do not shift what the
    network's dropout draws.
    """
    theirs = of_network.of_layers
    drawing = [path for path, layer in layers.items() if layer.draws and path in theirs]
    for path in drawing:
        layers[path].replay = [draw.clone() for draw in theirs[path]]
    if not any(drawing):  # nothing draws, or the network itself is the layer that does
        return of_network.outputs
    network = exact_copy(of_network.network, shared=True)
    for path in filter(None, drawing):
        network.set_submodule(path, _Replayed(theirs[path]))
    outputs, _ = _run(network, of_network.arguments)
    return outputs


def _run(
    network: nn.Module,
    inputs: tuple[Any, ...],
    recorded: Callable[[str, nn.Module], bool] = lambda _path, _module: False,
    *,
    seed: int = 0,
) -> tuple[Any, Recorded]:
    """Return a network's outputs, and those of some of its modules by path.

    Random numbers of torch and of this package's layers begin anew.
    """
    outputs: Recorded = {}

    def recorder(path: str) -> Callable[..., None]:
        def record(_module: nn.Module, _inputs: Any, output: Any) -> None:
            outputs.setdefault(path, []).extend(t.clone() for t in leaves(output))

        return record

    handles = [
        module.register_forward_hook(recorder(getattr(module, "path", path)))
        for path, module in network.named_modules()
        if recorded(path, module)
    ]
    reseed(network, seed)
    seed_torch(seed)
    try:
        return mapped(tensor_of, network(*mapped(torch.clone, inputs))), outputs
    finally:
        for handle in handles:
            handle.remove()


class _Replayed(nn.Module):
    """Stands for a layer that draws: it returns what the layer has drawn before."""

    def __init__(self, draws: list[Tensor]):
        super().__init__()
        self._draws = list(draws)

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs of the next call."""
        return self._draws.pop(0).clone()


def _largest(got: Any, wanted: Any) -> float:
    """Return the largest difference of outputs, relative to the largest output of each tensor.

    It is infinite if they differ in shape or in where they are not finite.
    """
    ours, theirs = leaves(got), leaves(wanted)
    if [a.shape for a in ours] != [b.shape for b in theirs]:
        return float("inf")
    largest = 0.0
    for a, b in zip(ours, theirs, strict=True):
        if a.is_complex() and b.is_complex():
            a, b = torch.view_as_real(a), torch.view_as_real(b)
        known = torch.isfinite(b)
        same = (a == b) | (a.isnan() & b.isnan())
        if not same[~known].all():
            return float("inf")
        if known.any():
            b = b[known].double()
            off = (a[known].double() - b).abs().max()
            if off.isnan():
                return float("inf")
            largest = max(largest, float(off / b.abs().max().clamp_min(1e-300)))
    return largest


def _reason(
    layers: dict[str, PlannedLayer], theirs: Recorded, ours: Recorded, tolerance: float
) -> str:
    """Return the message about a plan that differs: the first layer, and what to do."""
    for path, outputs in ours.items():
        layer = layers[path]
        plain = path in theirs and not (layer.draws or layer.by_sign or layer.folded)
        if plain and not _largest(outputs, theirs[path]) <= tolerance:
            return (
                f"cannot map {layer.name}: on ideal tiles it computes something else than in the "
                "network, since a hook or an attribute changes its weights, inputs or outputs; put "
                "its effective weights into a plain layer, and what else it does into a module"
            )
    return (
        "cannot map the network: with ideal tiles it computes something else; its forward does "
        "something that could not be followed, such as drawing random numbers, computing with "
        "weights of layers without calling them, or keeping values from pass to pass"
    )
