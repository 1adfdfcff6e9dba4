"""Networks built from blueprints: constructors are called only of classes that are known."""

import copy
import functools
import warnings
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from nsm.nn import registry
from nsm.nn.files.constructor import zeros
from nsm.plain_data import Catalog, Plain, decode

Blueprint = list[dict[str, Any]] | dict[str, Any]
#: Functions of torch beside those of torch.nn.functional that layers take as activations.
_ACTIVATIONS = ("relu", "tanh", "sigmoid", "sin", "cos", "sign", "erf", "exp", "abs", "selu")


def build(blueprint: Blueprint, classes: Iterable[Any] = ()) -> nn.Module:
    """Return the untrained network of a blueprint.

    torch's own random stream does not advance. Warnings of constructors are left out: they were
    seen when the network was made.

    Args:
        blueprint: What `describe` returned.
        classes: Classes and functions of the user that the network is made of. All others must be
            torch's or this package's.

    Raises:
        ValueError: Naming the classes that are missing.
    """
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if isinstance(blueprint, list):
            return built_list(blueprint)
        return Builder(catalog(classes)).module(blueprint, "")


def catalog(classes: Iterable[Any] = ()) -> Catalog:
    """Return the classes that a blueprint may name: torch's, this package's, and given ones."""
    return Catalog(classes, known=known_layer)


def known_layer(path: str) -> Any:
    """Return a layer of torch or of this package, or a function of torch.nn.functional."""
    package, _, name = path.rpartition(".")
    if name.startswith("_"):
        return None
    found: Any = None
    if package == "torch.nn":
        found = getattr(nn, name, None)
        return found if isinstance(found, type) and issubclass(found, nn.Module) else None
    if package == "nsm.nn":
        return registry.class_of(name)
    if path in registry.COMPOSITES:
        return registry.COMPOSITES[path]
    if package == "torch.nn.functional" or (package == "torch" and name in _ACTIVATIONS):
        found = getattr(nn.functional if package != "torch" else torch, name, None)
    return found if callable(found) and not isinstance(found, type) else None


def built_list(layers: list[dict[str, Any]]) -> nn.Sequential:
    """Return the untrained network of a blueprint in the form of a list."""
    modules = []
    for layer in layers:
        options = dict(layer)
        modules.append(registry.class_of(options.pop("layer"))(**options))
    return nn.Sequential(*modules)


def path_below(parent: str, name: str) -> str:
    """Return the path of a child `name` of the module at `parent`."""
    return f"{parent}.{name}" if parent else name


def _without_constructor(cls: type[nn.Module], tensors: dict[str, Any]) -> nn.Module:
    """Return a module of a class with tensors as `nsm.nn.files.blueprint` stores them, all zero."""
    module = cls.__new__(cls)
    nn.Module.__init__(module)
    for name, form in tensors["parameters"].items():
        value = None if form is None else zeros(form)
        trained = value is not None and (value.is_floating_point() or value.is_complex())
        module.register_parameter(name, value if value is None else nn.Parameter(value, trained))
    for name, form in tensors["buffers"].items():
        value = None if form is None else zeros(form)
        module.register_buffer(name, value, persistent=name not in tensors["not_in_state"])
    return module


class Builder:
    """Builds the modules of one blueprint.

    Args:
        known: Classes that the blueprint may name.
        originals: Network from which shared modules are copied if only a part of a blueprint is
            built; None for a whole blueprint, which builds them itself.
    """

    def __init__(self, known: Catalog, originals: nn.Module | None = None):
        self._catalog = known
        self._originals = originals
        self._made: dict[str, nn.Module] = {}

    def module(self, plain: Any, path: str) -> nn.Module:
        """Return the module of a blueprint that stands at `path`."""
        if "shared" in plain:
            return self._shared(plain["shared"])
        module = self._made_alone(plain, path)
        self._made[path] = module
        for name, child in plain.get("children", {}).items():
            made = None if child is None else self.module(child, path_below(path, name))
            if name in module._modules or not hasattr(module, name):
                module.add_module(name, made)
            else:
                setattr(module, name, made)
        for name, value in plain.get("attributes", {}).items():
            setattr(module, name, self._value(value, path_below(path, name)))
        return module

    def _made_alone(self, plain: dict[str, Any], path: str) -> nn.Module:
        """Return a module without the children and attributes that are added to it."""
        cls = self._catalog.require(plain["class"])
        if "without_constructor" in plain:
            return _without_constructor(cls, plain["without_constructor"])
        more = [
            self._value(v, path_below(path, f"arguments.{i}"))
            for i, v in enumerate(plain.get("positional", ()))
        ]
        named = {
            n: self._value(v, path_below(path, n)) for n, v in plain.get("arguments", {}).items()
        }
        try:
            module: nn.Module = cls(*more, **named)
        except TypeError as problem:
            raise ValueError(
                f"layer {path or 'of the file'} cannot be built as {plain['class']} with the "
                f"stored arguments ({problem}); the file is of another version of the class"
            ) from problem
        return module

    def _shared(self, path: str) -> nn.Module:
        if path not in self._made and self._originals is not None:
            return copy.deepcopy(self._originals.get_submodule(path))
        return self._made[path]

    def _value(self, plain: Plain, path: str) -> Any:
        def other(form: dict[str, Any], key: str) -> Any:
            if key == "module":
                return self.module(form["module"], path)
            if key in ("class", "function"):
                return self._catalog.require(form[key])
            if key == "partial":
                function, args, keywords = (self._value(part, path) for part in form["partial"])
                return functools.partial(function, *args, **keywords)
            if key == "zeros":
                return zeros(form)
            if key == "dtype":
                return getattr(torch, form["dtype"])
            raise ValueError(f"the blueprint holds a value of the unknown form {key!r}")

        return decode(plain, self._catalog, other=other)
