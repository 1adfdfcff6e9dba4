"""The one table of known layers, for storing, mapping, folding and plotting.

A class of this package answers for itself (`nsm.nn.described`), a class of torch through its
adapter (`nsm.nn.torch_layers`). A layer of yours needs no entry to be trained and mapped: inherit
from `Described` and define `on_chip`. An entry makes its name known to files.
"""

import difflib
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from devices.validation import choice
from nsm.nn import torch_layers as of_torch
from nsm.nn.activations import Binarize, NoisyReLU, Sign
from nsm.nn.coding import BinarizePerPixel, Thermometer
from nsm.nn.convolutions import CONVOLUTIONS
from nsm.nn.described import Described
from nsm.nn.nsm_conv2d import NSMConv2d
from nsm.nn.nsm_linear import NSMLinear
from nsm.nn.on_chip import Digital, OnTiles
from nsm.nn.residual import Skip
from nsm.nn.rules import (
    BinConcreteConv2d,
    BinConcreteLinear,
    NoiselessConv2d,
    NoiselessLinear,
    StraightThroughConv2d,
    StraightThroughLinear,
)
from nsm.nn.sigmoid import SigmoidLinear
from nsm.nn.weight_norm import RowNormConv2d, RowNormLinear


def _itself(layer: Any) -> Described:
    """Return the layer, which answers for itself."""
    described: Described = layer
    return described


#: Class of a layer -> what answers for it. Files know the layer by the name of its class.
LAYERS: dict[type[nn.Module], Callable[[Any], Described]] = {
    NSMLinear: _itself,
    NSMConv2d: _itself,
    SigmoidLinear: _itself,
    Binarize: _itself,
    BinarizePerPixel: _itself,
    Thermometer: _itself,
    nn.Linear: of_torch.LinearAdapter,
    nn.Conv2d: of_torch.Conv2dAdapter,
    RowNormLinear: _itself,
    RowNormConv2d: _itself,
    nn.BatchNorm1d: of_torch.BatchNormAdapter,
    nn.BatchNorm2d: of_torch.BatchNormAdapter,
    nn.AvgPool2d: of_torch.AvgPool2dAdapter,
    StraightThroughLinear: _itself,
    BinConcreteLinear: _itself,
    NoiselessLinear: _itself,
    StraightThroughConv2d: _itself,
    BinConcreteConv2d: _itself,
    NoiselessConv2d: _itself,
    Sign: _itself,
    NoisyReLU: _itself,
    nn.MaxPool2d: of_torch.MaxPool2dAdapter,
    nn.ReLU: of_torch.ReLUAdapter,
    nn.Dropout: of_torch.DropoutAdapter,
    nn.Flatten: of_torch.FlattenAdapter,
    nn.Unflatten: of_torch.UnflattenAdapter,
}


#: Modules of this package that hold layers, by the path under which files know them.
COMPOSITES: dict[str, type[nn.Module]] = {"nsm.nn.residual.Skip": Skip}

#: Weighted layers of torch that map but that files do not know by a short name.
_WEIGHTED: dict[type[nn.Module], Callable[[Any], Described]] = dict.fromkeys(
    CONVOLUTIONS, of_torch.ConvolutionAdapter
)


def names() -> list[str]:
    """Return the names of all known layers, in the order of the table."""
    return [layer_class.__name__ for layer_class in LAYERS]


def class_of(name: str) -> type[nn.Module]:
    """Return the class of that name.

    Raises:
        ValueError: The name is unknown; the message suggests the nearest.
    """
    known = {layer_class.__name__: layer_class for layer_class in LAYERS}
    return known[choice("layer in the file", name, known)]


def is_known(layer: nn.Module) -> bool:
    """Return whether the layer answers for itself, or a base class is in the table."""
    adapters = {**_WEIGHTED, **LAYERS}
    return isinstance(layer, Described) or any(c in adapters for c in type(layer).__mro__)


def description(layer: nn.Module) -> Described:
    """Return what answers for a layer: itself, or an adapter of its class or of a base class.

    For an unknown layer the answers are cautious: it does not draw, and it can neither be mapped
    nor stored.
    """
    if isinstance(layer, Described):
        return layer
    adapters = {**_WEIGHTED, **LAYERS}
    for layer_class in type(layer).__mro__:
        if layer_class in adapters:
            return adapters[layer_class](layer)
    return of_torch.TorchLayer(layer)


def unknown(layer: nn.Module) -> str:
    """Return what a message says of an unknown layer: its class, the nearest three names."""
    name = type(layer).__name__
    near = difflib.get_close_matches(name, names(), n=3, cutoff=0.5)
    hint = f"did you mean {', '.join(near)}?" if near else "nsm.nn.registry.names() lists them all"
    return f"{name} is not among the {len(LAYERS)} known layers; {hint}"


def config_of(layer: nn.Module) -> dict[str, Any]:
    """Return the arguments that build a layer like this one, as plain data in the order of files.

    Raises:
        ValueError: With the reason, if the layer has options that files do not keep.
    """
    return description(layer).config()


def on_chip(layer: nn.Module, name: str) -> OnTiles | Digital | None:
    """Return what a layer needs on a chip; None if nothing is left to do at inference.

    Args:
        layer: A layer without batch or weight normalization, as `nsm.nn.folding.folded` returns
            them.
        name: What the message calls it, such as "layer 1 (Linear)".

    Raises:
        ValueError: With layer, reason and remedy, if the layer cannot be mapped.
    """
    if not is_known(layer):
        raise ValueError(f"cannot map {name}: {unknown(layer)}")
    try:
        return description(layer).on_chip()
    except ValueError as reason:
        raise ValueError(f"cannot map {name}: {reason}") from None


def weights_on_tiles(layer: nn.Module, name: str) -> OnTiles | None:
    """Return what a layer puts on tiles; None if it has no weights, so that torch computes it.

    Args:
        layer: A layer of torch or of this package.
        name: What the message calls it.

    Raises:
        ValueError: With layer, reason and remedy, if the layer has weights and cannot be mapped.
    """
    said = description(layer)
    if isinstance(layer, Described):
        check_forward(layer, name)
    elif not said.is_weighted:
        return None
    wanted = on_chip(layer, name)
    return wanted if isinstance(wanted, OnTiles) else None


def check_forward(layer: nn.Module, name: str) -> None:
    """Raise ValueError if a layer's forward was overridden below what it says of itself."""
    own = type(layer)
    if own in LAYERS:
        return

    def owner(attribute: str) -> int:
        return next(i for i, c in enumerate(own.__mro__) if attribute in vars(c))

    if owner("forward") < owner("on_chip"):
        known = own.__mro__[owner("on_chip")].__name__
        raise ValueError(
            f"cannot map {name}: {own.__name__} has a forward of its own, but how it maps is that "
            f"of {known}; define on_chip for it (see nsm.nn.described.Described)"
        )


def plain_layers(layer: nn.Module, name: str) -> list[nn.Module]:
    """Return the layers that compute the same in `eval()`: itself, or plain weights and a sign.

    Args:
        layer: A layer of a network.
        name: What the message calls it.

    Raises:
        ValueError: With layer, reason and remedy, if there are no such layers.
    """
    try:
        return description(layer).plain_layers()
    except ValueError as reason:
        raise ValueError(f"cannot map {name}: {reason}") from None


def draws_in_eval(layer: nn.Module) -> bool:
    """Return whether a layer draws random numbers in `eval()` too, as all layers with noise do."""
    return description(layer).draws_in_eval


def effective_weight(layer: nn.Module) -> Tensor | None:
    """Return the effective weights, with weight normalization; None if there are no weights."""
    return description(layer).effective_weight()
