"""Reads under a Bernoulli gate: inputs and gates are bits, and sums are looked up in tables."""

from collections.abc import Iterator
from enum import IntEnum
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from crossbar.reads._kernels import OWN_DIGITS
from crossbar.reads.conductances import CellArray
from crossbar.reads.digits import DRAWN_DIGITS, DigitTables, digit_tables, drawn_digits
from crossbar.reads.gated_sums import (
    drawn_p,
    gate_bits,
    gated_sums,
    own_gate_bits,
)
from crossbar.reads.inputs import Inputs
from crossbar.reads.law import bernoulli_sums
from crossbar.reads.noise_state import NoiseState, Source
from crossbar.reads.normals import add_noise, normals
from crossbar.reads.packed import Bits, Packed
from crossbar.reads.polarities import (
    Polarity,
    are_gaussian_given_gates,
    bernoulli_polarities,
    have_own_probabilities,
)
from crossbar.reads.processor import FORM
from crossbar.reads.span import Span
from devices import StochasticSelector
from devices.seeding import child
from devices.special import ndtr
from devices.validation import Floats


class Stream(IntEnum):
    """Random streams below that of a polarity, from which its masks are drawn."""

    CELLS = 0


class PackedBits:
    """Strategy: every gate of every read is one random bit.

    It is exact for ternary inputs, and for cells without noise or with Gaussian noise.

    Args:
        cells: The array.
        p: Probability that a gate conducts; or, of gates that each have their own, its digits for
            each polarity, from `own_gate_bits`.
        low: Factor of a gate that does not conduct: ξ = low + (1 − low) m under the mask m.
    """

    def __init__(self, cells: CellArray, p: float | list[Bits], low: float):
        self._cells = cells
        self._p = p
        self._low = low

    @classmethod
    def of(cls, cells: CellArray, state: NoiseState) -> "PackedBits | None":
        """Return the strategy for these cells, or None where packed bits cannot draw their
        reads.

        Args:
            cells: The array.
            state: States of its noises, which hold the differences between selectors.
        """
        gate = cells.hardware.gate_noise
        if not are_gaussian_given_gates(cells, own=True):
            return None
        if isinstance(gate, StochasticSelector) and have_own_probabilities(gate):
            sources = (Source.GATE, Source.NEGATIVE_GATE)
            apart = cells.hardware.gate_sharing == "cell"
            offsets = [state[source].offset for source in sources[: 1 + apart]]
            p = [own_gate_bits(ndtr(gate.z - gate.spread * offset)) for offset in offsets]
            return cls(cells, p, gate.leak)
        law = gate.bernoulli
        return None if law is None or gate_bits(law[0]) is None else cls(cells, *law)

    @property
    def _spacing(self) -> float:
        """Spacing of the grid on which the signals lie, in weight units; 0 for none."""
        return self._cells.level_spacing / 2 / self._cells.siemens_per_weight

    @cached_property
    def _polarities(self) -> list[Polarity[DigitTables]]:
        """The matrices of the read, as tables of digits."""
        polarities = bernoulli_polarities(self._cells, own=True)
        assert polarities is not None
        signals = digit_tables([p.signal for p in polarities], self._spacing, DRAWN_DIGITS)
        tables = []
        for polarity, signal in zip(polarities, signals, strict=True):
            variance, added = (
                None if matrix is None else digit_tables([matrix], 0.0, DRAWN_DIGITS)[0]
                for matrix in (polarity.variance, polarity.added)
            )
            tables.append(Polarity(signal, variance, polarity.columns, added))
        return tables

    def describe(self) -> str:
        """Return what a report says of this strategy.

        That is how its loops were compiled, digits per weight, and what is rounded.
        """
        digits, exact = drawn_digits(self._signals(), self._spacing)
        return (
            f"packed bits ({FORM}), {digits} digit{'s'[: digits > 1]}"
            + ("" if exact else ", off grid")
            + self._of_p()
        )

    def _of_p(self) -> str:
        """Return what a report says of how the probability of gates is rounded."""
        if isinstance(self._p, list):
            return f", every p drawn with {OWN_DIGITS} bits"
        drawn = drawn_p(self._p)
        return "" if drawn == self._p else f", p drawn as {drawn:.7f}"

    def _signals(self) -> Iterator[Floats]:
        """Yield the signals of all polarities, some bit lines at a time."""
        for _, cells in self._cells.blocks():
            for polarity in bernoulli_polarities(cells, own=True) or []:
                yield polarity.signal

    def read(self, x: Inputs, span: Span, seed: np.random.SeedSequence) -> Floats:
        """Return u (reads, bit lines) in weight units; valid only for reads of ternary rows."""
        inputs = x.packed
        paired = len(self._polarities) == 1
        unit = self._polarities[0].signal.unit

        def draw(index: int) -> tuple[Floats, Floats | None, NDArray[np.float32] | None]:
            polarity = self._polarities[index]
            masks = child(seed, index)
            p = self._p[index] if isinstance(self._p, list) else self._p
            gates = masks, p
            signal = self._sums(polarity.signal, inputs, span, gates, self._low, scaled=paired)
            variance = self._variance(polarity, inputs, span, gates)
            if variance is None:
                return signal, None, None
            cells = child(masks, Stream.CELLS)
            if paired:
                add_noise(signal, variance, span, cells)
                return signal, None, None
            return signal, variance, normals(span, signal.shape[1], cells)

        columns = [p.columns for p in self._polarities]
        u: Floats = bernoulli_sums(columns, draw, 1.0 if paired else unit)
        return u

    def _variance(
        self,
        polarity: Polarity[DigitTables],
        inputs: Packed,
        span: Span,
        gates: tuple[np.random.SeedSequence, float | Bits],
    ) -> Floats | None:
        """Return the variance of the cells' noise given the gates; None if they have none."""
        parts = []
        if polarity.variance is not None:
            squares = inputs.absolute()
            parts.append(
                self._sums(polarity.variance, squares, span, gates, self._low**2, scaled=True)
            )
        if polarity.added is not None:
            # A branch that leaks has the thermal noise of what it conducts, so `low`, not its
            # square. Cells that are not driven add noise too.
            driven, idle = self._cells.current_noise(np.array([1.0, 0.0]))
            for of_one, these in ((driven, inputs.absolute()), (idle, inputs.zeros())):
                if these is not None:
                    sums = self._sums(polarity.added, these, span, gates, self._low, scaled=True)
                    parts.append(of_one * sums)
        return sum(parts[1:], start=parts[0]) if parts else None

    def _sums(
        self,
        matrix: DigitTables,
        inputs: Packed,
        span: Span,
        gates: tuple[np.random.SeedSequence, float | Bits],
        low: float,
        *,
        scaled: bool,
    ) -> Floats:
        """Return the sums under gates whose factor is 1 or `low`.

        They are (1 − low) times the masked sums plus low times the sums without masks.
        """
        u = gated_sums(matrix, inputs, span, *gates, scaled=scaled)
        if not low:
            return u
        return (1 - low) * u + low * gated_sums(matrix, inputs, span, scaled=scaled)


class PlainGates(NamedTuple):
    """Reads of pairs behind gates that either conduct or do not.

    Attributes:
        signal: Tables of what a pair that conducts adds.
        variance: Tables of the variance of its cells, in weight units squared; None without noise.
        p_bits: Binary digits of the probability that a gate conducts, or those of each gate.
    """

    signal: DigitTables
    variance: DigitTables | None
    p_bits: Bits


def plain_gates(reads: PackedBits) -> PlainGates | None:
    """Return the tables and the probability of gates of pairs; None where reads need more: thermal
    noise, gates that leak, or gates of single cells.
    """
    first = reads._polarities[0]
    alone = len(reads._polarities) == 1 and first.columns is None and first.added is None
    p_bits = reads._p[0] if isinstance(reads._p, list) else gate_bits(reads._p)
    if p_bits is None or reads._low or not alone:
        return None
    return PlainGates(first.signal, first.variance, p_bits)
