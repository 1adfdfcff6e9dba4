"""Weights that change by pulses, given as an array of counts or as a list."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from crossbar.arrays.cell_weights import CellWeights
from crossbar.arrays.pulse_checks import check_can_pulse, checked_counts, checked_pair
from crossbar.arrays.pulse_random import Normals
from crossbar.arrays.tile_grid import TileGrid


class PulsedWeights(CellWeights):
    """Weights whose cells are pulsed along a list: places of weights, and a signed count for each.

    Args:
        tiles: The array.
        seed: Seed of the array's pulses.
        pair: How the two cells of a pair share a change, one of `PAIR_PULSES`.

    Attributes:
        pair: As given.
        step: Mean change of a weight by one count, over the range of the typical device.

    Raises:
        ValueError: The cells cannot be pulsed, or pair is unknown or asks for pairs that are not.
    """

    def __init__(self, tiles: TileGrid, seed: np.random.SeedSequence, pair: str):
        check_can_pulse(tiles)
        self.pair = checked_pair(pair, tiles.hardware)
        super().__init__(tiles, seed)
        self.step = self._cells.mean_step(pair) * self.scale
        self._normals = Normals(seed)
        self._where = np.empty(self.weights.size, np.int64)
        self._counts = np.empty(self.weights.size, np.int32)

    def pulse(self, n: ArrayLike) -> None:
        """Give every weight a signed count of pulses; positive counts raise it.

        Args:
            n: Whole numbers, (outputs, inputs).

        Raises:
            ValueError: n has another shape or holds other numbers.
        """
        counts = checked_counts(n, self.weights.shape)
        where = np.flatnonzero(counts)
        self._where[: len(where)] = where
        self._counts[: len(where)] = counts.ravel()[where]
        self.pulse_listed(len(where))

    def listed(self, kernel: Callable[..., int], *arguments: Any) -> int:
        """Let a kernel write the list of pulses, and give them; return the list's length.

        Args:
            kernel: Takes the arguments and two arrays, places and counts, and returns how many it
                has written.
            arguments: What it takes first.
        """
        m = kernel(*arguments, self._where, self._counts)
        self.pulse_listed(m)
        return m

    def follow(self, other: "PulsedWeights", m: int) -> None:
        """Give the weights the pulses that another array of the same shape got last.

        Args:
            other: The array.
            m: Length of its list.
        """
        self._where[:m] = other._where[:m]
        self._counts[:m] = other._counts[:m]
        self.pulse_listed(m)

    def pulse_listed(self, m: int) -> None:
        """Give the first m listed weights their pulses."""
        if m == 0:
            return
        self._has_changed = True
        where = self._where[:m]
        self._cells.pulse(where, self._counts[:m], pair=self.pair, normals=self._normals)
        self._refresh_weights(where)
