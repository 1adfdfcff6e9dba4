"""Reference reads: the total currents of a layer's bit lines, with every word line driven.

Positive and negative cells are read apart, so that their currents do not cancel. The ratio of two
such reads tells by which factor the conductances have changed in between.
"""

import numpy as np

from crossbar.arrays.layer_arrays import LayerArrays
from crossbar.arrays.summed import terms_of
from crossbar.arrays.tiled import Stream, TiledArray
from crossbar.reads.span import Span
from devices.seeding import child
from devices.validation import Floats


def total_currents(
    layer: LayerArrays, reads: int, seed: np.random.SeedSequence, *, as_programmed: bool = False
) -> Floats:
    """Return I_i = V Σ_j (ξ⁺_ij G⁺_ij + ξ⁻_ij G⁻_ij) of each output [A], (reads, outputs).

    Every word line, those of biases included, is driven with the read voltage V. Each read draws
    the noise of every cell, and of its gate if the cell has one, anew. The current of each array
    counts as much as in the sum of its output: by the significance of a slice or tile, and by the
    root mean square of a_i for the deterministic path. A reference column counts for each output
    that it serves. The current is measured without error beside the noise of the cells.

    Args:
        layer: The arrays of a layer.
        reads: Number of reads.
        seed: Seed of what the reads draw.
        as_programmed: Whether the cells are read as they were just after programming. These reads
            leave the states of noises with memory as they are; others advance them, as every read.
    """
    total: Floats = np.zeros((reads, layer.outputs))
    for part, matrix, mean_square in layer.parts():
        for number, term in enumerate(terms_of(matrix)):
            array = _as_programmed(term.array) if as_programmed else term.array
            weight = np.sqrt(mean_square) * term.significance
            drawn = array.reader.sampled(Span(0, reads), child(seed, part, number))
            for at, g_pos, g_neg in drawn:
                total[at] += weight * (g_pos.sum(axis=1) + g_neg.sum(axis=1))
    return total * layer.hardware.read_voltage


def _as_programmed(array: TiledArray) -> TiledArray:
    """Return the array as it was just after programming, its noise in the first state.

    It has the same cells at age 0 and gain 1; its reads do not change the array.
    """
    made = TiledArray(
        [[tile.as_programmed() for tile in row] for row in array.tiles],
        state_seed=array._state_seed,
        waiting_seed=child(array._state_seed, Stream.WAITING),
    )
    made.drivers = array.drivers
    return made
