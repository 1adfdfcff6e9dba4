"""Reads of cells with telegraph traps: weights that change where a trap does."""

from enum import IntEnum

import numpy as np

from crossbar.reads._trap_sums import trap_sums
from crossbar.reads.column_reads import (
    NO_GATE,
    Gate,
    Group,
    Singles,
    added,
    adds_currents_alone,
    bare,
    by_column,
    cost_of,
    gate_of,
    groups_of,
    in_columns,
    keys_of,
    rows_of,
    switch_groups,
)
from crossbar.reads.conductances import CellArray
from crossbar.reads.inputs import Inputs
from crossbar.reads.noise_state import NoiseState
from crossbar.reads.span import Span
from crossbar.reads.trap_columns import Side, TrapColumns, TrapNoise
from devices import InSeries, ReadNoise, TelegraphNoise, TrapEnsemble
from devices.validation import Floats


class Stream(IntEnum):
    """Random streams of a group of columns."""

    REFRESHES = 0
    FAST = 1
    GATES = 2


class TrapReads:
    """Strategy: the traps of each column switch, and change its weights, between the reads.

    It is exact for any inputs of ohmic cells whose only noise are traps that are not averaged over
    a window, without gates or behind Bernoulli gates; and for cells without noise behind gates that
    are traps.

    Args:
        cells: The array.
        state: States of its noises, advanced in place by every read.
        gate: Its Bernoulli gates.
    """

    def __init__(self, cells: CellArray, state: NoiseState, gate: Gate):
        self._cells = cells
        self._state = state
        self._gate = gate
        self._switches = _switch(cells)
        self._groups = switch_groups(cells) if self._switches else groups_of(cells)
        noise = cells.hardware.gate_noise if self._switches else cells.hardware.cell_noise
        traps = bare(noise)
        assert isinstance(traps, TelegraphNoise | TrapEnsemble)
        self._additive = isinstance(traps, TrapEnsemble) and traps.combine == "additive"
        made = [_made(group, noise, traps, cells, state) for group in self._groups]
        self._traps, self._parts = zip(*made, strict=True)

    @classmethod
    def of(cls, cells: CellArray, state: NoiseState) -> "TrapReads | None":
        """Return the strategy for these cells, or None where it cannot draw their reads."""
        hardware = cells.hardware
        switches = _switch(cells)
        noise = bare(hardware.gate_noise if switches else hardware.cell_noise)
        # A subclass may draw by another law.
        if type(noise) not in (TelegraphNoise, TrapEnsemble) or noise.window:  # type: ignore[attr-defined]
            return None
        gate = NO_GATE if switches else gate_of(cells)
        if gate is None or not adds_currents_alone(cells):
            return None
        return cls(cells, state, gate)

    def describe(self) -> str:
        """Return what a report says of this strategy."""
        whose = " of gates" if self._switches else ""
        return f"weights that change with traps{whose}{self._gate.text}"

    def read(self, x: Inputs, span: Span, seed: np.random.SeedSequence) -> Floats:
        """Return u (reads, bit lines) in weight units."""
        rows = rows_of(x)
        of_reads = span.rows.astype(np.int64)

        def sums(i: int, out: Floats) -> None:
            traps, group = self._traps[i], self._groups[i]
            sources = [p.source for p in group.polarities]
            states = [self._state[source] for source in sources]
            s = traps.gathered(states)
            keys = keys_of(seed, i, Stream)
            weights = np.empty((out.shape[1], rows.shape[1]), np.float32)
            law = (traps.arrays, s, self._additive, self._parts[i], weights)
            gate = (self._gate.bits, self._gate.low)
            ends = (span.first, span.last)

            def work(columns: tuple[int, int]) -> None:
                trap_sums(*law, rows, of_reads, keys, gate, ends, columns, out)

            if out.size:
                in_columns(work, out.shape[1], cost_of(span, group))
                for source, after in zip(sources, traps.scattered(s, states), strict=True):
                    self._state[source] = after

        return added(self._groups, span, sums, self._cells.outputs)


def _switch(cells: CellArray) -> bool:
    """Return whether the gates are traps, and the cells behind them have no noise."""
    hardware = cells.hardware
    by_word_line = hardware.gate_sharing == "word_line"
    return (
        hardware.has_quiet_cells
        and isinstance(hardware.gate_noise, TelegraphNoise)
        and (not by_word_line)
    )


def _made(
    group: Group, noise: ReadNoise, of_traps: TrapNoise, cells: CellArray, state: NoiseState
) -> tuple[TrapColumns, Singles]:
    """Return the traps of a group, and the parts of its weights that they multiply.

    The parts are (columns, word lines · 4): what traps do not change, what those of each polarity
    multiply, and a zero.
    """
    sides = []
    fixed: Floats = np.zeros(group.polarities[0].g.shape)
    moving = []
    for polarity in group.polarities:
        g, weights = polarity.g, polarity.weights
        if isinstance(noise, InSeries):
            share = noise.share(g)
            fixed, weights, g = (
                fixed + (1 - share) * weights,
                share * weights,
                noise.noise_conductance(g),
            )
        sides.append(Side(polarity.source, g))
        moving.append(weights)
    states = [state[side.source] for side in sides]
    traps = TrapColumns(of_traps, sides, states, cells.hardware.read_period)
    zeros = np.zeros_like(fixed)
    every = [fixed, *moving, *[zeros] * (3 - len(moving))]
    by_line = np.stack([by_column([part]) for part in every], axis=2)
    return traps, by_line.reshape(len(by_line), -1)
