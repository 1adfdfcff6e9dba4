"""The layers of a network that a chip has on tiles, with what is folded into their weights."""

from dataclasses import dataclass, field, replace

import numpy as np
from torch import Tensor, nn

from crossbar import Hardware
from nsm.chips.hardware_table import HardwareTable
from nsm.chips.layers.grouped import Grouped
from nsm.chips.planning.chain import is_chain
from nsm.chips.planning.checked_plan import CheckedPlan
from nsm.chips.planning.plan import PlannedLayer, name_of, planned, planned_layers
from nsm.chips.planning.planner import WEIGHT_HOOKS
from nsm.nn import registry
from nsm.nn.described import as_float64
from nsm.nn.folding import layers_of
from nsm.nn.geometry import Patches
from nsm.nn.neural_sampling import NeuralSampling
from nsm.nn.on_chip import LinearOutputs, OnTiles, SampledNeurons
from nsm.nn.rules import StraightThrough
from nsm.nn.sigmoid import SigmoidLinear


@dataclass(eq=False)
class Slot:
    """A layer of a network whose weights lie on tiles.

    Attributes:
        path: Where the layer stands in the network.
        name: What messages call it.
        layer: The layer.
        parts: Its planned layers: one, or one for each group of a convolution.
        hardware: Description of its tiles.
        norms: Batch normalizations that are folded into its weights, in order.
    """

    path: str
    name: str
    layer: nn.Module
    parts: list[PlannedLayer]
    hardware: Hardware
    norms: list[nn.Module] = field(default_factory=list)

    @property
    def patches(self) -> Patches | None:
        """How a convolution cuts its inputs, all groups together; None for other layers."""
        one = self.parts[0].wanted.patches
        if one is None or len(self.parts) == 1:
            return one
        groups = len(self.parts)
        return replace(one, channels=one.channels * groups, groups=groups)

    def matrix(self) -> Tensor:
        """Return the effective weights with their gradient, (outputs, inputs of a group)."""
        weight = registry.effective_weight(self.layer)
        assert weight is not None
        patches = self.patches
        return weight.flatten(1) if patches is None else patches.kernel_matrix(weight)

    def folding(self) -> tuple[np.ndarray, np.ndarray]:
        """Return factor and shift of the normalizations behind the layer, (outputs,) each.

        Channels whose factor is 0 have the factor 1 here: whatever their weights are, nothing comes
        out of them.
        """
        outputs = sum(len(part.wanted.weight) for part in self.parts)
        factor, shift = np.ones(outputs), np.zeros(outputs)
        for norm in self.norms:
            found = registry.description(norm).normalization()
            assert found is not None
            f, c = (as_float64(values) for values in found)
            f = np.where(f == 0, 1.0, f)
            factor, shift = f * factor, f * shift + c
        return factor, shift

    def wanted(self) -> list[OnTiles]:
        """Return what the parts ask of a chip now, normalization folded in."""
        plain = registry.plain_layers(self.layer, self.name)[0]
        found = registry.weights_on_tiles(plain, self.name)
        assert found is not None
        whole = planned(self.path, "", found)
        parts = list(whole.groups) if isinstance(whole, Grouped) else [whole]
        if self.norms:
            of_parts = (np.split(values, len(parts)) for values in self.folding())
            for part, factor, shift in zip(parts, *of_parts, strict=True):
                assert isinstance(part, PlannedLayer)
                part.fold(factor, shift)
        return [part.wanted for part in parts if isinstance(part, PlannedLayer)]


def check_weights(model: nn.Module) -> None:
    """Raise ValueError, naming the layer, if a hook computes its weights before every pass."""
    for path, module in model.named_modules():
        if any(isinstance(hook, WEIGHT_HOOKS) for hook in module._forward_pre_hooks.values()):
            raise ValueError(
                f"{name_of(path, type(module).__name__)} has weights that a hook computes before "
                "every pass (weight_norm, spectral_norm or pruning of torch.nn.utils), through "
                "which hardware-aware training has no gradient; use "
                "torch.nn.utils.parametrizations, or make them permanent"
            )


def slots_of(plan: CheckedPlan, network: nn.Module, table: HardwareTable) -> list[Slot]:
    """Return the layers of a network that its plan puts on tiles.

    Args:
        plan: The plan of the network.
        network: The network, or a copy of it, whose layers the slots name.
        table: Hardware by layer.

    Raises:
        ValueError: Naming a layer whose training on a chip's terms is not known.
    """
    grouped: dict[str, list[PlannedLayer]] = {}
    for part in planned_layers(plan.network):
        own = part.path.rpartition(".group")[0]
        is_group = part.wanted.patches is not None and own and _is_layer(network, own)
        grouped.setdefault(own if is_group else part.path, []).append(part)
    slots = []
    for path, parts in grouped.items():
        layer = _layer_at(network, path, parts[0].name)
        hardware = table.of(parts[0].path)
        assert hardware is not None
        slot = Slot(path, name_of(path, type(layer).__name__), layer, parts, hardware)
        names = parts[0].normalizations
        slot.norms = [network.get_submodule(name) for name in names]
        if parts[0].folded or is_chain(plan.network):
            slot.norms = slot.norms or _norms_behind(network, path)
        _check(slot)
        slots.append(slot)
    return slots


def _is_layer(network: nn.Module, path: str) -> bool:
    """Return whether there is a module at a path of a network."""
    try:
        return isinstance(network.get_submodule(path), nn.Module)
    except AttributeError:
        return False


def _layer_at(network: nn.Module, path: str, name: str) -> nn.Module:
    """Return the layer at a path; refuse weights that belong to no layer that is known."""
    layer = network.get_submodule(path) if _is_layer(network, path) else None
    if layer is None or registry.effective_weight(layer) is None:
        owner = path.rpartition(".")[0]
        # The other matrices of a recurrent layer or attention would be refused one by one.
        pattern = f"{owner}.*" if owner and layer is None else path
        raise ValueError(
            f"{name} multiplies by weights inside a forward, a recurrent layer or attention, and "
            "hardware-aware training knows linear layers, convolutions and neural sampling "
            "layers; leave it digital in a table of hardware by layer, such as "
            f'{{{pattern!r}: None, "*": hardware}}'
        )
    return layer


def _norms_behind(network: nn.Module, path: str) -> list[nn.Module]:
    """Return the batch normalizations right behind a layer of an `nn.Sequential`."""
    assert isinstance(network, nn.Sequential)
    layers = dict(layers_of(network))
    places = list(layers)
    found = []
    for place in places[places.index(path) + 1 :]:
        try:
            is_norm = registry.description(layers[place]).normalization() is not None
        except ValueError:
            is_norm = False
        if not is_norm:
            break
        found.append(layers[place])
    return found


def _check(slot: Slot) -> None:
    """Raise ValueError unless the layer computes what its class says, with weights of its own."""
    layer, neurons = slot.layer, slot.parts[0].wanted.neurons
    forward: object = getattr(type(layer), "forward", None)
    if isinstance(neurons, SampledNeurons):
        known = forward in (NeuralSampling.forward, StraightThrough.forward)
    elif isinstance(neurons, LinearOutputs):
        known = len(registry.plain_layers(layer, slot.name)) == 1
    else:
        known = forward is SigmoidLinear.forward
    if not known:
        raise ValueError(
            f"{slot.name} has a training rule of its own, whose gradient on a chip is not known; "
            "train it as NSMLinear, NSMConv2d or their straight-through forms, or leave it digital "
            "where a chip does"
        )
    folded = slot.wanted()
    same = all(
        np.allclose(now.weight, part.wanted.weight, rtol=1e-9, atol=0)
        for now, part in zip(folded, slot.parts, strict=True)
    )
    if not same:
        raise ValueError(
            f"a chip folds batch normalization in front of {slot.name} into its weights, and "
            "hardware-aware training knows normalization right behind a layer; put it there"
        )
