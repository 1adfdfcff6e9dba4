"""Which arrays hold a weight matrix: one, or one for each row of tiles or slice of its weights.

Tiles with a weight scale of their own hold larger weights, whose currents are divided by the factor
of the tile before they are added.
"""

from dataclasses import replace

import numpy as np

from crossbar.arrays.summed import SummedArray, Term, terms_of
from crossbar.arrays.tile_cells import ALONE
from crossbar.arrays.tiled import Stream, TiledArray, programmed_tiles
from crossbar.bit_slices import BitSliced
from crossbar.hardware import Hardware
from crossbar.weight_range import of_each_weight, tile_grid
from devices import FaultMap, NoNoise, Place
from devices.seeding import child
from devices.validation import Floats, array

#: A weight matrix on tiles: read as one array, or as the sum of several.
Matrix = TiledArray | SummedArray


def read_as_one(matrix: Matrix) -> TiledArray:
    """Return the array of a matrix that is read as one: its tiles' currents are added first.

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
    tile_factors: Floats | None = None,
    place: Place = ALONE,
) -> Matrix:
    """Return a programmed weight matrix (outputs, inputs).

    Args:
        w: Weights, (outputs, inputs).
        hardware: Description of the chip.
        siemens_per_weight: Conductance [S] of a weight of one.
        seed: Seed of programming. Tiles do not depend on how they are read.
        by_tile: Whether rows of tiles are read separately, since their currents are converted
            before they are added.
        tile_factors: Factors by which the weights of each tile are multiplied before programming,
            (rows of tiles, columns of tiles); sums, moments and weights are divided by them. Rows
            of tiles are then read separately. None, or 1 everywhere, for the scale of the layer.
        place: Which array of a layer it is, for maps of faults; see `TiledArray.program`.

    Raises:
        ValueError: w holds NaN, is empty or exceeds the mapped range, factors have a wrong shape or
            are not above 0, or cells that are slices of a weight have gates.
    """
    weights = array("w", w, ndim=2)
    if tile_factors is not None:
        factors = _checked_factors(tile_factors, weights, hardware)
        if (factors != 1).any():
            larger = weights * of_each_weight(factors, weights.shape, hardware)
            w_max = hardware.mapping.signal_range(hardware.device) / siemens_per_weight
            _check_fits(larger, w_max, siemens_per_weight, "weights times tile_factors")
            matrix = _in_parts(
                larger, hardware, siemens_per_weight, seed, by_tile=True, place=place
            )
            return _divided(matrix, factors, hardware)
    return _in_parts(weights, hardware, siemens_per_weight, seed, by_tile=by_tile, place=place)


def _checked_factors(tile_factors: Floats, weights: Floats, hardware: Hardware) -> Floats:
    """Return the factors of tiles, or raise ValueError if they do not fit the weights."""
    grid = tile_grid(weights.shape, hardware)
    factors = array("tile_factors", tile_factors, shape=grid)
    if (factors <= 0).any():
        raise ValueError(f"tile_factors holds {factors.min():g}; give numbers above 0")
    return factors


def _divided(matrix: Matrix, factors: Floats, hardware: Hardware) -> SummedArray:
    """Return a matrix whose currents are divided by the factors of their tiles."""
    lines, columns = hardware.tile_shape
    terms = []
    for term in terms_of(matrix):
        of_outputs = np.repeat(factors[term.first // lines], columns)[: matrix.outputs]
        terms.append(term._replace(significance=term.significance / of_outputs))
    what = matrix.what if isinstance(matrix, SummedArray) else "rows of tiles"
    return SummedArray(terms, hardware, what)


def _in_parts(
    weights: Floats,
    hardware: Hardware,
    siemens_per_weight: float,
    seed: np.random.SeedSequence,
    *,
    by_tile: bool,
    place: Place,
) -> Matrix:
    """Return programmed weights as they are; arguments as of `programmed`."""
    if isinstance(hardware.mapping, BitSliced):
        return _slices(
            weights, hardware, hardware.mapping, siemens_per_weight, seed, by_tile, place
        )
    if not by_tile or weights.shape[1] <= hardware.tile_shape[0]:
        return TiledArray.program(
            weights,
            hardware,
            siemens_per_weight=siemens_per_weight,
            rng=seed,
            place=place,
        )
    tiles = programmed_tiles(weights, hardware, siemens_per_weight, seed, place)
    terms = []
    for row, of_row in enumerate(tiles):
        one = TiledArray(
            [of_row],
            state_seed=child(seed, Stream.NOISE_STATE, row),
            waiting_seed=child(seed, Stream.WAITING, row),
        )
        terms.append(Term(one, row * hardware.tile_shape[0], 1.0))
    return SummedArray(terms, hardware, "rows of tiles")


def _slices(
    w: Floats,
    hardware: Hardware,
    mapping: BitSliced,
    siemens_per_weight: float,
    seed: np.random.SeedSequence,
    by_tile: bool,
    place: Place,
) -> SummedArray:
    """Return an array for each slice of the weights, each with cells and noise of its own."""
    if not isinstance(hardware.gate, NoNoise):
        raise ValueError(
            f"mapping = {mapping!r} puts a weight into {mapping.slices} cells, and the gate "
            f"{hardware.gate!r} acts on one; give stochastic layers a mapping of one cell or pair"
        )
    if isinstance(hardware.device.faults, FaultMap):
        raise ValueError(
            f"mapping = {mapping!r} has an array for each of {mapping.slices} slices, and a "
            "FaultMap has maps of one; leave faults out, or store a weight in one cell or pair"
        )
    one_cell = replace(hardware, mapping=mapping.mapping)
    w_max = mapping.signal_range(hardware.device) / siemens_per_weight
    _check_fits(w, w_max, siemens_per_weight)
    terms = []
    for index, part in enumerate(mapping.sliced(w, w_max)):
        own = child(seed, index)
        matrix = _in_parts(
            part,
            one_cell,
            siemens_per_weight,
            own,
            by_tile=by_tile,
            place=place._replace(slice=index),
        )
        significance = float(mapping.significances[index])
        terms += [Term(row.array, row.first, significance) for row in terms_of(matrix)]
    per_slice = len(terms) // mapping.slices
    what = "slices of weights" if per_slice == 1 else "slices of weights and rows of tiles"
    return SummedArray(terms, hardware, what)


def _check_fits(w: Floats, w_max: float, siemens_per_weight: float, what: str = "weights") -> None:
    """Raise ValueError if weights exceed the mapped range by more than rounding."""
    largest = float(np.abs(w).max(initial=0.0))
    if largest > w_max * (1 + 1e-9):
        raise ValueError(
            f"{what} up to |w| = {largest:.6g} do not fit: at {siemens_per_weight:.4g} S per "
            f"weight the device's range holds |w| <= {w_max:.6g}; lower siemens_per_weight, or "
            "clip the weights"
        )
