"""A layer of neurons on tiles: a gated array, a deterministic path with factors a_i, and a bias."""

from collections.abc import Callable
from enum import IntEnum

import numpy as np

from crossbar.arrays.conversion import Array, Converters, layer_converters
from crossbar.arrays.drivers import Drivers, add_planes
from crossbar.arrays.layer_arrays import LayerArrays, Part, a_of_reads, programmed_arrays
from crossbar.arrays.merged import MergedSums
from crossbar.arrays.part_reads import PartReads
from crossbar.arrays.whole_layer import WholeLayer
from crossbar.hardware import Hardware
from crossbar.reads.digits import DRAWN_DIGITS, NOISY_DIGITS, SUMMED_DIGITS
from crossbar.reads.inputs import Inputs
from crossbar.reads.packed import add_in_threads
from crossbar.reads.span import Span
from devices import NoNoise
from devices.arguments import text
from devices.seeding import RNG, child, seed_sequence, stream
from devices.validation import Floats, array, boolean, instance, integer, real_array


class Stream(IntEnum):
    """Further random streams of a layer; 0 to 2 are those of its parts."""

    CONVERTERS = 3


class NeuronArray(LayerArrays):
    """Pre-activations u_i = Σ_j (ξ_ij + a_i) w_ij x_j + b_i on tiles.

    The deterministic path is a second array without gates that holds the same weights; its current
    is multiplied by a_i. It is built only if some a_i differs from 0. Biases are weights of extra,
    ungated word lines with an input of one, as many lines as the largest |b_i| needs (at most 1024,
    or the number of inputs), or exact currents at the comparators.

    Inputs pass the hardware's DAC. The sums of a layer that is `converted` pass its ADC: the sum of
    each output, or what is read of it (the current of a tile, of a bit plane), which is then added
    digitally together with exact biases. Bias lines are read once, by converters of their own where
    parts are converted.

    Attributes:
        drivers: What drives the word lines.
        converters: What converts the sums; None if they leave as exact currents.
        whole: What reads the layer in one pass, where it can.
    """

    def __init__(self, arrays: LayerArrays, drivers: Drivers, converters: Converters | None):
        super().__init__(
            arrays.main, arrays.deterministic_path, arrays.bias_lines, arrays.a, arrays.threshold
        )
        self.drivers = drivers
        self.converters = converters
        self.whole = WholeLayer(self)
        for each in (one for part in self.parts() for one in part.array.arrays()):
            each.drivers = drivers
        _set_digits_of_path(self)

    @classmethod
    def program(
        cls,
        w: Floats,
        hardware: Hardware,
        *,
        siemens_per_weight: float,
        a: Floats | None = None,
        b: Floats | None = None,
        tile_factors: Floats | None = None,
        converted: bool = False,
        name: str = "the array",
        rng: RNG,
    ) -> "NeuronArray":
        """Return a layer whose arrays are programmed independently; same `rng`, same tiles.

        Args:
            w: Weights, (outputs, inputs).
            hardware: Description of the chip.
            siemens_per_weight: Conductance [S] of a weight of one.
            a: Factors of the deterministic path, (outputs,) or (locations, outputs); None for 0.
            b: Biases in weight units, (outputs,); None for 0.
            tile_factors: Factors of the weights of each tile, by which its currents are divided
                digitally, (rows of tiles, columns of tiles); see `crossbar.tile_factors`. None: 1.
            converted: Whether sums go to the hardware's ADC, if any; default False: to comparators.
            name: What messages call the layer.
            rng: Seed, Generator or None.

        Raises:
            ValueError: An input is NaN or has a wrong shape, weights exceed the range, some a_i ≠ 0
                without a path, a bias needs too many lines, or factors of tiles have no converters.
        """
        w = _checked_weights(w, hardware, converted, name)
        a, b = _checked_vectors(a, b, hardware, len(w))
        _check_tiles_are_read_apart(tile_factors, hardware, converted)
        seed = seed_sequence(rng)
        adc = hardware.adc if converted else None
        by_tile = adc is not None and adc.per == "tile"
        arrays = programmed_arrays(
            w, hardware, siemens_per_weight, a, b, seed, by_tile=by_tile, tile_factors=tile_factors
        )
        drivers = Drivers(hardware, name)
        if adc is None:
            return cls(arrays, drivers, None)
        offsets = stream(seed, Stream.CONVERTERS)
        return cls(arrays, drivers, layer_converters(arrays, drivers, adc, name, rng=offsets))

    @property
    def amperes_per_weight(self) -> float:
        """Bit-line current [A] of a weight of one driven by an input of one."""
        return self.siemens_per_weight * self.drivers.unit_voltage

    def read(
        self, x: Floats, *, rng: RNG, sampling: str = "exact", reads_per_input: int = 1
    ) -> Floats:
        """Return u in weight units before any comparator; arguments as of `TiledArray.read`."""
        rows = Inputs.checked("x", x, self.inputs)
        repeats = integer("reads_per_input", reads_per_input, at_least=1)
        span = Span(0, len(rows) * repeats, repeats)
        return self.read_span(rows, span, seed_sequence(rng), sampling=sampling)

    def read_span(
        self, x: Inputs, span: Span, seed: np.random.SeedSequence, *, sampling: str = "exact"
    ) -> Floats:
        """Return u (reads, outputs) of some reads of a run, converted if it has converters.

        Args:
            x: Rows of inputs, from the first that the span needs.
            span: The reads.
            seed: Seed of the run; with it the number of a read decides what the read draws.
            sampling: "exact" or "moments", see `TiledArray.read`.

        Raises:
            ValueError: x has a wrong width, or the DAC has no range yet.
        """
        self.drivers.count(x)
        driven, steps = self.drivers.drive(x, span)
        if (at_once := self.whole.sums(driven, steps, seed, sampling)) is not None:
            return self.convert_sums(at_once, span, seed)
        own = child(seed, Stream.CONVERTERS)
        reads = PartReads(self, self.converters, own, seed, sampling)
        u = _weighted_sums(self, reads, self.whole.merged, driven, span, steps)
        if self.bias_lines is not None:
            add_in_threads(u, reads.biases(self.bias_lines, span))
        if self.threshold.any():
            add_in_threads(u, self.threshold)
        return self.convert_sums(u, span, seed)

    def convert_sums(
        self,
        u: Array,
        span: Span,
        seed: np.random.SeedSequence,
        *,
        vector: Callable[[Floats], Array] = np.asarray,
    ) -> Array:
        """Return whole sums as the converters give them, (reads, outputs).

        They are u itself without converters, or if these have converted its parts already.

        Args:
            u: Sums, (reads, outputs), in weight units.
            span: The reads.
            seed: Seed of the run.
            vector: Brings an array over outputs to where u lives.
        """
        if self.converters is None or self.converters.of_parts:
            return u
        own = child(seed, Stream.CONVERTERS)
        return self.converters.of_reads(u, span, own, vector=vector)

    def moments(self, x: Floats) -> tuple[Floats, Floats]:
        """Return mean and variance of u before converters, (reads, outputs), in weight units.

        Args:
            x: Inputs, (reads, inputs), which pass the DAC; locations in turn if `a` has rows.
        """
        rows = Inputs.checked("x", x, self.inputs)
        driven, _ = self.drivers.drive(rows, Span(0, len(rows)))
        return self.line_moments(driven.floats, self.drivers.significances())


def _set_digits_of_path(layer: LayerArrays) -> None:
    """Give the deterministic path as many digits as the main sums, to which its own are added.

    Gates of word lines act on the inputs: behind them, the sums of quiet cells have no noise.
    """
    hardware = layer.main.hardware
    gated = not isinstance(hardware.gate, NoNoise) and not hardware.gates_word_lines
    ungated = SUMMED_DIGITS if hardware.has_quiet_cells else NOISY_DIGITS
    if layer.deterministic_path is not None:
        for array in layer.deterministic_path.arrays():
            array.mean_digits = DRAWN_DIGITS if gated else ungated


def _weighted_sums(
    layer: NeuronArray,
    reads: PartReads,
    merged: MergedSums,
    driven: Inputs,
    span: Span,
    steps: Span,
) -> Floats:
    """Return the sums of main array and deterministic path, (reads, outputs).

    Args:
        layer: The layer.
        reads: The reads of its arrays.
        merged: What draws both arrays at once, where it can.
        driven: What drives the word lines.
        span: The reads.
        steps: The reads of the arrays, bit plane by bit plane.
    """
    apart = reads.are_converted or layer.drivers.planes > 1
    both = None if apart else merged.of(layer, reads.sampling)
    at_once = np.zeros(len(driven), bool) if both is None else driven.is_ternary
    own = child(reads.seed, Part.MAIN)
    if both is not None and at_once.all():
        return both.read(driven, steps, own)
    planes = layer.drivers.significances()
    u = add_planes(reads.sums(Part.MAIN, layer.main, driven, steps), planes)
    if layer.deterministic_path is not None:
        read = reads.sums(Part.DETERMINISTIC_PATH, layer.deterministic_path, driven, steps)
        path = add_planes(read, planes)
        add_in_threads(u, path, a_of_reads(layer.a, span))
    if both is not None and at_once.any():  # a row is read as it would be in any batch
        these = at_once[steps.rows]
        u[these] = both.read(driven, steps, own)[these]
    return u


def _checked_weights(w: Floats, hardware: Hardware, converted: bool, name: str) -> Floats:
    """Return weights (outputs, inputs), or raise ValueError if they or an option are no such."""
    instance("hardware", hardware, Hardware)
    boolean("converted", converted)
    text("name", name)
    return array("w", w, ndim=2)


def _checked_vectors(
    a: Floats | None, b: Floats | None, hardware: Hardware, outputs: int
) -> tuple[Floats, Floats]:
    """Return the factors of the deterministic path and the biases, or raise ValueError."""
    a = np.zeros(outputs) if a is None else real_array("a", a)
    factors = array("a", a, shape=(*(None,) * (np.ndim(a) - 1), outputs))
    biases = np.zeros(outputs) if b is None else array("b", b, shape=(outputs,))
    if hardware.deterministic_path == "none" and factors.any():
        raise ValueError(
            f'deterministic_path = "none" needs every a_i = 0, but they range from '
            f'{factors.min():.4g} to {factors.max():.4g}; train with beta="native", or choose '
            'deterministic_path = "programmed" or "ideal"'
        )
    return factors, biases


def _check_tiles_are_read_apart(
    tile_factors: Floats | None, hardware: Hardware, converted: bool
) -> None:
    """Raise ValueError if tiles of different scales are added before they are converted."""
    if tile_factors is None or (real_array("tile_factors", tile_factors) == 1).all():
        return
    if not converted:
        raise ValueError(
            "tile_factors have no place in front of comparators, which see the added currents of "
            "all tiles; leave them out, or choose converted = True"
        )
    if hardware.adc is not None and hardware.adc.per != "tile":
        raise ValueError(
            f"tile_factors need the current of every tile, and {hardware.adc!r} converts their "
            'sum; choose Adc(per="tile"), or adc = None (an ideal read-out)'
        )
