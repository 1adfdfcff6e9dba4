"""From a network to the plan of a chip: weighted layers replaced, everything else as it is."""

import copy
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn.utils.parametrize import is_parametrized
from torch.nn.utils.prune import BasePruningMethod
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

from nsm.chips.layers.attention import Attention
from nsm.chips.layers.dropout import KeptDropout
from nsm.chips.layers.recurrent import recurrent_of
from nsm.chips.planning.graph import (
    fold_normalization,
    keep_states_packed,
    plan_functions,
    put_signs_into_comparators,
)
from nsm.chips.planning.plan import Grouped, MakeLinear, PlannedLayer, name_of, planned
from nsm.chips.planning.tracing import base_class, has_hooks, is_unit, move_hooks, traced
from nsm.nn import registry
from nsm.nn.described import as_float64
from nsm.nn.on_chip import OnTiles

_RECURRENT = (nn.RNN, nn.LSTM, nn.GRU, nn.RNNCell, nn.LSTMCell, nn.GRUCell)
#: Hooks of torch that compute weights before every pass, and nothing else.
WEIGHT_HOOKS = (WeightNorm, SpectralNorm, BasePruningMethod)
#: Layers of torch that no crossbar computes, and why.
_REFUSED: Mapping[type[nn.Module], str] = MappingProxyType(
    {
        nn.Bilinear: "it multiplies two inputs with each other, and a crossbar multiplies one "
        "input by stored weights; compute the products digitally and give them to an nn.Linear",
    }
)

#: Why a layer is digital that a hardware table leaves out.
DIGITAL = "its hardware is None"

#: Whether the layer at a path, such as "blocks.0.conv1", goes on tiles.
OnTilesAt = Callable[[str], bool]


class Planner:
    """Replaces the weighted layers of a network by planned ones.

    Args:
        on_tiles: Whether the layer at a path goes on tiles; the others stay digital.
        trace: Whether forwards are traced. Without, layers are replaced one by one, and batch
            normalization stays digital.

    Attributes:
        reasons: Path of a layer -> why it is digital, or gone.
    """

    def __init__(self, on_tiles: OnTilesAt, *, trace: bool):
        self._on_tiles = on_tiles
        self._trace = trace
        self._done: dict[int, nn.Module] = {}
        self.reasons: dict[str, str] = {}

    def plan(self, model: nn.Module, example: tuple[Any, ...] | None) -> nn.Module:
        """Return the plan of a network, a copy in `eval()`; see `evaluating_copy`."""
        return self._module(evaluating_copy(model), "", example)

    def _module(
        self, module: nn.Module, path: str, example: tuple[Any, ...] | None = None
    ) -> nn.Module:
        """Return what stands in the place of a module; the same for one that is used twice."""
        if id(module) not in self._done:
            new = self._unit(module, path) if is_unit(module) else None
            if new is None:
                new = self._entered(module, path, example)
            elif new is not module:
                move_hooks(module, new)
            self._done[id(module)] = new
        return self._done[id(module)]

    def _unit(self, module: nn.Module, path: str) -> nn.Module | None:
        """Return what stands in the place of a layer of torch or of this package.

        None for one that is to be entered: a layer of torch that is made of others.
        """
        kind = base_class(module)
        name = name_of(path, kind.__name__)
        if kind in _REFUSED:
            raise ValueError(f"cannot map {name}: {_REFUSED[kind]}")
        if KeptDropout.is_kept(module):
            return KeptDropout(module)
        if kind in _RECURRENT or kind is nn.MultiheadAttention:
            _check_composite(module, name)
            make = self._maker(path, kind.__name__)
            if isinstance(module, nn.MultiheadAttention):
                return Attention(module, make)
            return recurrent_of(module, make)
        first, *signs = registry.plain_layers(module, name)
        wanted = registry.weights_on_tiles(first, name)
        if wanted is None:
            return None if list(module.children()) else module
        if not self._on_tiles(path):
            return self._digital(module, path)
        layer = planned(path, kind.__name__, wanted)
        if signs:
            assert isinstance(layer, PlannedLayer)
            layer.by_sign = True
        return layer

    def _digital(self, module: nn.Module, path: str) -> nn.Module:
        if registry.draws_in_eval(module):
            raise ValueError(
                f"{name_of(path, type(module).__name__)} computes with the noise of its cells and "
                "cannot be digital; give it a Hardware"
            )
        self.reasons[path] = DIGITAL
        return module

    def _maker(self, path: str, kind: str) -> MakeLinear:
        def make(name: str, weight: Tensor, bias: Tensor | None) -> nn.Module:
            own = _join(path, name)
            if not self._on_tiles(own):
                self.reasons[own] = DIGITAL
                return _linear(own, weight, bias)
            wanted = OnTiles(as_float64(weight), None if bias is None else as_float64(bias))
            return planned(own, kind, wanted)

        return make

    def _entered(self, module: nn.Module, path: str, example: tuple[Any, ...] | None) -> nn.Module:
        """Return a module whose layers are replaced: as a graph, or child by child."""
        graph = traced(module, example) if self._trace else None
        if graph is not None:
            planned_graph = self._graph(graph, path)
            if has_hooks(module):  # a hook may ask its module for what the graph does not call
                for name, child in module.named_children():
                    if not hasattr(planned_graph, name):
                        planned_graph.add_module(name, child)
            move_hooks(module, planned_graph)
            return planned_graph
        if any(p.ndim > 1 for p in module.parameters(recurse=False)):
            self.reasons[path] = "its forward cannot be traced, and its weights are its own"
        for name, child in list(module.named_children()):
            setattr(module, name, self._module(child, _join(path, name)))
        return module

    def _graph(self, graph: fx.GraphModule, path: str) -> fx.GraphModule:
        plan_functions(graph, path, self._on_tiles)
        for target in dict.fromkeys(n.target for n in graph.graph.nodes if n.op == "call_module"):
            old = graph.get_submodule(target)
            if not isinstance(old, (PlannedLayer, Grouped)):
                graph.set_submodule(target, self._module(old, _join(path, target)))
        self.reasons.update(fold_normalization(graph, path))
        put_signs_into_comparators(graph)
        keep_states_packed(graph)
        graph.recompile()
        return graph


def _check_composite(module: nn.Module, name: str) -> None:
    """Raise ValueError if a recurrent layer, or attention, does more than its matrices tell."""
    computed = [n for n, _ in module.named_parameters(recurse=False) if n.endswith("_orig")]
    if isinstance(module, (nn.RNNBase, nn.RNNCellBase)) and (computed or is_parametrized(module)):
        raise ValueError(
            f"cannot map {name}: its weights are computed by pruning, normalization or a "
            "parametrization; make them permanent (prune.remove, "
            "parametrize.remove_parametrizations) before mapping"
        )
    dropout: Any = getattr(module, "dropout", None)
    if module.training and dropout:
        raise ValueError(
            f"cannot map {name}: it was left in train(), and its dropout of {dropout} is "
            "inside the layer, where a chip does not draw; put it into eval()"
        )


def exact_copy(model: nn.Module, *, shared: bool = False) -> nn.Module:
    """Return a copy of a network with its hooks, also where they have computed weights.

    Args:
        model: The network.
        shared: Whether the copy's parameters lie in the memory of the network's. Such a copy costs
            little, and serves as long as nobody trains.
    """
    # torch cannot copy results of computations, such as the weights of an old `weight_norm`.
    known: dict[int, Any] = {
        id(value): value.detach().clone()
        for module in model.modules()
        for value in vars(module).values()
        if isinstance(value, Tensor) and not value.is_leaf
    }
    if shared:
        for parameter in model.parameters():
            known[id(parameter)] = nn.Parameter(parameter.detach(), requires_grad=False)
    return copy.deepcopy(model, known)


def evaluating_copy(model: nn.Module, *, shared: bool = False) -> nn.Module:
    """Return a copy of a network as it computes at inference; `shared` as of `exact_copy`.

    A network in `train()` is put into `eval()`. Of one in `eval()` the modules that were put back
    into `train()` stay there, such as dropout that is kept on to draw samples. Weights that hooks
    of torch compute before every pass (`weight_norm`, `spectral_norm`, pruning) are computed once.
    """
    network = exact_copy(model, shared=shared).requires_grad_(False)
    if network.training:
        network.eval()
    with torch.no_grad():
        for module in network.modules():
            for key, hook in list(module._forward_pre_hooks.items()):
                if isinstance(hook, WEIGHT_HOOKS):
                    hook(module, ())
                    del module._forward_pre_hooks[key]
    return network


def _linear(path: str, weight: Tensor, bias: Tensor | None) -> nn.Linear:
    """Return the linear layer with these weights; reports know it by its path."""
    layer = nn.Linear(1, 1, bias=bias is not None)
    vars(layer)["path"] = path
    layer.out_features, layer.in_features = weight.shape
    layer.weight = nn.Parameter(weight.detach().clone(), requires_grad=False)
    if bias is not None:
        layer.bias = nn.Parameter(bias.detach().clone(), requires_grad=False)
    return layer


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
