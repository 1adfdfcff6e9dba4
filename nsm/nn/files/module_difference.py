"""Where two modules differ in what they compute, apart from the values of their weights."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from torch import nn
from torch.nn.utils import parametrize

from nsm.nn.stochastic import Stochastic
from nsm.same import same

#: What every module has of its own; the rest of its attributes was set by its class or its user.
_OF_TORCH = frozenset(vars(nn.Module())) | {"_compiled_call_impl"}
_HOOKS = {
    "_forward_pre_hooks": "forward pre-hooks",
    "_forward_hooks": "forward hooks",
}


def class_of(module: nn.Module) -> type[nn.Module]:
    """Return a module's class, as it was before weights were parametrized."""
    found: type[nn.Module] = parametrize.type_before_parametrizations(module)
    return found


def attributes(module: nn.Module) -> dict[str, Any]:
    """Return what a module keeps beside parameters, buffers and children.

    Weights that a hook computes anew before each pass (`weight_norm`, pruning) are left out, and so
    are the random streams of stochastic layers, which `reseed` sets before each use.
    """
    hooks = module._forward_pre_hooks.values()
    left_out = {getattr(h, "name", getattr(h, "_tensor_name", None)) for h in hooks} | _OF_TORCH
    if isinstance(module, Stochastic):
        left_out |= {"_seed", "_generator"}
    return {k: v for k, v in vars(module).items() if k not in left_out}


@dataclass(frozen=True)
class Difference:
    """The first difference of two modules.

    Attributes:
        name: Path of the module that differs; "" for the root.
        what: What differs there, as a clause in the message of `save`.
    """

    name: str
    what: str


def difference(a: nn.Module, b: nn.Module, *, shared: bool = True) -> Difference | None:
    """Return where module `a` computes something else than `b`; None if nowhere.

    Classes, children, attributes, hooks, and the shapes of parameters and buffers are compared,
    and the values of what the state of a module does not hold. Weights may differ.

    Args:
        a: The module that messages are about.
        b: A module that was built like it.
        shared: Whether children that appear more than once in one must do so in the other.
    """
    ours, theirs = (dict(m.named_modules(remove_duplicate=False)) for m in (a, b))
    paired = _pairs(ours, theirs)
    for name, module in ours.items():
        # The parent came first, and has the same children in both.
        what = _difference_here(module, theirs[name], paired)
        if what:
            return Difference(name, what)
    if shared and _groups(a) != _groups(b):
        return Difference("", "layers that appear at several places would become separate ones")
    return None


def _pairs(ours: dict[str, nn.Module], theirs: dict[str, nn.Module]) -> dict[int, int]:
    """Return the identities of modules and of their tensors that stand for each other."""
    paired = {}
    for name, a in ours.items():
        b = theirs.get(name)
        if b is None:
            continue
        paired[id(a)] = id(b)
        for mine, yours in ((a._parameters, b._parameters), (a._buffers, b._buffers)):
            paired |= {id(t): id(yours.get(k)) for k, t in mine.items() if t is not None}
    return paired


def _difference_here(a: nn.Module, b: nn.Module, paired: dict[int, int]) -> str | None:
    """Return what differs between two modules, apart from the insides of their children."""
    if class_of(a) is not class_of(b):
        return f"it would be built anew as a {class_of(b).__name__}"
    changed = changed_behavior(a, b, paired)
    if changed:
        return changed
    if list(_children(a).items()) != list(_children(b).items()):
        return "it would be built anew with other children"
    names = differing_attributes(a, b, paired)
    if names:
        return f"it would be built anew with another attribute {names[0]}"
    return differing_tensors(a, b)


def changed_behavior(a: nn.Module, b: nn.Module, paired: dict[int, int]) -> str | None:
    """Return what was added to module `a` beside its class and attributes, and the remedy.

    Hooks and parametrizations change what a layer computes. They count if `b`, which was built by
    the constructor, does not have the same.

    Args:
        a: The module that messages are about.
        b: The module that was built like it.
        paired: Identities of objects that stand for each other, as of `same`.
    """
    if parametrize.is_parametrized(a) != parametrize.is_parametrized(b):
        return (
            "its weights are parametrized; torch.nn.utils.parametrize.remove_parametrizations"
            "(layer, name) makes them plain weights"
        )
    for attribute, name in _HOOKS.items():
        ours, theirs = (list(getattr(m, attribute).values()) for m in (a, b))
        if not same(ours, theirs, paired):
            hooks = ", ".join(getattr(h, "__name__", type(h).__name__) for h in ours)
            return f"it has {name} ({hooks}), which files do not keep; {_remedy(ours)}"
    return None


def _remedy(hooks: list[Any]) -> str:
    """Return how hooks are removed without a change of what the layer computes."""
    for hook in hooks:
        if hasattr(hook, "_tensor_name"):
            return f"torch.nn.utils.prune.remove(layer, {hook._tensor_name!r}) keeps the weights"
        if type(hook).__name__ in ("WeightNorm", "SpectralNorm"):
            norm = "weight_norm" if type(hook).__name__ == "WeightNorm" else "spectral_norm"
            return f"torch.nn.utils.remove_{norm}(layer) keeps the weights"
    return "remove them, or make them part of the layer's class"


def _children(module: nn.Module) -> dict[str, bool]:
    return {name: child is not None for name, child in module._modules.items()}


def differing_attributes(a: nn.Module, b: nn.Module, paired: dict[int, int]) -> list[str]:
    """Return the names of attributes that differ; arguments as of `difference`.

    `paired` holds the identities of objects that stand for each other, as of `same`.
    """
    ours, theirs = attributes(a), attributes(b)
    return [
        name
        for name in dict.fromkeys((*ours, *theirs))
        if name not in ours or name not in theirs or not same(ours[name], theirs[name], paired)
    ]


def differing_tensors(a: nn.Module, b: nn.Module) -> str | None:
    """Return how the tensors of two modules differ, values apart; None if they do not."""
    for ours, theirs in ((a._parameters, b._parameters), (a._buffers, b._buffers)):
        for name in ours.keys() | theirs.keys():
            if name not in ours or name not in theirs:
                return f"it would be built anew with another tensor {name}"
            x, y = ours[name], theirs[name]
            if (x is None) != (y is None):
                return f"it would be built anew with another tensor {name}"
            if x is not None and y is not None and x.shape != y.shape:
                return (
                    f"its {name} has shape {tuple(x.shape)}, and {tuple(y.shape)} when it is built "
                    "anew"
                )
    if a._non_persistent_buffers_set != b._non_persistent_buffers_set:
        return "it would be built anew with other buffers in its state"
    return None


def _groups(module: nn.Module) -> set[tuple[str, ...]]:
    """Return, for each module that has several names, the tuple of its names."""
    names = defaultdict(list)
    for name, child in module.named_modules(remove_duplicate=False):
        names[id(child)].append(name)
    return {tuple(found) for found in names.values() if len(found) > 1}
