"""The conductances of an array at one moment, and how reads of them are drawn: the fastest way that is exact."""

from functools import cached_property
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

from crossbar.hardware import Hardware
from crossbar.inputs import Inputs
from crossbar.packed import BitPlanes, PackedInputs, bit_planes, drawn_p, gate_bits, masked_sums
from crossbar.sampling import (
    Columns,
    MomentMatrices,
    check_sampling,
    draw_cells,
    draw_collapsed,
    gate_word_lines,
    is_collapsed,
    mean_and_variance,
    moment_matrices,
    per_output,
)
from crossbar.span import Span, draws
from devices import BlankOut, NoNoise
from devices._checks import Floats, array
from devices._rng import child, stream

Matrix = TypeVar("Matrix")


class Side(NamedTuple, Generic[Matrix]):
    """One matrix of a read under blank-out: its sign in the sum, signal, variance of the cells' noise, output → column."""

    sign: float
    signal: Matrix
    variance: Matrix | None
    columns: Columns


class Cells:
    """Conductances g_pos (word lines, bit lines) and g_neg (the same, or one column per reference) [S], immutable.

    reference_of: for every bit line, its column of g_neg where that holds references; None for pairs.
    """

    def __init__(
        self,
        g_pos: Floats,
        g_neg: Floats,
        reference_of: Columns,
        hardware: Hardware,
        siemens_per_weight: float,
        step: float,
    ):
        self.g_pos, self.g_neg, self.reference_of = g_pos, g_neg, reference_of
        self.hardware = hardware
        self.siemens_per_weight = siemens_per_weight
        self._step = step  # of the grid on which conductances may lie, 0 for none
        self._matrices: dict[bool, MomentMatrices] = {}

    def initial_states(self, seed: np.random.SeedSequence) -> list[Any]:
        """Return the states that consecutive reads carry: of the gates (two per pair at most) and the cells."""
        gate, noise = self.hardware.gate, self.hardware.device.read_noise
        lines = np.full(len(self.g_pos), self.hardware.device.g_max)
        gated = lines if self.hardware.gate_sharing == "word_line" else self.g_pos
        sources = [(gate, gated), (gate, self.g_neg), (noise, self.g_pos), (noise, self.g_neg)]
        return [source.init(g, rng=stream(seed, i)) for i, (source, g) in enumerate(sources)]

    def matrices(self, *, gated: bool = True) -> MomentMatrices:
        """Return mean and variances of a read of each pair in weight units, with the gates or as if all were open."""
        if gated not in self._matrices:
            k, hardware = self.siemens_per_weight, self.hardware if gated else self.hardware.ungated()
            m = moment_matrices(self.g_pos, self.g_neg, self.reference_of, hardware)
            self._matrices[gated] = MomentMatrices(m.mean / k, m.own / k**2, m.shared / k**2)
        return self._matrices[gated]

    def blank_out(self) -> list[Side[Floats]] | None:
        """Return the matrices of a read of ±1 inputs under a blank-out gate, or None where these do not say it all.

        Given the gates, the cells' normal noises add up to one normal per output.
        """
        hardware, noise = self.hardware, self.hardware.device.read_noise
        paired, quiet = self.reference_of is None, isinstance(noise, NoNoise)
        if not isinstance(hardware.gate, BlankOut) or hardware.gate_sharing == "word_line" or not noise.collapses:
            return None
        if hardware.gate_sharing == "pair" and not paired and not quiet:
            return None  # a reference's noise seen through many gates is not independent given the gates
        k = self.siemens_per_weight
        (m_pos, v_pos), (m_neg, v_neg) = noise.moments(self.g_pos), noise.moments(self.g_neg)
        var_pos, var_neg = v_pos * (self.g_pos / k) ** 2, v_neg * (self.g_neg / k) ** 2
        pos, neg = m_pos * self.g_pos / k, m_neg * self.g_neg / k
        if hardware.gate_sharing == "pair":
            variance = None if quiet else var_pos + var_neg
            return [Side(1.0, pos - per_output(neg, self.reference_of), variance, None)]
        return [
            Side(1.0, pos, None if quiet else var_pos, None),
            Side(-1.0, neg, None if quiet else var_neg, self.reference_of),
        ]

    @cached_property
    def _sides(self) -> list[Side[BitPlanes]] | None:
        """The matrices of a packed read, or None where packed bits cannot draw this hardware."""
        sides, gate = self.blank_out(), self.hardware.gate
        if sides is None or (isinstance(gate, BlankOut) and gate_bits(gate.p) is None):
            return None
        step = self._step / 2 / self.siemens_per_weight
        return [
            Side(
                s.sign,
                bit_planes(s.signal, step),
                None if s.variance is None else bit_planes(s.variance, 0.0),
                s.columns,
            )
            for s in sides
        ]

    def path(self, sampling: str = "exact") -> str:
        """Return how reads of inputs −1, 0, +1 are drawn: one normal per output, packed bits, or cell by cell."""
        if check_sampling(sampling) == "moments" or is_collapsed(self.hardware):
            return "one normal per output"
        if self._sides is None:
            return "cell by cell"
        planes, exact = max(s.signal.bits for s in self._sides), all(s.signal.exact for s in self._sides)
        gate = self.hardware.gate
        assert isinstance(gate, BlankOut)
        rounded = "" if drawn_p(gate.p) == gate.p else f", p drawn as {drawn_p(gate.p):.7f}"
        return f"packed bits, {planes} planes" + ("" if exact else ", off grid") + rounded

    def read(self, x: Inputs, span: Span, *, sampling: str, seed: np.random.SeedSequence, states: list[Any]) -> Floats:
        """Return u (reads, bit lines) in weight units of the span's reads; see `Tile.read`. Advances `states` in place."""
        check_sampling(sampling)
        if x.values.shape[1:] != (len(self.g_pos),):
            raise ValueError(f"x has shape {x.values.shape}; give (any, {len(self.g_pos)})")
        hardware = self.hardware
        if hardware.gates_word_lines:
            x, states[0] = gate_word_lines(x, hardware, states[0], span, child(seed, 0))
            hardware, span = hardware.ungated(), span.each()
        if sampling == "moments" or is_collapsed(hardware):
            matrices = self.matrices(gated=hardware is self.hardware)
            return draw_collapsed(x, matrices, self.reference_of, span, child(seed, 1))
        packed = x.packed if self._sides is not None else None
        if packed is not None:
            return self._read_packed(packed, span, child(seed, 3))
        conductances = (self.g_pos, self.g_neg, self.reference_of)
        return draw_cells(x, *conductances, hardware, states, span, child(seed, 2)) / self.siemens_per_weight

    def _read_packed(self, inputs: PackedInputs, span: Span, seed: np.random.SeedSequence) -> Floats:
        """Given the gates, normal cell noises add up to one normal per output; the gates are drawn one by one."""
        gate = self.hardware.gate
        assert isinstance(gate, BlankOut)
        assert self._sides is not None
        u: Floats | float = 0.0
        for index, (sign, signal, variance, columns) in enumerate(self._sides):
            part = masked_sums(signal, inputs, span, child(seed, index), gate.p)
            if variance is not None:
                spread = masked_sums(variance, inputs, span, child(seed, index), gate.p, signed=False)
                part += np.sqrt(np.maximum(spread, 0)) * draws(span, part.shape[1], child(seed, index, 0))
            u = u + sign * (part if columns is None else part[:, columns])
        return np.asarray(u)

    def moments(self, x: Floats) -> tuple[Floats, Floats]:
        """Return mean and variance of u, each (reads, bit lines) in weight units, for x (reads, word lines)."""
        m, rows = self.matrices(), Inputs(array("x", x, shape=(None, len(self.g_pos))))
        mean, variance = mean_and_variance(rows, m.mean, m.total(self.reference_of))
        return mean, np.repeat(variance, len(x), axis=0) if len(variance) < len(mean) else variance
