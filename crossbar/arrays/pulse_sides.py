"""The cells of an array as states of their pulse response, in one flat copy."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossbar.arrays import _pulse_kernels as kernels
from crossbar.arrays.pulse_counts import PulseCounts
from crossbar.arrays.pulse_random import Normals
from crossbar.arrays.tile_grid import TileGrid, parts_of
from devices.pulses.base import PulseResponse
from devices.pulses.flat import FlatCells, Singles
from devices.validation import Floats

Places = NDArray[np.int64]


@dataclass
class Side:
    """The positive or the negative cells, flat in the order of the weights.

    Attributes:
        cells: Parameters of their responses.
        u: States, fractions of the range of the pulse response.
        seen: States as they are read; the same array without write noise.
        number: Pulses of each cell so far.
        stuck: Which cells do not follow pulses.
        counts: Sums over all cells of their pulses so far.
    """

    cells: FlatCells
    u: Singles
    seen: Singles
    number: NDArray[np.int32]
    stuck: NDArray[np.bool_]
    counts: PulseCounts = field(default_factory=PulseCounts)

    def bounds_at(self, where: Places) -> tuple[Singles, Singles]:
        """Return the lowest and highest states of some cells."""
        low, high = self.cells.bounds
        return (low, high) if len(low) == 1 else (low[where], high[where])

    def put(self, u: Singles) -> None:
        """Bring all cells to states; stuck cells stay where they are."""
        self.u[:] = np.where(self.stuck, self.u, u)
        self.seen[:] = self.u

    def saturated(self, within: float) -> float:
        """Return the share of cells within a fraction of their range of their bounds."""
        low, high = self.cells.bounds
        margin = within * (high - low)
        return float(((self.u <= low + margin) | (self.u >= high - margin)).mean())

    def state(self) -> dict[str, NDArray[Any]]:
        """Return all that pulses have changed, as named arrays; `restore` takes them back."""
        return {
            "u": self.u.copy(),
            "seen": self.seen.copy(),
            "number": self.number.copy(),
            "tally": self.counts.tally.copy(),
            "writes": np.array([self.counts.writes], np.int64),
        }

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Take back what `state` returned."""
        for part in ("u", "seen", "number"):
            getattr(self, part)[:] = state[part]
        self.counts.tally[:] = state["tally"]
        self.counts.writes = int(state["writes"][0])


class PulsedSides:
    """The positive cells of an array, and its negative cells or the reference they count from.

    Args:
        tiles: The array; `check_can_pulse` has let it pass.

    Attributes:
        response: The pulse response of the cells.
        width: Range of the pulse response, g_max − g_min [S].
        plus: The positive cells.
        minus: The negative cells; None with a reference column.
        offset: States that are subtracted from those of the positive cells, as reads see them.
    """

    def __init__(self, tiles: TileGrid):
        response = tiles.hardware.device.pulses
        assert response is not None
        self.response: PulseResponse = response
        self.width = float(response.g_max - response.g_min)
        self._tiles = tiles
        g = [tile.before_gain() for tile in tiles.all_tiles()]
        self.plus = self._side(0, [pos for pos, _ in g])
        of_minus = [neg for _, neg in g]
        self.minus: Side | None = None
        if tiles.hardware.mapping.shares_reference:
            wide = [
                np.repeat(neg, tile.g_pos.shape[1], axis=1)
                for neg, tile in zip(of_minus, tiles.all_tiles(), strict=True)
            ]
            self.offset = self.states_of(wide)
        else:
            self.minus = self._side(1, of_minus)
            self.offset = self.minus.seen

    def _side(self, side: int, g: list[Floats]) -> Side:
        """Return the cells of one side, with the conductances [S] of each tile."""
        tiles = self._tiles.all_tiles()
        flat = self.response.flat(_in_order(self._tiles, [t.pulse_cells(side) for t in tiles]))
        assert flat is not None
        states = self.states_of(g)
        stuck = _in_order(self._tiles, [tile.stuck(side) for tile in tiles])
        flat = flat.holding(stuck, states)
        seen = states.copy() if flat.write_noise else states
        return Side(flat, states, seen, np.zeros(len(states), np.int32), stuck)

    @property
    def pulsed(self) -> list[Side]:
        """The cells that are pulsed: positive ones, and the negative ones of pairs."""
        return [self.plus] if self.minus is None else [self.plus, self.minus]

    def fractions(self, g: Floats) -> Singles:
        """Return the states of conductances [S]: fractions of the range, in single precision."""
        u: Singles = ((g - self.response.g_min) / self.width).astype(np.float32)
        return u

    def siemens(self, u: Floats) -> Floats:
        """Return the conductances [S] of states."""
        return self.response.g_min + u * self.width

    def states_of(self, g: list[Floats]) -> Singles:
        """Return the states of conductances [S] of all tiles, flat in the order of the weights.

        Args:
            g: Conductances of each tile, (word lines, bit lines).
        """
        return self.fractions(_in_order(self._tiles, g))

    def mean_step(self, pair: str) -> float:
        """Return the mean change of u⁺ − u⁻ by one count of the typical device.

        Args:
            pair: How pairs share a change, one of `PAIR_PULSES`.
        """
        u = np.linspace(0.005, 0.995, 100)
        typical = self.response.typical()
        one = typical.init(u.shape, rng=0)
        g = self.siemens(u)
        up, down = (
            np.abs(typical.respond(g, np.full(u.shape, n), one, rng=0) - g).mean() for n in (1, -1)
        )
        mean = float(up) if pair == "up" else float(up + down) / 2
        cells = 2 if self.minus is not None and pair == "both" else 1
        return cells * mean / self.width

    def pulse(
        self, where: Places, counts: NDArray[np.int32], *, pair: str, normals: Normals
    ) -> None:
        """Pulse the cells of listed weights.

        Args:
            where: Places of the weights.
            counts: Signed counts; positive ones raise the weight.
            pair: How pairs share a change, one of `PAIR_PULSES`.
            normals: Where the noise of pulses is drawn from.
        """
        flat = self.plus.cells
        noisy, written = flat.is_noisy, bool(flat.write_noise)
        size = len(self.pulsed) * len(counts) * written
        if noisy:
            size += len(self.pulsed) * int(np.abs(counts).sum())
        numbers = normals.following(size)
        at = 0
        for side, sign in zip(self.pulsed, (1, -1), strict=False):
            at = kernels.pulse_cells(
                side.cells,
                where,
                counts,
                sign * (2 if pair == "up" else 1),
                noisy,
                written,
                numbers,
                at,
                side.u,
                side.seen,
                side.number,
                side.counts.tally,
            )
        normals.used += at

    def write_to_tiles(self) -> None:
        """Bring the states into the tiles, whose reads then see them; their age begins anew."""
        tiles = self._tiles
        shape = (tiles.outputs, tiles.inputs)
        sides = []
        for side in self.pulsed:
            g = self.siemens(side.seen.astype(np.float64))
            sides.append(np.ascontiguousarray(np.maximum(g, 0).reshape(shape).T))
        blocks = [[tile.g_pos for tile in row] for row in tiles.tiles]
        parts = [parts_of(side, blocks) for side in sides]
        for place, tile in enumerate(tiles.all_tiles()):
            minus = parts[1][place] if self.minus is not None else tile.before_gain()[1]
            tile.rewrite(parts[0][place], minus)
        tiles.forget()


def _in_order(tiles: TileGrid, parts: list[Any]) -> Any:
    """Return values of all tiles, (word lines, bit lines) each, flat in the order of weights."""
    columns = len(tiles.tiles[0])
    rows = [parts[i : i + columns] for i in range(0, len(parts), columns)]
    whole = np.concatenate([np.concatenate(row, axis=1) for row in rows])
    return np.ascontiguousarray(whole.T).reshape(-1)
