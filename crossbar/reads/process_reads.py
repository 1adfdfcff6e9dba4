"""Reads of cells whose noise is a sum of processes with memory, such as 1/f noise."""

from enum import IntEnum
from typing import NamedTuple

import numpy as np

from crossbar.reads._process_sums import process_sums
from crossbar.reads.column_reads import (
    Gate,
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
    padded,
    rows_of,
)
from crossbar.reads.conductances import CellArray
from crossbar.reads.inputs import Inputs
from crossbar.reads.noise_state import NoiseState
from crossbar.reads.span import Span
from devices import InSeries, ReadNoise
from devices.read_noise.ornstein_uhlenbeck import OrnsteinUhlenbeckNoise
from devices.read_noise.sampled import SampledTogether
from devices.validation import Floats


class Stream(IntEnum):
    """Random streams of a group of columns."""

    PROCESSES = 0
    GATES = 1


class ProcessLaw(NamedTuple):
    """The cells of a group of columns: fixed + Σ moving · (1 + sigma · Σ_k share_k x_k).

    Attributes:
        fixed: Part of each weight that no noise changes, (columns, padded word lines).
        moving: Part that the factor of a cell multiplies, (columns, cells); see `by_column`.
        sigma: Standard deviation of the factor, likewise.
        clamped: Whether factors below 0 count as 0.
        lost: 1 − e^{−Δ/τ} of each process, (processes,).
        fresh: √(1 − e^{−2Δ/τ}), likewise.
        share: Root of its share in the variance, likewise.
        x: The processes as they are, (columns, processes, cells).
    """

    fixed: Singles
    moving: Singles
    sigma: Singles
    clamped: bool
    lost: Singles
    fresh: Singles
    share: Singles
    x: Singles


class ProcessReads:
    """Strategy: every process of every cell takes a step in float32 before each read.

    It is exact for any inputs of ohmic cells whose only noise are Ornstein-Uhlenbeck processes,
    without gates or behind Bernoulli gates.

    Args:
        cells: The array.
        state: States of its noises, advanced in place by every read.
        gate: Its gates.
    """

    def __init__(self, cells: CellArray, state: NoiseState, gate: Gate):
        self._cells = cells
        self._state = state
        self._gate = gate
        self._groups = groups_of(cells)
        noise = cells.hardware.cell_noise
        own = bare(noise)
        assert isinstance(own, OrnsteinUhlenbeckNoise)
        self._noise = own
        self._parts = [
            _parts(noise, own, [(p.g, p.weights) for p in group.polarities])
            for group in self._groups
        ]

    @classmethod
    def of(cls, cells: CellArray, state: NoiseState) -> "ProcessReads | None":
        """Return the strategy for these cells, or None where it cannot draw their reads."""
        hardware = cells.hardware
        own = type(bare(hardware.cell_noise))
        # A subclass may draw by another law.
        if not issubclass(own, OrnsteinUhlenbeckNoise) or own.sample is not SampledTogether.sample:
            return None
        if own.reads is not OrnsteinUhlenbeckNoise.reads:
            return None
        gate = gate_of(cells)
        if gate is None or not adds_currents_alone(cells):
            return None
        return cls(cells, state, gate)

    def describe(self) -> str:
        """Return what a report says of this strategy."""
        return f"a step of every process of every cell{self._gate.text}"

    def read(self, x: Inputs, span: Span, seed: np.random.SeedSequence) -> Floats:
        """Return u (reads, bit lines) in weight units."""
        rows, of_reads = rows_of(x), span.rows.astype(np.int64)

        def sums(i: int, out: Floats) -> None:
            group = self._groups[i]
            sources = [p.source for p in group.polarities]
            keys = keys_of(seed, i, Stream)
            law = self._law(i, [self._state[source] for source in sources])
            gate = (self._gate.bits, self._gate.low)
            arguments = (law, gate, rows, of_reads, keys, (span.first, span.last))
            if not out.size:
                return

            def work(columns: tuple[int, int]) -> None:
                process_sums(*arguments, columns, out)

            in_columns(work, out.shape[1], 20 * cost_of(span, group))
            by_polarity = law.x.reshape(*law.x.shape[:2], len(sources), -1)
            for polarity, source in enumerate(sources):
                after = by_polarity[:, :, polarity, : self._cells.lines]
                self._state[source] = np.ascontiguousarray(after.transpose(1, 2, 0), np.float64)

        return added(self._groups, span, sums, self._cells.outputs)

    def _law(self, i: int, states: list[Floats]) -> ProcessLaw:
        """Return the law of a group with its processes as they are."""
        noise = self._noise
        rate = self._cells.hardware.read_period / noise.taus
        lost, fresh, share = (
            np.asarray(a, np.float32)
            for a in (-np.expm1(-rate), np.sqrt(-np.expm1(-2 * rate)), np.sqrt(noise.shares))
        )
        lines, columns = states[0].shape[1:]
        x = np.zeros((columns, len(rate), len(states), padded(lines)), np.float32)
        for polarity, state in enumerate(states):
            x[:, :, polarity, :lines] = state.transpose(2, 0, 1)
        fixed, moving, sigma = self._parts[i]
        processes = x.reshape(columns, len(rate), -1)
        return ProcessLaw(fixed, moving, sigma, noise.clamped, lost, fresh, share, processes)


def _parts(
    noise: ReadNoise, own: OrnsteinUhlenbeckNoise, polarities: list[tuple[Floats, Floats]]
) -> tuple[Singles, Singles, Singles]:
    """Return `fixed`, `moving` and `sigma` of a group; polarities: conductances and weights."""
    fixed: Floats = np.zeros(polarities[0][0].shape)
    moving, sigma = [], []
    for g, weights in polarities:
        if isinstance(noise, InSeries):
            share = noise.share(g)
            fixed = fixed + (1 - share) * weights
            moving.append(share * weights)
            sigma.append(np.sqrt(own.variance(noise.noise_conductance(g))))
        else:
            moving.append(weights)
            sigma.append(np.sqrt(own.variance(g)))
    return by_column([fixed]), by_column(moving), by_column(sigma)
