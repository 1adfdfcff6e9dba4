"""The arrays of a layer: main array, deterministic path and bias lines; `neurons` reads them."""

import math
from enum import IntEnum
from typing import NamedTuple

import numpy as np

from crossbar.arrays.drivers import add_planes
from crossbar.arrays.programmed import Matrix, programmed
from crossbar.arrays.tiled import TiledArray
from crossbar.hardware import Hardware
from crossbar.reads.span import Span
from devices import Place
from devices.faults.base import Faults
from devices.seeding import RNG, child, seed_sequence
from devices.validation import Floats, instance

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
    array: Matrix
    mean_square: Floats | float


class LayerArrays:
    """The arrays of a layer, and what changes them; `NeuronArray` reads them.

    Attributes:
        main: The array with gates.
        deterministic_path: The array without gates; None if every a_i is 0.
        bias_lines: The bias word lines; None if there are none.
        a: Factors of the deterministic path, (outputs,), or (locations, outputs) where a layer that
            is read at several locations of an image has its own for each.
        threshold: Biases that are added exactly, (outputs,), in weight units.
        hardware: Description of the chip.
        inputs: Number of inputs.
        outputs: Number of neurons.
        siemens_per_weight: Conductance [S] of a weight of one.
    """

    def __init__(
        self,
        main: Matrix,
        deterministic_path: Matrix | None,
        bias_lines: Matrix | None,
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

    @property
    def matrices(self) -> list[Matrix]:
        """The arrays of the layer that exist, as `parts`."""
        every = (self.main, self.deterministic_path, self.bias_lines)
        return [matrix for matrix in every if matrix is not None]

    def parts(self) -> list[WeightedPart]:
        """Return the arrays of the layer that exist."""
        mean_square_a = np.atleast_2d(self.a**2).mean(axis=0)
        everything = (
            (Part.MAIN, self.main, 1.0),
            (Part.DETERMINISTIC_PATH, self.deterministic_path, mean_square_a),
            (Part.BIAS, self.bias_lines, 1.0),
        )
        return [WeightedPart(p, tiles, w) for p, tiles, w in everything if tiles is not None]

    def first_terms(self) -> dict[Part, int]:
        """Return the number, within the layer, of the first separate read of each array."""
        first = {}
        total = 0
        for part, matrix, _ in self.parts():
            first[part] = total
            total += len(matrix.arrays())
        return first

    @property
    def is_plain(self) -> bool:
        """Whether word lines see the inputs as they are, and each array is read as one."""
        plain = all(isinstance(matrix, TiledArray) for matrix in self.matrices)
        return plain and self.hardware.dac is None

    def line_moments(self, x: Floats, planes: Floats | None = None) -> tuple[Floats, Floats]:
        """Return mean and variance of u, each (reads, outputs), given what drives the word lines.

        Args:
            x: What drives the word lines, (reads · planes, inputs). If `a` has a row for every
                location, the reads go through the locations in turn.
            planes: What each bit plane counts, (planes,); None for one plane that counts 1.
        """
        significances = np.ones(1) if planes is None else planes

        def of(matrix: Matrix) -> tuple[Floats, Floats]:
            m, v = matrix.moments(x)
            return add_planes(m, significances), add_planes(v, significances**2)

        mean, variance = of(self.main)
        if self.deterministic_path is not None:
            m, v = of(self.deterministic_path)
            a = a_of_reads(self.a, Span(0, len(mean)))
            mean, variance = mean + a * m, variance + a**2 * v
        if self.bias_lines is not None:
            m, v = self.bias_lines.moments(np.ones((1, self.bias_lines.inputs)))
            mean, variance = mean + m, variance + v
        return mean + self.threshold, variance

    def variance_of_signs(self) -> Floats:
        """Return the variance of u for inputs ±1, (outputs,), in weight units squared.

        That of `line_moments`, of the first location if `a` has a row for every location.
        """
        variance = self.main.reader.moments.variance_of_signs
        if self.deterministic_path is not None:
            a = np.atleast_2d(self.a)[0]
            variance = variance + a**2 * self.deterministic_path.reader.moments.variance_of_signs
        if self.bias_lines is not None:
            variance = variance + self.bias_lines.reader.moments.variance_of_signs
        return variance

    def age(self, seconds: float) -> None:
        """Let `seconds` [s] pass in every tile; ages add up.

        The cells of an ideal deterministic path have no drift: they stay as they were programmed.
        """
        for part in self.parts():
            part.array.age(seconds)

    def fail(self, faults: Faults, *, rng: RNG) -> None:
        """Let cells of all arrays fail: they are stuck from now on.

        An ideal deterministic path has no faults: it stays as it is.

        Args:
            faults: Which cells fail.
            rng: Seed, Generator or None.
        """
        instance("faults", faults, Faults)
        seed = seed_sequence(rng)
        for part, matrix, _ in self.parts():
            if part is Part.DETERMINISTIC_PATH and self.hardware.deterministic_path == "ideal":
                continue
            for index, array in enumerate(matrix.arrays()):
                array.fail(faults, rng=child(seed, part, index))

    def scale_conductances(self, factor: float) -> None:
        """Multiply every conductance of all arrays by one factor: a common-mode gain."""
        for part in self.parts():
            part.array.scale_conductances(factor)


def programmed_arrays(
    w: Floats,
    hardware: Hardware,
    siemens_per_weight: float,
    a: Floats,
    b: Floats,
    seed: np.random.SeedSequence,
    *,
    by_tile: bool = False,
    tile_factors: Floats | None = None,
) -> LayerArrays:
    """Return the arrays of a layer, each programmed independently.

    Args:
        w: Weights, (outputs, inputs).
        hardware: Description of the chip.
        siemens_per_weight: Conductance [S] of a weight of one.
        a: Factors of the deterministic path, (outputs,) or (locations, outputs).
        b: Biases in weight units, (outputs,).
        seed: Seed of programming.
        by_tile: Whether rows of tiles are read separately.
        tile_factors: Factors of the tiles that hold w, see `programmed`; biases have none.

    Raises:
        ValueError: A bias needs too many word lines.
    """

    def array_of(part: Part, values: Floats, of: Hardware, factors: Floats | None = None) -> Matrix:
        return programmed(
            values,
            of,
            siemens_per_weight,
            child(seed, part),
            by_tile=by_tile,
            tile_factors=factors,
            place=Place(part.name.lower()),
        )

    main = array_of(Part.MAIN, w, hardware, tile_factors)
    path = bias_lines = None
    if a.any():
        real = hardware.deterministic_path == "programmed"
        cells = hardware.ungated() if real else hardware.exact()
        path = array_of(Part.DETERMINISTIC_PATH, w, cells, tile_factors)
    if hardware.bias == "word_line" and b.any():
        w_max = hardware.mapping.signal_range(hardware.device) / siemens_per_weight
        lines = bias_line_count(b, w_max, inputs=w.shape[1])
        on_each = np.repeat(b[:, None] / lines, lines, axis=1)
        bias_lines = array_of(Part.BIAS, on_each, hardware.ungated())
    threshold = b if hardware.bias == "reference" else np.zeros(len(w))
    return LayerArrays(main, path, bias_lines, a, threshold)


def bias_line_count(b: Floats, w_max: float, *, inputs: int) -> int:
    """Return the number of word lines that the largest bias needs, at |w| <= w_max on each.

    Args:
        b: Biases in weight units, (outputs,).
        w_max: Largest |w| that the device's range holds.
        inputs: Number of inputs of the layer.

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


def a_of_reads(a: Floats, span: Span) -> Floats:
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
