"""Changes of a traced graph: products on tiles, folded normalization, comparators for signs."""

import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn

from nsm.chips.planning.plan import Grouped, PlannedLayer, planned
from nsm.chips.planning.tracing import has_hooks
from nsm.nn import registry
from nsm.nn.convolutions import of_call
from nsm.nn.described import as_float64
from nsm.nn.on_chip import OnTiles

F = nn.functional
_CONVOLUTIONS: dict[Callable[..., Any], tuple[str, ...]] = {
    **dict.fromkeys(
        (F.conv1d, F.conv2d, F.conv3d),
        ("input", "weight", "bias", "stride", "padding", "dilation", "groups"),
    ),
    **dict.fromkeys(
        (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d),
        ("input", "weight", "bias", "stride", "padding", "output_padding", "groups", "dilation"),
    ),
}
_TRANSPOSED = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)
_PRODUCTS: tuple[Any, ...] = (torch.matmul, torch.mm, operator.matmul, "matmul", "mm")

#: A value that no graph node has.
_UNKNOWN = object()


class _Constants:
    """Values of the nodes of a graph that do not depend on its inputs, such as masked weights."""

    def __init__(self, graph: fx.GraphModule):
        self._graph = graph
        self._values: dict[fx.Node, Any] = {}

    def value(self, item: Any) -> Any:
        """Return the value of an argument; `_UNKNOWN` if it depends on the network's inputs."""
        if not isinstance(item, fx.Node):
            parts: list[fx.Node] = []
            fx.node.map_arg(item, parts.append)
            if not parts:
                return item
            found = {part: self.value(part) for part in parts}
            if any(v is _UNKNOWN for v in found.values()):
                return _UNKNOWN
            return fx.node.map_arg(item, found.__getitem__)
        if item not in self._values:
            self._values[item] = self._computed(item)
        return self._values[item]

    def _computed(self, node: fx.Node) -> Any:
        target: Any = node.target
        if node.op == "get_attr":
            return operator.attrgetter(target)(self._graph)
        if node.op in ("placeholder", "output"):
            return _UNKNOWN
        args, kwargs = self.value(node.args), self.value(node.kwargs)
        if args is _UNKNOWN or kwargs is _UNKNOWN:
            return _UNKNOWN
        with torch.no_grad():
            if node.op == "call_function":
                return target(*args, **kwargs)
            if node.op == "call_method":
                return getattr(args[0], target)(*args[1:], **kwargs)
            return self._graph.get_submodule(target)(*args, **kwargs)


def plan_functions(graph: fx.GraphModule, path: str, on_tiles: Callable[[str], bool]) -> None:
    """Replace products of the data with constant matrices and kernels by planned layers.

    These are `linear`, the convolutions and `matmul` of `torch.nn.functional` in the forward of a
    user's module, with weights computed from parameters in whatever way.

    Args:
        graph: The graph, which is changed.
        path: Path of the graph's module in the network.
        on_tiles: Whether the layer at a path goes on tiles.
    """
    constants = _Constants(graph)
    names: dict[str, int] = {}
    made: list[tuple[str, OnTiles, str]] = []
    for node in list(graph.graph.nodes):
        found = _product(node, constants)
        if found is None:
            continue
        x, wanted = found
        scope = _scope(node)
        place = ".".join(part for part in (path, scope) if part)
        if not on_tiles(place):
            continue
        target = next((t for s, w, t in made if s == scope and _same(w, wanted)), None)
        if target is None:
            names[scope] = names.get(scope, 0) + 1
            number = "" if names[scope] == 1 else f"_{names[scope]}"
            target = f"{scope.replace('.', '_')}_on_tiles{number}".lstrip("_")
            kind = _kind(node, graph)
            label = place + number if place else target
            graph.add_submodule(target, planned(label, kind, wanted))
            made.append((scope, wanted, target))
        with graph.graph.inserting_after(node):
            new = graph.graph.call_module(target, (x,))
        node.replace_all_uses_with(new)
        _erase(graph, node)
    graph.delete_all_unused_submodules()


def _erase(graph: fx.GraphModule, node: fx.Node) -> None:
    """Erase a node, and what was computed for it alone.

    Other nodes without users stay: they may act in place.
    """
    inputs = node.all_input_nodes
    graph.graph.erase_node(node)
    for before in inputs:
        if not before.users and before.op != "placeholder":
            _erase(graph, before)


def _same(a: OnTiles, b: OnTiles) -> bool:
    """Return whether two products have the same weights, so that one array serves both."""
    biases = (a.bias is None) == (b.bias is None) and (
        a.bias is None or b.bias is None or np.array_equal(a.bias, b.bias)
    )
    return biases and a.patches == b.patches and np.array_equal(a.weight, b.weight)


def _scope(node: fx.Node) -> str:
    """Return the path of the module whose forward makes a call; empty for the network's own."""
    stack = node.meta.get("nn_module_stack")
    return next(reversed(stack.values()))[0] if stack else ""


def _kind(node: fx.Node, graph: fx.GraphModule) -> str:
    """Return the class whose forward makes a call, as messages name it."""
    stack = node.meta.get("nn_module_stack")
    if stack:
        kind = next(reversed(stack.values()))[1]
        return kind.__name__ if isinstance(kind, type) else str(kind).rpartition(".")[2]
    return type(graph).__name__


def _product(node: fx.Node, constants: _Constants) -> tuple[fx.Node, OnTiles] | None:
    """Return the data and the weights of a product with constant weights; None for other nodes."""
    if node.op == "call_function" and node.target is F.linear:
        found = _bound(node, ("input", "weight", "bias"), constants)
        return None if found is None else (found["input"], _dense(found["weight"], found["bias"]))
    if node.op == "call_function" and node.target in _CONVOLUTIONS:
        found = _bound(node, _CONVOLUTIONS[node.target], constants)
        return None if found is None else _convolution(node, found)
    if node.op in ("call_function", "call_method") and node.target in _PRODUCTS:
        found = _bound(node, ("input", "other"), constants)
        if found is None or found["other"].ndim != 2:
            return None
        return found["input"], _dense(found["other"].T, None)
    return None


def _bound(node: fx.Node, names: tuple[str, ...], constants: _Constants) -> dict[str, Any] | None:
    """Return the arguments of a call by name, with all but the first as constants.

    None if the first is constant, the second is no constant tensor, or an argument is not constant.
    """
    given = {**dict(zip(names, node.args, strict=False)), **node.kwargs}
    first, *others = names
    x = given.get(first)
    if not isinstance(x, fx.Node) or constants.value(x) is not _UNKNOWN:
        return None
    values = {name: constants.value(given[name]) for name in others if name in given}
    if any(v is _UNKNOWN for v in values.values()) or not isinstance(values.get(others[0]), Tensor):
        return None
    return {first: x, "bias": None, **values}


def _dense(weight: Tensor, bias: Tensor | None) -> OnTiles:
    return OnTiles(as_float64(weight), None if bias is None else as_float64(bias))


def _convolution(node: fx.Node, found: dict[str, Any]) -> tuple[fx.Node, OnTiles]:
    options = {k: v for k, v in found.items() if k not in ("input", "weight", "bias")}
    weight = found["weight"]
    patches = of_call(weight, transposed=node.target in _TRANSPOSED, **options)
    bias = None if found["bias"] is None else as_float64(found["bias"])
    wanted = OnTiles(as_float64(patches.kernel_matrix(weight)), bias, patches=patches)
    return found["input"], wanted


def fold_normalization(graph: fx.GraphModule, path: str) -> dict[str, str]:
    """Fold batch normalization into the weights right before it; return what became of each path.

    The layer before must give plain sums to the normalization alone, and be called once.
    """
    folded: dict[str, str] = {}
    for node, norm, parts in _followers(graph):
        affine = _affine(norm)
        # Of another length, it normalizes another axis than that of the outputs.
        if affine is None or len(affine[0]) != sum(len(part.wanted.weight) for part in parts):
            continue
        of_parts = (np.split(v, len(parts)) for v in affine)
        place = ".".join(p for p in (path, str(node.target)) if p)
        for part, factor, shift in zip(parts, *of_parts, strict=True):
            part.fold(factor, shift)
            part.normalizations.append(place)
        folded[place] = f"folded into {parts[0].name.partition(' (')[0]}"
        _take_over(graph, node)
    graph.delete_all_unused_submodules()
    return folded


def _followers(
    graph: fx.GraphModule,
) -> Iterator[tuple[fx.Node, nn.Module, list[PlannedLayer]]]:
    """Yield the calls of modules that alone see the plain sums of a planned layer.

    Neither has hooks, and the layer is called once and cannot be called from inside another module.

    Yields:
        The call, its module, and the planned layers in front of it: one, or those of all groups.
    """
    calls = _calls(graph)
    shared = _inside_others(graph)
    for node in list(graph.graph.nodes):
        before = node.args[0] if node.op == "call_module" and node.args else None
        if not isinstance(before, fx.Node) or before.op != "call_module":
            continue
        follower, layer = (graph.get_submodule(str(n.target)) for n in (node, before))
        alone = len(before.users) == 1 and calls[before.target] == 1 and layer not in shared
        parts = _linear_parts(layer)
        if alone and parts and not has_hooks(follower) and not has_hooks(layer):
            yield node, follower, parts


def _take_over(graph: fx.GraphModule, node: fx.Node) -> None:
    """Erase a call whose work its one input does now."""
    (before,) = node.all_input_nodes
    node.replace_all_uses_with(before)
    graph.graph.erase_node(node)


def _inside_others(graph: fx.GraphModule) -> set[nn.Module]:
    """Return the modules that stand inside others of a graph, which may call them unseen."""
    called = [graph.get_submodule(str(t)) for t in _calls(graph)]
    return {inner for module in called for inner in module.modules() if inner is not module}


def _calls(graph: fx.GraphModule) -> dict[Any, int]:
    """Return how often every module of a graph is called."""
    targets = [n.target for n in graph.graph.nodes if n.op == "call_module"]
    return {target: targets.count(target) for target in targets}


def _affine(norm: nn.Module) -> tuple[np.ndarray, np.ndarray] | None:
    """Return factor and shift of batch normalization in `eval()`; None for another layer."""
    if norm.training:
        return None
    try:
        found = registry.description(norm).normalization()
    except ValueError:  # it keeps no running statistics: it stays digital, as torch computes it
        return None
    return None if found is None else (as_float64(found[0]), as_float64(found[1]))


def _linear_parts(layer: nn.Module) -> list[PlannedLayer]:
    """Return the planned layers that give the outputs of a layer as plain sums; [] if others do."""
    parts = list(layer.groups) if isinstance(layer, Grouped) else [layer]
    plain = [p for p in parts if isinstance(p, PlannedLayer) and p.has_linear_outputs]
    return plain if len(plain) == len(parts) else []


def put_signs_into_comparators(graph: fx.GraphModule) -> None:
    """Let comparators decide where a `Sign` takes the sums of a layer, and nothing else does."""
    for node, sign, parts in _followers(graph):
        if registry.description(sign).is_sign:
            for part in parts:
                part.by_sign = True
            _take_over(graph, node)
    graph.delete_all_unused_submodules()


def keep_states_packed(graph: fx.GraphModule) -> None:
    """Let states stay packed between layers that take them; elsewhere they become tensors.

    A layer that fires gives states if all that take its outputs are layers on tiles.
    """
    modules = dict(graph.named_modules())

    def layer(node: fx.Node) -> nn.Module | None:
        return modules.get(str(node.target)) if node.op == "call_module" else None

    fires = {
        node: module
        for node in graph.graph.nodes
        if isinstance(module := layer(node), PlannedLayer) and (module.by_sign or module.draws)
    }
    takes = {n for n in graph.graph.nodes if isinstance(layer(n), PlannedLayer)}
    kept: dict[nn.Module, bool] = {}
    for node, module in fires.items():
        all_take = all(user in takes and len(user.all_input_nodes) == 1 for user in node.users)
        kept[module] = kept.get(module, True) and all_take
    for module, packed in kept.items():
        assert isinstance(module, PlannedLayer)
        module.gives_states = packed and not has_hooks(module)
