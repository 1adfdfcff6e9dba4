"""An array that counts from the symmetry points of its cells: the fast array of Tiki-Taka."""

from dataclasses import replace

import numpy as np

from crossbar.arrays.pulsed import PulsedArray
from crossbar.arrays.tile_grid import TileGrid
from crossbar.arrays.tiled import TiledArray
from crossbar.mapping import ReferenceColumn
from devices.pulses.flat import Column, FlatCells, Law, Singles
from devices.pulses.step_pulses import StepPulses
from devices.seeding import RNG, child, seed_sequence


def symmetry_points(flat: FlatCells) -> Singles:
    """Return the states at which a step up is as large as a step down, within the cells' bounds.

    (b₊ − b₋)/(d₊ − d₋) of affine steps b − d u; the middle of the bounds where both steps are
    equal everywhere.

    Args:
        flat: Cells with an affine law.
    """
    cells = flat.cells.astype(np.float64)
    step = cells[:, Column.BASE_UP] - cells[:, Column.BASE_DOWN]
    slope = cells[:, Column.GRADIENT_UP] - cells[:, Column.GRADIENT_DOWN]
    low, high = cells[:, Column.LOW], cells[:, Column.HIGH]
    middle = (low + high) / 2
    point = np.divide(step, slope, out=middle.copy(), where=slope != 0)
    # Without a slope the larger step wins, and drives the cell to its bound.
    point = np.where((slope == 0) & (step > 0), high, point)
    point = np.where((slope == 0) & (step < 0), low, point)
    return np.clip(point, low, high).astype(np.float32)


def around_symmetry(tiles: TileGrid, *, rng: RNG) -> PulsedArray:
    """Return new cells of the same device and shape, each at its symmetry point, which is zero.

    Every weight has one cell, and a reference that was programmed to its symmetry point (zero
    shifting of Kim et al. 2019, arXiv:1907.10228; Gokmen & Haensch 2020). The reference is exact.

    Args:
        tiles: The array whose hardware and shape are taken.
        rng: Seed, Generator or None: differences between the cells, and the noise of pulses.
    """
    seed = seed_sequence(rng)
    hardware = replace(tiles.hardware.ungated(), mapping=ReferenceColumn())
    range_of_pair = tiles.hardware.mapping.signal_range(tiles.hardware.device)
    k = tiles.siemens_per_weight * hardware.mapping.signal_range(hardware.device) / range_of_pair
    zeros = np.zeros((tiles.outputs, tiles.inputs))
    array = TiledArray.program(zeros, hardware, siemens_per_weight=k, rng=child(seed, 0))
    fast = PulsedArray(array, rng=child(seed, 1))
    response = hardware.device.pulses
    flat = fast.sides[0].cells
    if flat.law == Law.AFFINE or not isinstance(response, StepPulses):
        points = np.broadcast_to(symmetry_points(flat), fast.weights.size).copy()
    else:
        of_tiles = [response.symmetry_point(tile.pulse_cells(0)) for tile in array.all_tiles()]
        points = fast.states_of(of_tiles)
    fast.start_at(points)
    return fast
