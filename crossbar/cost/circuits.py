"""How many circuits surround the arrays of a layer, and how often one read uses them."""

import math
from dataclasses import dataclass
from enum import Enum

import numpy as np

from crossbar.arrays.layer_arrays import Part
from crossbar.arrays.line_resistance import physical_arrays
from crossbar.arrays.neurons import NeuronArray
from crossbar.arrays.summed import terms_of
from crossbar.cost.array_energy import placed_tiles
from crossbar.cost.driven_inputs import DrivenInputs
from crossbar.hardware import Hardware
from devices import NoNoise


class ReadOut(Enum):
    """What stands behind the bit lines of each output."""

    COMPARATOR = "comparator"
    ADC = "ADC"


@dataclass(frozen=True)
class ArrayCircuits:
    """What the physical arrays of a layer consist of. A pair of cells needs two of them.

    Attributes:
        cells: Number of cells.
        word_lines: Number of word lines, each with a driver.
        bit_lines: Number of bit lines, each with an amplifier.
        amplified_reads: Bit lines times reads of their array in one read of the layer.
        charged_crossings: Crossings of word lines times the mean x² of their line, summed over the
            reads of the arrays: a line's capacitance is charged to the square of its voltage.
        switched_gates: The same for gates: those that switch, times the mean x² of their line.
    """

    cells: int
    word_lines: int
    bit_lines: int
    amplified_reads: int
    charged_crossings: float
    switched_gates: float


def array_circuits(neurons: NeuronArray, inputs: DrivenInputs) -> ArrayCircuits:
    """Return what the arrays of a layer consist of; see `ArrayCircuits`."""
    cells = word_lines = bit_lines = amplified = 0
    charged = switched = 0.0
    for part, tile, first, last in placed_tiles(neurons):
        is_bias = part is Part.BIAS
        reads = 1 if is_bias else neurons.drivers.planes
        squares = np.ones(last - first) if is_bias else inputs.of_lines(first, last)[0]
        on_lines = reads * float(squares.sum())
        for g in physical_arrays(tile.g_pos, tile.g_neg, tile.hardware):
            lines, columns = g.shape
            cells += g.size
            word_lines += lines
            bit_lines += columns
            amplified += reads * columns
            charged += columns * on_lines
        gates = _gates_per_line(tile.hardware, tile.g_pos.shape[1], tile.g_neg.shape[1])
        switched += gates * on_lines
    return ArrayCircuits(cells, word_lines, bit_lines, amplified, charged, switched)


def _gates_per_line(hardware: Hardware, positive: int, negative: int) -> int:
    """Return the gates on one word line of a tile, both its polarities together.

    Args:
        hardware: Description of the tile.
        positive: Its bit lines of positive cells.
        negative: Its bit lines of negative cells, or 1 of a reference column.
    """
    if isinstance(hardware.gate, NoNoise):
        return 0
    of_line = {"word_line": 1, "pair": positive, "cell": positive + negative}
    return of_line[hardware.gate_sharing]


def conversions(neurons: NeuronArray) -> int:
    """Return the conversions, or decisions, of each output in one read of a layer.

    Every part of a sum that has converters of its own costs one: a row of tiles, a bit plane, a
    slice of the weights. Comparators and ideal read-outs see the parts added.
    """
    if neurons.converters is None or not neurons.converters.of_parts:
        return 1
    return sum(
        len(matrix.arrays()) * (1 if part is Part.BIAS else neurons.drivers.planes)
        for part, matrix, _ in neurons.parts()
    )


def converter_sites(neurons: NeuronArray) -> int:
    """Return the ADCs of each output if none is shared; bit planes follow each other on one."""
    if neurons.converters is None or not neurons.converters.of_parts:
        return 1
    return sum(len(matrix.arrays()) for _, matrix, _ in neurons.parts())


@dataclass(frozen=True)
class DigitalWork:
    """Digital arithmetic behind the converters of one output in one read.

    Attributes:
        additions: Number of additions.
        width: Their width [bits]: the converter's resolution, and what the sum adds to it.
        multiplications: Multiplications by scales of tiles or rows, of the converter's width.
    """

    additions: int
    width: int
    multiplications: int


def digital_work(neurons: NeuronArray, bits: float, *, scaled_rows: bool) -> DigitalWork:
    """Return the digital arithmetic of one output.

    Parts of a sum are shifted to their significance (2^b of a bit plane, the significance of a
    slice) and added. A sum of parts of bits each has bits + ⌈log₂ Σ s/s_min⌉ bits. Exact biases
    (`bias="reference"`) are added to it digitally where parts are converted.

    Args:
        neurons: The layer; it has a converter, or an ideal read-out of `bits` bits.
        bits: Resolution of its converter.
        scaled_rows: Whether each output is divided by a scale of its row.
    """
    parts = conversions(neurons)
    multiplications = int(scaled_rows)
    if parts == 1:
        return DigitalWork(0, math.ceil(bits), multiplications)
    significances: list[float] = []
    for part, matrix, _ in neurons.parts():
        reads = 1 if part is Part.BIAS else neurons.drivers.planes
        for term in terms_of(matrix):
            has_scale = np.ndim(term.significance) > 0
            multiplications += reads if has_scale else 0
            of_term = 1.0 if has_scale else float(term.significance)
            significances += [of_term * 2.0**plane for plane in range(reads)]
    grown = math.log2(sum(significances) / min(significances))
    additions = parts - 1 + bool(neurons.threshold.any())
    return DigitalWork(additions, math.ceil(bits + grown), multiplications)
