"""Example inputs of a network: those of the user, or drawn ones of the shape that it takes."""

import inspect
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from devices.validation import refuse_masked, shortened
from nsm.chips.planning.planner import evaluating_copy
from nsm.chips.structures import leaves
from nsm.nn.coding import BinarizePerPixel, Thermometer
from nsm.nn.convolutions import CONVOLUTIONS
from nsm.nn.nsm_conv2d import NSMConv2d

#: Inputs that are drawn: two tell whether a network computes each by itself.
DRAWN = 2
#: Sizes of images that are tried, those of well-known data sets first.
_SIZES = (32, 28, 8, 16, 64, 96, 224, *range(1, 65))
#: Steps of a sequence that is tried.
_STEPS = 6


def given_example(example: Any) -> tuple[Any, ...]:
    """Return the inputs that a user gave as the arguments of a network, tensors.

    Raises:
        ValueError: They hold something else than numbers.
    """
    arguments = example if isinstance(example, tuple) else (example,)
    return tuple(_tensor(a) for a in arguments)


def _tensor(x: Any) -> Any:
    refuse_masked("example", x)
    no_array = isinstance(x, (int, float, str)) or x is None
    if no_array or (isinstance(x, (Tensor, dict, list)) and leaves(x)):
        return x
    try:
        array = np.ascontiguousarray(x)
        return torch.as_tensor(array.astype(np.float32) if array.dtype.kind == "f" else array)
    except (TypeError, ValueError):
        raise ValueError(
            f"example = {shortened(x)} is not what a network takes; give tensors or arrays, "
            "(batch, …)"
        ) from None


def drawn_example(model: nn.Module) -> tuple[Any, ...]:
    """Return inputs, drawn from a normal law, that a network of one input takes.

    Their shape follows from the network's first layers; the size of images is tried.

    Raises:
        ValueError: The network takes several inputs, or none of the shapes that were tried.
    """
    needed = [
        p.name
        for p in inspect.signature(model.forward).parameters.values()
        if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    if len(needed) > 1:
        raise ValueError(
            f"the network takes several inputs ({', '.join(needed)}); give example=(…), a tuple "
            "of inputs that it takes, so that the mapping can be checked"
        )
    network = evaluating_copy(model, shared=True)
    last: Exception | None = None
    other: tuple[Any, ...] | None = None
    for x in _candidates(network):
        try:
            with torch.no_grad():
                outputs = leaves(network(x.clone()))
        except Exception as problem:  # the forward of a user may raise anything
            last = problem
        else:
            # A forward that reshapes may take an image of another size for several images.
            if all(out.ndim and len(out) == DRAWN for out in outputs):
                return (x,)
            other = other or (x,)
    if other is not None:
        return other
    raise ValueError(
        "cannot tell what inputs the network takes; give example=, inputs of a batch of two or "
        f"more, so that the mapping can be checked (the last try ended in: {last})"
    )


def _candidates(network: nn.Module) -> Iterator[Tensor]:
    """Yield inputs of the shapes that the first layers of a network suggest."""
    rng = np.random.default_rng(0)
    dtype = next((p.dtype for p in network.parameters() if p.is_floating_point()), torch.float32)
    firsts = [m for m in network.modules() if _shapes(m, 1)][:3]
    # States per value: the layers behind a thermometer take so many times the values of an image.
    levels = math.prod(m.levels for m in network.modules() if isinstance(m, Thermometer))
    seen: set[tuple[int, ...]] = set()
    for size in _SIZES:
        for layer in firsts:
            for behind in _shapes(layer, size):
                shape = (behind[0] // levels, *behind[1:])
                if behind[0] % levels or shape in seen:
                    continue
                seen.add(shape)
                if isinstance(layer, (nn.Embedding, nn.EmbeddingBag)):
                    numbers = rng.integers(layer.num_embeddings, size=(DRAWN, *shape))
                    yield torch.as_tensor(numbers)
                else:
                    yield torch.as_tensor(rng.standard_normal((DRAWN, *shape))).to(dtype)


def _shapes(layer: nn.Module, size: int) -> list[tuple[int, ...]]:
    """Return the shapes of one input that a layer suggests, for images of a size."""
    if isinstance(layer, nn.Unflatten) and layer.dim == 1:
        return [(math.prod(layer.unflattened_size),)]
    if isinstance(layer, BinarizePerPixel):
        return [layer.shape]
    if isinstance(layer, (*CONVOLUTIONS, NSMConv2d)):
        axes = len(layer.kernel_size)
        return [(layer.in_channels, *(size,) * axes)] if axes < 3 or size <= 16 else []
    if isinstance(layer, (nn.RNNBase, nn.RNNCellBase)):
        sequence = () if isinstance(layer, nn.RNNCellBase) else (_STEPS,)
        return [(*sequence, layer.input_size)]
    if isinstance(layer, (nn.Embedding, nn.EmbeddingBag)):
        return [(_STEPS,)]
    if isinstance(layer, nn.MultiheadAttention):
        return [(_STEPS, layer.embed_dim)]
    if hasattr(layer, "in_features") and isinstance(layer.in_features, int):
        return [(layer.in_features,), (_STEPS, layer.in_features)]
    if isinstance(layer, (nn.LayerNorm, nn.modules.batchnorm._BatchNorm)):
        shape = getattr(layer, "normalized_shape", (getattr(layer, "num_features", 1),))
        return [tuple(shape)]
    return []
