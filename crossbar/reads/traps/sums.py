"""Sums of columns whose cells have telegraph traps: looked up in tables, or added up in float32."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from crossbar.reads._kernels import READS_PER_BLOCK
from crossbar.reads.column_reads import Singles, by_column, in_columns, rows_of
from crossbar.reads.digits import DRAWN_DIGITS, digit_tables
from crossbar.reads.inputs import Inputs
from crossbar.reads.packed import Bits
from crossbar.reads.span import Span
from crossbar.reads.traps._look_ups import plane_sums, switch_sums
from crossbar.reads.traps._sums import trap_sums
from crossbar.reads.traps._tables import LARGEST
from crossbar.reads.traps.columns import Bytes, TrapColumns
from devices.validation import Floats

#: Word lines up to which sums of whole numbers stay in 32 bits.
_MOST_LINES = 8192


class Stream(IntEnum):
    """Random streams of a group of columns."""

    TRAPS = 0
    GATES = 1


class LookUps(NamedTuple):
    """Parts of the weights of columns as tables of digits, as of `DigitTables`.

    Attributes:
        tables: All tables, part after part.
        start: Where those of each part begin.
        digits: Digits of each part.
        factors: Value of each digit, (parts, digits).
        depth: Octets whose sums fit into bytes, of each part.
        unit: Weight of the whole number 1.
    """

    tables: NDArray[np.int8]
    start: NDArray[np.int64]
    digits: NDArray[np.int64]
    factors: Floats
    depth: NDArray[np.int64]
    unit: float

    @classmethod
    def of(cls, parts: Sequence[Floats]) -> "LookUps":
        """Return the tables of parts of the weights, each (word lines, columns)."""
        made = digit_tables(parts, 0.0, DRAWN_DIGITS)
        factors = np.zeros((len(made), max(t.digits for t in made)))
        for i, t in enumerate(made):
            factors[i, : t.digits] = t.factors
        return cls(
            np.concatenate([t.tables.ravel() for t in made]),
            np.cumsum([0, *(t.tables.size for t in made[:-1])]),
            np.array([t.digits for t in made]),
            factors,
            np.array([t.depth for t in made]),
            made[0].unit,
        )


@dataclass(frozen=True)
class _Block:
    """The states before a block that a run has read in part, from which it is drawn once more.

    Attributes:
        key: Words of the run's generators.
        start: The read from which the block was drawn.
        last: Number after the last read of the run.
        before: States of the traps before `start`.
        states: The noise states after the last read.
    """

    key: bytes
    start: int
    last: int
    before: Bytes
    states: list[Any]

    def goes_on(self, keys: NDArray[np.uint64], span: Span, states: list[Any]) -> bool:
        """Return whether reads of these keys, in this span and from these states, go on with it."""
        same = (self.key, self.last) == (keys.tobytes(), span.first)
        return same and all(a is b for a, b in zip(self.states, states, strict=True))


class TrapSums:
    """Sums over the word lines of columns with traps.

    Args:
        traps: The traps.
        additive: How the traps of a cell combine.
        fixed: What they do not change of the weights, (word lines, columns).
        moving: What those of each polarity multiply, each likewise.
    """

    def __init__(self, traps: TrapColumns, additive: bool, fixed: Floats, moving: Sequence[Floats]):
        self._traps = traps
        self._additive = additive
        self._fixed = fixed
        self._moving = moving
        self._block: _Block | None = None

    @property
    def _draws_switches(self) -> bool:
        """Whether the traps seldom switch between two reads."""
        return not self._traps.are_bits and not len(self._traps.arrays.limits)

    @property
    def _has_look_ups(self) -> bool:
        """Whether sums of ternary inputs are looked up."""
        fits = len(self._fixed) <= _MOST_LINES
        return fits and (self._traps.are_bits or self._draws_switches)

    @cached_property
    def _parts(self) -> Singles:
        """The parts of the weights, (columns, word lines · 4), the last of them zero."""
        zeros = np.zeros_like(self._fixed)
        every = [self._fixed, *self._moving, *[zeros] * (3 - len(self._moving))]
        by_line = np.stack([by_column([part]) for part in every], axis=2)
        return by_line.reshape(len(by_line), -1)

    @cached_property
    def _look_ups(self) -> LookUps:
        """Tables of the weights without captured traps, and of what these take away."""
        amplitude = float(self._traps.arrays.delta[0])
        without: Floats = sum(self._moving, start=self._fixed)
        return LookUps.of([without, *(-amplitude * part for part in self._moving)])

    @cached_property
    def _unit(self) -> float:
        """Weight of the whole number 1 in which all weights fit into the digits."""
        traps = self._traps.arrays
        factor = 1.0
        if self._additive:  # the factors of cells may fall below 0
            columns = len(traps.start) - 1
            cell = np.repeat(np.arange(columns), np.diff(traps.start)) * 2 * len(self._fixed)
            lost = np.bincount(cell + traps.cell, traps.delta)
            factor = max(1.0, float(lost.max(initial=0.0)) - 1)
        most = np.abs(self._fixed) + factor * sum(np.abs(part) for part in self._moving)
        return float(most.max(initial=0.0)) / LARGEST or 1.0

    def read(
        self,
        x: Inputs,
        span: Span,
        keys: NDArray[np.uint64],
        gate: tuple[Bits, float],
        states: list[Any],
        out: Floats,
    ) -> list[Any]:
        """Write the sums of a span's reads to out (reads, columns), and return the states after.

        Args:
            x: Rows of inputs.
            span: The reads.
            keys: Words of the generators, as of `Stream`.
            gate: As of `Gate`.
            states: Noise states of the polarities.
            out: The sums.
        """
        if not out.size:
            return states
        block = self._block
        if block is None or not block.goes_on(keys, span, states):
            block = _Block(keys.tobytes(), span.first, 0, self._traps.gathered(states), states)
        start, s = block.start, block.before.copy()
        kept = np.empty_like(s)
        ends, cost = (span.first, span.last, start), float(span.reads * self._fixed.size)
        ternary = x.is_ternary & self._has_look_ups
        other = s.copy() if ternary.any() and not ternary.all() else s
        if ternary.any():
            self._by_look_ups(x, span, s, kept, keys, gate, ends, cost, out)
        if not ternary.all():  # how a row is read must not depend on the other rows
            sums = np.empty_like(out)
            self._in_floats(x, span, other, kept, keys, gate, ends, cost, sums)
            rows = ~ternary[span.rows]
            out[rows] = sums[rows]
        after = self._traps.scattered(s, states)
        self._block = None
        if span.last % READS_PER_BLOCK and self._draws_switches:
            start = max(start, span.last // READS_PER_BLOCK * READS_PER_BLOCK)
            self._block = _Block(keys.tobytes(), start, span.last, kept, after)
        return after

    def _by_look_ups(
        self, x: Inputs, span: Span, s: Bytes, kept: Bytes, keys: Any, gate: Any, ends: Any,
        cost: float, out: Floats,
    ) -> None:  # fmt: skip
        """Write the sums of ternary inputs, and advance s."""
        inputs, traps = x.packed, self._traps
        common = (inputs.plus, inputs.active, span.rows, keys, gate, ends)
        if traps.are_bits:
            look_ups, s = self._look_ups, s.reshape(out.shape[1], -1)

            def work(columns: tuple[int, int]) -> None:
                plane_sums(look_ups, traps.planes, s, *common, columns, out)

        else:
            law = (traps.arrays, s, kept, self._additive, self._parts, self._unit)

            def work(columns: tuple[int, int]) -> None:
                switch_sums(*law, *common, columns, out)

        in_columns(work, out.shape[1], cost)

    def _in_floats(
        self, x: Inputs, span: Span, s: Bytes, kept: Bytes, keys: Any, gate: Any, ends: Any,
        cost: float, out: Floats,
    ) -> None:  # fmt: skip
        """Write the sums of any inputs, and advance s."""
        rows, traps = rows_of(x), self._traps
        weights = np.empty((out.shape[1], rows.shape[1]), np.float32)
        law = (traps.arrays, traps.are_bits, traps.planes, s, kept, self._additive, self._parts)
        inputs = (weights, rows, span.rows.astype(np.int64), keys, gate, ends)

        def work(columns: tuple[int, int]) -> None:
            trap_sums(*law, *inputs, columns, out)

        in_columns(work, out.shape[1], cost)
