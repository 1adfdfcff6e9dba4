"""What learning asks of a grid of tiles: transposed reads, pulses, and cells that fail."""

from abc import ABC, abstractmethod

from numpy.typing import ArrayLike

from crossbar.arrays.pulsed import PulsedArray
from crossbar.arrays.tile_grid import TileGrid
from crossbar.arrays.transposed import read_transposed
from crossbar.reads.noise_state import NoiseState
from crossbar.reads.reader import Reader
from devices.faults.base import Faults
from devices.seeding import RNG, child, seed_sequence
from devices.validation import Floats, instance


class LearningGrid(TileGrid, ABC):
    """A grid of tiles whose cells take pulses, fail, and are read by errors.

    `TileGrid` lists its attributes; `TiledArray` says how the grid is read.
    """

    @property
    @abstractmethod
    def reader(self) -> Reader:
        """Reads of the cells of all tiles in their present state."""

    @property
    @abstractmethod
    def noise_state(self) -> NoiseState:
        """States of the array's noises with memory."""

    def read_transposed(
        self, e: Floats, *, rng: RNG, reads: str = "gated", sampling: str = "exact"
    ) -> Floats:
        """Return Σ_i e_i w_ij of every word line under fresh noise, (rows, word lines).

        See `crossbar.arrays.transposed.read_transposed`.

        Args:
            e: Errors, (rows, outputs).
            rng: Seed, Generator or None; same `rng`, same reads.
            reads: "gated" (default), "ungated" (gates conduct) or "ideal" (without any noise).
            sampling: "exact" or "moments", see `TiledArray.read`.
        """
        return read_transposed(self, e, rng=rng, reads=reads, sampling=sampling)

    def pulse(self, n: ArrayLike, *, rng: RNG, pair: str = "both") -> None:
        """Give every weight a signed count of pulses, which positive counts raise.

        For many updates make one `crossbar.arrays.pulsed.PulsedArray` and commit it at the end.

        Args:
            n: Whole numbers, (outputs, inputs).
            rng: Seed, Generator or None: noise of the pulses. How the cells differ is drawn once
                per chip.
            pair: How the two cells of a pair share a change: "both" (default) or "up".
        """
        pulsed = PulsedArray(self, rng=rng, pair=pair)
        pulsed.pulse(n)
        pulsed.commit()

    def coincide(
        self,
        e: ArrayLike,
        x: ArrayLike,
        *,
        rate: float,
        rng: RNG,
        length: int = 31,
        pair: str = "both",
    ) -> None:
        """Change the weights by −rate e xᵀ on average, by coincidences of random bit streams.

        Args:
            e: Errors of the outputs, (outputs,).
            x: Inputs, (inputs,).
            rate: Learning rate.
            rng: Seed, Generator or None: bits of the streams and noise of the pulses.
            length: Bits of a stream, 1 to 64; default 31.
            pair: How the two cells of a pair share a change: "both" (default) or "up".
        """
        pulsed = PulsedArray(self, rng=rng, pair=pair)
        pulsed.coincide(e, x, rate=rate, length=length)
        pulsed.commit()

    def fail(self, faults: Faults, *, rng: RNG) -> None:
        """Let cells fail: they are stuck from now on, and pulses do not move them.

        Args:
            faults: Which cells fail, such as `devices.StuckCells`; those that are stuck already
                stay where they are.
            rng: Seed, Generator or None.
        """
        instance("faults", faults, Faults)
        seed = seed_sequence(rng)
        for index, tile in enumerate(self.all_tiles()):
            tile.fail(faults, child(seed, index))
        self.forget()
