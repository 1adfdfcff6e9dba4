"""The physical tiles of a layer one by one: places, conductances, and currents of a read.

An ordinary read draws the sums of outputs, of all tiles together where that is the same law. Here
every cell is drawn, so that each tile has a current of its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from crossbar.arrays.drivers import add_planes
from crossbar.arrays.layer_arrays import LayerArrays, Part, a_of_reads
from crossbar.arrays.neurons import NeuronArray
from crossbar.arrays.programmed import Matrix
from crossbar.arrays.summed import Term, terms_of
from crossbar.arrays.tiled import TiledArray
from crossbar.reads.conductances import per_output
from crossbar.reads.inputs import Inputs
from crossbar.reads.nonlinear import needs_rows, shaped
from crossbar.reads.span import Span
from devices.seeding import RNG, child, seed_sequence
from devices.validation import Floats


@dataclass(frozen=True, eq=False)
class PhysicalTile:
    """One physical array of a layer: where it stands, and its cells as they are now.

    Attributes:
        part: Which array of the layer it belongs to: "main", "deterministic_path" or "bias".
        bit_slice: Number of the slice of the weights that it holds, from 0; 0 of weights that are
            not sliced.
        significance: Factor of its current in the sum of its array: that of its slice, divided by
            the factor of its weights if the tile has a weight scale of its own; else 1.
        row: Row of tiles of its array, from 0.
        column: Column of tiles of its array, from 0.
        word_lines: Inputs of the layer that its word lines carry; of the part "bias" the numbers of
            the extra lines.
        bit_lines: Outputs of the layer that its bit lines carry.
        g_pos: Conductances of the positive cells [S], (word lines, bit lines); aged, scaled and in
            series with a conducting gate.
        g_neg: The same of the negative cells; a reference column is repeated for each output.
        effective_pos: Effective conductances of the positive cells behind the wires [S], (word
            lines, bit lines).
        effective_neg: The same of the negative cells.
    """

    part: str
    bit_slice: int
    significance: float
    row: int
    column: int
    word_lines: slice
    bit_lines: slice
    g_pos: Floats
    g_neg: Floats
    effective_pos: Floats
    effective_neg: Floats


@dataclass(frozen=True, eq=False)
class SampledTile:
    """The cells of a tile as one read sees them.

    Attributes:
        tile: The tile.
        g_pos: Effective conductances of the positive cells [S], times the factors that this read
            drew for gates and cells, (word lines, bit lines).
        g_neg: The same of the negative cells; a reference column is repeated for each output.
    """

    tile: PhysicalTile
    g_pos: Floats
    g_neg: Floats


@dataclass(frozen=True, eq=False)
class TileCurrents:
    """The bit-line currents of a tile in some reads.

    Attributes:
        tile: The tile.
        i_pos: Currents of the bit lines of positive cells [A], (reads, bit lines): one read for
            each row of inputs, or with a bit-serial DAC one for each of its bit planes, side by
            side.
        i_neg: The same of the negative cells.
        in_sum: What the tile adds to the sums of its outputs [A], (rows of inputs, bit lines): the
            difference of both currents, times the significance of slice and plane, and times a_i of
            the deterministic path.
    """

    tile: PhysicalTile
    i_pos: Floats
    i_neg: Floats
    in_sum: Floats


@dataclass(frozen=True, eq=False)
class _Unit:
    """An array that is read as one, with its tiles and its random streams of a run."""

    part: Part
    array: TiledArray
    tiles: list[PhysicalTile]
    seed: np.random.SeedSequence
    first: int


def physical_tiles(arrays: LayerArrays) -> list[PhysicalTile]:
    """Return the tiles of a layer as they are now, part after part and row after row."""
    return [tile for unit in _units(arrays, np.random.SeedSequence(0)) for tile in unit.tiles]


def sampled_tiles(neurons: NeuronArray, *, rng: RNG) -> list[SampledTile]:
    """Return what one read of a layer sees of every tile.

    Gates and read noise are drawn, and noises with memory go on, as with every read. Mean and
    variance of x · (G⁺ − G⁻) over reads are the layer's `moments`.

    Args:
        neurons: The layer.
        rng: Seed, Generator or None; same `rng`, same read.
    """
    found = []
    for unit in _units(neurons, seed_sequence(rng)):
        for _, g_pos, g_neg in unit.array.reader.sampled(Span(0, 1), unit.seed):
            for tile in unit.tiles:
                at = _lines_of(tile, unit)
                found.append(SampledTile(tile, g_pos[0, *at], g_neg[0, *at]))
    return found


def tile_currents(neurons: NeuronArray, x: ArrayLike, *, rng: RNG) -> list[TileCurrents]:
    """Return the currents of every tile of a layer in one read of each row of inputs.

    Word lines are driven as the layer drives them: by its DAC, at the read voltage times the input.
    Σ_tiles `in_sum` is the layer's sum before converters and comparators, in A, without exact
    biases: it has the law of `NeuronArray.read`, and equals it for the same `rng` where reads are
    free of noise or drawn cell by cell. Noises with memory go on, as with every read.

    Args:
        neurons: The layer.
        x: Inputs, (rows, inputs). If `neurons.a` has a row for every location, the rows go through
            the locations in turn.
        rng: Seed, Generator or None; same `rng`, same currents.

    Raises:
        ValueError: x holds NaN or has a wrong shape, or the DAC has no range yet.
    """
    rows = Inputs.checked("x", x, neurons.inputs)
    reads = Span(0, len(rows))
    driven, steps = neurons.drivers.drive(rows, reads)
    significances = neurons.drivers.significances()
    volts_of_one = neurons.drivers.unit_voltage
    volts = _acting(neurons, driven) * volts_of_one
    found = []
    for unit in _units(neurons, seed_sequence(rng)):
        is_bias = unit.part is Part.BIAS
        if is_bias:  # bias lines are read once for each row, whatever the bit planes
            on_lines = np.full((len(rows), unit.array.inputs), volts_of_one)
        else:
            on_lines = volts[:, unit.first : unit.first + unit.array.inputs]
        planes = np.ones(1) if is_bias else significances
        currents = _currents(unit, on_lines, Span(0, len(rows)) if is_bias else steps.each())
        factor = a_of_reads(neurons.a, reads) if unit.part is Part.DETERMINISTIC_PATH else None
        for tile, (i_pos, i_neg) in zip(unit.tiles, currents, strict=True):
            in_sum = tile.significance * add_planes(i_pos - i_neg, planes)
            if factor is not None:
                in_sum = factor[..., tile.bit_lines] * in_sum
            found.append(TileCurrents(tile, i_pos, i_neg, in_sum))
    return found


def _acting(neurons: NeuronArray, driven: Inputs) -> Floats:
    """Return the inputs that act on cells as at the read voltage, see `nonlinear.shaped`.

    Raises:
        ValueError: The conductances of cells differ from row to row.
    """
    cells = neurons.main.arrays()[0].reader.cells
    if needs_rows(cells, driven):
        raise ValueError(
            "tile_currents gives currents of cells at the read voltage, and the current-voltage "
            f"law {cells.hardware.device.iv!r} gives them another conductance at these inputs; "
            "give inputs of -1, 0 and +1, or read the layer itself"
        )
    return shaped(cells, driven).floats


def _currents(unit: _Unit, volts: Floats, span: Span) -> list[tuple[Floats, Floats]]:
    """Return positive and negative currents [A] of every tile, (reads, bit lines) each.

    Args:
        unit: The array.
        volts: Voltages of its word lines [V], (reads, word lines).
        span: The reads.
    """
    out = [
        (np.empty((span.reads, width)), np.empty((span.reads, width)))
        for width in (tile.g_pos.shape[1] for tile in unit.tiles)
    ]
    for at, *sides in unit.array.reader.sampled(span, unit.seed):
        for tile, currents in zip(unit.tiles, out, strict=True):
            lines, columns = _lines_of(tile, unit)
            for current, g in zip(currents, sides, strict=True):
                current[at] = np.matmul(volts[at, None, lines], g[:, lines, columns])[:, 0]
    return out


def _lines_of(tile: PhysicalTile, unit: _Unit) -> tuple[slice, slice]:
    """Return the word lines and bit lines of a tile within its array."""
    lines = tile.word_lines
    return slice(lines.start - unit.first, lines.stop - unit.first), tile.bit_lines


def _units(arrays: LayerArrays, seed: np.random.SeedSequence) -> Iterator[_Unit]:
    """Yield the arrays of a layer that are read as one, with the streams of `NeuronArray.read`."""
    for part, matrix, _ in arrays.parts():
        own = child(seed, part)
        if isinstance(matrix, TiledArray):
            tiles = _tiles_of(part, terms_of(matrix)[0], matrix, 0)
            yield _Unit(part, matrix, tiles, own, 0)
            continue
        slices: dict[int, int] = {}
        for index, term in enumerate(matrix.terms):
            number = slices.get(term.first, 0)
            slices[term.first] = number + 1
            tiles = _tiles_of(part, term, matrix, number)
            yield _Unit(part, term.array, tiles, child(own, index), term.first)


def _tiles_of(part: Part, term: Term, matrix: Matrix, bit_slice: int) -> list[PhysicalTile]:
    """Return the tiles of one array of a matrix."""
    edges = matrix.row_edges.tolist()
    found = []
    lines = term.array.row_edges
    outputs = term.array.column_edges
    significance = np.broadcast_to(term.significance, term.array.outputs)
    for i, row in enumerate(term.array.tiles):
        start, stop = term.first + int(lines[i]), term.first + int(lines[i + 1])
        for j, tile in enumerate(row):
            c = tile.conductances
            found.append(
                PhysicalTile(
                    part=part.name.lower(),
                    bit_slice=bit_slice,
                    significance=float(significance[outputs[j]]),
                    row=edges.index(start),
                    column=j,
                    word_lines=slice(start, stop),
                    bit_lines=slice(int(outputs[j]), int(outputs[j + 1])),
                    g_pos=c.g_pos,
                    g_neg=per_output(c.g_neg, c.reference_of),
                    effective_pos=c.effective_pos,
                    effective_neg=per_output(c.effective_neg, c.reference_of),
                )
            )
    return found
