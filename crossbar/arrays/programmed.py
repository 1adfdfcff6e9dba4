"""Which arrays hold a weight matrix: one on many tiles, or one for each row of tiles."""

import numpy as np

from crossbar.arrays.summed import SummedArray, Term
from crossbar.arrays.tiled import Stream, TiledArray, programmed_tiles
from crossbar.hardware import Hardware
from devices.seeding import child
from devices.validation import Floats, array

#: Arrays behind the interface that a layer reads.
Matrix = TiledArray | SummedArray


def read_as_one(matrix: Matrix) -> TiledArray:
    """Return the array of a matrix whose currents are added before anything is done with them.

    Raises:
        ValueError: The matrix is read in parts.
    """
    if not isinstance(matrix, TiledArray):
        raise ValueError(
            f"the array is read in {len(matrix.terms)} parts (rows of tiles with converters, or "
            "slices of weights), and this needs an array that is read as one"
        )
    return matrix


def programmed(
    w: Floats,
    hardware: Hardware,
    siemens_per_weight: float,
    seed: np.random.SeedSequence,
    *,
    by_tile: bool = False,
    array_name: str = "main",
) -> Matrix:
    """Return a programmed weight matrix (outputs, inputs).

    Args:
        w: Weights, (outputs, inputs).
        hardware: Description of the chip.
        siemens_per_weight: Conductance [S] of a weight of one.
        seed: Seed of programming. Tiles do not depend on how they are read.
        by_tile: Whether rows of tiles are read separately, since their currents are converted
            before they are added.
        array_name: Which array of a layer it is, for maps of faults; see `TiledArray.program`.
    """
    weights = array("w", w, ndim=2)
    if not by_tile or weights.shape[1] <= hardware.tile_shape[0]:
        return TiledArray.program(
            weights,
            hardware,
            siemens_per_weight=siemens_per_weight,
            rng=seed,
            array_name=array_name,
        )
    tiles = programmed_tiles(weights, hardware, siemens_per_weight, seed, array_name)
    terms = []
    for row, of_row in enumerate(tiles):
        one = TiledArray(
            [of_row],
            state_seed=child(seed, Stream.NOISE_STATE, row),
            waiting_seed=child(seed, Stream.WAITING, row),
        )
        terms.append(Term(one, row * hardware.tile_shape[0], 1.0))
    return SummedArray(terms, "rows of tiles")
