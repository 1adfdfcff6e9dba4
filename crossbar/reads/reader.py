"""The conductances of an array at one moment, and how reads of them are drawn: the fastest way that is exact."""

from functools import cached_property
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

from crossbar.hardware import Hardware
from crossbar.reads.digits import DRAWN_DIGITS, SUMMED_DIGITS, DigitTables, digit_tables
from crossbar.reads.inputs import Inputs
from crossbar.reads.moments import (
    Columns,
    Conductances,
    MomentMatrices,
    check_sampling,
    draw_cells,
    draw_gaussian_sums,
    gate_moments,
    gate_word_lines,
    is_exactly_gaussian,
    moment_matrices,
    per_output,
    warn_of_memory,
)
from crossbar.reads.packed import Packed, drawn_p, gate_bits, gated_sums
from crossbar.reads.span import Span, draws
from devices import NoNoise
from devices.seeding import child
from devices.validation import Floats

Matrix = TypeVar("Matrix")


class Side(NamedTuple, Generic[Matrix]):
    """One matrix of a read under blank-out: its sign in the sum, signal, variance of the cells' noise, output → column."""

    sign: float
    signal: Matrix
    variance: Matrix | None
    columns: Columns


class Cells:
    """The conductances of an array, immutable, and how reads of them are drawn.

    What their noise remembers lies in `states`, a list that its owner keeps and that reads advance.
    """

    def __init__(
        self,
        conductances: Conductances,
        hardware: Hardware,
        siemens_per_weight: float,
        step: float,
        states: list[Any],
    ):
        self.conductances = conductances
        self.lines, self.columns = conductances.g_pos.shape
        self.reference_of = conductances.reference_of
        self.hardware = hardware
        self.siemens_per_weight = siemens_per_weight
        self._step = step  # of the grid on which conductances may lie, 0 for none
        self._states = (
            states  # of gates and cells, carried from read to read and from one Cells to the next
        )
        self._matrices: dict[bool, MomentMatrices] = {}
        self._tables: dict[
            str, DigitTables
        ] = {}  # of the matrices of moments, made when first needed

    def matrices(self, *, gated: bool = True) -> MomentMatrices:
        """Return mean and variances of a read of each pair in weight units, with the gates or as if all were open."""
        if gated not in self._matrices:
            k, hardware = (
                self.siemens_per_weight,
                self.hardware if gated else self.hardware.ungated(),
            )
            m = moment_matrices(self.conductances, hardware, self._states)
            self._matrices[gated] = MomentMatrices(m.mean / k, m.own / k**2, m.shared / k**2)
        return self._matrices[gated]

    def covariance(self, lag: float) -> Floats:
        """Return the covariance of two reads of ±1 inputs `lag` [s] apart, of the average chip, per bit line.

        In weight units squared; the variance at lag 0.
        """
        m = moment_matrices(self.conductances, self.hardware, self._states, lag)
        return m.total(self.reference_of).sum(axis=0) / self.siemens_per_weight**2

    def fixed_pattern(self) -> Floats:
        """Return Σ_j (E[w_j | its devices] − E w_j)² per bit line, in weight units squared: what gates and cells unlike the
        average ones put on the mean of a read of ±1 inputs.
        """
        average = (
            moment_matrices(self.conductances, self.hardware, self._states, lag=0.0).mean
            / self.siemens_per_weight
        )
        return np.asarray(((self.matrices().mean - average) ** 2).sum(axis=0))

    def blank_out(self) -> list[Side[Floats]] | None:
        """Return the matrices of a read of ±1 inputs under a two-valued gate, or None where these do not say it all.

        Given the gates, the cells' normal noises add up to one normal per output.
        """
        hardware, noise = self.hardware, self.hardware.device.read_noise
        paired, quiet = self.reference_of is None, isinstance(noise, NoNoise)
        if (
            hardware.gate.bernoulli is None
            or hardware.gate_sharing == "word_line"
            or not noise.is_gaussian
        ):
            return None
        if hardware.gate_sharing == "pair" and not paired and not quiet:
            return None  # a reference's noise seen through many gates is not independent given the gates
        k, c = self.siemens_per_weight, self.conductances
        (m_pos, v_pos), (m_neg, v_neg) = noise.moments(c.g_pos), noise.moments(c.g_neg)
        var_pos, var_neg = v_pos * (c.e_pos / k) ** 2, v_neg * (c.e_neg / k) ** 2
        pos, neg = m_pos * c.e_pos / k, m_neg * c.e_neg / k
        if hardware.gate_sharing == "pair":
            variance = None if quiet else var_pos + var_neg
            return [Side(1.0, pos - per_output(neg, self.reference_of), variance, None)]
        return [
            Side(1.0, pos, None if quiet else var_pos, None),
            Side(-1.0, neg, None if quiet else var_neg, self.reference_of),
        ]

    @cached_property
    def _sides(self) -> list[Side[DigitTables]] | None:
        """The matrices of a packed read, or None where packed bits cannot draw this hardware."""
        sides, law = self.blank_out(), self.hardware.gate.bernoulli
        if sides is None or law is None or gate_bits(law[0]) is None:
            return None
        signals = digit_tables([s.signal for s in sides], self._half_step, DRAWN_DIGITS)
        variances = [s.variance for s in sides]
        spreads: list[DigitTables | None] = [
            None if v is None else digit_tables([v], 0.0, DRAWN_DIGITS)[0] for v in variances
        ]
        return [
            Side(s.sign, a, v, s.columns) for s, a, v in zip(sides, signals, spreads, strict=True)
        ]

    @property
    def _half_step(self) -> float:
        """Spacing in weight units of the grid on which conductances and the middles between them lie, 0 for none."""
        return self._step / 2 / self.siemens_per_weight

    def _product(
        self, x: Inputs, name: str, matrix: Floats, step: float = 0.0, *, square: bool = False
    ) -> Floats:
        """Return x @ matrix (rows, columns), or x² @ matrix; the same for a row of −1, 0, +1 whatever the batch it is in."""
        if not x.whole.any():
            return (x.floats**2 if square else x.floats) @ matrix
        if name not in self._tables:
            self._tables[name] = digit_tables([matrix], step, SUMMED_DIGITS)[0]
        packed = x.packed.absolute() if square else x.packed
        sums = gated_sums(self._tables[name], packed, Span(0, len(x)))
        if not x.whole.all():
            others = x.floats[~x.whole]
            sums[~x.whole] = (others**2 if square else others) @ matrix
        return sums

    @cached_property
    def is_quiet(self) -> bool:
        """Whether every read of an input is the same."""
        m = self.matrices()
        return not (m.own.any() or m.shared.any())

    def _means(self, x: Inputs, *, gated: bool = True) -> Floats:
        """Return x @ mean (rows, bit lines)."""
        gate_mean, _ = gate_moments(self.hardware) if gated else (1.0, 0.0)
        return self._product(
            x, f"mean {gated}", self.matrices(gated=gated).mean, self._half_step * gate_mean
        )

    def _variances(self, x: Inputs, *, gated: bool = True) -> tuple[Floats, Floats]:
        """Return x² @ own and x² @ shared, one row of each for all where every input is ±1."""
        m, rows = (
            self.matrices(gated=gated),
            Inputs(np.ones((1, x.shape[1]), dtype=bool)) if x.all_signs else x,
        )
        own, shared = (
            self._product(rows, f"{name} {gated}", v, square=True)
            if v.any()
            else np.zeros((1, v.shape[1]))
            for name, v in (("own", m.own), ("shared", m.shared))
        )
        return np.maximum(own, 0), np.maximum(shared, 0)

    def path(self, sampling: str = "exact") -> str:
        """Return how reads of inputs −1, 0, +1 are drawn: one normal per output, packed bits, or cell by cell."""
        gate = self.hardware.gate
        if check_sampling(sampling) == "moments":
            return "one normal per output"
        if is_exactly_gaussian(self.hardware):
            by_line = (
                ", gates drawn word line by word line" if self.hardware.gates_word_lines else ""
            )
            quiet = self.hardware.device.read_noise
            return (
                "no noise in the cells"
                if isinstance(quiet, NoNoise) and by_line
                else "one normal per output"
            ) + by_line
        if self._sides is None:
            return "cell by cell"
        digits, exact = (
            max(s.signal.digits for s in self._sides),
            all(s.signal.exact for s in self._sides),
        )
        p, _ = gate.bernoulli or (0.0, 0.0)
        rounded = "" if drawn_p(p) == p else f", p drawn as {drawn_p(p):.7f}"
        return (
            f"packed bits, {digits} digit{'s'[: digits > 1]}"
            + ("" if exact else ", off grid")
            + rounded
        )

    def read(self, x: Inputs, span: Span, *, sampling: str, seed: np.random.SeedSequence) -> Floats:
        """Return u (reads, bit lines) in weight units of the span's reads; see `Tile.read`. Noise with memory goes on."""
        check_sampling(sampling)
        if x.shape[1] != self.lines:
            raise ValueError(f"x has shape {x.shape}; give (any, {self.lines})")
        hardware = self.hardware
        if hardware.gates_word_lines:
            x, self._states[0] = gate_word_lines(x, hardware, self._states[0], span, child(seed, 0))
            hardware, span = hardware.ungated(), span.each()
        if sampling == "moments":
            warn_of_memory(hardware)
        if sampling == "moments" or is_exactly_gaussian(hardware):
            gated = hardware is self.hardware
            mean, variances = self._means(x, gated=gated), self._variances(x, gated=gated)
            return draw_gaussian_sums(mean, *variances, self.reference_of, span, child(seed, 1))
        if self._sides is None or not x.whole.any():
            return self._read_cells(x, span, hardware, child(seed, 2))
        u = self._read_packed(x.packed, span, child(seed, 3))
        if not x.whole.all():  # each row as it would be read alone
            others = ~x.whole[span.rows]
            u[others] = self._read_cells(x, span, hardware, child(seed, 2))[others]
        return u

    def _read_cells(
        self, x: Inputs, span: Span, hardware: Hardware, seed: np.random.SeedSequence
    ) -> Floats:
        return (
            draw_cells(x, self.conductances, hardware, self._states, span, seed)
            / self.siemens_per_weight
        )

    def _read_packed(self, inputs: Packed, span: Span, seed: np.random.SeedSequence) -> Floats:
        """Given the gates, normal cell noises add up to one normal per output; the gates are drawn one by one.

        A gate that leaks, ξ = low + (1 − low) m, adds to the sums under its masks m those of all cells.
        """
        law, sides = self.hardware.gate.bernoulli, self._sides
        assert law is not None
        assert sides is not None
        p, low = law
        alone, parts = len(sides) == 1, []

        def sums(
            matrix: DigitTables,
            x: Packed,
            masks: np.random.SeedSequence,
            leak: float,
            *,
            scaled: bool,
        ) -> Floats:
            u = gated_sums(matrix, x, span, masks, p, scaled=scaled)
            return (1 - leak) * u + leak * gated_sums(matrix, x, span, scaled=scaled) if leak else u

        for index, side in enumerate(sides):
            masks = child(seed, index)
            part = sums(side.signal, inputs, masks, low, scaled=alone)
            if side.variance is not None:
                spread = sums(side.variance, inputs.absolute(), masks, low**2, scaled=True)
                normals = draws(span, part.shape[1], child(seed, index, 0))
                part += (
                    np.sqrt(np.maximum(spread, 0)) / (1 if alone else side.signal.unit) * normals
                )
            parts.append(part if side.columns is None else part[:, side.columns])
        return parts[0] if alone else (parts[0] - parts[1]) * sides[0].signal.unit

    def moments(self, x: Floats) -> tuple[Floats, Floats]:
        """Return mean and variance of u, each (reads, bit lines) in weight units, for x (reads, word lines)."""
        rows = Inputs.checked("x", x, self.lines)
        mean, (own, shared) = self._means(rows), self._variances(rows)
        variance = own if self.reference_of is None else own + shared[:, self.reference_of]
        return mean, np.repeat(variance, len(mean), axis=0) if len(variance) < len(
            mean
        ) else variance
