"""Tiles side by side: the conductances of a matrix that is too large for one tile."""

from itertools import pairwise

import numpy as np

from crossbar.arrays.tile import ProgrammedTile, read_only
from crossbar.reads.conductances import Conductances, per_output
from crossbar.threads import run_each
from devices.validation import Floats, number


class TileGrid:
    """A matrix (outputs, inputs) on a grid of tiles.

    Rows of tiles divide the word lines, columns of tiles the bit lines. Nothing here is drawn on
    reads; `TiledArray` reads a grid.

    Attributes:
        tiles: Rows of tiles.
        inputs: Number of word lines.
        outputs: Number of bit lines.
        row_edges: Word lines at which tiles begin, and the number of word lines.
        column_edges: Bit lines at which tiles begin, and the number of bit lines.
        hardware: Description of the chip.
        siemens_per_weight: Conductance [S] of a weight of one.
    """

    def __init__(self, tiles: list[list[ProgrammedTile]]):
        self.tiles = tiles
        self.hardware = tiles[0][0].hardware
        self.siemens_per_weight = tiles[0][0].siemens_per_weight
        self.row_edges = np.cumsum([0] + [len(row[0].g_pos) for row in tiles])
        self.column_edges = np.cumsum([0] + [t.g_pos.shape[1] for t in tiles[0]])
        self.inputs = int(self.row_edges[-1])
        self.outputs = int(self.column_edges[-1])
        self._cells: tuple[Floats, Floats] | None = None
        self._joined: Conductances | None = None

    def all_tiles(self) -> list[ProgrammedTile]:
        """Return the tiles, row after row."""
        return [tile for row in self.tiles for tile in row]

    def cells(self) -> tuple[Floats, Floats]:
        """Return g_pos and g_neg [S] of all tiles now; a reference column is not repeated.

        They are put together once for each state of the tiles; the tiles then keep views of them.
        """
        if self._cells is None:
            pos = [[t.g_pos for t in row] for row in self.tiles]
            neg = [[t.g_neg for t in row] for row in self.tiles]
            self._cells = side_by_side(pos), side_by_side(neg)
            parts = (parts_of(g, of) for g, of in zip(self._cells, (pos, neg), strict=True))
            for tile, *sides in zip(self.all_tiles(), *parts, strict=True):
                tile.keep_in(*sides)
        return self._cells

    def joined(self) -> Conductances:
        """Return the cells of all tiles now, and their effective conductances.

        They are put together once for each state of the tiles.
        """
        if self._joined is None:
            blocks = np.repeat(np.arange(len(self.tiles[0])), np.diff(self.column_edges))
            effective = self.cells()
            small: tuple[Floats, ...] = ()
            if self.hardware.wires is not None:
                effective = self._joined_sides("effective_pos", "effective_neg")
            if not self.hardware.is_ohmic:
                small = self._joined_sides("small_pos", "small_neg")
            self._joined = Conductances(
                *self.cells(),
                *effective,
                blocks if self.hardware.mapping.shares_reference else None,
                *small,
            )
        return self._joined

    def _joined_sides(self, positive: str, negative: str) -> tuple[Floats, Floats]:
        """Return two fields of the tiles' conductances, each as one matrix of all tiles."""
        every = self.all_tiles()
        run_each(lambda k: every[k].conductances, len(every))  # each tile keeps its own
        tiles = [[t.conductances for t in row] for row in self.tiles]
        pos, neg = ([[getattr(c, f) for c in row] for row in tiles] for f in (positive, negative))
        return side_by_side(pos), side_by_side(neg)

    def forget(self) -> None:
        """Forget what was put together: the tiles have changed."""
        self._cells = self._joined = None

    def scale_conductances(self, factor: float) -> None:
        """Multiply every conductance of every tile by one factor: a common-mode gain."""
        if number("factor", factor, above=0) == 1:
            return
        for tile in self.all_tiles():
            tile.scale_conductances(factor)
        self.forget()

    def conductances(self) -> tuple[Floats, Floats]:
        """Return g_pos and g_neg [S], (word lines, bit lines); read-only.

        A reference column is repeated for each of its outputs.
        """
        c = self.joined()
        return read_only(c.g_pos), read_only(per_output(c.g_neg, c.reference_of))

    def effective_conductances(self) -> tuple[Floats, Floats]:
        """Return positive and negative conductances after IR drop [S], (word lines, bit lines);
        read-only.
        """
        c = self.joined()
        return read_only(c.effective_pos), read_only(per_output(c.effective_neg, c.reference_of))

    @property
    def weights(self) -> Floats:
        """Weights (outputs, inputs) that the conductances represent now."""
        return self.hardware.mapping.weights(*self.conductances(), self.siemens_per_weight)

    @property
    def effective_weights(self) -> Floats:
        """Weights (outputs, inputs) that the effective conductances represent."""
        effective = self.effective_conductances()
        return self.hardware.mapping.weights(*effective, self.siemens_per_weight)

    def programming_variance(self) -> Floats:
        """Return the variance that programming puts on Σ_j w_j of each output while all gates
        conduct, in weight units squared.
        """
        columns = []
        for block in zip(*self.tiles, strict=True):
            variance: Floats = np.zeros(1)
            for tile in block:
                positive, negative = tile.programming_variance()
                variance = variance + (positive.sum(axis=0) + negative.sum(axis=0))
            columns.append(variance)
        return np.concatenate(columns) / self.siemens_per_weight**2


def side_by_side(blocks: list[list[Floats]]) -> Floats:
    """Return one matrix of rows of blocks, without a copy if they already are parts of one."""
    lines = sum(len(row[0]) for row in blocks)
    shape = (lines, sum(block.shape[1] for block in blocks[0]))
    flat = [block for row in blocks for block in row]
    whole = flat[0].base
    if whole is not None and whole.shape == shape and all(block.base is whole for block in flat):
        return whole
    whole = np.empty(shape)
    for place, block in zip(parts_of(whole, blocks), flat, strict=True):
        place[:] = block
    return whole


def parts_of(whole: Floats, blocks: list[list[Floats]]) -> list[Floats]:
    """Return the parts of a matrix that have the shapes of the blocks, row after row."""
    lines = np.cumsum([0] + [len(row[0]) for row in blocks])
    columns = np.cumsum([0] + [block.shape[1] for block in blocks[0]])
    return [whole[a:b, c:d] for a, b in pairwise(lines) for c, d in pairwise(columns)]
