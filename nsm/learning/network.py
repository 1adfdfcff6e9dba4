"""From a mapped chip to the layers that learn, or the reason why it cannot learn."""

from collections.abc import Callable
from functools import partial
from operator import attrgetter
from typing import Any

import numpy as np

from crossbar import TiledArray
from crossbar.arrays.pulsed import PulsedArray
from devices.seeding import child
from nsm.chips.chip import MappedNetwork
from nsm.chips.hardware_table import as_table
from nsm.chips.layers.readouts import Comparators, Converter
from nsm.chips.layers.tile_layer import ChipLayer, DigitalLayer, TileLayer
from nsm.chips.planning.chain import is_chain, unknown_layer
from nsm.learning.gradient import Gradient, Singles
from nsm.learning.layer import LearningLayer
from nsm.learning.reads import Arrays, Kind
from nsm.nn.digital import binarize, rectify

PATHS = ("pulsed", "rewritten")


class LearningNetwork:
    """A perceptron on a chip while it learns: coding of the inputs, and layers in a row.

    Args:
        chip: The chip, whose cells, factors and biases `commit` changes.
        gradient: Which gradient is computed.
        pair: How pairs share a change, see `PulsedArray`.
        seed: Seed of the noise of pulses.

    Attributes:
        layers: The layers, from the inputs to the outputs.

    Raises:
        ValueError: Naming the layer or the field of the hardware that cannot learn.
    """

    def __init__(
        self, chip: MappedNetwork, gradient: Gradient, pair: str, seed: np.random.SeedSequence
    ):
        self.chip = chip
        parts = _parts(chip)
        self._coding: list[Callable[[Any], Any]] = []
        self.layers: list[LearningLayer] = []
        for index, part in enumerate(parts):
            if isinstance(part, DigitalLayer):
                if not self.layers:
                    self._coding.append(part.function)
                continue
            assert isinstance(part, TileLayer)
            follower = parts[index + 1] if index + 1 < len(parts) else None
            kind = _kind(part, follower)
            number = len(self.layers)
            arrays = _arrays(part, pair, child(seed, number))
            self.layers.append(LearningLayer(part, arrays, kind, gradient))

    def coded(self, x: Any) -> Singles:
        """Return inputs of the first layer, (images, inputs), for images as the chip takes them."""
        for function in self._coding:
            x = function(x)
        if x.dtype == bool:
            return np.where(x, np.float32(1), np.float32(-1))
        return np.ascontiguousarray(x, dtype=np.float32)

    def arrays(self) -> dict[str, PulsedArray]:
        """Return all pulsed arrays by the number of their layer and their name."""
        return {
            f"{number}.{name}": array
            for number, layer in enumerate(self.layers)
            for name, array in layer.arrays.all().items()
        }

    def commit(self) -> None:
        """Bring everything that was learned into the chip."""
        for layer in self.layers:
            layer.commit()


def _parts(chip: MappedNetwork) -> list[ChipLayer]:
    """Return the layers of a chip that is a perceptron, or raise ValueError."""
    network = chip.network
    if not is_chain(network):
        unknown = unknown_layer(chip.model)
        why = f"is a {type(chip.model).__name__} that is no such row"
        if unknown is not None:
            why = f"has {unknown}"
        elif None in as_table(chip.origin.hardware).values():
            why = "has layers that the table of hardware leaves digital (None)"
        raise ValueError(
            "only perceptrons learn on a chip: a row of nn.Linear, NSMLinear or SigmoidLinear "
            f"with Sign or ReLU, in an nn.Sequential; this network {why}"
        )
    parts = [part for part in network.children() if isinstance(part, ChipLayer)]
    for index, part in enumerate(parts):
        if isinstance(part, TileLayer):
            _check_layer(part)
        elif index and part.function is not rectify and not _is_sign(parts, index):
            raise ValueError(
                f"{part.name} stands between layers on tiles, and only ReLU and Sign have a "
                "derivative on the chip; leave it out"
            )
    if not isinstance(parts[-1], TileLayer) or not isinstance(parts[-1].readout, Converter):
        raise ValueError(
            f"{parts[-1].name} is the last layer, and learning needs class scores: end the "
            "network in an nn.Linear"
        )
    return parts


def _is_sign(parts: list[ChipLayer], index: int) -> bool:
    """Return whether a digital layer is the sign whose comparators stand in front of it."""
    part, before = parts[index], parts[index - 1]
    if not isinstance(part, DigitalLayer) or not isinstance(part.function, partial):
        return False
    is_sign = part.function.func is binarize and part.function.keywords == {"threshold": 0}
    return is_sign and isinstance(before, TileLayer) and isinstance(before.readout, Comparators)


def _check_layer(layer: TileLayer) -> None:
    """Raise ValueError if a layer has something that learning does not model."""
    hardware = layer.neurons.hardware
    if layer.patches is not None:
        raise ValueError(
            f"{layer.name} is a convolution, and only fully connected layers learn on a chip; "
            "train it in software (nsm.fit) and map it"
        )
    if not all(isinstance(part.array, TiledArray) for part in layer.neurons.parts()):
        raise ValueError(
            f"{layer.name} is read in parts (bit slices, or tiles with converters of their own), "
            "and learning reads whole arrays; choose a mapping of one cell or pair, and weight_"
            'scale = "layer" or "row"'
        )
    if hardware.device.pulses is None:
        raise ValueError(
            f"{layer.name} has device.pulses = None: how its cells answer pulses is not known; "
            "give Device(pulses=...), such as SoftBoundsPulses, or a preset with a pulse response"
        )
    fields = {
        "adc": hardware.adc is not None,
        "dac": hardware.dac is not None,
        "gate_sharing": layer.samples_noise and hardware.gate_sharing != "pair",
        "gate": layer.samples_noise and hardware.gate.has_memory,
    }
    for name, stands in fields.items():
        if stands:
            raise ValueError(
                f"{layer.name} has {name} = {attrgetter(name)(hardware)!r}, which learning does "
                "not model; learn on hardware without it"
            )
    _check_read_noise(layer)


def _check_read_noise(layer: TileLayer) -> None:
    """Raise ValueError for noise of cells that is not one fresh normal number for each sum."""
    hardware = layer.neurons.hardware
    if hardware.has_quiet_cells:
        return
    start = f"{layer.name} has device.read_noise = {hardware.device.read_noise!r}"
    if hardware.current_noise is not None or not hardware.cell_noise.is_gaussian:
        raise ValueError(
            f"{start}, and reads of learning draw only noise that is normal, fresh on every read "
            "and proportional to the current; choose GaussianNoise, PowerLawNoise or "
            "TabulatedNoise, or learn without it: device.read_noise = NoNoise(), or --set "
            "device.read_noise=none"
        )
    if hardware.mapping.shares_reference:
        raise ValueError(
            f"{start} with mapping = {hardware.mapping!r}: outputs share the noise of their "
            "reference column, which reads of learning do not draw; choose mapping = "
            "BalancedPair() or DifferentialPair()"
        )


def _kind(layer: TileLayer, follower: ChipLayer | None) -> Kind:
    if layer.samples_noise:
        return Kind.SAMPLED
    if isinstance(layer.readout, Comparators):
        return Kind.SIGN
    if not isinstance(layer.readout, Converter):
        return Kind.SIGMOID
    return Kind.OUTPUTS if follower is None else Kind.RECTIFIED


def _arrays(layer: TileLayer, pair: str, seed: np.random.SeedSequence) -> Arrays:
    """Return the pulsed arrays of a layer; messages name the layer."""
    neurons = layer.neurons
    path = neurons.deterministic_path
    own_path = path is not None and neurons.main.hardware.deterministic_path == "programmed"
    chosen = {
        "main": neurons.main,
        "path": path if own_path else None,
        "bias": neurons.bias_lines,
    }
    made: dict[str, PulsedArray | None] = {}
    for number, (name, array) in enumerate(chosen.items()):
        try:
            made[name] = (
                PulsedArray(array, rng=child(seed, number), pair=pair)
                if isinstance(array, TiledArray)
                else None
            )
        except ValueError as problem:
            raise ValueError(f"{layer.name}: {problem}") from None
    main = made["main"]
    assert main is not None
    return Arrays(main, made["path"], made["bias"])
