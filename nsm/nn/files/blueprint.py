"""The architecture of a network as plain data: classes by import path, and their arguments.

A blueprint has one of two forms. Networks of this package's own layers in an `nn.Sequential` keep
the form that files always had: a list with the name and the arguments of every layer. Any other
module is a nested dictionary:

    {"class": "torch.nn.Sequential", "children": {"0": {"class": "torch.nn.Linear", "arguments":
    {"in_features": 4, "out_features": 3, "bias": true}}, ...}}

`describe` builds what it has described and compares: it returns no blueprint of another network.
"""

import functools
import json
import warnings
from typing import Any

import torch
from torch import Tensor, nn

from devices.validation import shortened
from nsm.nn import registry
from nsm.nn.files.build import (
    Blueprint,
    Builder,
    build,
    built_list,
    catalog,
    known_layer,
    path_below,
)
from nsm.nn.files.constructor import Arguments, empty_like
from nsm.nn.files.module_difference import (
    attributes,
    changed_behavior,
    class_of,
    difference,
    differing_attributes,
    differing_tensors,
)
from nsm.nn.files.tensor_file import check_shaped
from nsm.plain_data import (
    CannotStore,
    Plain,
    check_importable,
    encode,
    path_of,
)

#: Classes whose constructor takes the children themselves.
_CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
#: What a message advises where the architecture of a network cannot be stored.
WEIGHTS_ONLY = (
    "nsm.save_weights(model, path) stores the weights alone, for nsm.load_weights(model, path)"
)


def describe(model: nn.Module) -> Blueprint:
    """Return the blueprint of a network.

    Raises:
        ValueError: Naming the layer that a file cannot hold, and why.
    """
    if not isinstance(model, nn.Module):
        raise ValueError(
            f"a {type(model).__name__} is no network; give a torch.nn.Module, such as nn.Sequential"
        )
    _check_kind(model)
    check_shaped(model)
    # Building draws starting weights, and may warn as it did when the network was made.
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        listed = _as_list(model)
        if listed is not None:
            return listed
        writer = _Writer(model)
        plain = json.loads(json.dumps(writer.module(model, "")))
        found = difference(model, build(plain, writer.classes))
    if found is not None:
        raise _refusal(model, found.name, found.what)
    blueprint: dict[str, Any] = plain
    return blueprint


def _check_kind(model: nn.Module) -> None:
    """Raise CannotStore for chips, and for modules that stand for others."""
    if type(model).__module__.startswith("nsm.chips."):
        raise CannotStore("cannot save a chip as a network; chip.save(path) stores it")
    for name, module in model.named_modules():
        if isinstance(module, torch.jit.ScriptModule):
            raise _refusal(model, name, "it is a TorchScript module, which torch.jit.save stores")
        if type(module).__name__ == "OptimizedModule":
            raise _refusal(model, name, "it is compiled; give what was compiled (its _orig_mod)")


def _as_list(model: nn.Module) -> list[dict[str, Any]] | None:
    """Return the list form of a network, or None if the list would leave something out."""
    if type(model) is not nn.Sequential:
        return None
    layers = []
    for layer in model:
        if type(layer) not in registry.LAYERS:
            return None
        try:
            layers.append({"layer": type(layer).__name__, **registry.config_of(layer)})
        except ValueError:  # the layer has options that the list does not keep
            return None
    # A layer without state may appear twice: the list holds it as two layers, which do the same.
    shares_weights = any(
        next(layer.parameters(), None) is not None and list(model).count(layer) > 1
        for layer in model
    )
    same = difference(model, built_list(layers), shared=False) is None
    return layers if same and not shares_weights else None


def _refusal(model: nn.Module, name: str, reason: str) -> CannotStore:
    """Return the error that names a layer which a file cannot hold."""
    layer = model.get_submodule(name)
    kind = type(layer).__name__
    what = f"layer {name} ({kind})" if name else f"a {kind}"
    return CannotStore(f"cannot save {what}: {reason}; {WEIGHTS_ONLY}")


class _Writer:
    """Writes the blueprint of one network.

    Attributes:
        classes: The classes and functions that the blueprint names.
    """

    def __init__(self, model: nn.Module):
        self._model = model
        self._first: dict[int, str] = {}
        self.classes: list[Any] = []

    def module(self, module: nn.Module, path: str) -> Plain:
        """Return the blueprint of a module that stands at `path`."""
        if id(module) in self._first:
            return {"shared": self._first[id(module)]}
        self._first[id(module)] = path
        plain, built = self._made(module, class_of(module), path)
        added = changed_behavior(module, built, _pairs(module, built))
        if added:
            raise self._refusal(path, added)
        changed = _changed_children(module, built)
        if changed:
            plain["children"] = self._children(module, path, changed)
        self._add_attributes(plain, module, built, path)
        return plain

    def _made(
        self, module: nn.Module, cls: type[nn.Module], path: str
    ) -> tuple[dict[str, Any], nn.Module]:
        """Return the blueprint of a module without later additions, and a module built from it.

        A container is made empty. Other modules are made by their constructors. Where a module
        does not keep its constructor's arguments, it is made without one: as an object of the class
        with the same parameters, children and attributes.
        """
        name = self._named(cls, path)
        if cls.__init__ in [container.__init__ for container in _CONTAINERS]:
            return {"class": name}, cls()
        seen = dict(self._first)
        try:
            plain = {"class": name, **self._arguments(module, cls, path)}
            built = Builder(catalog(self.classes), originals=self._model).module(plain, path)
            if not differing_tensors(module, built):
                return plain, built
        except Exception:  # a constructor of the user may raise anything
            pass
        self._first = seen
        plain = {"class": name, "without_constructor": _tensors_of(module)}
        return plain, Builder(catalog(self.classes)).module(plain, path)

    def _arguments(self, module: nn.Module, cls: type[nn.Module], path: str) -> dict[str, Any]:
        """Return the plain arguments of a module's constructor.

        Raises:
            ValueError: The module does not keep one of them.
        """
        arguments = Arguments(module, cls)
        if arguments.unknown:
            raise CannotStore(f"{path} keeps no {', '.join(arguments.unknown)}")
        named = {n: self._value(v, path_below(path, n)) for n, v in arguments.named.items()}
        more = [
            self._value(v, path_below(path, f"arguments.{i}")) for i, v in enumerate(arguments.more)
        ]
        return {"arguments": named, **({"positional": more} if more else {})}

    def _children(self, module: nn.Module, path: str, names: list[str]) -> dict[str, Plain]:
        children = {name: module._modules[name] for name in names}
        return {
            name: None if child is None else self.module(child, path_below(path, name))
            for name, child in children.items()
        }

    def _add_attributes(
        self, plain: dict[str, Any], module: nn.Module, built: nn.Module, path: str
    ) -> None:
        """Add to a module's blueprint the attributes that its constructor sets to other values."""
        ours = attributes(module)
        for name in differing_attributes(module, built, _pairs(module, built)):
            if name not in ours or callable(getattr(type(module), name, None)):
                raise self._refusal(path, _why_changed(module, name))
            if isinstance(ours[name], Tensor):
                raise self._refusal(
                    path,
                    f"its attribute {name} is a tensor outside its state; make it one of its "
                    f"buffers (self.register_buffer({name!r}, value))",
                )
            encoded = self._value(ours[name], path_below(path, name))
            plain.setdefault("attributes", {})[name] = encoded

    def _named(self, cls: Any, path: str) -> str:
        """Return the import path of a layer's class."""
        name: str = cls.__name__
        if cls in registry.LAYERS and cls.__module__.startswith("nsm."):
            return f"nsm.nn.{name}"
        if getattr(nn, name, None) is cls:
            return f"torch.nn.{name}"
        try:
            check_importable(cls, "its class")
        except CannotStore as reason:
            raise self._refusal(path, str(reason)) from None
        self.classes.append(cls)
        return f"{cls.__module__}.{cls.__qualname__}"

    def _value(self, value: Any, where: str) -> Plain:
        try:
            return encode(value, where, classes=self.classes, other=self._other)
        except CannotStore as reason:
            if str(reason).startswith("cannot save"):
                raise
            raise self._refusal(where.rpartition(".")[0], str(reason)) from None

    def _other(self, value: Any, where: str) -> Plain:
        """Return the plain form of a module, class, function, tensor, or precision."""
        if isinstance(value, nn.Module):
            return {"module": self.module(value, where)}
        if isinstance(value, Tensor):
            return empty_like(value)
        if isinstance(value, torch.dtype):
            return {"dtype": str(value).removeprefix("torch.")}
        if isinstance(value, type) and issubclass(value, nn.Module):
            return {"class": self._named(value, where)}
        if isinstance(value, functools.partial):
            parts = (value.func, value.args, value.keywords)
            return {"partial": [self._value(part, where) for part in parts]}
        if not callable(value) or not hasattr(value, "__name__"):
            raise CannotStore(f"{where} is {shortened(value)}, which has no plain form in a file")
        for path in (f"torch.nn.functional.{value.__name__}", f"torch.{value.__name__}"):
            if known_layer(path) is value:
                return {"function": path}
        check_importable(value, where)
        self.classes.append(value)
        return {"function": path_of(value)}

    def _refusal(self, path: str, reason: str) -> CannotStore:
        name = path
        while name and name not in dict(self._model.named_modules(remove_duplicate=False)):
            name = name.rpartition(".")[0]
        return _refusal(self._model, name, reason)


def _why_changed(module: nn.Module, name: str) -> str:
    """Return why an attribute of a module differs from that of one that is built anew."""
    arguments = Arguments(module, class_of(module))
    lost = [*arguments.unknown, *arguments.left]
    if not lost:
        return f"its {name} was changed after it was built"
    return (
        f"its {name} would be another one when it is built anew, and its attributes do not tell "
        f"the constructor's {', '.join(lost)}; keep each as an attribute of the same name "
        f"(self.{lost[0]} = {lost[0]})"
    )


def _pairs(module: nn.Module, built: nn.Module) -> dict[int, int]:
    """Return identities that stand for each other: the modules, their tensors and children."""
    paired = {id(module): id(built)}
    for kind in ("_parameters", "_buffers", "_modules"):
        others = getattr(built, kind)
        paired |= {id(v): id(others.get(k)) for k, v in getattr(module, kind).items()}
    return paired


def _changed_children(module: nn.Module, built: nn.Module) -> list[str]:
    """Return the names of the children that differ from those that the constructor makes."""
    changed = []
    for name, child in module._modules.items():
        other = built._modules.get(name)
        if child is None or other is None:
            same = child is None and other is None and name in built._modules
        else:
            same = difference(child, other) is None
        if not same:
            changed.append(name)
    return changed


def _tensors_of(module: nn.Module) -> dict[str, Any]:
    """Return the shapes of a module's own parameters and buffers."""

    def plain(tensor: Tensor | None) -> Plain:
        return None if tensor is None else empty_like(tensor)

    return {
        "parameters": {name: plain(tensor) for name, tensor in module._parameters.items()},
        "buffers": {name: plain(tensor) for name, tensor in module._buffers.items()},
        "not_in_state": sorted(module._non_persistent_buffers_set),
    }
