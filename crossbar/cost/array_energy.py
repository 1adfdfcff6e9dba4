"""Energy that the drivers deliver to the arrays of a layer: that of cells, gates and wires."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from crossbar.arrays.layer_arrays import LayerArrays, Part
from crossbar.arrays.line_resistance import (
    branch_conductances,
    mean_factor,
    of_branches,
    physical_arrays,
)
from crossbar.arrays.neurons import NeuronArray
from crossbar.arrays.summed import terms_of
from crossbar.arrays.tile import ProgrammedTile
from crossbar.cost.driven_inputs import DrivenInputs, volts_per_input
from crossbar.reads.pair_moments import gate_moments
from crossbar.wires.solver import driver_conductance
from devices.validation import Floats


class PlacedTile(NamedTuple):
    """A tile of a layer.

    Attributes:
        part: Which array of the layer it belongs to.
        tile: The tile.
        first: Its first word line among those of the array.
        last: The word line after its last.
    """

    part: Part
    tile: ProgrammedTile
    first: int
    last: int


def placed_tiles(arrays: LayerArrays) -> Iterator[PlacedTile]:
    """Yield all tiles of a layer with their word lines."""
    for part, matrix, _ in arrays.parts():
        for term in terms_of(matrix):
            edges = term.first + term.array.row_edges
            for row, first, last in zip(term.array.tiles, edges[:-1], edges[1:], strict=True):
                for tile in row:
                    yield PlacedTile(part, tile, int(first), int(last))


def array_energy(neurons: NeuronArray, inputs: DrivenInputs) -> float:
    """Return the energy [J] that the drivers deliver in one read of a layer.

    Word line j at V x_j delivers V x_j times its current. Without wires the mean over reads is
    E = Σ_j x_j² V² t Σ_i E[ξ c_ij] G_ij, with ξ the gate, c the read noise, and G the conductance
    in series with the conducting gate: what a series element dissipates is included. With wires it
    is E = V² t Σ_jk x_j x_k Y_jk, with Y of `driver_conductance` for cells at their mean
    conductance, as reads take it: what cells and wires dissipate.

    Every bit plane is a read, with x_j of −1, 0 or +1. Bias lines are read once, at x = 1. A gate
    that all cells of a word line share sits at the driver: a line whose gate is open takes no
    current.

    Args:
        neurons: The layer.
        inputs: What drives its word lines.
    """
    siemens = 0.0
    for part, tile, first, last in placed_tiles(neurons):
        if part is Part.BIAS:
            lines = last - first
            siemens += _delivered(tile, np.ones(lines), np.ones((lines, lines)))
        else:
            siemens += neurons.drivers.planes * _delivered(tile, *inputs.of_lines(first, last))
    return siemens * volts_per_input(neurons) ** 2 * neurons.hardware.read_period


def _delivered(tile: ProgrammedTile, mean_square: Floats, products: Floats | None) -> float:
    """Return the mean of Σ_jk x_j x_k Y_jk [S] of one tile, all its physical arrays together.

    Args:
        tile: The tile.
        mean_square: Mean of x_j², (lines,).
        products: Mean of x_j x_k, (lines, lines); used with wires only.
    """
    hardware = tile.hardware
    gate = gate_moments(hardware)[0] if hardware.gates_word_lines else 1.0
    total = 0.0
    for g in physical_arrays(tile.g_pos, tile.g_neg, hardware):
        mean = mean_factor(g, hardware) * g
        if hardware.wires is None:
            total += gate * float(mean_square @ mean.sum(axis=1))
            continue
        assert products is not None
        branches = mean_factor(g, hardware) * branch_conductances(g, hardware.wires)
        y = driver_conductance(of_branches(hardware.wires, g.shape), branches)
        # Lines with different gates conduct together with the square of the mean.
        shared = gate**2 * np.sum(y * products)
        total += float(shared + (gate - gate**2) * np.diagonal(y) @ mean_square)
    return total
