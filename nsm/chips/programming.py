"""From a planned layer to one on tiles: scales, matched noise, programmed arrays, read-out."""

from dataclasses import replace
from enum import IntEnum
from typing import NamedTuple

import numpy as np

from crossbar import BitSliced, Hardware, NeuronArray
from crossbar.arrays.layer_arrays import bias_line_count
from crossbar.weight_range import largest_weight, of_each_weight, row_factors, tile_factors
from devices import FaultMap
from devices.seeding import child, stream
from devices.validation import Floats
from nsm.chips.layers.readouts import Comparators, Converter, LogisticThreshold, Readout
from nsm.chips.layers.tile_layer import TileLayer
from nsm.chips.mapping_report import row_of
from nsm.chips.noise_matching import MatchedNeurons, matched
from nsm.chips.planning.plan import PlannedLayer
from nsm.nn.on_chip import LinearOutputs, LogisticNeurons, OnTiles, SampledNeurons

#: Weights beyond the range by less than this share of it are not counted as clipped: the factors of
#: rows and tiles put rounding errors on them.
_ROUNDING = 1e-12


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
    return Programming(planned, hardware, scale).layer(seed)


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
    check_weight_scale(planned, hardware)
    targets = Programming(planned, hardware, scale).targets()
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


def check_weight_scale(planned: PlannedLayer, hardware: Hardware) -> None:
    """Raise ValueError, naming the layer, if its tiles cannot have a weight scale of their own.

    Args:
        planned: The layer of the plan.
        hardware: Description of its tiles.
    """
    if hardware.weight_scale == "tile" and _is_compared(planned):
        raise ValueError(
            f"{planned.name} ends in comparators, and with weight_scale = 'tile' these would see "
            "the added currents of tiles of different scales; give it hardware with weight_scale = "
            f'"layer" or "row", such as {{"{planned.path}": …, "*": hardware}}'
        )


def _check_current_law(hardware: Hardware, name: str) -> None:
    """Raise ValueError, naming the layer, if the I-V law does not cover the range of its cells."""
    device = hardware.device
    ends = np.array([device.g_min, device.g_max])
    try:
        device.iv.chord(ends, hardware.read_voltage, hardware.series_resistance)
    except ValueError as problem:
        raise ValueError(
            f"{name}: {problem}; give a device whose g_min, g_max lie in that range and a "
            "read_voltage that does, or another law, such as iv=devices.SinhCurve(v_0=...)"
        ) from None


def _is_compared(planned: PlannedLayer) -> bool:
    """Return whether comparators see the sums of a layer, and no converter."""
    return planned.by_sign or not isinstance(planned.wanted.neurons, LinearOutputs)


class Ranges(NamedTuple):
    """The weights that fill the device's range: of a layer, its rows and its tiles.

    Attributes:
        w_max: The |w| that fills the device's range.
        factors: Factors by which the weights of each row are multiplied, (outputs,).
        of_tiles: Factors of the tiles, (rows of tiles, columns of tiles).
    """

    w_max: float
    factors: Floats
    of_tiles: Floats


def ranges_of(wanted: OnTiles, hardware: Hardware) -> Ranges:
    """Return the ranges of a layer by the rules of its hardware; see `crossbar.weight_range`.

    Args:
        wanted: Weights and biases of the layer.
        hardware: Description of its tiles.
    """
    # A layer of zeros, such as a residual branch at the start of training, has any scale.
    w_max = largest_weight(wanted.weight, hardware) if wanted.weight.any() else 1.0
    factors = row_factors(wanted.weight, w_max, hardware, bias=wanted.bias)
    return Ranges(w_max, factors, tile_factors(wanted.weight, w_max, hardware))


class Targets(NamedTuple):
    """What a layer is to be on its tiles.

    Attributes:
        w: Weights times the factors of their rows, (outputs, inputs).
        w_max: The |w| that fills the device's range.
        siemens_per_weight: Conductance of a weight of one [S].
        factors: Factors of the rows, (outputs,).
        of_tiles: Factors of the tiles, (rows of tiles, columns of tiles).
        matched: Parameters of a neural sampling layer under the chip's noise, else None.
        bias: Biases in the units of w, (outputs,), or None.
    """

    w: Floats
    w_max: float
    siemens_per_weight: float
    factors: Floats
    of_tiles: Floats
    matched: MatchedNeurons | None
    bias: Floats | None


class Programming:
    """A planned layer on its way to the tiles: first its targets, then the programmed layer.

    Args:
        planned: The layer of the plan.
        hardware: Description of its tiles.
        scale: Factor α of weights and biases.
        ranges: Weights that fill the device's range; None (default) finds them by the rules of the
            hardware.
        has_wires: Whether the tiles have the wires of the hardware; default True. Without, reads
            see the cells behind ideal lines, and all else stays the same.
    """

    def __init__(
        self,
        planned: PlannedLayer,
        hardware: Hardware,
        scale: float,
        *,
        ranges: Ranges | None = None,
        has_wires: bool = True,
    ):
        self.planned = planned
        self.wanted = planned.wanted
        self.name = planned.name
        self.hardware = hardware
        self.scale = scale
        self.ranges = ranges
        self.has_wires = has_wires

    def targets(self) -> Targets:
        """Return scales, weights and matched noise; nothing is drawn.

        Raises:
            ValueError: Naming the layer, if its weights or the hardware do not allow it.
        """
        _check_current_law(self.hardware, self.name)
        wanted = self.wanted
        w_max, factors, of_tiles = self.ranges or ranges_of(wanted, self.hardware)
        k = self.hardware.mapping.siemens_per_weight(w_max, self.hardware.device)
        alike = bool((factors == 1).all())
        w = wanted.weight if alike else wanted.weight * factors[:, None]
        parameters = self._matched(wanted, w, k)
        bias = wanted.bias if parameters is None else parameters.b
        scaled = None if bias is None else self.scale * bias * factors
        return Targets(w, w_max, k, factors, of_tiles, parameters, scaled)

    def layer(self, seed: np.random.SeedSequence, targets: Targets | None = None) -> TileLayer:
        """Return the programmed layer.

        Args:
            seed: Seed of programming errors, stuck cells, drift, and offsets of comparators.
            targets: What `targets` returned; None (default) computes it.
        """
        targets = self.targets() if targets is None else targets
        w, w_max, factors, parameters = targets.w, targets.w_max, targets.factors, targets.matched
        cells = self.hardware.ungated() if parameters is None else self.hardware
        cells = cells if self.has_wires else replace(cells, wires=None, compensate_wires=False)
        target = w if self.scale == 1 else self.scale * w
        largest: Floats | float = w_max
        if self.hardware.weight_scale == "tile":
            largest = w_max / of_each_weight(targets.of_tiles, w.shape, self.hardware)
        # The largest weight fills the range exactly, so that a pass over all weights is saved.
        fits = (
            self.ranges is None
            and self.scale <= 1
            and self.hardware.weight_range == "max"
            and self.hardware.weight_scale == "layer"
        )
        clipped = target if fits else np.clip(target, -largest, largest)
        neurons = NeuronArray.program(
            clipped,
            cells,
            siemens_per_weight=targets.siemens_per_weight,
            a=None if parameters is None else parameters.a,
            b=targets.bias,
            tile_factors=targets.of_tiles,
            converted=not _is_compared(self.planned),
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
            patches=self.wanted.patches,
        )
        layer.position = self.planned.position
        layer.path = self.planned.path
        layer.gives_states = self.planned.gives_states
        layer.locations = self.planned.locations
        layer.reads_per_pass = self.planned.reads_per_pass
        share = 0.0 if fits else float((np.abs(target) > largest * (1 + _ROUNDING)).mean())
        scale = self.scale

        def report() -> dict[str, object]:
            trained = layer.wanted / scale
            return row_of(layer, w=trained, w_max=w_max, clipped=share, matched=parameters)

        layer.set_report(report)
        return layer

    def _matched(self, wanted: OnTiles, w: Floats, k: float) -> MatchedNeurons | None:
        """Return the parameters of a neural sampling layer under the chip's noise, else None."""
        if not isinstance(wanted.neurons, SampledNeurons):
            return None
        # The cells hold clipped weights, and the noise of reads is that of these.
        largest = self.hardware.mapping.signal_range(self.hardware.device) / k
        fits = self.ranges is None and self.hardware.weight_range == "max"
        held = w if fits else np.clip(w, -largest, largest)
        return matched(wanted.neurons, held, wanted.bias, self.hardware, k, self.name)

    def _readout(
        self, neurons: NeuronArray, factors: Floats, seed: np.random.SeedSequence
    ) -> Readout:
        hardware = neurons.hardware
        offsets = hardware.comparator.draw_offsets(
            neurons.outputs, rng=stream(seed, Stream.COMPARATOR_OFFSETS)
        )
        comparators = Comparators(hardware.comparator, offsets, neurons)
        if isinstance(self.wanted.neurons, LogisticNeurons):
            return LogisticThreshold(comparators, factors)
        if _is_compared(self.planned):
            return comparators
        return Converter(neurons.converters, factors)
