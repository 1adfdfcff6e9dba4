"""All that an array of tiles remembers, taken out of it and put back: files of chips hold these."""

from dataclasses import dataclass

import numpy as np

from crossbar.arrays.tile import ProgrammedTile
from crossbar.arrays.tiled import TiledArray
from crossbar.reads.noise_state import NoiseState
from devices.validation import Floats


@dataclass(frozen=True, eq=False)
class TileSnapshot:
    """What a tile remembers.

    Attributes:
        g_pos: Conductances of the positive cells just after programming [S], (word lines, bit
            lines).
        g_neg: Conductances of the negative cells just after programming [S], of the same shape, or
            (word lines, 1) for a reference.
        siemens_per_weight: Conductance [S] of a weight of one.
        seconds: Age since programming [s].
        gain: Common-mode factor of all conductances.
        seed: Seed of the paths along which the cells drift.
    """

    g_pos: Floats
    g_neg: Floats
    siemens_per_weight: float
    seconds: float
    gain: float
    seed: np.random.SeedSequence


@dataclass(frozen=True, eq=False)
class ArraySnapshot:
    """What an array of tiles remembers.

    Attributes:
        tiles: Rows of tiles.
        noise: States of the noises with memory.
        waiting_seed: Seed of the times without reads.
        waits: Number of times without reads so far.
    """

    tiles: list[list[TileSnapshot]]
    noise: NoiseState
    waiting_seed: np.random.SeedSequence
    waits: int


def snapshot(array: TiledArray) -> ArraySnapshot:
    """Return what an array remembers. Its arrays are those of the array, not copies."""
    noise = array._noise
    return ArraySnapshot(
        tiles=[[_of_tile(tile) for tile in row] for row in array.tiles],
        noise=noise.state,
        waiting_seed=noise._waiting_seed,
        waits=noise._waits,
    )


def _of_tile(tile: ProgrammedTile) -> TileSnapshot:
    g_pos, g_neg = tile._programmed
    k = tile.siemens_per_weight
    return TileSnapshot(g_pos, g_neg, k, tile.seconds, tile.gain, tile._seed)


def restore(array: TiledArray, remembered: ArraySnapshot) -> None:
    """Put what another array remembers into an array of the same hardware and the same shape.

    Reads then draw the same as those of the other array.

    Raises:
        ValueError: The tiles have other shapes.
    """
    ours = [[(t.g_pos.shape, t.g_neg.shape) for t in row] for row in array.tiles]
    theirs = [[(t.g_pos.shape, t.g_neg.shape) for t in row] for row in remembered.tiles]
    if ours != theirs:
        raise ValueError(
            f"the stored tiles have shapes {[s for row in theirs for s in row]}, and those of the "
            f"array {[s for row in ours for s in row]}"
        )
    for row, stored in zip(array.tiles, remembered.tiles, strict=True):
        for tile, its in zip(row, stored, strict=True):
            tile.siemens_per_weight = its.siemens_per_weight
            tile.seconds = its.seconds
            tile.gain = its.gain
            tile._seed = its.seed
            tile._programmed = (its.g_pos, its.g_neg)
            tile._refresh()
    array.siemens_per_weight = remembered.tiles[0][0].siemens_per_weight
    noise = array._noise
    noise.state = remembered.noise
    noise._waiting_seed = remembered.waiting_seed
    noise._waits = remembered.waits
    array.forget()
