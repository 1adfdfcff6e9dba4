"""A layer of neurons on tiles: a gated array, a deterministic path with factors a_i, and a bias."""

import math
from enum import IntEnum
from typing import NamedTuple

import numpy as np

from crossbar.arrays.tiled import TiledArray
from crossbar.hardware import Hardware
from crossbar.reads.inputs import Inputs
from crossbar.reads.span import Span
from devices.seeding import RNG, child, seed_sequence
from devices.validation import Floats, array, integer

#: Bias word lines that a layer may have, or as many as it has inputs if that is more. A bias that
#: needs more outweighs all inputs of size one together.
MOST_BIAS_LINES = 1024


class Part(IntEnum):
    """The arrays of a layer.

    A part's number names its random streams, for programming and for reads.
    """

    MAIN = 0
    DETERMINISTIC_PATH = 1
    BIAS = 2


class WeightedPart(NamedTuple):
    """An array of a layer, and how much its variance counts.

    Attributes:
        part: Which array of the layer it is.
        array: The array.
        mean_square: Mean square, over locations, of the factor on its current: a_i² of the
            deterministic path, (outputs,); 1 of the others.
    """

    part: Part
    array: TiledArray
    mean_square: Floats | float


class NeuronArray:
    """Pre-activations u_i = Σ_j (ξ_ij + a_i) w_ij x_j + b_i on tiles.

    The deterministic path is a second array without gates that holds the same weights; its current
    is multiplied by a_i. It is built only if some a_i differs from 0. Biases are weights of extra,
    ungated word lines with an input of one, as many lines as the largest |b_i| needs (at most 1024,
    or the number of inputs), or exact currents at the comparators.

    Attributes:
        main: The array with gates.
        deterministic_path: The array without gates; None if every a_i is 0.
        bias_lines: The bias word lines; None if there are none.
        a: Factors of the deterministic path, (outputs,), or (locations, outputs) where a layer that
            is read at several locations of an image has its own for each.
        threshold: Biases that comparators add exactly, (outputs,), in weight units.
        hardware: Description of the chip.
        inputs: Number of inputs.
        outputs: Number of neurons.
        siemens_per_weight: Conductance [S] of a weight of one.
    """

    def __init__(
        self,
        main: TiledArray,
        deterministic_path: TiledArray | None,
        bias_lines: TiledArray | None,
        a: Floats,
        threshold: Floats,
    ):
        self.main = main
        self.deterministic_path = deterministic_path
        self.bias_lines = bias_lines
        self.a = a
        self.threshold = threshold
        self.hardware = main.hardware
        self.inputs = main.inputs
        self.outputs = main.outputs
        self.siemens_per_weight = main.siemens_per_weight

    @classmethod
    def program(
        cls,
        w: Floats,
        hardware: Hardware,
        *,
        siemens_per_weight: float,
        a: Floats | None = None,
        b: Floats | None = None,
        rng: RNG,
    ) -> "NeuronArray":
        """Return a programmed layer; same `rng`, same tiles.

        Each of its arrays is programmed independently.

        Args:
            w: Weights, (outputs, inputs).
            hardware: Description of the chip.
            siemens_per_weight: Conductance [S] of a weight of one.
            a: Factors of the deterministic path, (outputs,) or (locations, outputs); None for 0.
            b: Biases in weight units, (outputs,); None for 0.
            rng: Seed, Generator or None.

        Raises:
            ValueError: An input holds NaN or has a wrong shape, weights exceed the mapped range,
                some a_i ≠ 0 and the hardware has no deterministic path, or a bias needs too many
                word lines.
        """
        weights = array("w", w, ndim=2)
        n = len(weights)
        a = np.zeros(n) if a is None else array("a", a, shape=(*(None,) * (np.ndim(a) - 1), n))
        biases = np.zeros(n) if b is None else array("b", b, shape=(n,))
        if hardware.deterministic_path == "none" and a.any():
            raise ValueError(
                f'deterministic_path = "none" needs every a_i = 0, but they range from '
                f'{a.min():.4g} to {a.max():.4g}; train with beta="native", or choose '
                'deterministic_path = "programmed" or "ideal"'
            )
        return cls(
            *_programmed(weights, hardware, siemens_per_weight, a, biases, seed_sequence(rng))
        )

    def parts(self) -> list[WeightedPart]:
        """Return the arrays of the layer that exist."""
        mean_square_a = np.atleast_2d(self.a**2).mean(axis=0)
        everything = (
            (Part.MAIN, self.main, 1.0),
            (Part.DETERMINISTIC_PATH, self.deterministic_path, mean_square_a),
            (Part.BIAS, self.bias_lines, 1.0),
        )
        return [WeightedPart(p, tiles, w) for p, tiles, w in everything if tiles is not None]

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
        """Return u (reads, outputs) of some reads of a longer run.

        What a read draws depends on the seed and on its number alone.

        Args:
            x: Rows of inputs, from the first that the span needs.
            span: The reads.
            seed: Seed of the run.
            sampling: "exact" or "moments", see `TiledArray.read`.
        """
        u = self.main.read_span(x, span, child(seed, Part.MAIN), sampling=sampling)
        if self.deterministic_path is not None:
            of_path = child(seed, Part.DETERMINISTIC_PATH)
            path = self.deterministic_path.read_span(x, span, of_path, sampling=sampling)
            u += np.multiply(path, _a_of_reads(self.a, span), out=path)
        if self.bias_lines is not None:
            u += _bias(self.bias_lines, span, child(seed, Part.BIAS), sampling)
        if self.threshold.any():
            u += self.threshold
        return u

    def moments(self, x: Floats) -> tuple[Floats, Floats]:
        """Return mean and variance of u, each (reads, outputs), in weight units.

        Args:
            x: Inputs, (reads, inputs). If `a` has a row for every location, the reads go through
                the locations in turn.
        """
        mean, variance = self.main.moments(x)
        if self.deterministic_path is not None:
            m, v = self.deterministic_path.moments(x)
            a = _a_of_reads(self.a, Span(0, len(mean)))
            mean, variance = mean + a * m, variance + a**2 * v
        if self.bias_lines is not None:
            m, v = self.bias_lines.moments(np.ones((1, self.bias_lines.inputs)))
            mean, variance = mean + m, variance + v
        return mean + self.threshold, variance

    def variance_of_signs(self) -> Floats:
        """Return the variance of u for inputs ±1, (outputs,), in weight units squared.

        That of `moments`, of the first location if `a` has a row for every location.
        """
        variance = self.main.reader.moments.variance_of_signs
        if self.deterministic_path is not None:
            a = np.atleast_2d(self.a)[0]
            variance = variance + a**2 * self.deterministic_path.reader.moments.variance_of_signs
        if self.bias_lines is not None:
            variance = variance + self.bias_lines.reader.moments.variance_of_signs
        return variance

    def age(self, seconds: float) -> None:
        """Let `seconds` [s] pass in every tile; ages add up."""
        for part in self.parts():
            part.array.age(seconds)

    def scale_conductances(self, factor: float) -> None:
        """Multiply every conductance of all arrays by one factor: a common-mode gain."""
        for part in self.parts():
            part.array.scale_conductances(factor)


def _programmed(
    w: Floats,
    hardware: Hardware,
    siemens_per_weight: float,
    a: Floats,
    b: Floats,
    seed: np.random.SeedSequence,
) -> tuple[TiledArray, TiledArray | None, TiledArray | None, Floats, Floats]:
    """Return the parts of a layer: main array, deterministic path, bias lines, a, and threshold."""

    def programmed(part: Part, values: Floats, of: Hardware) -> TiledArray:
        k = siemens_per_weight
        return TiledArray.program(values, of, siemens_per_weight=k, rng=child(seed, part))

    main = programmed(Part.MAIN, w, hardware)
    path = bias_lines = None
    if a.any():
        real = hardware.deterministic_path == "programmed"
        cells = hardware.ungated() if real else hardware.exact()
        path = programmed(Part.DETERMINISTIC_PATH, w, cells)
    if hardware.bias == "word_line" and b.any():
        w_max = hardware.mapping.signal_range(hardware.device) / siemens_per_weight
        lines = _number_of_lines(b, w_max, inputs=w.shape[1])
        on_each = np.repeat(b[:, None] / lines, lines, axis=1)
        bias_lines = programmed(Part.BIAS, on_each, hardware.ungated())
    threshold = b if hardware.bias == "reference" else np.zeros(len(w))
    return main, path, bias_lines, a, threshold


def _number_of_lines(b: Floats, w_max: float, *, inputs: int) -> int:
    """Return the number of word lines that the largest bias needs, at |w| <= w_max on each.

    Raises:
        ValueError: It is larger than `MOST_BIAS_LINES` and than the number of inputs.
    """
    row = int(np.abs(b).argmax())
    # Rounding must not add a line to biases that fill their lines exactly.
    needed = abs(float(b[row])) / w_max * (1 - 1e-12)
    most = max(MOST_BIAS_LINES, inputs)
    if needed > most:
        raise ValueError(
            f"the bias of row {row}, {b[row]:.6g}, needs {needed:.4g} word lines of weights up to "
            f"{w_max:.6g}, and at most {most} are built: it decides the output for all inputs of "
            'size one; choose bias = "reference", which adds biases at the comparators, or train '
            "the network with a smaller bias"
        )
    return math.ceil(needed)


def _bias(lines: TiledArray, span: Span, seed: np.random.SeedSequence, sampling: str) -> Floats:
    """Return the biases of every read, in weight units; one row for all reads if they are free of
    noise.
    """
    ones = Inputs(np.ones((1, lines.inputs), dtype=bool))
    one_input = Span(span.first, span.last, repeats=max(span.last, 1))
    reads = Span(0, 1) if lines.reader.moments.is_noiseless else one_input
    return lines.read_span(ones, reads, seed, sampling=sampling)


def _a_of_reads(a: Floats, span: Span) -> Floats:
    """Return a for every read of the span: one row for all, or the row of its location.

    Raises:
        ValueError: The span has other locations than `a` has rows.
    """
    if a.ndim == 1:
        return a
    if span.locations not in (1, len(a)):
        raise ValueError(
            f"the array has an a_i for each of {len(a)} locations but is read at "
            f"{span.locations}; give inputs of the size that the network was made for"
        )
    return a[np.arange(span.first, span.last) % len(a)]
