"""A network as a graph (torch.fx): what can be traced is, what cannot stays a module of its own."""

import inspect
from collections.abc import Callable
from typing import Any

from torch import Tensor, fx, nn
from torch.nn.utils.parametrize import is_parametrized

from nsm.nn.described import Described

#: Modules of torch that only hold others; everything they do is what their children do.
_CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)


def has_hooks(module: nn.Module) -> bool:
    """Return whether a forward hook of a user may change what a module takes or returns."""
    return bool(module._forward_hooks or module._forward_pre_hooks)


def move_hooks(old: nn.Module, new: nn.Module) -> nn.Module:
    """Give the forward hooks of one module to the one that takes its place; return the latter."""
    for kind in ("_forward_hooks", "_forward_pre_hooks"):
        getattr(new, kind).update(getattr(old, kind))
    for kind in (
        "_forward_hooks_with_kwargs",
        "_forward_hooks_always_called",
        "_forward_pre_hooks_with_kwargs",
    ):
        getattr(new, kind).update(getattr(old, kind))
    return new


def is_unit(module: nn.Module) -> bool:
    """Return whether a module is a layer of torch or of this package, as they define it.

    Subclasses with a forward of their own are networks of a user, which may compute anything.
    """
    if isinstance(module, Described):
        return True
    of_torch = base_class(module).__module__.startswith("torch.nn.modules")
    return of_torch and "forward" not in vars(module) and type(module) not in _CONTAINERS


def base_class(module: nn.Module) -> type[nn.Module]:
    """Return the class that defines how a module computes.

    It is the module's class, except for parametrizations (`torch.nn.utils.parametrize`): these
    derive a class for every module, which changes its attributes alone.
    """
    own: Any = type(module)
    parent: Any = own.__mro__[1]
    found: type[nn.Module] = own
    if is_parametrized(module) and own.forward is parent.forward:
        found = parent
    return found


class Tracer(fx.Tracer):
    """Traces a network into the modules that it can enter.

    A module whose forward depends on values, or does something else that a graph cannot hold,
    becomes a leaf; nothing of it is left in the graph.

    Attributes:
        opaque: Modules that could not be traced.
    """

    def __init__(self) -> None:
        super().__init__()
        self.opaque: list[nn.Module] = []
        self._untraceable: set[int] = set()

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return is_unit(m) or has_hooks(m) or id(m) in self._untraceable

    def call_module(
        self,
        m: nn.Module,
        forward: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        if self.is_leaf_module(m, ""):
            return super().call_module(m, forward, args, kwargs)
        last = next(reversed(self.graph.nodes), None)
        try:
            return super().call_module(m, forward, args, kwargs)
        except Exception:  # whatever a forward does with a proxy that a proxy does not know
            self._untraceable.add(id(m))
            self.opaque.append(m)
            for node in reversed(self.graph.nodes):
                if node is last:
                    break
                self.graph.erase_node(node)
            return super().call_module(m, forward, args, kwargs)


def traced(model: nn.Module, given: tuple[Any, ...] | None) -> fx.GraphModule | None:
    """Return a network as a graph over its own modules; None if its forward cannot be traced.

    Args:
        model: The network.
        given: Example inputs. Arguments of forward beyond them keep their defaults.
    """
    if given is not None and not all(isinstance(x, Tensor) for x in given):
        return None
    parameters = list(inspect.signature(model.forward).parameters.values())
    if given is not None and len(given) > len(parameters):
        return None
    number = 0 if given is None else len(given)
    defaults = {
        p.name: p.default
        for i, p in enumerate(parameters)
        if p.default is not inspect.Parameter.empty and i >= number
    }
    tracer = Tracer()
    try:
        graph = tracer.trace(model, defaults)
        module = fx.GraphModule(tracer.root, graph, type(model).__name__)
    except Exception:  # whatever a forward does with a proxy that a proxy does not know
        return None
    return module
