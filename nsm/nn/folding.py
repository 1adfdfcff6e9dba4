"""A trained network as it is mapped: batch and weight normalization folded into the weights."""

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

from torch import Tensor, nn

from nsm.nn import registry
from nsm.nn.described import Described, as_float64
from nsm.nn.digital import per_channel
from nsm.nn.on_chip import Digital


class Named(NamedTuple):
    """A layer with its name.

    Attributes:
        path: Where it stands in the network, such as "2" or "0.1".
        name: What messages and reports call it.
        layer: The layer.
    """

    path: str
    name: str
    layer: nn.Module


class ChannelScale(Described, nn.Module):
    """y = factor x + shift per channel, computed digitally.

    It stands for batch normalization of the network's inputs.

    Attributes:
        factor: (channels,), float64.
        shift: (channels,), float64.
    """

    factor: Tensor
    shift: Tensor

    def __init__(self, factor: Tensor, shift: Tensor) -> None:
        super().__init__()
        self.register_buffer("factor", factor)
        self.register_buffer("shift", shift)

    def on_chip(self) -> Digital:
        """Return the same, in numpy."""
        factor, shift = as_float64(self.factor), as_float64(self.shift)
        return Digital(partial(per_channel, factor=factor, shift=shift))


class _Waiting(NamedTuple):
    """Batch normalization that is still to be folded into the next layer with weights."""

    name: str
    factor: Tensor
    shift: Tensor


def layers_of(model: nn.Sequential, path: str = "") -> Iterator[tuple[str, nn.Module]]:
    """Yield path and layer of all layers of an `nn.Sequential`, and of those inside it."""
    for index, layer in model.named_children():
        if type(layer) is nn.Sequential:
            yield from layers_of(layer, f"{path}{index}.")
        else:
            yield f"{path}{index}", layer


def _plain_layers(model: nn.Sequential) -> Iterator[Named]:
    """Yield the layers of a network without weight normalization, under their old names."""
    for path, layer in layers_of(model):
        name = f"layer {path} ({type(layer).__name__})"
        for part in registry.plain_layers(layer, name):
            yield Named(path, name, part)


def folded(model: nn.Sequential) -> list[Named]:
    """Return the layers of the same network in `eval()` without batch or weight normalization.

    Batch normalization is folded into the `Linear` or `Conv2d` right before it, or into the
    `Linear` after it, also with flattening or dropout between them. If it comes before all layers
    with weights, it becomes a `ChannelScale`, which is computed digitally.

    Raises:
        ValueError: Naming a batch normalization in another place or without running statistics, or
            a layer whose noise comes from no device.
    """
    out: list[Named] = []
    waiting: _Waiting | None = None
    for path, name, layer in _plain_layers(model):
        said = registry.description(layer)
        if waiting is not None and not said.moves_values_only:
            absorbed = said.with_scaled_inputs(waiting.factor, waiting.shift)
            if absorbed is None:
                raise _unfoldable(waiting.name, f"{name} comes next")
            out.append(Named(path, name, absorbed))
            waiting = None
            continue
        affine = _normalization(name, said)
        if affine is None:
            out.append(Named(path, name, layer))
            continue
        absorbed = _scaled(out[-1].layer, *affine) if out else None
        if absorbed is not None:
            out[-1] = out[-1]._replace(layer=absorbed)
        elif not any(hasattr(done.layer, "weight") for done in out):
            out.append(Named(path, name, ChannelScale(*affine)))
        else:
            waiting = _Waiting(name, *affine)
    if waiting is not None:
        raise _unfoldable(waiting.name, "nothing comes after it")
    return out


def _scaled(layer: nn.Module, factor: Tensor, shift: Tensor) -> nn.Module | None:
    """Return the layer with scaled outputs; None if it cannot, or has another number of them."""
    weight = registry.effective_weight(layer)
    if weight is None or len(weight) != len(factor):
        return None
    return registry.description(layer).with_scaled_outputs(factor, shift)


def _normalization(name: str, said: Described) -> tuple[Tensor, Tensor] | None:
    """Return factor and shift of batch normalization, None for another layer."""
    try:
        return said.normalization()
    except ValueError as reason:
        raise _unfoldable(name, str(reason)) from None


def _unfoldable(name: str, why: str) -> ValueError:
    """Return the error about batch normalization that cannot be folded into any weights."""
    return ValueError(
        f"cannot map {name}: {why}; a chip takes batch normalization with running statistics right "
        "after a Linear or Conv2d, right before a Linear, or before all layers with weights"
    )


def ends_in_sign(layers: list[Named], index: int) -> bool:
    """Return whether a `Sign` follows the layer at `index`, so that comparators read its sums."""
    if index + 1 >= len(layers):
        return False
    this, following = (registry.description(layers[i].layer) for i in (index, index + 1))
    return this.has_linear_outputs and following.is_sign
