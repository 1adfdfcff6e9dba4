"""One programmed physical array: the only thing in the package that changes with time."""

from typing import Any

import numpy as np

from crossbar.hardware import Hardware
from crossbar.sampling import (
    MomentMatrices,
    check_sampling,
    draw_cells,
    draw_collapsed,
    gate_word_lines,
    is_collapsed,
    mean_and_variance,
    moment_matrices,
)
from devices._checks import Floats, array, number
from devices._rng import RNG, child, seed_sequence, stream


class Tile:
    """One programmed array (word lines, bit lines) with its twin or its reference column.

    Drawn once, by `program`: programming error and stuck cells (and the initial state of noises with memory). Drawn on
    every read: gates and the cells' read noise. Changed by `age` and `scale_conductances`: the conductances.
    """

    def __init__(
        self, hardware: Hardware, siemens_per_weight: float, g_pos: Floats, g_neg: Floats, seed: np.random.SeedSequence
    ):
        self.hardware = hardware
        self.siemens_per_weight = siemens_per_weight
        self.seconds = 0.0
        self.gain = 1.0
        self._seed = seed
        self._programmed = (g_pos, g_neg)
        gate, cells = hardware.gate, hardware.device.read_noise
        lines = np.full(len(g_pos), hardware.device.g_max)
        gated = lines if hardware.gate_sharing == "word_line" else g_pos
        drawn_for = [(gate, gated), (gate, g_neg), (cells, g_pos), (cells, g_neg)]
        self._states: list[Any] = [n.init(g, rng=stream(seed, 2, i)) for i, (n, g) in enumerate(drawn_for)]
        self._refresh()

    @classmethod
    def program(cls, w: Floats, hardware: Hardware, *, siemens_per_weight: float, rng: RNG) -> "Tile":
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
        targets = hardware.mapping.conductances(weights, hardware.device, siemens_per_weight)
        seed = seed_sequence(rng)
        g_pos, g_neg = (hardware.device.program(g, rng=stream(seed, 0, i)) for i, g in enumerate(targets))
        return cls(hardware, siemens_per_weight, g_pos, g_neg, seed)

    def _refresh(self) -> None:
        device = self.hardware.device
        aged = [device.age(g, self.seconds, rng=stream(self._seed, 1, i)) for i, g in enumerate(self._programmed)]
        self.g_pos, self.g_neg = self.gain * aged[0], self.gain * aged[1]
        self._matrices: dict[bool, MomentMatrices] = {}

    def matrices(self, *, gated: bool = True) -> MomentMatrices:
        """Return mean and variances of a read of each pair in weight units, with the gates or as if all were open."""
        if gated not in self._matrices:
            k = self.siemens_per_weight
            m = moment_matrices(self.g_pos, self.g_neg, self.hardware if gated else self.hardware.ungated())
            self._matrices[gated] = MomentMatrices(m.mean / k, m.own / k**2, m.shared / k**2)
        return self._matrices[gated]

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
        check_sampling(sampling)
        x = array("x", x, shape=(None, len(self.g_pos)))
        seed = seed_sequence(rng)
        hardware = self.hardware
        if hardware.gates_word_lines:
            x, self._states[0] = gate_word_lines(x, hardware, self._states[0], stream(seed, 0))
            hardware = hardware.ungated()
        if sampling == "moments" or is_collapsed(hardware):
            columns = np.zeros(self.g_pos.shape[1], dtype=int)
            matrices = self.matrices(gated=hardware is self.hardware)
            return draw_collapsed(x, matrices, columns, 1, stream(seed, 1))
        return self.draw_cells(x, hardware, child(seed, 2))

    def draw_cells(self, x: Floats, hardware: Hardware, seed: np.random.SeedSequence) -> Floats:
        """Return u in weight units with every cell drawn on its own; `hardware` says which gates are still to draw."""
        return draw_cells(x, self.g_pos, self.g_neg, hardware, self._states, seed) / self.siemens_per_weight

    def moments(self, x: Floats) -> tuple[Floats, Floats]:
        """Return mean and variance of u, each (reads, outputs) in weight units, for x (reads, inputs)."""
        x = array("x", x, shape=(None, len(self.g_pos)))
        m = self.matrices()
        variance = m.own + m.shared if m.shared.size else m.own
        mean, var = mean_and_variance(x, m.mean, variance)
        return mean, np.array(var)

    def age(self, seconds: float) -> None:
        """Let `seconds` [s] pass: retention and drift since programming. Ages add up."""
        self.seconds += number("seconds", seconds, at_least=0, unit="s")
        self._refresh()

    def scale_conductances(self, factor: float) -> None:
        """Multiply every conductance, pedestal included, by one factor: a common-mode gain."""
        self.gain *= number("factor", factor, above=0)
        self._refresh()
