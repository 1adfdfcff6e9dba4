"""A weight matrix over many tiles, and its reads.

The currents of all tiles that share an output are added before the output is compared.
"""

from collections.abc import Callable
from enum import IntEnum

import numpy as np

from crossbar.arrays.drivers import Drivers
from crossbar.arrays.learning_grid import LearningGrid
from crossbar.arrays.tile import ProgrammedTile
from crossbar.arrays.tile_cells import ALONE
from crossbar.hardware import Hardware
from crossbar.reads.conductances import CellArray
from crossbar.reads.digits import SUMMED_DIGITS
from crossbar.reads.inputs import Inputs
from crossbar.reads.noise_state import NoiseHistory, NoiseState
from crossbar.reads.reader import Reader
from crossbar.reads.span import Span
from crossbar.threads import run_each
from devices import Place
from devices.seeding import RNG, child, seed_sequence
from devices.validation import Floats, array, instance, integer, number


class Stream(IntEnum):
    """Random streams of an array, by what is drawn from them."""

    TILES = 0
    NOISE_STATE = 1
    WAITING = 2


def programmed_tiles(
    w: Floats,
    hardware: Hardware,
    siemens_per_weight: float,
    seed: np.random.SeedSequence,
    place: Place = ALONE,
) -> list[list[ProgrammedTile]]:
    """Return rows of tiles programmed with a weight matrix (outputs, inputs).

    Their conductances are parts of one matrix of positive and one of negative cells.

    Args:
        w: Weights, (outputs, inputs).
        hardware: Description of the chip.
        siemens_per_weight: Conductance [S] of a weight of one.
        seed: Seed of programming.
        place: Array and slice of a layer, for maps of faults.
    """
    instance("hardware", hardware, Hardware)
    instance("place", place, Place)
    weights = array("w", w, ndim=2)
    if weights.size == 0:
        raise ValueError(
            f"w has shape {weights.shape}: an array needs at least one word line and one bit line"
        )
    lines, columns = hardware.tile_shape
    outputs, inputs = weights.shape
    g_pos = np.empty((inputs, outputs))
    per_tile = 1 if hardware.mapping.shares_reference else columns
    grid = (-(-inputs // lines), -(-outputs // columns))
    g_neg = np.empty((inputs, grid[1])) if per_tile == 1 else np.empty_like(g_pos)

    def tile(i: int, j: int) -> ProgrammedTile:
        rows, at = slice(i * lines, (i + 1) * lines), slice(j * columns, (j + 1) * columns)
        made = ProgrammedTile.program(
            weights[at, rows],
            hardware,
            siemens_per_weight,
            child(seed, Stream.TILES, i, j),
            place._replace(tile=(i, j), tiles=grid),
        )
        parts = g_pos[rows, at], g_neg[rows, j * per_tile : (j + 1) * per_tile]
        for part, g in zip(parts, (made.g_pos, made.g_neg), strict=True):
            part[:] = g
        made.keep_in(*parts)
        return made

    tiles: list[list[ProgrammedTile | None]] = [[None] * grid[1] for _ in range(grid[0])]

    def work(number: int) -> None:
        i, j = divmod(number, grid[1])
        tiles[i][j] = tile(i, j)

    run = run_each if hardware.compensate_wires else _in_turn
    run(work, grid[0] * grid[1])
    return [[made for made in row if made is not None] for row in tiles]


def _in_turn(work: Callable[[int], object], n: int) -> None:
    """Call work(0) … work(n − 1), one after the other.

    Cells are programmed in short steps of numpy, between which threads wait for each other: two of
    them are slower than one. Networks of wires are solved in compiled loops instead.
    """
    for i in range(n):
        work(i)


class TiledArray(LearningGrid):
    """A weight matrix on tiles that can be read; `TileGrid` lists its attributes.

    All tiles of a word line share the draws of its gate. Every tile has its reference column.

    Args:
        tiles: Rows of programmed tiles.
        state_seed: Seed of the noise state, which is drawn once.
        waiting_seed: Seed of what `age` draws for noise with memory.

    Attributes:
        drivers: What drives the word lines of the layer; None for the hardware's own voltages.
        mean_digits: Digits of means that are not on the grid of levels, see `reads.digits`.
    """

    def __init__(
        self,
        tiles: list[list[ProgrammedTile]],
        *,
        state_seed: np.random.SeedSequence,
        waiting_seed: np.random.SeedSequence,
    ):
        super().__init__(tiles)
        self._reader: Reader | None = None
        self.drivers: Drivers | None = None
        self.mean_digits = SUMMED_DIGITS
        self._state_seed = state_seed
        self._noise = NoiseHistory(
            *self.cells(), self.hardware, initial_seed=state_seed, waiting_seed=waiting_seed
        )

    @classmethod
    def program(
        cls,
        w: Floats,
        hardware: Hardware,
        *,
        siemens_per_weight: float,
        rng: RNG,
        place: Place = ALONE,
    ) -> "TiledArray":
        """Return tiles programmed with a weight matrix; same `rng`, same tiles.

        Args:
            w: Weights, (outputs, inputs).
            hardware: Description of the chip.
            siemens_per_weight: Conductance [S] of a weight of one.
            rng: Seed, Generator or None.
            place: Which array and slice of a layer it is, for maps of faults; default its weights.

        Raises:
            ValueError: w holds NaN, is empty or exceeds the range; a map of faults does not fit.
        """
        seed = seed_sequence(rng)
        return cls(
            programmed_tiles(w, hardware, siemens_per_weight, seed, place),
            state_seed=child(seed, Stream.NOISE_STATE),
            waiting_seed=child(seed, Stream.WAITING),
        )

    @property
    def reader(self) -> Reader:
        """Reads of the cells of all tiles in their present state."""
        now = self.joined()
        volts = self.unit_voltage
        made = None if self._reader is None else self._reader.cells
        if made is None or made.conductances is not now or made.unit_voltage != volts:
            spacing = self.tiles[0][0].level_spacing
            cells = CellArray(
                now, self.hardware, self.siemens_per_weight, spacing, volts, self.mean_digits
            )
            self._reader = Reader(cells, self._noise.state)
        assert self._reader is not None
        return self._reader

    @property
    def unit_voltage(self) -> float:
        """Voltage of an input of one [V]: the read voltage over the layer's input scale."""
        return (self.drivers or self.hardware).unit_voltage

    @property
    def noise_state(self) -> NoiseState:
        """States of the array's noises with memory; reads and `age` advance them."""
        return self._noise.state

    @property
    def has_memory(self) -> bool:
        return self.hardware.has_memory  # consecutive reads are correlated

    def read(
        self, x: Floats, *, rng: RNG, sampling: str = "exact", reads_per_input: int = 1
    ) -> Floats:
        """Return u_i = Σ_j x_j ξ_ij (c⁺_ij G⁺_ij − c⁻_ij G⁻_ij)/k, before any comparator.

        Args:
            x: Inputs, (rows, word lines).
            rng: Seed, Generator or None; same `rng`, same reads.
            sampling: "exact" draws every gate and cell (or one normal per output where that is the
                same law). "moments" draws one normal per output with the exact mean and variance,
                independently for every read; gates of word lines are drawn even then.
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

        What a read draws depends on the seed and on its number alone.

        Args:
            x: Rows of inputs, from the first that the span needs.
            span: The reads.
            seed: Seed of the run.
            sampling: "exact" or "moments", see `read`.
        """
        return self.reader.read(x, span, seed, sampling=sampling)

    def arrays(self) -> "list[TiledArray]":
        """Return the arrays that are read separately: this one."""
        return [self]

    def moments(self, x: Floats) -> tuple[Floats, Floats]:
        """Return mean and variance of u, each (rows, outputs), in weight units.

        Args:
            x: Inputs, (rows, word lines).
        """
        return self.reader.moments.of(x)

    def age(self, seconds: float) -> None:
        """Let `seconds` [s] pass: conductances drift, and states of noises advance. Ages add up."""
        if number("seconds", seconds, at_least=0, unit="s") == 0:
            return  # nothing changes, and what was worked out for these cells stays
        for tile in self.all_tiles():
            tile.age(seconds)
        self.forget()
        self._noise.pass_time(*self.cells(), seconds)


class TileStream(IntEnum):
    """Random streams of a single tile; `ProgrammedTile` uses 0 and 1 of the same seed."""

    NOISE_STATE = 2
    WAITING = 3


class Tile(TiledArray):
    """An array of one tile: a matrix that fits into one physical array."""

    @classmethod
    def program(
        cls,
        w: Floats,
        hardware: Hardware,
        *,
        siemens_per_weight: float,
        rng: RNG,
        place: Place = ALONE,
    ) -> "Tile":
        """Return one programmed tile; arguments as of `TiledArray.program`.

        Raises:
            ValueError: As there, and if w needs more lines than `hardware.tile_shape` has.
        """
        seed = seed_sequence(rng)
        tile = ProgrammedTile.program(w, hardware, siemens_per_weight, seed, place)
        return cls(
            [[tile]],
            state_seed=child(seed, TileStream.NOISE_STATE),
            waiting_seed=child(seed, TileStream.WAITING),
        )

    @property
    def programmed(self) -> ProgrammedTile:
        """The programmed cells."""
        return self.tiles[0][0]

    @property
    def gain(self) -> float:
        """Common-mode factor of all conductances."""
        return self.programmed.gain

    @property
    def seconds(self) -> float:
        """Age since programming [s]."""
        return self.programmed.seconds

    @property
    def g_pos(self) -> Floats:
        """Conductances of the positive cells now [S], (word lines, bit lines); read-only."""
        return self.programmed.g_pos

    @property
    def g_neg(self) -> Floats:
        """Conductances of the negative cells now [S], or (word lines, 1) for a reference column;
        read-only.
        """
        return self.programmed.g_neg
