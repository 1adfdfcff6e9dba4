"""Reads of cells with telegraph traps: weights that change where a trap does."""

import numpy as np

from crossbar.reads.column_reads import (
    NO_GATE,
    Gate,
    Group,
    added,
    adds_currents_alone,
    bare,
    gate_of,
    groups_of,
    keys_of,
    switch_groups,
)
from crossbar.reads.conductances import CellArray
from crossbar.reads.inputs import Inputs
from crossbar.reads.noise_state import NoiseState
from crossbar.reads.span import Span
from crossbar.reads.traps.columns import Side, TrapColumns, TrapNoise
from crossbar.reads.traps.sums import Stream, TrapSums
from devices import InSeries, ReadNoise, TelegraphNoise, TrapEnsemble
from devices.validation import Floats


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
        additive = isinstance(traps, TrapEnsemble) and traps.combine == "additive"
        self._sums = [
            _sums_of(group, noise, traps, additive, cells, state) for group in self._groups
        ]

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

        def sums(i: int, out: Floats) -> None:
            sources = [p.source for p in self._groups[i].polarities]
            states = [self._state[source] for source in sources]
            gate = (self._gate.bits, self._gate.low)
            after = self._sums[i].read(x, span, keys_of(seed, i, Stream), gate, states, out)
            for source, state in zip(sources, after, strict=True):
                self._state[source] = state

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


def _sums_of(
    group: Group,
    noise: ReadNoise,
    of_traps: TrapNoise,
    additive: bool,
    cells: CellArray,
    state: NoiseState,
) -> TrapSums:
    """Return what adds up the weights of a group, whose traps take parts of them away."""
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
    return TrapSums(traps, additive, fixed, moving)
