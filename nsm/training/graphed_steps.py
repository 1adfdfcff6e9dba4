"""Steps of training that a GPU replays as one recorded graph.

A step of a small network is hundreds of short computations of the GPU, and Python starts each of
them more slowly than the GPU computes it. A graph of CUDA starts all of them at once.
"""

import torch
from torch import Tensor, nn

from nsm.nn.sign_checks import SignChecks, sign_checks
from nsm.nn.stochastic import Stochastic
from nsm.training.state import TrainingState

#: Steps of an epoch that are taken one by one before a step is recorded. Libraries choose their
#: algorithms and take their memory in them.
FIRST_STEPS = 3


def can_be_recorded(state: TrainingState) -> bool:
    """Return whether the steps of a training can be recorded.

    They can on a GPU, of a sequence of layers of torch and nsm without hooks: code of others could
    ask for a value within the step, or change what it does from one step to the next.
    """
    model = state.computing
    if state.device.type != "cuda" or not isinstance(model, nn.Sequential):
        return False
    return all(_is_known(module) for module in model.modules())


def _is_known(module: nn.Module) -> bool:
    """Return whether a module computes on the GPU alone."""
    hooks = module._forward_hooks or module._forward_pre_hooks or module._backward_hooks
    room = type(module).__module__
    known = room.startswith(("torch.nn.modules.", "nsm.nn."))
    # Without a momentum, batch normalization asks how many batches there were.
    asks = getattr(module, "momentum", 0.1) is None
    return known and not hooks and not asks


class GraphedSteps:
    """The steps of one epoch on a GPU; all but the first ones replay a graph.

    Args:
        state: The network in training. Its layers have their random streams already.

    Attributes:
        checks: What the layers were told about their inputs.
    """

    def __init__(self, state: TrainingState) -> None:
        self._state = state
        self.checks = SignChecks(state.device)
        self._taken = 0
        self._graph: torch.cuda.CUDAGraph | None = None
        self._inputs = self._labels = self._loss = torch.empty(0)

    def take(self, inputs: Tensor, labels: Tensor, step: int, steps: int) -> Tensor:
        """Take step number `step` of `steps`; return the mean loss before it, on the GPU."""
        self._state.set_step(step, steps)
        if self._taken < FIRST_STEPS:
            self._taken += 1
            return self._first(inputs, labels)
        if self._graph is None:
            self._record(inputs, labels)
        if inputs.shape != self._inputs.shape:  # the last batch may be smaller
            return self._state.compute_step(inputs, labels)
        assert self._graph is not None
        self._inputs.copy_(inputs)
        self._labels.copy_(labels)
        self._graph.replay()
        return self._loss.clone()

    def _first(self, inputs: Tensor, labels: Tensor) -> Tensor:
        """Take a step one by one, on a stream beside the one that is recorded."""
        beside = torch.cuda.Stream()
        beside.wait_stream(torch.cuda.current_stream())
        self.checks.start_first()
        with torch.cuda.stream(beside), sign_checks(self.checks):
            loss = self._state.compute_step(inputs, labels)
        torch.cuda.current_stream().wait_stream(beside)
        return loss

    def _record(self, inputs: Tensor, labels: Tensor) -> None:
        """Record one step. Nothing is computed by it."""
        self._inputs, self._labels = inputs.clone(), labels.clone()
        graph = torch.cuda.CUDAGraph()
        for layer in self._state.computing.modules():
            if isinstance(layer, Stochastic):
                generator = layer.generator(self._state.device)
                if generator is not None:
                    graph.register_generator_state(generator)
        self._state.optimizer.zero_grad()
        self.checks.start_recorded()
        with torch.cuda.graph(graph), sign_checks(self.checks):
            self._loss = self._state.compute_step(self._inputs, self._labels)
        self._graph = graph

    def were_right(self) -> bool:
        """Return whether all that was taken for granted in the recorded steps was true."""
        return not bool(self.checks.wrong)


def copies(state: TrainingState) -> list[Tensor]:
    """Return copies of all that steps change, for `restore`."""
    return [t.detach().clone() for t in _changing(state)]


def restore(state: TrainingState, before: list[Tensor]) -> None:
    """Set all that steps change to what `copies` returned."""
    if len(before) < len(_changing(state)):  # Adam had taken no step yet
        state.optimizer.state.clear()
    with torch.no_grad():
        for now, then in zip(_changing(state), before, strict=True):
            now.copy_(then)


def _changing(state: TrainingState) -> list[Tensor]:
    """Return the parameters and buffers of both networks, and Adam's moments."""
    moments = [t for of_one in state.optimizer.state.values() for t in of_one.values()]
    networks = (state.model, state.average)
    return [t for m in networks for t in m.state_dict().values()] + moments
