"""The noise of cells in reads of learning: a variance for each weight, which follows the pulses."""

import numpy as np

from crossbar.arrays.pulse_sides import Places, PulsedSides, Side
from crossbar.arrays.tile_grid import TileGrid
from devices.pulses.flat import Singles
from devices.validation import Floats


class ReadVariances:
    """Var w_ij of one read of each weight without its gate, v⁺G⁺² + v⁻G⁻² in weight units squared.

    v is the variance of the cells' factors at their conductance, `ReadNoise.moments`; noise that is
    fresh on every read has no other parameter.

    Args:
        tiles: The array. The noise of a reference column, which outputs share, is not counted.
        cells: Their states.

    Attributes:
        values: The variances now, (outputs, inputs); 0 without read noise.
    """

    def __init__(self, tiles: TileGrid, cells: PulsedSides):
        self._noise = tiles.hardware.cell_noise
        self._gain = tiles.all_tiles()[0].gain
        self._unit = tiles.siemens_per_weight
        self._cells = cells
        self.values: Singles = np.zeros((tiles.outputs, tiles.inputs), np.float32)
        self.is_noisy = not tiles.hardware.has_quiet_cells

    def recompute(self) -> None:
        """Work out the variances of all weights."""
        if self.is_noisy:
            self._set(np.arange(self.values.size, dtype=np.int64))

    def refresh(self, where: Places) -> None:
        """Work out those of some weights, whose cells were pulsed."""
        if self.is_noisy:
            self._set(where)

    def _set(self, where: Places) -> None:
        whole = sum(self._of_side(side, where) for side in self._cells.pulsed)
        self.values.reshape(-1)[where] = whole

    def _of_side(self, side: Side, where: Places) -> Floats:
        g = self._gain * np.maximum(self._cells.siemens(side.seen[where].astype(np.float64)), 0)
        variance: Floats = self._noise.moments(g)[1] * (g / self._unit) ** 2
        return variance
