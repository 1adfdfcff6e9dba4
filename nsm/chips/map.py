"""From a trained network to a chip: one seeded programming of every tile."""

import math
from enum import IntEnum

import numpy as np
from torch import nn

from crossbar import Hardware, NeuronArray
from devices.seeding import RNG, child, seed_sequence, stream
from devices.validation import Floats, number
from nsm.chips.chip import MappedNetwork
from nsm.chips.layers import ChipLayer, DigitalLayer, TileLayer
from nsm.chips.mapping_report import row_of
from nsm.chips.noise_matching import MatchedNeurons, matched
from nsm.chips.readouts import Comparators, Converter, LogisticThreshold, Readout
from nsm.chips.streams import Stream as ChipStream
from nsm.nn.coding import Thermometer
from nsm.nn.folding import ends_in_sign, folded
from nsm.nn.on_chip import Digital, LogisticNeurons, OnTiles, SampledNeurons
from nsm.nn.registry import effective_weight, on_chip


class Stream(IntEnum):
    """Random streams of a layer's programming."""

    ARRAYS = 0
    COMPARATOR_OFFSETS = 1


def map_to_crossbar(
    model: nn.Module, hardware: Hardware, *, rng: RNG, reprogrammed_scale: float = 1.0
) -> MappedNetwork:
    """Program a network into the tiles of one chip; same `rng`, same chip.

    The siemens per weight of each layer are fixed by its largest |w|. Stochastic layers get the
    hardware's gate and end in comparators. NSM layers keep β and c = b/(√(2 Var ξ) ‖w‖) under the
    hardware's noise (a' = β s' − E ξ', b' = b s'/s, s = √(2 Var ξ)). Other layers are ungated and
    read by a converter, or by comparators if a `Sign` follows. Batch and weight normalization are
    folded into the weights (see `nsm.nn.folding.folded`).

    Args:
        model: An `nn.Sequential`.
        hardware: Description of the chip.
        rng: Seed, Generator or None.
        reprogrammed_scale: Factor α: α w and α b are programmed over the range that is fixed for w.
            A small α uses few levels, and a large one clips the weights that do not fit (see
            `MappedNetwork.report`).

    Raises:
        ValueError: A layer cannot be mapped (it is named), weights are NaN, the hardware is free of
            noise and the network needs it, or the deterministic path is missing.
    """
    if not isinstance(model, nn.Sequential):
        raise ValueError(
            f"cannot map a {type(model).__name__}: give an nn.Sequential of layers that "
            "nsm.nn.registry.names() lists"
        )
    if not isinstance(hardware, Hardware):
        raise ValueError(f"hardware = {hardware!r} is not a crossbar.Hardware")
    number("reprogrammed_scale", reprogrammed_scale, above=0)
    seed = seed_sequence(rng)
    named = folded(model)
    layers: list[ChipLayer] = []
    for index, (name, layer) in enumerate(named):
        wanted = on_chip(layer, name)
        if isinstance(wanted, OnTiles):
            programming = _Programming(name, hardware, reprogrammed_scale)
            by_sign = ends_in_sign(named, index)
            own_seed = child(seed, ChipStream.MAP, index)
            layers.append(programming.layer(wanted, own_seed, by_sign=by_sign))
        elif isinstance(wanted, Digital):
            layers.append(DigitalLayer(name, wanted.function))
    on_tiles = [tiles for layer in layers for tiles in layer.on_tiles]
    if not on_tiles:
        raise ValueError("the network has no layer with weights; there is nothing to map")
    return MappedNetwork(layers, _in_shape(model, on_tiles[0]))


class _Programming:
    """The programming of one layer.

    Args:
        name: What messages and reports call the layer.
        hardware: Description of the chip.
        scale: Factor α of weights and biases.
    """

    def __init__(self, name: str, hardware: Hardware, scale: float):
        self.name = name
        self.hardware = hardware
        self.scale = scale

    def layer(self, wanted: OnTiles, seed: np.random.SeedSequence, *, by_sign: bool) -> TileLayer:
        """Return the programmed layer; `by_sign`: its sums are compared, since a `Sign` follows."""
        w_max = self._largest(wanted.weight)
        k = self.hardware.mapping.siemens_per_weight(w_max, self.hardware.device)
        factors = self._row_factors(wanted.weight, w_max)
        w = wanted.weight * factors[:, None]
        parameters = self._matched(wanted, w, k)
        cells = self.hardware.ungated() if parameters is None else self.hardware
        bias = wanted.bias if parameters is None else parameters.b
        target = self.scale * w
        clipped = np.clip(target, -w_max, w_max)
        neurons = NeuronArray.program(
            clipped,
            cells,
            siemens_per_weight=k,
            a=None if parameters is None else parameters.a,
            b=None if bias is None else self.scale * bias * factors,
            rng=child(seed, Stream.ARRAYS),
        )
        layer = TileLayer(
            self.name,
            neurons,
            self._readout(wanted, neurons, factors, seed, by_sign=by_sign),
            wanted=target,
            row_factors=factors,
            samples_noise=parameters is not None,
            patches=wanted.patches,
        )
        share = float((target != clipped).mean())
        layer.report = row_of(layer, w=w, w_max=w_max, clipped=share, matched=parameters)
        return layer

    def _largest(self, weight: Floats) -> float:
        if not np.isfinite(weight).all():
            raise ValueError(
                f"{self.name} holds NaN or infinite weights; train it again before mapping"
            )
        w_max = float(np.abs(weight).max())
        if w_max == 0:
            raise ValueError(f"{self.name} has only zero weights; there is nothing to map")
        return w_max

    def _row_factors(self, weight: Floats, w_max: float) -> Floats:
        """Return the factor of each output by which its largest |w| becomes that of the layer.

        It is 1 with one weight scale per layer, and for outputs whose weights are all 0.
        """
        if self.hardware.weight_scale != "row":
            return np.ones(len(weight))
        largest = np.abs(weight).max(axis=1)
        return np.where(largest > 0, w_max / np.where(largest > 0, largest, 1), 1)

    def _matched(self, wanted: OnTiles, w: Floats, k: float) -> MatchedNeurons | None:
        """Return the parameters of a neural sampling layer under the chip's noise, else None."""
        if not isinstance(wanted.neurons, SampledNeurons):
            return None
        return matched(wanted.neurons, w, wanted.bias, self.hardware, k, self.name)

    def _readout(
        self,
        wanted: OnTiles,
        neurons: NeuronArray,
        factors: Floats,
        seed: np.random.SeedSequence,
        *,
        by_sign: bool,
    ) -> Readout:
        hardware = neurons.hardware
        amperes = neurons.siemens_per_weight * hardware.read_voltage
        offsets = hardware.comparator.draw_offsets(
            neurons.outputs, rng=stream(seed, Stream.COMPARATOR_OFFSETS)
        )
        comparators = Comparators(hardware.comparator, offsets, amperes)
        if isinstance(wanted.neurons, LogisticNeurons):
            return LogisticThreshold(comparators, factors)
        if by_sign or isinstance(wanted.neurons, SampledNeurons):
            return comparators
        return Converter(hardware.adc, _full_scale(neurons), amperes, factors)


def _full_scale(neurons: NeuronArray) -> float:
    """Return the full scale of a layer's converters [A].

    It is that of the hardware. If the hardware leaves it open, it is the largest current that the
    programmed weights and biases can cause with inputs of size one.
    """
    adc = neurons.hardware.adc
    if adc is not None and adc.full_scale is not None:
        return adc.full_scale
    largest = np.abs(neurons.main.weights).sum(axis=1)
    if neurons.bias_lines is not None:
        largest = largest + np.abs(neurons.bias_lines.weights.sum(axis=1))
    in_weights = float((largest + np.abs(neurons.threshold)).max())
    return in_weights * neurons.siemens_per_weight * neurons.hardware.read_voltage


def _in_shape(model: nn.Sequential, first: TileLayer) -> tuple[int | None, ...] | None:
    """Return the shape of one image as far as the network tells it; None for any shape."""
    levels = 1  # states per value of an image
    for layer in model:
        if isinstance(layer, Thermometer):
            levels *= layer.levels
        if isinstance(layer, nn.Unflatten):
            return (math.prod(layer.unflattened_size) // levels,)
        if isinstance(layer, (nn.Flatten, nn.MaxPool2d)):
            return None
        if effective_weight(layer) is not None:
            break
    if first.patches is None:
        return (first.neurons.inputs // levels,)
    return (first.patches.channels // levels, None, None)
