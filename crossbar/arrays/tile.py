"""One programmed physical array: the only thing in the package that changes with time."""

from dataclasses import replace

import numpy as np

from crossbar.arrays.line_resistance import behind_wires, compensated
from crossbar.hardware import Hardware
from crossbar.reads.inputs import Inputs
from crossbar.reads.moments import Conductances, initial_states, pass_time
from crossbar.reads.reader import Cells
from crossbar.reads.span import Span
from devices import IdealWrite, NoDrift
from devices.seeding import RNG, child, seed_sequence, stream
from devices.validation import Floats, array, number

_SMALL = (
    1e-4  # of g_max: step of the derivative by the programmed conductance; its square is the error
)


class Tile:
    """One programmed array (word lines, bit lines) with its twin or its reference column.

    Drawn once, by `program`: programming error and stuck cells (and the initial state of noises with memory). Drawn on
    every read: gates and the cells' read noise. Changed by `age` and `scale_conductances`: the conductances.
    """

    def __init__(
        self,
        hardware: Hardware,
        siemens_per_weight: float,
        g_pos: Floats,
        g_neg: Floats,
        seed: np.random.SeedSequence,
    ):
        self.hardware = hardware
        self.siemens_per_weight = siemens_per_weight
        self.seconds = 0.0
        self.gain = 1.0
        self._ages = 0  # so far: each draws anew
        self._seed = seed
        self._programmed = (g_pos, g_neg)
        self._refresh()
        self._states = initial_states(self.g_pos, self.g_neg, hardware, child(seed, 2))

    @classmethod
    def program(
        cls, w: Floats, hardware: Hardware, *, siemens_per_weight: float, rng: RNG
    ) -> "Tile":
        """Return a tile programmed with w (outputs, inputs) at `siemens_per_weight` [S]; same `rng`, same tile.

        Raises ValueError for NaN, a wrong shape, weights outside the mapped range, or a w larger than `tile_shape`.
        """
        weights = array("w", w, ndim=2)
        outputs, inputs = weights.shape
        lines, columns = hardware.tile_shape
        if inputs > lines or outputs > columns:
            raise ValueError(
                f"w needs {inputs} word lines and {outputs} bit lines, the tile has {lines} and {columns}; "
                "use TiledArray.program, which spreads a matrix over tiles"
            )
        if weights.size == 0:
            raise ValueError(
                f"w has shape {weights.shape}: a tile needs at least one word line and one bit line"
            )
        targets = hardware.mapping.conductances(weights, hardware.device, siemens_per_weight)
        if hardware.compensate_wires:
            targets = compensated(targets, hardware)
        seed = seed_sequence(rng)
        other = (
            replace(hardware.device, levels=None)
            if hardware.mapping.shares_reference
            else hardware.device
        )
        g_pos = hardware.device.program(targets[0], rng=stream(seed, 0, 0))
        g_neg = other.program(targets[1], rng=stream(seed, 0, 1))
        return cls(hardware, siemens_per_weight, g_pos, g_neg, seed)

    def _now(self, g: Floats, side: int) -> Floats:
        """Return what has become of cells programmed to g [S]: aged, at the chip's temperature, behind their switch."""
        device = self.hardware.device
        aged = device.age(g, self.seconds, rng=stream(self._seed, 1, side))
        warm = aged * device.temperature_law.factor(aged, self.hardware.temperature)
        return self.hardware.gate.in_series(self.gain * warm)

    def _refresh(self) -> None:
        self.g_pos, self.g_neg = (self._now(g, side) for side, g in enumerate(self._programmed))
        self._conductances: Conductances | None = None
        self._cells: Cells | None = None

    @property
    def conductances(self) -> Conductances:
        """The cells as they are now [S], and with what they multiply behind the wires, solved once for each state."""
        if self._conductances is None:
            shared = self.hardware.mapping.shares_reference
            references = np.zeros(self.g_pos.shape[1], dtype=np.intp) if shared else None
            seen = behind_wires(self.g_pos, self.g_neg, self.hardware)
            self._conductances = Conductances(self.g_pos, self.g_neg, *seen, references)
        return self._conductances

    def programming_variance(self) -> tuple[Floats, Floats]:
        """Return, for each cell, the variance [S²] that programming puts on what it conducts when read, gates open.

        (d(m G)/dg)² (σ²(g) + step²/12): an error of g, as programmed, is seen as the cell is now, after ageing, at its
        temperature and behind its switch, times the mean m of its read noise; the wires take of it what they take of G.
        A reference column is trimmed, and has no error of levels.
        """
        device, c, seen = self.hardware.device, self.conductances, []
        steps = (device.step, 0.0 if self.hardware.mapping.shares_reference else device.step)
        ends, behind = (
            zip(self._programmed, steps, strict=True),
            ((c.e_pos, c.g_pos), (c.e_neg, c.g_neg)),
        )
        for side, ((g, step), (e, now)) in enumerate(zip(ends, behind, strict=True)):
            low, high = np.maximum(g - _SMALL * device.g_max, 0), g + _SMALL * device.g_max
            above, below = (
                x * device.read_noise.moments(x)[0]
                for x in (self._now(high, side), self._now(low, side))
            )
            slope = (
                (above - below)
                / (high - low)
                * np.divide(e, now, out=np.ones_like(e), where=now > 0)
            )
            seen.append(slope**2 * (device.write.sigma(g) ** 2 + step**2 / 12))
        return seen[0], seen[1]

    @property
    def cells(self) -> Cells:
        """The cells as they are read now."""
        if self._cells is None:
            self._cells = Cells(
                self.conductances, self.hardware, self.siemens_per_weight, self.step, self._states
            )
        return self._cells

    @property
    def step(self) -> float:
        """Spacing [S] of the grid on which cells lie, 0 for none: levels, without error of writing, drift or wires."""
        device = self.hardware.device
        if self.hardware.wires is not None:
            return 0.0
        ends = np.array([device.g_min, device.g_max])
        seen = self.hardware.gate.in_series(
            ends * device.temperature_law.factor(ends, self.hardware.temperature)
        )
        still = isinstance(device.retention, NoDrift) and np.array_equal(seen, ends)
        on_grid = isinstance(device.write, IdealWrite) and still
        return self.gain * device.step if on_grid else 0.0

    @property
    def weights(self) -> Floats:
        """The weights (outputs, inputs) that the conductances stand for now."""
        return self.hardware.mapping.weights(self.g_pos, self.g_neg, self.siemens_per_weight)

    def read(self, x: Floats, *, rng: RNG, sampling: str = "exact") -> Floats:
        """Return u (reads, outputs) in weight units for inputs x (reads, inputs), each row one fresh read.

        u_i = Σ_j x_j g_ij (c⁺_ij G⁺_ij − c⁻_ij G⁻_ij)/k, before any comparator. sampling: "exact" draws every gate and
        cell (or one normal per output where all is normal, the same law), "moments" one normal per output with the
        exact mean and variance. Raises ValueError for NaN or a wrong shape.
        """
        seed = seed_sequence(rng)
        rows = Inputs.checked("x", x, len(self.g_pos))
        return self.cells.read(rows, Span(0, len(rows)), sampling=sampling, seed=seed)

    def moments(self, x: Floats) -> tuple[Floats, Floats]:
        """Return mean and variance of u, each (reads, outputs) in weight units, for x (reads, inputs)."""
        return self.cells.moments(x)

    def age(self, seconds: float) -> None:
        """Let `seconds` [s] pass: retention and drift since programming, and what reads remember. Ages add up."""
        self.age_conductances(seconds)
        if seconds > 0:
            self._ages += 1
            seed = child(self._seed, 3, self._ages)
            pass_time(self._states, self.g_pos, self.g_neg, self.hardware, seconds, seed)

    def age_conductances(self, seconds: float) -> None:
        """Let `seconds` [s] pass for the conductances alone: a tile of an array, which keeps what reads remember."""
        self.seconds += number("seconds", seconds, at_least=0, unit="s")
        self._refresh()

    def scale_conductances(self, factor: float) -> None:
        """Multiply every conductance, pedestal included, by one factor: a common-mode gain."""
        self.gain *= number("factor", factor, above=0)
        self._refresh()
