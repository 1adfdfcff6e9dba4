"""Images that a network is given: whether they have its axes, and the scale of its training."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from devices.user_warnings import warn_user
from nsm.nn import registry
from nsm.nn.coding import BinarizePerPixel, Coding, Thermometer
from nsm.nn.described import Described
from nsm.nn.geometry import AXES

#: Images whose largest number lies in this interval are taken for bytes.
_BYTES = (128, 255)


def _in_a_row(network: nn.Sequential) -> Iterator[nn.Module]:
    """Yield the layers of a network of layers in a row, in order."""
    for layer in network:
        if type(layer) is nn.Sequential:
            yield from _in_a_row(layer)
        else:
            yield layer


def axes_of_images(network: nn.Module) -> tuple[Any, ...] | None:
    """Return the axes of one image that a network takes: lengths and names; None if not known.

    They are known of networks of layers that `nsm.nn.registry` knows, in a row, which a chip reads
    as a chain.
    """
    if type(network) is not nn.Sequential:
        return None
    layers = list(_in_a_row(network))
    if not all(type(m) in registry.LAYERS or isinstance(m, Described) for m in layers):
        return None
    for layer in layers:
        if isinstance(layer, BinarizePerPixel):
            return layer.shape
        if isinstance(layer, nn.Unflatten):
            return ("pixels",) if layer.dim == 1 else None
        if isinstance(layer, (nn.Flatten, Thermometer)):
            return None
        features = getattr(layer, "in_features", None)
        if features is not None:
            return (int(features),)
        channels, kernel = (getattr(layer, n, None) for n in ("in_channels", "kernel_size"))
        if channels is not None and isinstance(kernel, tuple):
            return (int(channels), AXES[len(kernel)])
    return None


def check_axes(network: nn.Module, shape: tuple[int, ...]) -> None:
    """Raise ValueError unless images have a batch, and as many axes as the network takes.

    A linear layer computes along the last of any number of axes, and a convolution takes a single
    image: both would be another result without a word.

    Args:
        network: The network.
        shape: Shape of the images.
    """
    known = axes_of_images(network)
    if known is None:
        if len(shape) < 2:
            raise ValueError(f"x has shape {shape}; give (batch, …), one image or more")
        return
    text = ", ".join(map(str, known))
    if len(shape) != 2 + text.count(","):
        raise ValueError(f"x has shape {shape}; give (batch, {text}), one image or more")


def warn_of_scale(network: nn.Module, images: NDArray[Any]) -> None:
    """Warn if images look like bytes, and the network was not made for such.

    A network whose coding compares with thresholds of 2 or more is made for them, and so is one
    that looks words up by their numbers.

    Args:
        network: The network.
        images: Checked images.
    """
    largest = images.max(initial=0)
    if not (_BYTES[0] <= largest <= _BYTES[1]) or images.min() < 0:
        return
    if any(isinstance(m, nn.Embedding) or _threshold(m) >= 2 for m in network.modules()):
        return
    if images.dtype.kind == "f" and not (images == np.floor(images)).all():
        return
    warn_user(
        f"images are whole numbers from {images.min():g} to {largest:g}, as bytes are, and data "
        "sets of this package go from 0 to 1: if the network was trained on these, divide by 255"
    )


def _threshold(layer: nn.Module) -> float:
    """Return the largest threshold of a coding; 0 of other layers."""
    if not isinstance(layer, Coding):
        return 0.0
    given = getattr(layer, "thresholds", getattr(layer, "threshold", 0.0))
    return float(np.max(np.asarray(given)))
