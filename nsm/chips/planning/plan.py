"""The plan of a chip: which weights go on tiles, before anything is programmed.

A plan is a copy of the network in which every weighted layer is a `PlannedLayer`, which computes in
torch what the tiles are to compute. It is compared with the network (`nsm.chips.planning.check`),
and then every planned layer is programmed (`nsm.chips.programming`).
"""

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from crossbar import Hardware
from nsm.chips.layers.grouped import Grouped
from nsm.chips.layers.states import States, tensor_of
from nsm.nn.geometry import Patches
from nsm.nn.on_chip import LinearOutputs, LogisticNeurons, OnTiles, SampledNeurons

CONVOLUTIONS = {1: nn.functional.conv1d, 2: nn.functional.conv2d, 3: nn.functional.conv3d}


class PlannedLayer(nn.Module):
    """A layer that is to be put on tiles; it computes in torch what ideal tiles compute.

    Attributes:
        path: Where the layer stands in the network, such as "blocks.0.conv1".
        name: What messages and reports call it, such as "layer blocks.0.conv1 (Conv2d)".
        wanted: Weights, biases, and what reads the sums.
        number: Number that names the random streams of the layer's programming.
        position: Number that names the random streams of its reads.
        by_sign: Whether comparators read the sums, since a `Sign` follows.
        gives_states: Whether every layer that takes the outputs takes packed states.
        folded: Whether normalization was folded into the weights.
        normalizations: Paths of the modules that a graph folded into the weights, in order.
        replay: Outputs that are returned instead of computed ones, one for each call; None to
            compute them.
        seen: Inputs of each call, a row for each read of a matrix or an image of a convolution.
        locations: Locations at which an input was read in the last call.
        reads_per_pass: How often the layer is read for one input: at all locations of all calls.
    """

    def __init__(self, path: str, kind: str, wanted: OnTiles):
        super().__init__()
        self.path = path
        self.name = name_of(path, kind)
        self.wanted = wanted
        self.number = 0
        self.position = 0
        self.by_sign = False
        self.gives_states = False
        self.folded = False
        self.normalizations: list[str] = []
        self.replay: list[Tensor] | None = None
        self.seen: list[Tensor] = []
        self.locations = 1
        self.reads_per_pass = 1

    @property
    def draws(self) -> bool:
        """Whether the outputs are random: neural sampling, or a threshold with logistic noise."""
        return isinstance(self.wanted.neurons, (SampledNeurons, LogisticNeurons))

    @property
    def samples(self) -> bool:
        """Whether the layer computes with the noise of its cells and their gates."""
        return isinstance(self.wanted.neurons, SampledNeurons)

    @property
    def has_linear_outputs(self) -> bool:
        """Whether the outputs are plain weighted sums, which normalization can be folded into."""
        return isinstance(self.wanted.neurons, LinearOutputs) and not self.by_sign

    def sees_scale(self, hardware: Hardware) -> bool:
        """Return whether outputs change when all conductances are multiplied by one factor.

        Signs do not, unless reference currents are added to the sums. `nsm.chips.compensation` asks
        programmed layers the same.
        """
        is_compared = self.by_sign or self.samples
        bias = self.wanted.bias
        has_references = hardware.bias == "reference" and bias is not None and bool(bias.any())
        return has_references or not is_compared

    def fold(self, factor: np.ndarray, shift: np.ndarray) -> None:
        """Multiply every output by `factor` and add `shift`, both (outputs,)."""
        bias = shift if self.wanted.bias is None else shift + factor * self.wanted.bias
        self.folded = True
        self.wanted = replace(self.wanted, weight=self.wanted.weight * factor[:, None], bias=bias)

    def __getattr__(self, name: str) -> Any:
        if name in ("weight", "bias"):
            raise AttributeError(
                f"{self.__dict__.get('name')} is on tiles and has no {name}, but the network's "
                f"forward, or a hook, asks for it; leave this layer digital (hardware None)"
            )
        return super().__getattr__(name)

    def forward(self, z: States | Tensor, *more: Any, **options: Any) -> Tensor:
        """Return the outputs of ideal tiles, or what is replayed."""
        if more or options:
            raise ValueError(
                f"{self.name} is called with further arguments ({', '.join(options) or 'unnamed'})"
                ", which layers on tiles do not take"
            )
        x = tensor_of(z)
        self.seen.append(_rows_of(x, self.wanted.patches).detach())
        u = exact_sums(x, self.wanted)
        per_input = u.numel() // max(len(u), 1) if u.ndim > 1 else u.numel()
        self.locations = max(1, per_input // len(self.wanted.weight))
        if self.replay is not None:
            return self.replay.pop(0).to(u)
        return torch.where(u >= 0, 1.0, -1.0).to(u.dtype) if self.by_sign else u

    def __deepcopy__(self, memo: dict[int, Any]) -> "PlannedLayer":
        # Nobody changes the weights in place, so that copies share them.
        twin = PlannedLayer(self.path, "", self.wanted)
        twin.__dict__.update({**self.__dict__, "replay": None, "seen": []})
        for kind in ("_forward_hooks", "_forward_pre_hooks"):
            setattr(twin, kind, copy.copy(getattr(self, kind)))
        memo[id(self)] = twin
        return twin

    def extra_repr(self) -> str:
        return f"{self.name}, weight {self.wanted.weight.shape}"


def name_of(path: str, kind: str) -> str:
    """Return what messages and reports call the layer at a path, with its class."""
    return f"layer {path} ({kind})" if path else f"the network ({kind})"


def planned(path: str, kind: str, wanted: OnTiles) -> nn.Module:
    """Return the planned layer, or the planned groups of a grouped convolution.

    Args:
        path: Where the layer stands in the network.
        kind: Name of its class, for messages.
        wanted: What goes on tiles; that of all groups together.
    """
    patches = wanted.patches
    groups = 1 if patches is None else patches.groups
    if groups == 1:
        return PlannedLayer(path, kind, wanted)
    assert patches is not None
    one = replace(patches, channels=patches.channels // groups, groups=1)
    weights = np.split(wanted.weight, groups)
    biases = [None] * groups if wanted.bias is None else np.split(wanted.bias, groups)
    layers = [
        PlannedLayer(f"{path}.group{i}", kind, OnTiles(w, b, wanted.neurons, one))
        for i, (w, b) in enumerate(zip(weights, biases, strict=True))
    ]
    return Grouped(layers, patches)


def _rows_of(x: Tensor, patches: Patches | None) -> Tensor:
    """Return the inputs of a layer as rows of a matrix, or images of a convolution."""
    if patches is None:
        return x.reshape(-1, x.shape[-1])
    return x[None] if x.ndim == len(patches.kernel) + 1 else x


def exact_sums(x: Tensor, wanted: OnTiles) -> Tensor:
    """Return w x + b of a layer in the precision of x, without devices."""
    weight = torch.as_tensor(wanted.weight, dtype=x.dtype, device=x.device)
    bias = None
    if wanted.bias is not None:
        bias = torch.as_tensor(wanted.bias, dtype=x.dtype, device=x.device)
    patches = wanted.patches
    if patches is None:
        return nn.functional.linear(x, weight, bias)
    unbatched = x.ndim == len(patches.kernel) + 1
    padded = patches.pad(x[None] if unbatched else x)
    kernels = weight.reshape(len(weight), patches.channels, *patches.kernel)
    convolution = CONVOLUTIONS[len(patches.kernel)]
    out: Tensor = convolution(
        padded, kernels, bias, stride=patches.stride, dilation=patches.dilation
    )
    return out[0] if unbatched else out


def planned_layers(network: nn.Module) -> list[PlannedLayer]:
    """Return the planned layers of a plan, each once, in the order of its modules."""
    return [layer for layer in network.modules() if isinstance(layer, PlannedLayer)]


#: Makes the layer of one matrix: name, weight (outputs, inputs), bias (outputs,) or None.
MakeLinear = Callable[[str, Tensor, Tensor | None], nn.Module]
