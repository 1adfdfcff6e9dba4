"""One weight matrix over many tiles: currents of all tiles that share an output are added before it is compared."""

import numpy as np

from crossbar.arrays.tile import Tile
from crossbar.hardware import Hardware
from crossbar.reads.inputs import Inputs
from crossbar.reads.moments import Conductances, initial_states, pass_time, per_output
from crossbar.reads.reader import Cells
from crossbar.reads.span import Span
from devices.seeding import RNG, child, seed_sequence
from devices.validation import Floats, array, integer, number


class TiledArray:
    """A matrix (outputs, inputs) over a grid of tiles: row blocks of word lines, column blocks of bit lines.

    A word-line gate sits at the line's driver, upstream of the tiles: the tiles of one word line share its draw. Every
    column block has its own reference column, where the mapping has one.
    """

    def __init__(self, tiles: list[list[Tile]], seed: np.random.SeedSequence):
        self.tiles = tiles
        self.hardware = tiles[0][0].hardware
        self.siemens_per_weight = tiles[0][0].siemens_per_weight
        self.row_edges = np.cumsum([0] + [len(row[0].g_pos) for row in tiles])
        self.column_edges = np.cumsum([0] + [t.g_pos.shape[1] for t in tiles[0]])
        self.inputs, self.outputs = int(self.row_edges[-1]), int(self.column_edges[-1])
        self._cells: Cells | None = None
        self._seed, self._ages = seed, 0
        self._states = initial_states(*self._programmed(), self.hardware, child(seed, 1))

    @classmethod
    def program(
        cls, w: Floats, hardware: Hardware, *, siemens_per_weight: float, rng: RNG
    ) -> "TiledArray":
        """Return tiles programmed with w (outputs, inputs) at `siemens_per_weight` [S]; same `rng`, same tiles.

        Raises ValueError for NaN, a wrong shape, or weights outside the mapped range.
        """
        weights = array("w", w, ndim=2)
        if weights.size == 0:
            raise ValueError(
                f"w has shape {weights.shape}: an array needs at least one word line and one bit line"
            )
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

    @property
    def cells(self) -> Cells:
        """The cells of all tiles, put together as they are now."""
        if self._cells is None:
            blocks = np.repeat(np.arange(len(self.tiles[0])), np.diff(self.column_edges))
            references = blocks if self.hardware.mapping.shares_reference else None
            step = self.tiles[0][0].step
            tiles = [[t.conductances for t in row] for row in self.tiles]
            e_pos = np.block([[c.e_pos for c in row] for row in tiles])
            e_neg = np.block([[c.e_neg for c in row] for row in tiles])
            conductances = Conductances(*self._programmed(), e_pos, e_neg, references)
            self._cells = Cells(
                conductances, self.hardware, self.siemens_per_weight, step, self._states
            )
        return self._cells

    def _programmed(self) -> tuple[Floats, Floats]:
        g_pos = np.block([[t.g_pos for t in row] for row in self.tiles])
        return g_pos, np.block([[t.g_neg for t in row] for row in self.tiles])

    @property
    def weights(self) -> Floats:
        """The weights (outputs, inputs) that the conductances stand for now."""
        return self.hardware.mapping.weights(*self.conductances(), self.siemens_per_weight)

    @property
    def effective_weights(self) -> Floats:
        """The weights (outputs, inputs) with which the array multiplies: those of the conductances behind the wires."""
        c = self.cells.conductances
        return self.hardware.mapping.weights(
            c.e_pos, per_output(c.e_neg, c.reference_of), self.siemens_per_weight
        )

    def conductances(self) -> tuple[Floats, Floats]:
        """Return g_pos and g_neg [S] of all tiles, (word lines, bit lines), a reference repeated for its outputs."""
        c = self.cells.conductances
        return c.g_pos, per_output(c.g_neg, c.reference_of)

    def programming_variance(self) -> Floats:
        """Return, for each output, the variance in weight units squared that programming puts on Σ_j w_j, gates open."""
        sums = [
            [[v.sum(axis=0) for v in t.programming_variance()] for t in row] for row in self.tiles
        ]
        columns = [
            np.sum([np.broadcast_to(p + n, p.shape) for p, n in block], axis=0)
            for block in zip(*sums, strict=True)
        ]
        return np.concatenate(columns) / self.siemens_per_weight**2

    @property
    def has_memory(self) -> bool:
        """Whether consecutive reads are correlated."""
        return self.hardware.gate.has_memory or self.hardware.device.read_noise.has_memory

    def read(
        self, x: Floats, *, rng: RNG, sampling: str = "exact", reads_per_input: int = 1
    ) -> Floats:
        """Return u (inputs · reads_per_input, outputs) in weight units; each row is one fresh read of all tiles.

        x: (inputs, word lines); the `reads_per_input` reads of one input are adjacent. sampling as in `Tile.read`.
        Raises ValueError for NaN or a wrong shape.
        """
        rows = Inputs.checked("x", x, self.inputs)
        repeats = integer("reads_per_input", reads_per_input, at_least=1)
        return self.read_span(
            rows, Span(0, len(rows) * repeats, repeats), seed=seed_sequence(rng), sampling=sampling
        )

    def read_span(
        self, x: Inputs, span: Span, *, seed: np.random.SeedSequence, sampling: str
    ) -> Floats:
        """Return u (reads, outputs) of some reads of a longer run; the same `seed` gives each read its own draws."""
        return self.cells.read(x, span, sampling=sampling, seed=seed)

    def moments(self, x: Floats) -> tuple[Floats, Floats]:
        """Return mean and variance of u, each (reads, outputs) in weight units, for x (reads, word lines)."""
        return self.cells.moments(x)

    def age(self, seconds: float) -> None:
        """Let `seconds` [s] pass: retention and drift in every tile, and what reads remember. Ages add up."""
        number("seconds", seconds, at_least=0, unit="s")
        for tile in self._all_tiles():
            tile.age_conductances(seconds)
        self._cells = None
        if seconds > 0:
            self._ages += 1
            pass_time(
                self._states,
                *self._programmed(),
                self.hardware,
                seconds,
                child(self._seed, 2, self._ages),
            )

    def scale_conductances(self, factor: float) -> None:
        """Multiply every conductance of every tile by one factor."""
        number("factor", factor, above=0)
        for tile in self._all_tiles():
            tile.scale_conductances(factor)
        self._cells = None

    def _all_tiles(self) -> list[Tile]:
        return [tile for row in self.tiles for tile in row]
