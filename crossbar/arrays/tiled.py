"""A weight matrix over many tiles.

Currents of all tiles that share an output are added before it is compared.
"""

from enum import IntEnum

import numpy as np

from crossbar.arrays.tile import ProgrammedTile
from crossbar.hardware import Hardware
from crossbar.reads.conductances import CellArray, Conductances, per_output
from crossbar.reads.inputs import Inputs
from crossbar.reads.noise_state import NoiseHistory, NoiseState
from crossbar.reads.reader import Reader
from crossbar.reads.span import Span
from devices.seeding import RNG, child, seed_sequence
from devices.validation import Floats, array, integer, number


class Stream(IntEnum):
    """Random streams of an array, by what is drawn from them."""

    TILES = 0
    NOISE_STATE = 1
    WAITING = 2


class TiledArray:
    """A matrix (outputs, inputs) over a grid of tiles: row blocks of word lines, column blocks
    of bit lines.

    The tiles hold conductances, the noise state what reads remember, and the reader draws reads of
    all tiles together. A word-line gate sits at the line's driver, before the tiles: the tiles of
    one word line share its draws. Every column block has a reference column, if the mapping uses
    them.

    Attributes:
        tiles: Rows of tiles.
        inputs: Number of word lines.
        outputs: Number of bit lines.
        row_edges: Word lines at which tiles begin, and the number of word lines.
        column_edges: Bit lines at which tiles begin, and the number of bit lines.
        hardware: Description of the chip.
        siemens_per_weight: Conductance [S] of a weight of one.
    """

    def __init__(
        self,
        tiles: list[list[ProgrammedTile]],
        *,
        state_seed: np.random.SeedSequence,
        waiting_seed: np.random.SeedSequence,
    ):
        self.tiles = tiles
        self.hardware = tiles[0][0].hardware
        self.siemens_per_weight = tiles[0][0].siemens_per_weight
        self.row_edges = np.cumsum([0] + [len(row[0].g_pos) for row in tiles])
        self.column_edges = np.cumsum([0] + [t.g_pos.shape[1] for t in tiles[0]])
        self.inputs = int(self.row_edges[-1])
        self.outputs = int(self.column_edges[-1])
        self._reader: Reader | None = None
        self._noise = NoiseHistory(
            *self._cells_now(), self.hardware, initial_seed=state_seed, waiting_seed=waiting_seed
        )

    @classmethod
    def program(
        cls, w: Floats, hardware: Hardware, *, siemens_per_weight: float, rng: RNG
    ) -> "TiledArray":
        """Return tiles programmed with a weight matrix; same `rng`, same tiles.

        Args:
            w: Weights, (outputs, inputs).
            hardware: Description of the chip.
            siemens_per_weight: Conductance [S] of a weight of one.
            rng: Seed, Generator or None.

        Raises:
            ValueError: w holds NaN, is empty, or exceeds the mapped range.
        """
        weights = array("w", w, ndim=2)
        if weights.size == 0:
            raise ValueError(
                f"w has shape {weights.shape}: an array needs at least one word line and "
                "one bit line"
            )
        seed = seed_sequence(rng)
        lines, columns = hardware.tile_shape
        tiles = [
            [
                ProgrammedTile.program(
                    weights[c : c + columns, r : r + lines],
                    hardware,
                    siemens_per_weight,
                    child(seed, Stream.TILES, i, j),
                )
                for j, c in enumerate(range(0, weights.shape[0], columns))
            ]
            for i, r in enumerate(range(0, weights.shape[1], lines))
        ]
        return cls(
            tiles,
            state_seed=child(seed, Stream.NOISE_STATE),
            waiting_seed=child(seed, Stream.WAITING),
        )

    def _cells_now(self) -> tuple[Floats, Floats]:
        """Return g_pos and g_neg of all tiles [S], references not repeated."""
        g_pos = np.block([[t.g_pos for t in row] for row in self.tiles])
        return g_pos, np.block([[t.g_neg for t in row] for row in self.tiles])

    @property
    def reader(self) -> Reader:
        """Reads of the cells of all tiles in their present state."""
        if self._reader is None:
            blocks = np.repeat(np.arange(len(self.tiles[0])), np.diff(self.column_edges))
            references = blocks if self.hardware.mapping.shares_reference else None
            tiles = [[t.conductances for t in row] for row in self.tiles]
            conductances = Conductances(
                *self._cells_now(),
                np.block([[c.effective_pos for c in row] for row in tiles]),
                np.block([[c.effective_neg for c in row] for row in tiles]),
                references,
            )
            spacing = self.tiles[0][0].level_spacing
            cells = CellArray(conductances, self.hardware, self.siemens_per_weight, spacing)
            self._reader = Reader(cells, self._noise.state)
        return self._reader

    @property
    def noise_state(self) -> NoiseState:
        """What the noises of the array remember; reads and ageing advance it."""
        return self._noise.state

    @property
    def has_memory(self) -> bool:
        """Whether consecutive reads are correlated."""
        return self.hardware.gate.has_memory or self.hardware.device.read_noise.has_memory

    @property
    def weights(self) -> Floats:
        """Weights (outputs, inputs) that the conductances represent now."""
        return self.hardware.mapping.weights(*self.conductances(), self.siemens_per_weight)

    @property
    def effective_weights(self) -> Floats:
        """Weights (outputs, inputs) with which the array multiplies: those of the effective
        conductances.
        """
        effective = self.effective_conductances()
        return self.hardware.mapping.weights(*effective, self.siemens_per_weight)

    def conductances(self) -> tuple[Floats, Floats]:
        """Return g_pos and g_neg [S], (word lines, bit lines), a reference repeated for each of
        its outputs.
        """
        c = self.reader.cells.conductances
        return c.g_pos, per_output(c.g_neg, c.reference_of)

    def effective_conductances(self) -> tuple[Floats, Floats]:
        """Return the positive and negative conductances after IR drop [S], (word lines, bit
        lines).
        """
        c = self.reader.cells.conductances
        return c.effective_pos, per_output(c.effective_neg, c.reference_of)

    def programming_variance(self) -> Floats:
        """Return, for each output, the variance that programming puts on Σ_j w_j, gates open, in
        weight units squared.
        """
        columns = []
        for block in zip(*self.tiles, strict=True):
            variance: Floats = np.zeros(1)
            for tile in block:
                positive, negative = tile.programming_variance()
                variance = variance + (positive.sum(axis=0) + negative.sum(axis=0))
            columns.append(variance)
        return np.concatenate(columns) / self.siemens_per_weight**2

    def read(
        self, x: Floats, *, rng: RNG, sampling: str = "exact", reads_per_input: int = 1
    ) -> Floats:
        """Return u_i = Σ_j x_j ξ_ij (c⁺_ij G⁺_ij − c⁻_ij G⁻_ij)/k, before any comparator.

        Args:
            x: Inputs, (rows, word lines).
            rng: Seed, Generator or None; same `rng`, same reads.
            sampling: "exact" draws every gate and cell (or one normal per output where that is the
                same law). "moments" draws one normal per output with the exact mean and variance,
                independently for every read.
            reads_per_input: Reads of each row; they are adjacent.

        Returns:
            u in weight units, (rows · reads_per_input, outputs).

        Raises:
            ValueError: x holds NaN or has a wrong shape, or an option is unknown.
        """
        rows = Inputs.checked("x", x, self.inputs)
        repeats = integer("reads_per_input", reads_per_input, at_least=1)
        span = Span(0, len(rows) * repeats, repeats)
        return self.read_span(rows, span, seed_sequence(rng), sampling=sampling)

    def read_span(
        self, x: Inputs, span: Span, seed: np.random.SeedSequence, *, sampling: str = "exact"
    ) -> Floats:
        """Return u (reads, outputs) of some reads of a longer run.

        A read's draws depend on its number alone.
        """
        return self.reader.read(x, span, seed, sampling=sampling)

    def moments(self, x: Floats) -> tuple[Floats, Floats]:
        """Return mean and variance of u, each (rows, outputs) in weight units, for x (rows, word
        lines).
        """
        return self.reader.moments.of(x)

    def age(self, seconds: float) -> None:
        """Let `seconds` [s] pass: retention and drift in every tile, and what reads remember.

        Ages add up.
        """
        number("seconds", seconds, at_least=0, unit="s")
        for tile in self.all_tiles():
            tile.age(seconds)
        self._reader = None
        self._noise.pass_time(*self._cells_now(), seconds)

    def scale_conductances(self, factor: float) -> None:
        """Multiply every conductance of every tile by one factor: a common-mode gain."""
        number("factor", factor, above=0)
        for tile in self.all_tiles():
            tile.scale_conductances(factor)
        self._reader = None

    def all_tiles(self) -> list[ProgrammedTile]:
        """Return the tiles, row after row."""
        return [tile for row in self.tiles for tile in row]


class TileStream(IntEnum):
    """Random streams of a tile that stands alone; its cells use those of `ProgrammedTile`."""

    NOISE_STATE = 2
    WAITING = 3


class Tile(TiledArray):
    """An array of one tile: a matrix that fits into one physical array."""

    @classmethod
    def program(
        cls, w: Floats, hardware: Hardware, *, siemens_per_weight: float, rng: RNG
    ) -> "Tile":
        """Return one tile programmed with w (outputs, inputs); see `TiledArray.program`.

        Raises:
            ValueError: Also if w needs more lines than `hardware.tile_shape` has.
        """
        seed = seed_sequence(rng)
        tile = ProgrammedTile.program(w, hardware, siemens_per_weight, seed)
        return cls(
            [[tile]],
            state_seed=child(seed, TileStream.NOISE_STATE),
            waiting_seed=child(seed, TileStream.WAITING),
        )

    @property
    def cells(self) -> ProgrammedTile:
        """The programmed cells."""
        return self.tiles[0][0]

    @property
    def g_pos(self) -> Floats:
        """Conductances of the positive cells now [S], (word lines, bit lines)."""
        return self.cells.g_pos

    @property
    def g_neg(self) -> Floats:
        """Conductances of the negative cells now [S], or (word lines, 1) for a reference column."""
        return self.cells.g_neg
