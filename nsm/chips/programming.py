"""From a planned layer to one on tiles: scales, matched noise, programmed arrays, read-out."""

from enum import IntEnum

import numpy as np

from crossbar import Hardware, NeuronArray
from devices.seeding import child, stream
from devices.validation import Floats
from nsm.chips.layers import TileLayer
from nsm.chips.mapping_report import row_of
from nsm.chips.noise_matching import MatchedNeurons, matched
from nsm.chips.plan import PlannedLayer
from nsm.chips.readouts import Comparators, Converter, LogisticThreshold, Readout
from nsm.nn.on_chip import LogisticNeurons, OnTiles, SampledNeurons


class Stream(IntEnum):
    """Random streams of a layer's programming."""

    ARRAYS = 0
    COMPARATOR_OFFSETS = 1


def programmed(
    planned: PlannedLayer, hardware: Hardware, scale: float, seed: np.random.SeedSequence
) -> TileLayer:
    """Return the layer on tiles that a planned layer describes.

    Args:
        planned: The layer of the plan.
        hardware: Description of its tiles.
        scale: Factor α of weights and biases (`map_to_crossbar`'s `reprogrammed_scale`).
        seed: Seed of programming errors, stuck cells, drift, and offsets of comparators.

    Raises:
        ValueError: Naming the layer, if its weights or the hardware do not allow it.
    """
    return _Programming(planned, hardware, scale).layer(seed)


class _Programming:
    def __init__(self, planned: PlannedLayer, hardware: Hardware, scale: float):
        self.planned = planned
        self.wanted = planned.wanted
        self.name = planned.name
        self.hardware = hardware
        self.scale = scale

    def layer(self, seed: np.random.SeedSequence) -> TileLayer:
        wanted = self.wanted
        # A layer of zeros, such as a residual branch at the start of training, has any scale.
        w_max = float(np.abs(wanted.weight).max()) or 1.0
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
            self._readout(neurons, factors, seed),
            wanted=target,
            row_factors=factors,
            samples_noise=parameters is not None,
            patches=wanted.patches,
        )
        layer.position = self.planned.position
        layer.path = self.planned.path
        layer.gives_states = self.planned.gives_states
        layer.locations = self.planned.locations
        share = float((target != clipped).mean())
        layer.report = row_of(layer, w=w, w_max=w_max, clipped=share, matched=parameters)
        return layer

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
        self, neurons: NeuronArray, factors: Floats, seed: np.random.SeedSequence
    ) -> Readout:
        hardware = neurons.hardware
        amperes = neurons.siemens_per_weight * hardware.read_voltage
        offsets = hardware.comparator.draw_offsets(
            neurons.outputs, rng=stream(seed, Stream.COMPARATOR_OFFSETS)
        )
        comparators = Comparators(hardware.comparator, offsets, amperes)
        if isinstance(self.wanted.neurons, LogisticNeurons):
            return LogisticThreshold(comparators, factors)
        if self.planned.by_sign or isinstance(self.wanted.neurons, SampledNeurons):
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
