"""From a planned layer to one on tiles: scales, matched noise, programmed arrays, read-out."""

from enum import IntEnum
from typing import NamedTuple

import numpy as np

from crossbar import BitSliced, Hardware, NeuronArray
from crossbar.arrays.layer_arrays import bias_line_count
from crossbar.weight_range import largest_weight, row_factors
from devices import FaultMap
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


def check_programming(planned: PlannedLayer, hardware: Hardware, scale: float) -> None:
    """Raise ValueError if `programmed` would refuse a layer; nothing is drawn or programmed.

    Scales, weights and matched noise are computed as for programming. What only the arrays of cells
    tell, such as maps of faults that do not fit the tiles, is left to `programmed`.

    Args:
        planned: The layer of the plan.
        hardware: Description of its tiles.
        scale: Factor α of weights and biases.

    Raises:
        ValueError: Naming the layer.
    """
    targets = _Programming(planned, hardware, scale).targets()
    bias, inputs = targets.bias, planned.wanted.weight.shape[1]
    w_max = hardware.mapping.signal_range(hardware.device) / targets.siemens_per_weight
    has_map = isinstance(hardware.device.faults, FaultMap)
    if isinstance(hardware.mapping, BitSliced) and has_map:
        raise ValueError(
            f"{planned.name}: mapping = {hardware.mapping!r} has an array for each of "
            f"{hardware.mapping.slices} slices, and a FaultMap has maps of one; leave faults out, "
            "or store a weight in one cell or pair"
        )
    if bias is not None and hardware.bias == "word_line" and bias.any():
        try:
            bias_line_count(bias, w_max, inputs=inputs)
        except ValueError as problem:
            raise ValueError(f"{planned.name}: {problem}") from None


class _Targets(NamedTuple):
    """What a layer is to be on its tiles.

    Attributes:
        w: Weights times the factors of their rows, (outputs, inputs).
        w_max: The |w| that fills the device's range.
        siemens_per_weight: Conductance of a weight of one [S].
        factors: Factors of the rows, (outputs,).
        matched: Parameters of a neural sampling layer under the chip's noise, else None.
        bias: Biases in the units of w, (outputs,), or None.
    """

    w: Floats
    w_max: float
    siemens_per_weight: float
    factors: Floats
    matched: MatchedNeurons | None
    bias: Floats | None


class _Programming:
    def __init__(self, planned: PlannedLayer, hardware: Hardware, scale: float):
        self.planned = planned
        self.wanted = planned.wanted
        self.name = planned.name
        self.hardware = hardware
        self.scale = scale

    def targets(self) -> _Targets:
        wanted = self.wanted
        # A layer of zeros, such as a residual branch at the start of training, has any scale.
        w_max = largest_weight(wanted.weight, self.hardware) if wanted.weight.any() else 1.0
        k = self.hardware.mapping.siemens_per_weight(w_max, self.hardware.device)
        factors = row_factors(wanted.weight, w_max, self.hardware, bias=wanted.bias)
        w = wanted.weight * factors[:, None]
        parameters = self._matched(wanted, w, k)
        bias = wanted.bias if parameters is None else parameters.b
        scaled = None if bias is None else self.scale * bias * factors
        return _Targets(w, w_max, k, factors, parameters, scaled)

    def layer(self, seed: np.random.SeedSequence) -> TileLayer:
        wanted = self.wanted
        w, w_max, k, factors, parameters, bias = self.targets()
        cells = self.hardware.ungated() if parameters is None else self.hardware
        target = self.scale * w
        clipped = np.clip(target, -w_max, w_max)
        neurons = NeuronArray.program(
            clipped,
            cells,
            siemens_per_weight=k,
            a=None if parameters is None else parameters.a,
            b=bias,
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
