"""The weights of an array as the states of its cells, and cells that are written anew."""

import numpy as np
from numpy.typing import NDArray

from crossbar.arrays import _pulse_kernels as kernels
from crossbar.arrays.cell_writes import write_full_pairs, write_weights
from crossbar.arrays.pulse_sides import Places, PulsedSides, Side
from crossbar.arrays.read_variances import ReadVariances
from crossbar.arrays.tile_grid import TileGrid
from devices.pulses.flat import Singles
from devices.validation import Floats, number


class CellWeights:
    """Weights w = scale (u⁺ − u⁻), (outputs, inputs), with the states u of cells in a flat copy.

    Args:
        tiles: The array; `check_can_pulse` has let it pass.
        seed: Seed of the array's pulses; cells that are written anew draw their errors from it.

    Attributes:
        tiles: The array, which sees the states after `commit`.
        gain: Common-mode gain of the array.
        weights: Weights now, (outputs, inputs), float32.
        squares: Σ_j w_ij² of every output.
        scale: Weight of a fraction of one.
    """

    def __init__(self, tiles: TileGrid, seed: np.random.SeedSequence):
        self.tiles = tiles
        self.gain = tiles.all_tiles()[0].gain
        self._seed = seed
        self._cells = PulsedSides(tiles)
        self.scale = self.gain * self._cells.width / tiles.siemens_per_weight
        self.weights: Singles = np.empty((tiles.outputs, tiles.inputs), np.float32)
        self.squares: NDArray[np.float64] = np.empty(tiles.outputs)
        self._variances = ReadVariances(tiles, self._cells)
        self._has_changed = False
        self._recompute()

    def _recompute(self) -> None:
        """Work out all weights and their sums of squares."""
        flat = np.float32(self.scale) * (self._cells.plus.seen - self._cells.offset)
        self.weights[:] = flat.reshape(self.weights.shape)
        self.squares[:] = np.square(self.weights, dtype=np.float64).sum(axis=1)
        self._variances.recompute()

    def _refresh_weights(self, where: Places) -> None:
        """Work out the weights at some places, and change the sums of squares by theirs."""
        kernels.refresh_weights(
            where,
            self.weights.shape[1],
            self.scale,
            self._cells.plus.seen,
            self._cells.offset,
            self.weights.reshape(-1),
            self.squares,
        )
        self._variances.refresh(where)

    @property
    def is_noisy(self) -> bool:
        """Whether the cells have read noise."""
        return self._variances.is_noisy

    @property
    def variances(self) -> Singles:
        """Variance of a read of each weight by the noise of its cells, (outputs, inputs)."""
        return self._variances.values

    @property
    def is_pair(self) -> bool:
        """Whether a weight has two cells, instead of one and a reference."""
        return self._cells.minus is not None

    @property
    def largest(self) -> float:
        """Largest weight that the range of the pulse response holds, from a zero in its middle."""
        return self.scale if self.is_pair else self.scale / 2

    @property
    def sides(self) -> list[Side]:
        """The cells that are pulsed: positive ones, and the negative ones of pairs."""
        return self._cells.pulsed

    def states_of(self, g: list[Floats]) -> Singles:
        """Return the states of conductances [S] of all tiles, flat in the order of the weights.

        Args:
            g: Conductances of each tile, (word lines, bit lines).
        """
        return self._cells.states_of(g)

    def saturated(self, within: float = 0.02) -> float:
        """Return the share of pulsed cells within a fraction of their range of their bounds."""
        return float(np.mean([side.saturated(within) for side in self.sides]))

    def start_at(self, u: Singles) -> None:
        """Put the cells of an array with a reference column to states, and the reference too.

        Weights are then 0, and count from these states. Stuck cells stay where they are.

        Args:
            u: States, flat in the order of the weights.
        """
        assert not self.is_pair
        self._cells.plus.put(u)
        self._cells.offset = u.astype(np.float32)
        self._has_changed = True
        self._recompute()

    def refresh(self, above: float = 0.8) -> int:
        """Write pairs anew whose two cells are both above a fraction of the range.

        A refreshed pair has the weight that it had, with one cell at the lower end, as
        `DifferentialPair` programs it, and the device's programming error. One rewriting of a cell
        counts as one write in `counts`.

        Args:
            above: Fraction of the range, above 0 and below 1.

        Returns:
            The number of pairs that were written.

        Raises:
            ValueError: The array has a reference column instead of pairs.
        """
        number("above", above, above=0, below=1)
        device = self.tiles.hardware.device
        where = write_full_pairs(self._cells, above, device, self._seed)
        if where.size:
            self._has_changed = True
            self._refresh_weights(where)
        return len(where)

    def rewrite(self, weights: Floats) -> None:
        """Program the cells anew to weights, with the device's programming error.

        Args:
            weights: (outputs, inputs); beyond the range they are clipped.
        """
        wanted = np.asarray(weights, np.float64) / self.gain
        k = self.tiles.siemens_per_weight
        write_weights(self._cells, wanted, self.tiles.hardware, k, self._seed)
        self._has_changed = True
        self._recompute()

    def commit(self) -> None:
        """Bring the states into the tiles, whose reads then see them.

        The drift of all cells of the array begins anew; an array without pulses stays as it is.
        """
        if self._has_changed:
            self._has_changed = False
            self._cells.write_to_tiles()
