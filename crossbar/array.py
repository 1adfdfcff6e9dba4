"""One weight matrix over many tiles: the currents of all the tiles that share an output are added before it is compared."""

from typing import Any

import numpy as np

from crossbar.hardware import Hardware
from crossbar.sampling import (
    MomentMatrices,
    check_sampling,
    draw_collapsed,
    gate_word_lines,
    is_collapsed,
    mean_and_variance,
)
from crossbar.tile import Tile
from devices._checks import Floats, array, number
from devices._rng import RNG, child, seed_sequence, stream


class TiledArray:
    """A matrix (outputs, inputs) over a grid of tiles: row blocks of word lines, column blocks of bit lines.

    A word-line gate sits at the line's driver, upstream of the tiles: the tiles of one word line share its draw.
    """

    def __init__(self, tiles: list[list[Tile]], seed: np.random.SeedSequence):
        self.tiles = tiles
        self.hardware = tiles[0][0].hardware
        self.siemens_per_weight = tiles[0][0].siemens_per_weight
        self._rows = np.cumsum([0] + [len(row[0].g_pos) for row in tiles])
        self._columns = np.cumsum([0] + [t.g_pos.shape[1] for t in tiles[0]])
        self.inputs, self.outputs = int(self._rows[-1]), int(self._columns[-1])
        lines = np.full(self.inputs, self.hardware.device.g_max)
        self._gate_state: Any = self.hardware.gate.init(lines, rng=stream(seed, 1))
        self._assembled: dict[bool, MomentMatrices] = {}

    @classmethod
    def program(cls, w: Floats, hardware: Hardware, *, siemens_per_weight: float, rng: RNG) -> "TiledArray":
        """Return tiles programmed with w (outputs, inputs) at `siemens_per_weight` [S]; same `rng`, same tiles.

        Raises ValueError for NaN, a wrong shape, or weights outside the mapped range.
        """
        weights = array("w", w, ndim=2)
        if weights.size == 0:
            raise ValueError(f"w has shape {weights.shape}: an array needs at least one word line and one bit line")
        seed = seed_sequence(rng)
        lines, columns = hardware.tile_shape
        tiles = [
            [
                Tile.program(
                    weights[c : c + columns, r : r + lines],
                    hardware,
                    siemens_per_weight=siemens_per_weight,
                    rng=child(seed, 0, i, j),
                )
                for j, c in enumerate(range(0, weights.shape[0], columns))
            ]
            for i, r in enumerate(range(0, weights.shape[1], lines))
        ]
        return cls(tiles, seed)

    def matrices(self, *, gated: bool = True) -> MomentMatrices:
        """Return the tiles' moment matrices put together; `shared` has one column per column block."""
        if gated not in self._assembled:
            parts = [[t.matrices(gated=gated) for t in row] for row in self.tiles]
            blocks = {f: np.block([[getattr(m, f) for m in row] for row in parts]) for f in ("mean", "own", "shared")}
            self._assembled[gated] = MomentMatrices(**blocks)
        return self._assembled[gated]

    @property
    def _reference_of(self) -> Floats:
        widths = np.diff(self._columns)
        return np.repeat(np.arange(len(widths)), widths)

    @property
    def weights(self) -> Floats:
        """The weights (outputs, inputs) that the conductances stand for now."""
        return np.block([[t.weights for t in column] for column in zip(*self.tiles, strict=True)])

    def conductances(self) -> tuple[Floats, Floats]:
        """Return g_pos and g_neg [S] of all tiles, (word lines, bit lines); g_neg of a reference is repeated per output."""
        g_pos = np.block([[t.g_pos for t in row] for row in self.tiles])
        g_neg = np.block([[np.broadcast_to(t.g_neg, t.g_pos.shape) for t in row] for row in self.tiles])
        return g_pos, g_neg

    def read(self, x: Floats, *, rng: RNG, sampling: str = "exact", reads_per_input: int = 1) -> Floats:
        """Return u (inputs · reads_per_input, outputs) in weight units; each row is one fresh read of all tiles.

        x: (inputs, word lines); the `reads_per_input` reads of one input are adjacent. sampling as in `Tile.read`.
        Raises ValueError for NaN or a wrong shape.
        """
        check_sampling(sampling)
        x = array("x", x, shape=(None, self.inputs))
        seed = seed_sequence(rng)
        hardware, repeats = self.hardware, reads_per_input
        if hardware.gates_word_lines:
            x, repeats = np.repeat(x, repeats, axis=0), 1
            x, self._gate_state = gate_word_lines(x, hardware, self._gate_state, stream(seed, 0))
            hardware = hardware.ungated()
        if sampling == "moments" or is_collapsed(hardware):
            matrices = self.matrices(gated=hardware is self.hardware)
            return draw_collapsed(x, matrices, self._reference_of, repeats, stream(seed, 1))
        x = np.repeat(x, repeats, axis=0)
        u = np.zeros((len(x), self.outputs))
        for i, row in enumerate(self.tiles):
            part = x[:, self._rows[i] : self._rows[i + 1]]
            for j, tile in enumerate(row):
                u[:, self._columns[j] : self._columns[j + 1]] += tile.draw_cells(part, hardware, child(seed, 2, i, j))
        return u

    def moments(self, x: Floats) -> tuple[Floats, Floats]:
        """Return mean and variance of u, each (reads, outputs) in weight units, for x (reads, word lines)."""
        x = array("x", x, shape=(None, self.inputs))
        m = self.matrices()
        variance = m.own + m.shared[:, self._reference_of] if m.shared.size else m.own
        mean, var = mean_and_variance(x, m.mean, variance)
        return mean, np.array(var)

    def age(self, seconds: float) -> None:
        """Let `seconds` [s] pass in every tile."""
        number("seconds", seconds, at_least=0, unit="s")
        for tile in self._all_tiles():
            tile.age(seconds)
        self._assembled = {}

    def scale_conductances(self, factor: float) -> None:
        """Multiply every conductance of every tile by one factor."""
        number("factor", factor, above=0)
        for tile in self._all_tiles():
            tile.scale_conductances(factor)
        self._assembled = {}

    def _all_tiles(self) -> list[Tile]:
        return [tile for row in self.tiles for tile in row]
