"""From a planned layer to one on tiles: scales, matched noise, programmed arrays, read-out."""

from enum import IntEnum

import numpy as np

from crossbar import Hardware, NeuronArray
from crossbar.weight_range import largest_weight, row_factors
from devices.seeding import child, stream
from devices.validation import Floats
from nsm.chips.layers.readouts import Comparators, Converter, LogisticThreshold, Readout
from nsm.chips.layers.tile_layer import TileLayer
from nsm.chips.mapping_report import row_of
from nsm.chips.noise_matching import MatchedNeurons, matched
from nsm.chips.planning.plan import PlannedLayer
from nsm.nn.on_chip import LinearOutputs, LogisticNeurons, OnTiles, SampledNeurons


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
        w_max = largest_weight(wanted.weight, self.hardware) if wanted.weight.any() else 1.0
        k = self.hardware.mapping.siemens_per_weight(w_max, self.hardware.device)
        factors = row_factors(wanted.weight, w_max, self.hardware, bias=wanted.bias)
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
            converted=not self._is_compared,
            name=self.name,
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
        layer.reads_per_pass = self.planned.reads_per_pass
        share = float((target != clipped).mean())
        layer.report = row_of(layer, w=w, w_max=w_max, clipped=share, matched=parameters)
        return layer

    @property
    def _is_compared(self) -> bool:
        """Whether comparators see the sums, and no converter."""
        return self.planned.by_sign or not isinstance(self.wanted.neurons, LinearOutputs)

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
        if self._is_compared:
            return comparators
        return Converter(neurons.converters, factors)
