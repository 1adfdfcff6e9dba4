"""Reads in which every cell, or every selector, has a fresh random factor."""

from enum import IntEnum
from typing import NamedTuple

import numpy as np

from crossbar.reads._fresh_sums import fresh_sums
from crossbar.reads.column_reads import (
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
    padded,
    rows_of,
)
from crossbar.reads.conductances import CellArray
from crossbar.reads.inputs import Inputs
from crossbar.reads.noise_state import NoiseState, Source
from crossbar.reads.span import Span
from devices import InSeries, LognormalNoise, NoNoise, StochasticSelector
from devices.validation import Floats

#: Relative lognormal noise up to which factors stay in the range of float32.
_LARGEST_SIGMA = 1e10


class Stream(IntEnum):
    """Random streams of a group of columns."""

    CELLS = 0
    GATES = 1
    SELECTORS = 2


class CellLaw(NamedTuple):
    """What cells add to the weights: fixed + Σ moving · f, f = e^{log_sigma n} or n.

    Attributes:
        log_sigma: Standard deviation of the logarithm of f; 0 for a normal f.
        fixed: Part of each weight that no noise changes, (columns, padded word lines).
        moving: What the factors multiply, (columns, polarities, padded word lines); no polarities
            for cells without noise.
    """

    log_sigma: np.float32
    fixed: Singles
    moving: Singles


class SelectorLaw(NamedTuple):
    """Selectors of a group of columns; all arrays are empty where there are none.

    Attributes:
        rho: Correlation of the thresholds of two reads.
        fresh: √(1 − ρ²).
        z: How far the voltage lies above the mean threshold [sigma], (columns, padded word lines).
        thresholds: How far the thresholds lie above their mean [sigma], likewise.
    """

    rho: np.float32
    fresh: np.float32
    z: Singles
    thresholds: Singles


_NO_SELECTORS = SelectorLaw(
    np.float32(0), np.float32(0), *[np.empty((0, 0), np.float32) for _ in range(2)]
)


class FreshReads:
    """Strategy: a normal number is drawn for every cell and read, or for every selector.

    It is exact for any inputs of ohmic cells with lognormal noise, normal noise or none, without
    gates, behind Bernoulli gates, or behind selectors with spread or correlation.

    Args:
        cells: The array.
        state: States of its noises; thresholds are advanced in place by every read.
        gate: Bernoulli gates; empty where there are none.
    """

    def __init__(self, cells: CellArray, state: NoiseState, gate: Gate):
        self._cells = cells
        self._state = state
        self._gate = gate
        self._groups = groups_of(cells)
        self._laws = [_law(group, cells) for group in self._groups]

    @classmethod
    def of(cls, cells: CellArray, state: NoiseState) -> "FreshReads | None":
        """Return the strategy for these cells, or None where it cannot draw their reads."""
        hardware = cells.hardware
        noise = bare(hardware.cell_noise)
        # A subclass may draw by another law.
        known = type(noise) in (NoNoise, LognormalNoise) or noise.is_gaussian
        if isinstance(noise, LognormalNoise) and noise.sigma > _LARGEST_SIGMA:
            return None
        if not known or not adds_currents_alone(cells):
            return None
        gate = gate_of(cells)
        if gate is None and _selects(cells):
            gate = Gate(np.empty(0, np.uint8), hardware.gate_noise.leak)  # type: ignore[attr-defined]
        return None if gate is None else cls(cells, state, gate)

    def describe(self) -> str:
        """Return what a report says of this strategy."""
        selectors = _selects(self._cells)
        quiet = isinstance(self._cells.hardware.cell_noise, NoNoise)
        who = ["every cell"] * (not quiet) + ["every selector"] * selectors
        return f"a normal for {' and '.join(who)}{self._gate.text}"

    def read(self, x: Inputs, span: Span, seed: np.random.SeedSequence) -> Floats:
        """Return u (reads, bit lines) in weight units."""
        rows, of_reads = rows_of(x), span.rows.astype(np.int64)

        def sums(i: int, out: Floats) -> None:
            keys = keys_of(seed, i, Stream)
            source = Source.GATE if i == 0 else Source.NEGATIVE_GATE
            selectors = self._selectors(source)
            gate = (self._gate.bits, self._gate.low)
            arguments = (selectors, gate, rows, of_reads, keys, (span.first, span.last))

            def work(columns: tuple[int, int]) -> None:
                fresh_sums(self._laws[i], *arguments, columns, out)

            if out.size:
                in_columns(work, out.shape[1], 8 * cost_of(span, self._groups[i]))
            if selectors.rho > 0:
                after = selectors.thresholds[:, : self._cells.lines].T.astype(np.float64)
                self._state[source] = self._state[source]._replace(threshold=after)

        return added(self._groups, span, sums, self._cells.outputs)

    def _selectors(self, source: Source) -> SelectorLaw:
        """Return the selectors of a source of gates in their present state."""
        if not _selects(self._cells):
            return _NO_SELECTORS
        hardware = self._cells.hardware
        selector = hardware.gate_noise
        assert isinstance(selector, StochasticSelector)
        rho = selector.correlation ** (hardware.read_period / selector.period)
        state = self._state[source]
        z = selector.z - selector.spread * state.offset
        law = np.float32(rho), np.float32(np.sqrt(1 - rho**2))
        return SelectorLaw(*law, by_column([z]), by_column([state.threshold]))


def _selects(cells: CellArray) -> bool:
    """Return whether gates are selectors whose thresholds are drawn, one for each weight."""
    noise = cells.hardware.gate_noise
    by_reference = cells.hardware.gate_sharing == "pair" and cells.reference_of is not None
    if not isinstance(noise, StochasticSelector) or type(noise) is not StochasticSelector:
        return False  # a subclass may draw by another law
    return (noise.has_memory or noise.spread > 0) and not by_reference


def _law(group: Group, cells: CellArray) -> CellLaw:
    """Return the law of a group's cells."""
    noise = cells.hardware.cell_noise
    own = bare(noise)
    fixed: Floats = np.zeros(group.polarities[0].g.shape)
    moving = []
    log_variance = np.log1p(own.sigma**2) if isinstance(own, LognormalNoise) else 0.0
    for polarity in group.polarities:
        weights = polarity.weights
        if log_variance:
            share = noise.share(polarity.g) if isinstance(noise, InSeries) else 1.0
            fixed = fixed + (1 - share) * weights
            moving.append(share * weights * np.exp(-log_variance / 2))
            continue
        mean, variance = noise.moments(polarity.g)
        fixed = fixed + mean * weights
        if not isinstance(own, NoNoise):
            moving.append(np.sqrt(variance) * weights)
    lines = padded(cells.lines)
    columns = fixed.shape[1]
    by_polarity = by_column(moving) if moving else np.empty((columns, 0), np.float32)
    return CellLaw(
        np.float32(np.sqrt(log_variance)),
        by_column([fixed]),
        by_polarity.reshape(columns, len(moving), lines),
    )
