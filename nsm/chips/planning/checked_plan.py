"""The plan of a chip: the first of three kinds of plan that gives the network's outputs."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nsm.chips.hardware_table import HardwareTable
from nsm.chips.images import InputForm, form_of_inputs
from nsm.chips.layers.dropout import KeptDropout
from nsm.chips.planning.chain import Chain, chain_plan, is_chain
from nsm.chips.planning.check import Checked, PlanMismatch, check_plan
from nsm.chips.planning.examples import drawn_example
from nsm.chips.planning.plan import PlannedLayer, planned_layers
from nsm.chips.planning.planner import DIGITAL, Planner, evaluating_copy
from nsm.chips.structures import leaves
from nsm.nn.coding import Thermometer
from nsm.nn.folding import layers_of
from nsm.nn.on_chip import SampledNeurons


@dataclass(frozen=True, eq=False)
class CheckedPlan:
    """A plan that computes what its network computes.

    Attributes:
        network: The network with planned layers.
        form: What the network takes and gives.
        checked: What the comparison found.
        reasons: Path of a layer -> why it is digital, or gone.
        example: The inputs of the comparison.
        dtype: Precision of the network.
    """

    network: nn.Module
    form: InputForm
    checked: Checked
    reasons: dict[str, str]
    example: tuple[Any, ...]
    dtype: torch.dtype


def checked_plan(
    model: nn.Module, table: HardwareTable, given: tuple[Any, ...] | None
) -> CheckedPlan:
    """Return the plan of a network, compared with it.

    The first of these that agrees is taken: a chain of chip layers, a traced graph, and the network
    with its layers replaced one by one.

    Args:
        model: The network.
        table: Hardware by layer.
        given: Inputs for the comparison; None: they are drawn.

    Raises:
        ValueError: A layer cannot be mapped, or no plan agrees with the network.
    """
    example = given
    refusal: PlanMismatch | None = None
    for network, reasons in _plans(model, table, given):
        layers = planned_layers(network)
        if not layers and reasons and all(why == DIGITAL for why in reasons.values()):
            raise ValueError(
                "the hardware table leaves all layers digital (None); there is nothing to map"
            )
        if not layers and refusal is not None:
            break
        if not layers:
            raise ValueError(
                "the network has no layer with weights for tiles; there is nothing to map: linear "
                "layers, convolutions, recurrent layers, attention, and functional linear, conv "
                "and matmul with constant weights go on tiles"
            )
        for layer in layers:
            _check_weights(layer)
        if example is None:
            example = drawn_example(model)
        try:
            checked = check_plan(network, model, example)
        except PlanMismatch as mismatch:
            refusal = refusal or mismatch
            continue
        dtype = next((p.dtype for p in model.parameters() if p.is_floating_point()), torch.float32)
        form = _form(model, network, checked, example, dtype)
        return CheckedPlan(network, form, checked, reasons, example, dtype)
    assert refusal is not None
    raise refusal


def _plans(
    model: nn.Module, table: HardwareTable, given: tuple[Any, ...] | None
) -> Iterator[tuple[nn.Module, dict[str, str]]]:
    """Yield plans with the reasons for what is digital."""
    asked: list[str] = []

    def on_tiles(path: str) -> bool:
        asked.append(path)
        return table.of(path) is not None

    chain = _chain(model, given)
    wanted = [] if chain is None else [on_tiles(layer.path) for layer in planned_layers(chain)]
    if chain is not None and all(wanted):
        table.check(asked)
        yield chain, {}
    for trace in (True, False):
        asked.clear()
        planner = Planner(on_tiles, trace=trace)
        network = planner.plan(model, given)
        table.check(asked)
        layers = planned_layers(network)
        for number, layer in enumerate(layers):
            layer.number = layer.position = number
        kept = [m for m in network.modules() if isinstance(m, KeptDropout)]
        for number, dropout in enumerate(kept, start=len(layers)):
            dropout.position = number
        yield network, planner.reasons


def _chain(model: nn.Module, given: tuple[Any, ...] | None) -> Chain | None:
    """Return the plan of a chain; None if the network or the given inputs do not allow one."""
    chain = chain_plan(evaluating_copy(model))
    layers = [] if chain is None else planned_layers(chain)
    if given is not None and layers:
        shape = _chain_shape(model, layers[0])
        tensors = leaves(given)
        if shape is not None and (len(tensors) != 1 or tensors[0].ndim != 1 + len(shape)):
            return None
    return chain


def _check_weights(layer: PlannedLayer) -> None:
    """Raise ValueError unless a layer's weights can be programmed."""
    weight = layer.wanted.weight
    bias = 0.0 if layer.wanted.bias is None else layer.wanted.bias
    if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
        raise ValueError(
            f"{layer.name} holds NaN or infinite weights; train it again before mapping"
        )
    neurons = layer.wanted.neurons
    if isinstance(neurons, SampledNeurons) and not np.isfinite(neurons.beta).all():
        raise ValueError(f"{layer.name} holds NaN or infinite beta; train it again before mapping")
    if layer.samples and not weight.any():
        raise ValueError(f"{layer.name} has only zero weights; there is nothing to map")


def _form(
    model: nn.Module,
    network: nn.Module,
    checked: Checked,
    example: tuple[Any, ...],
    dtype: torch.dtype,
) -> InputForm:
    out = checked.output
    has_classes = isinstance(out, Tensor) and out.ndim > 1
    classes = out.shape[1] if has_classes else 0
    pixels = (None,) * (out.ndim - 2) if has_classes else ()
    tried = tuple(leaves(example)[0].shape[1:])
    if is_chain(network):
        shape = _chain_shape(model, planned_layers(network)[0])
        return InputForm(shape, None, tried, classes, pixels)
    by_row = checked.by_row is True
    arguments = form_of_inputs(example, dtype)
    return InputForm(None, arguments, tried, classes, pixels, by_row, not checked.in_turn)


def _chain_shape(model: nn.Module, first: PlannedLayer) -> tuple[int | None, ...] | None:
    """Return the shape of one image as far as a chain tells it; None for any shape."""
    assert isinstance(model, nn.Sequential)
    levels = 1  # states per value of an image
    for path, layer in layers_of(model):
        if isinstance(layer, Thermometer):
            levels *= layer.levels
        if isinstance(layer, nn.Unflatten):
            return (math.prod(layer.unflattened_size) // levels,)
        if isinstance(layer, (nn.Flatten, nn.MaxPool2d)):
            return None
        if path == first.path:
            break
    if first.wanted.patches is None:
        return (first.wanted.weight.shape[1] // levels,)
    return (first.wanted.patches.channels // levels, None, None)
