"""An array whose cells answer pulses: weights that learn without being programmed anew."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crossbar.arrays import _pulse_kernels as kernels
from crossbar.arrays.pulse_counts import PulseCounts
from crossbar.arrays.tile_grid import TileGrid, parts_of
from crossbar.reads._normals import fill_normals
from devices import NoTemperature
from devices.pulses.flat import FlatCells, Singles
from devices.seeding import RNG, child, seed_sequence
from devices.validation import Floats, array, choice, integer, number

if TYPE_CHECKING:
    from crossbar.arrays.tile import ProgrammedTile

#: How the two cells of a pair share a change of their weight: one goes up while the other goes
#: down, or only potentiation is used, on the cell of the wanted sign.
PAIR_PULSES = ("both", "up")
#: Longest bit streams of `PulsedArray.coincide`: one word of the processor.
LONGEST_STREAM = 64

Places = NDArray[np.int64]


class Stream(IntEnum):
    """Random streams of the pulses of an array."""

    NORMALS = 0
    OUTPUT_BITS = 1
    INPUT_BITS = 2
    REFRESH = 3


@dataclass
class _Side:
    """The positive or the negative cells, flat in the order of the weights.

    Attributes:
        cells: Parameters of their responses.
        u: States, fractions of the range of the pulse response.
        seen: States as they are read; the same array without write noise.
        number: Pulses of each cell so far.
        stuck: Which cells do not follow pulses.
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


class PulsedArray:
    """The cells of an array as states of their pulse response, in one flat copy.

    Weights are w = scale (u⁺ − u⁻), (outputs, inputs), with the fraction u of the range of the
    device's pulse response and the common-mode gain in the scale. A reference column keeps its
    conductances, and only the positive cells are pulsed. `commit` brings the states into the tiles.

    What differs between devices (steps, bounds, corrupt cells) is drawn once per chip, from the
    seed of each tile; cycle-to-cycle noise and write noise on every pulse, from `rng`. Stuck cells
    stay where they are. An array that has aged learns from the conductances of today; when it is
    committed, the drift of all its cells begins anew, and its gain stays.

    Args:
        tiles: The array.
        rng: Seed, Generator or None: noise of pulses and random bits.
        pair: "both" (default): a pair is pulsed in opposite directions. "up": only potentiating
            pulses, on the cell of the wanted sign; `refresh` then frees pairs that are full.

    Attributes:
        weights: Weights now, (outputs, inputs), float32.
        squares: Σ_j w_ij² of every output.
        scale: Weight of a fraction of one.
        step: Mean change of a weight by one count, over the range of the typical device.

    Raises:
        ValueError: The device has no pulse response that compiled loops know, or the hardware puts
            something between cells and weights that pulses cannot follow.
    """

    def __init__(self, tiles: TileGrid, *, rng: RNG, pair: str = "both"):
        check_can_pulse(tiles)
        self.tiles = tiles
        self.pair = choice("pair", pair, PAIR_PULSES)
        hardware = tiles.hardware
        self.is_pair = not hardware.mapping.shares_reference
        if not self.is_pair and self.pair == "up":
            raise ValueError(
                f'pair = "up" needs two cells for each weight, and {hardware.mapping!r} has one '
                'and a reference column; choose pair = "both", or mapping = DifferentialPair()'
            )
        response = hardware.device.pulses
        assert response is not None
        self._response = response
        self._seed = seed_sequence(rng)
        self._keys = {s: _key(child(self._seed, s)) for s in Stream}
        self.gain = tiles.all_tiles()[0].gain
        width = response.g_max - response.g_min
        self.scale = self.gain * width / tiles.siemens_per_weight
        g = [tile.before_gain() for tile in tiles.all_tiles()]
        self._plus = self._side(0, [pos for pos, _ in g])
        minus = [neg for _, neg in g]
        self._minus = self._side(1, minus) if self.is_pair else None
        self._offset = self._minus.seen if self._minus is not None else self._reference(minus)
        self._blocks = 0  # draws of random bits so far
        self._normals = 0  # normal numbers drawn so far
        self._buffer = np.empty(0, np.float32)
        shape = (tiles.outputs, tiles.inputs)
        size = shape[0] * shape[1]
        self._where = np.empty(size, np.int64)
        self._counts = np.empty(size, np.int32)
        self._words = [np.empty(-(-kernels.DIGITS * n // 8) * 8, np.uint64) for n in shape]
        self._bits = [np.empty(n, np.uint64) for n in shape]
        self._columns = np.empty((LONGEST_STREAM, shape[1]), np.int32)
        self._ends = np.empty(LONGEST_STREAM, np.int64)
        self._number = np.zeros(shape[1], np.int32)
        self._touched = np.empty(shape[1], np.int32)
        self._has_changed = False
        self.weights = np.empty(shape, np.float32)
        self.squares = np.empty(shape[0])
        self._recompute()
        self.step = self._mean_step()

    def _side(self, side: int, g: "list[Floats]") -> _Side:
        """Return the cells of one side, with the conductances [S] of each tile."""
        tiles = self.tiles.all_tiles()
        of_tiles = [tile.pulse_cells(side) for tile in tiles]
        flat = self._response.flat(_in_order(self.tiles, of_tiles))
        assert flat is not None
        states = self.states_of(g)
        stuck = _in_order(self.tiles, [tile.stuck(side) for tile in tiles])
        flat = flat.holding(stuck, states)
        seen = states.copy() if flat.write_noise else states
        return _Side(flat, states, seen, np.zeros(len(states), np.int32), stuck)

    def _reference(self, g: "list[Floats]") -> Singles:
        """Return the states of the reference of each weight."""
        wide = [
            np.repeat(neg, tile.g_pos.shape[1], axis=1)
            for neg, tile in zip(g, self.tiles.all_tiles(), strict=True)
        ]
        return self.states_of(wide)

    def states_of(self, g: "list[Floats]") -> Singles:
        """Return the states of conductances [S] of all tiles, flat in the order of the weights.

        Args:
            g: Conductances of each tile, (word lines, bit lines).
        """
        u = (_in_order(self.tiles, g) - self._response.g_min) / _width(self._response)
        states: Singles = u.astype(np.float32)
        return states

    def start_at(self, u: Singles) -> None:
        """Put the cells of an array with a reference column to states, and the reference too.

        Weights are then 0, and count from these states. Stuck cells stay where they are.

        Args:
            u: States, flat in the order of the weights.
        """
        assert self._minus is None
        side = self._plus
        side.u[:] = np.where(side.stuck, side.u, u)
        side.seen[:] = side.u
        self._offset = u.astype(np.float32)
        self._has_changed = True
        self._recompute()

    def _recompute(self) -> None:
        flat = np.float32(self.scale) * (self._plus.seen - self._offset)
        self.weights[:] = flat.reshape(self.weights.shape)
        self.squares[:] = np.square(self.weights, dtype=np.float64).sum(axis=1)

    def _mean_step(self) -> float:
        """Return the mean change of a weight by one count of the typical device."""
        u = np.linspace(0.005, 0.995, 100)
        typical = self._response.typical()
        one = typical.init(u.shape, rng=0)
        g = self._response.g_min + u * _width(self._response)
        up, down = (
            np.abs(typical.respond(g, np.full(u.shape, n), one, rng=0) - g).mean() for n in (1, -1)
        )
        mean = float(up) if self.pair == "up" else float(up + down) / 2
        cells = 2 if self.is_pair and self.pair == "both" else 1
        return cells * mean / _width(self._response) * self.scale

    @property
    def largest(self) -> float:
        """Largest weight that the range of the pulse response holds, from a zero in its middle."""
        return self.scale if self.is_pair else self.scale / 2

    @property
    def sides(self) -> list[_Side]:
        """The cells that are pulsed: positive ones, and the negative ones of pairs."""
        return [self._plus] if self._minus is None else [self._plus, self._minus]

    def pulse(self, n: ArrayLike) -> None:
        """Give every weight a signed count of pulses; positive counts raise it.

        Args:
            n: Whole numbers, (outputs, inputs).

        Raises:
            ValueError: n has another shape or holds other numbers.
        """
        counts = np.asarray(n)
        if counts.dtype.kind not in "iu" or counts.shape != self.weights.shape:
            raise ValueError(
                f"n has the shape {counts.shape} and the type {counts.dtype}; give whole numbers "
                f"of pulses, {self.weights.shape} (outputs, inputs), negative to lower a weight"
            )
        where = np.flatnonzero(counts)
        self._where[: len(where)] = where
        self._counts[: len(where)] = counts.ravel()[where]
        self.pulse_listed(len(where))

    def coincide(
        self,
        e: ArrayLike,
        x: ArrayLike,
        *,
        rate: float,
        length: int = 31,
    ) -> int:
        """Change the weights by −rate e xᵀ on average, with coincidences of random bits.

        Rows and columns send streams of `length` bits, which are 1 with the probabilities
        c_e |e_i| and c_x |x_j|; a weight gets a pulse for every slot in which both are 1 (Gokmen &
        Vlasov 2016, doi:10.3389/fnins.2016.00333). c_e c_x = rate/(length · step), and their ratio
        makes the largest probabilities equal (update management of Gokmen, Onen & Haensch 2017,
        doi:10.3389/fnins.2017.00538). Probabilities above 1 count as 1: the update is then smaller.

        Args:
            e: Errors of the outputs, (outputs,).
            x: Inputs, (inputs,).
            rate: Learning rate η; the expected change holds where cells have their mean step.
            length: Bits of a stream, 1 to 64.

        Returns:
            The number of weights that got pulses.

        Raises:
            ValueError: A shape, the rate or the length is wrong.
        """
        errors = _vector("e", e, self.weights.shape[0])
        inputs = _vector("x", x, self.weights.shape[1])
        number("rate", rate, above=0)
        number("length", integer("length", length, at_least=1), at_most=LONGEST_STREAM)
        return self.coincide_checked(errors, inputs, rate, length)

    def coincide_checked(self, e: Singles, x: Singles, rate: float, length: int) -> int:
        """Do what `coincide` does, with arrays that were checked."""
        e_max, x_max = float(np.abs(e).max()), float(np.abs(x).max())
        self._blocks += 1
        if e_max == 0 or x_max == 0:
            return 0
        root = np.sqrt(rate / (length * self.step))
        ratio = np.sqrt(x_max / e_max)
        p_e = np.abs(e) * np.float32(root * ratio)
        p_x = np.abs(x) * np.float32(root / ratio)
        for p, words, bits, stream in (
            (p_e, self._words[0], self._bits[0], Stream.OUTPUT_BITS),
            (p_x, self._words[1], self._bits[1], Stream.INPUT_BITS),
        ):
            kernels.fill_streams(p, length, self._keys[stream], self._blocks, words, bits)
        kernels.list_slots(self._bits[1], self._columns, self._ends)
        m: int = kernels.count_coincidences(
            self._bits[0],
            self._columns,
            self._ends,
            e,
            x,
            self._number,
            self._touched,
            self._where,
            self._counts,
        )
        self.pulse_listed(m)
        return m

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

    def follow(self, other: "PulsedArray", m: int) -> None:
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
        where, counts = self._where[:m], self._counts[:m]
        flat = self._plus.cells
        noisy, written = flat.is_noisy, bool(flat.write_noise)
        needed = self._numbers_needed(counts, noisy, written)
        at = 0
        for side, sign in zip(self.sides, (1, -1), strict=False):
            at = kernels.pulse_cells(
                side.cells,
                where,
                counts,
                sign * (2 if self.pair == "up" else 1),
                noisy,
                written,
                needed,
                at,
                side.u,
                side.seen,
                side.number,
                side.counts.tally,
            )
        self._normals += at
        self._refresh_weights(where)

    def _refresh_weights(self, where: Places) -> None:
        kernels.refresh_weights(
            where,
            self.weights.shape[1],
            self.scale,
            self._plus.seen,
            self._offset,
            self.weights.reshape(-1),
            self.squares,
        )

    def _numbers_needed(self, counts: NDArray[np.int32], noisy: bool, written: bool) -> Singles:
        """Return as many normal numbers as the listed pulses may take."""
        sides = len(self.sides)
        size = sides * len(counts) * written
        if noisy:
            size += sides * int(np.abs(counts).sum())
        if size > len(self._buffer):
            self._buffer = np.empty(2 * size, np.float32)
        out = self._buffer[:size]
        if size:
            fill_normals(out, self._keys[Stream.NORMALS], self._normals)
        return out

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
        if self._minus is None:
            raise ValueError(
                "a reference column has no pairs to refresh; choose mapping = DifferentialPair()"
            )
        plus, minus = self._plus, self._minus
        free = ~(plus.stuck | minus.stuck)
        where = np.flatnonzero((plus.u > above) & (minus.u > above) & free)
        if not where.size:
            return 0
        self._has_changed = True
        device = self.tiles.hardware.device
        difference = (plus.seen[where] - minus.seen[where]).astype(np.float64)
        random = np.random.default_rng(
            child(self._seed, Stream.REFRESH, plus.counts.writes + minus.counts.writes)
        )
        for side, sign in ((plus, 1), (minus, -1)):
            target = self._response.g_min + np.maximum(sign * difference, 0) * _width(
                self._response
            )
            within = device.quantize(np.clip(target, device.g_min, device.g_max))
            g = device.write.program(within, rng=random)
            u = ((g - self._response.g_min) / _width(self._response)).astype(np.float32)
            side.u[where] = np.clip(u, *side.bounds_at(where))
            side.seen[where] = side.u[where]
            side.counts.writes += len(where)
            side.number[where] += 1
        self._refresh_weights(where)
        return len(where)

    def rewrite(self, weights: Floats) -> None:
        """Program the cells anew to weights, with the device's programming error.

        Args:
            weights: (outputs, inputs); beyond the range they are clipped.
        """
        hardware = self.tiles.hardware
        device, k = hardware.device, self.tiles.siemens_per_weight
        w_max = hardware.mapping.signal_range(device) / k
        inside = np.clip(np.asarray(weights, np.float64) / self.gain, -w_max, w_max)
        targets = hardware.mapping.conductances(inside, device, k)
        writes = sum(side.counts.writes for side in self.sides)
        random = np.random.default_rng(child(self._seed, Stream.REFRESH, writes))
        for side, target in zip(self.sides, targets, strict=False):
            g = device.write.program(device.quantize(target.T), rng=random).ravel()
            u = ((g - self._response.g_min) / _width(self._response)).astype(np.float32)
            side.u[:] = np.where(side.stuck, side.u, np.clip(u, *side.cells.bounds))
            side.seen[:] = side.u
            side.counts.writes += len(u)
            side.number += 1
        self._has_changed = True
        self._recompute()

    def saturated(self, within: float = 0.02) -> float:
        """Return the share of pulsed cells within a fraction of their range of their bounds."""
        shares = []
        for side in self.sides:
            low, high = side.cells.bounds
            margin = within * (high - low)
            shares.append(((side.u <= low + margin) | (side.u >= high - margin)).mean())
        return float(np.mean(shares))

    def commit(self) -> None:
        """Bring the states into the tiles, whose reads then see them.

        The drift of all cells of the array begins anew; an array without pulses stays as it is.
        """
        if not self._has_changed:
            return
        self._has_changed = False
        shape = self.weights.shape
        sides = []
        for side in self.sides:
            g = self._response.g_min + _width(self._response) * side.seen.astype(np.float64)
            sides.append(np.ascontiguousarray(np.maximum(g, 0).reshape(shape).T))
        blocks = [[tile.g_pos for tile in row] for row in self.tiles.tiles]
        parts = [parts_of(side, blocks) for side in sides]
        for place, tile in enumerate(self.tiles.all_tiles()):
            minus = parts[1][place] if self._minus is not None else tile.before_gain()[1]
            tile.rewrite(parts[0][place], minus)
        self.tiles.forget()

    def state(self) -> dict[str, NDArray[Any]]:
        """Return all that pulses have changed, as named arrays; `restore` takes them back."""
        found: dict[str, NDArray[Any]] = {
            "drawn": np.array([self._blocks, self._normals, self._has_changed], np.int64),
            # Sums of squares carry their rounding errors from update to update.
            "squares": self.squares.copy(),
        }
        for name, side in zip(("plus", "minus"), self.sides, strict=False):
            found |= {
                f"{name}.u": side.u.copy(),
                f"{name}.seen": side.seen.copy(),
                f"{name}.number": side.number.copy(),
                f"{name}.tally": side.counts.tally.copy(),
                f"{name}.writes": np.array([side.counts.writes], np.int64),
            }
        return found

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Take back what `state` returned; further pulses are then the same bit for bit."""
        blocks, normals, changed = (int(n) for n in state["drawn"])
        self._blocks, self._normals, self._has_changed = blocks, normals, bool(changed)
        for name, side in zip(("plus", "minus"), self.sides, strict=False):
            for part in ("u", "seen", "number"):
                getattr(side, part)[:] = state[f"{name}.{part}"]
            side.counts.tally[:] = state[f"{name}.tally"]
            side.counts.writes = int(state[f"{name}.writes"][0])
        self._recompute()
        self.squares[:] = state["squares"]


def check_can_pulse(tiles: TileGrid) -> None:
    """Raise ValueError if the cells of an array cannot be pulsed."""
    hardware = tiles.hardware
    response = hardware.device.pulses
    first: ProgrammedTile = tiles.all_tiles()[0]
    cells = first.pulse_cells(0)
    assert response is not None
    if response.flat(cells[:1, :1]) is None:
        raise ValueError(
            f"device.pulses = {response!r} has no compiled form; define `flat` of your class, see "
            "devices.pulses.base.PulseResponse"
        )
    reasons = {
        "wires": hardware.wires is not None,
        "device.iv": not hardware.is_ohmic,
        "gate.series_resistance": bool(hardware.gate.series_resistance),
        "device.temperature_law": not isinstance(hardware.device.temperature_law, NoTemperature),
    }
    for name, stands in reasons.items():
        if stands:
            value: Any = hardware
            for part in name.split("."):
                value = getattr(value, part)
            raise ValueError(
                f"{name} = {value!r} makes weights a curved function of the cells, which pulses "
                "do not follow yet; learn on hardware without it"
            )
    if len({tile.gain for tile in tiles.all_tiles()}) > 1:
        raise ValueError("tiles of one array have different gains; scale all of them alike")


def _width(response: Any) -> float:
    return float(response.g_max - response.g_min)


def _in_order(tiles: TileGrid, parts: list[Any]) -> Any:
    """Return values of all tiles, (word lines, bit lines) each, flat in the order of weights."""
    columns = len(tiles.tiles[0])
    rows = [parts[i : i + columns] for i in range(0, len(parts), columns)]
    whole = np.concatenate([np.concatenate(row, axis=1) for row in rows])
    return np.ascontiguousarray(whole.T).reshape(-1)


def _key(seed: np.random.SeedSequence) -> NDArray[np.uint64]:
    return seed.generate_state(2, np.uint64).astype(np.uint64)


def _vector(name: str, values: ArrayLike, size: int) -> Singles:
    return array(name, values, shape=(size,)).astype(np.float32)
