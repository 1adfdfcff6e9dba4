"""Reads drawn cell by cell: any noise, any gate.

This is the slowest strategy, and it defines what the others must reproduce.
"""

from collections.abc import Iterator

import numpy as np

from crossbar.reads.conductances import CellArray, per_output
from crossbar.reads.factors import FactorSource
from crossbar.reads.inputs import Inputs
from crossbar.reads.noise_state import NoiseState, Source
from crossbar.reads.nonlinear import driven_rows, needs_rows
from crossbar.reads.span import Span, draws
from devices import NoNoise, ReadNoise
from devices.seeding import child, stream
from devices.validation import Floats

#: Cells drawn at a time. It bounds memory; no result depends on it.
_CELLS_AT_ONCE = 1 << 21


#: Random stream of what cells add to their currents; those of factors are named by `Source`.
_ADDED = len(Source)


class CellByCell:
    """Strategy: the factor of every gate and every cell is drawn for every read.

    Args:
        cells: The array; a word-line gate has been applied to the inputs before.
        state: States of its noises, advanced in place by every read.
    """

    def __init__(self, cells: CellArray, state: NoiseState):
        self._cells = cells
        self._state = state

    def describe(self) -> str:
        """Return what a report says of this strategy."""
        return "cell by cell"

    def read(self, x: Inputs, span: Span, seed: np.random.SeedSequence) -> Floats:
        """Return u (reads, bit lines) in weight units."""
        shape = self._cells.conductances.g_pos.shape
        inputs = x.floats[span.rows]
        u = np.empty((span.reads, shape[1]))
        added = _CurrentNoise.of(self._cells, span, child(seed, _ADDED))
        for at, skipped, drawn, xi in self._draw(span, seed):
            pairs = np.broadcast_to(self._pairs(xi), (drawn, *shape))[skipped:]
            if needs_rows(self._cells, Inputs(inputs[at])):
                pairs = self._bent(pairs, inputs[at], xi, skipped)
            u[at] = np.matmul(inputs[at, None, :], pairs)[:, 0]
            if added is not None:
                g_pos, g_neg = (np.broadcast_to(g, (drawn, *shape)) for g in self._sides(xi))
                u[at] += added.currents(inputs[at], g_pos[skipped:], g_neg[skipped:], at)
        return u / self._cells.siemens_per_weight

    def _bent(self, pairs: Floats, x: Floats, xi: dict[Source, Floats], skipped: int) -> Floats:
        """Return the conductances [S] of pairs whose currents bend with the voltage.

        Args:
            pairs: Those at the read voltage, (reads, word lines, bit lines).
            x: Inputs of these reads.
            xi: Factors of the sources in the reads drawn.
            skipped: Reads drawn that come before.
        """
        out = pairs.copy()
        for i, driven in driven_rows(self._cells, Inputs(x)):
            read = skipped + i
            of_read = {name: f if len(f) == 1 else f[read : read + 1] for name, f in xi.items()}
            out[i] = self._pairs(of_read, driven)[0]
        return out

    def sampled(
        self, span: Span, seed: np.random.SeedSequence
    ) -> Iterator[tuple[slice, Floats, Floats]]:
        """Yield the conductances that cells show in some reads of a run, those of `read`.

        Like `read` it advances the states of noises with memory.

        Yields:
            Which reads of the span these are; and sampled G⁺ and G⁻ [S], (reads, word lines, bit
            lines), effective ones behind wires, times the factors of gates and cells. A reference
            column is repeated for each of its outputs.
        """
        shape = self._cells.conductances.g_pos.shape
        for at, skipped, drawn, xi in self._draw(span, seed):
            g_pos, g_neg = (
                np.broadcast_to(side, (drawn, *shape))[skipped:] for side in self._sides(xi)
            )
            yield at, g_pos, g_neg

    def _draw(
        self, span: Span, seed: np.random.SeedSequence
    ) -> Iterator[tuple[slice, int, int, dict[Source, Floats]]]:
        """Yield the factors of consecutive reads, and advance the states of noises.

        Yields:
            Which reads of the span these are, how many of the reads drawn come before the span,
            how many were drawn, and the factors of each source (reads drawn, ...), or (1, ...) for
            all reads.
        """
        noises = self._noises()
        sources = {
            name: FactorSource(
                noise, g, self._state[name], child(seed, name), self._cells.hardware.read_period
            )
            for name, (noise, g) in noises.items()
        }
        at_once = max(1, _CELLS_AT_ONCE // self._cells.conductances.g_pos.size)
        for group, here, inside in span.groups():
            for source in sources.values():
                source.start(group)
            for start in range(0, inside.stop, at_once):
                stop = min(start + at_once, inside.stop)
                xi = {name: s.draw(start, stop, inside.start) for name, s in sources.items()}
                # Reads of the group before the span are drawn to keep the stream in step, and
                # left out.
                skipped = max(inside.start - start, 0)
                if skipped >= stop - start:
                    continue
                offset = here.start - inside.start
                yield slice(offset + start + skipped, offset + stop), skipped, stop - start, xi
        for name, source in sources.items():
            if not isinstance(noises[name][0], NoNoise):
                self._state[name] = source.state

    def _noises(self) -> dict[Source, tuple[ReadNoise, Floats]]:
        """Return the noise of each source, and the conductances [S] that it may depend on."""
        c = self._cells.conductances
        hardware = self._cells.hardware
        noise = hardware.cell_noise
        negative_gate = hardware.gate_noise if hardware.gate_sharing == "cell" else NoNoise()
        return {
            Source.GATE: (hardware.gate_noise, c.g_pos),
            Source.NEGATIVE_GATE: (negative_gate, c.g_neg),
            Source.POSITIVE_CELLS: (noise, c.g_pos),
            Source.NEGATIVE_CELLS: (noise, c.g_neg),
        }

    def _sides(self, xi: dict[Source, Floats]) -> tuple[Floats, Floats]:
        """Return the conductances [S] that the positive and the negative cells show in each read,
        (reads, word lines, bit lines).
        """
        c = self._cells.conductances
        pos = xi[Source.POSITIVE_CELLS] * c.effective_pos
        neg = xi[Source.NEGATIVE_CELLS] * c.effective_neg
        if self._cells.hardware.gate_sharing == "cell":
            gated_neg = xi[Source.NEGATIVE_GATE] * neg
            return xi[Source.GATE] * pos, per_output(gated_neg, c.reference_of)
        return xi[Source.GATE] * pos, xi[Source.GATE] * per_output(neg, c.reference_of)

    def _pairs(self, xi: dict[Source, Floats], cells: CellArray | None = None) -> Floats:
        """Return the conductance [S] that each pair shows in each read, (reads, word lines, bit
        lines), of `cells` in place of the array if given.
        """
        c = (cells or self._cells).conductances
        pos = xi[Source.POSITIVE_CELLS] * c.effective_pos
        neg = xi[Source.NEGATIVE_CELLS] * c.effective_neg
        if self._cells.hardware.gate_sharing == "cell":
            gated_neg = xi[Source.NEGATIVE_GATE] * neg
            return xi[Source.GATE] * pos - per_output(gated_neg, c.reference_of)
        return xi[Source.GATE] * (pos - per_output(neg, c.reference_of))


class _CurrentNoise:
    """Thermal and shot noise of the cells of an array in the reads of a span.

    The noise of independent cells adds up to one normal number for each output. A reference cell
    has a number of its own, which reaches its outputs through their gates.

    Args:
        cells: The array.
        span: The reads.
        seed: Seed of this noise in the run.
    """

    def __init__(self, cells: CellArray, span: Span, seed: np.random.SeedSequence):
        self._cells = cells
        self._span = span
        self._seed = seed
        self._own = draws(span, cells.outputs, child(seed, 0))

    @classmethod
    def of(
        cls, cells: CellArray, span: Span, seed: np.random.SeedSequence
    ) -> "_CurrentNoise | None":
        """Return the noise, or None if the cells have none."""
        return None if cells.hardware.current_noise is None else cls(cells, span, seed)

    def currents(self, x: Floats, g_pos: Floats, g_neg: Floats, at: slice) -> Floats:
        """Return the noise of some reads for one volt per input of one, (reads, bit lines) [S].

        Args:
            x: Inputs of these reads, (reads, word lines).
            g_pos: Conductances that positive cells show [S], (reads, word lines, bit lines).
            g_neg: Conductances that negative cells show, or references to each output [S].
            at: Which reads of the span these are.
        """
        drive = self._cells.current_noise(x)[:, None, :]
        reference_of = self._cells.reference_of
        positive, negative = np.maximum(g_pos, 0), np.maximum(g_neg, 0)
        if reference_of is None:
            positive = positive + negative
        u = np.sqrt(np.matmul(drive, positive)[:, 0]) * self._own[at]
        if reference_of is None:
            return np.asarray(u)
        shape = self._cells.conductances.g_neg.shape
        for i, read in enumerate(range(at.start, at.stop)):
            normals = stream(self._seed, 1, self._span.first + read).standard_normal(shape)
            of_line = np.sqrt(drive[i, 0])[:, None] * normals
            u[i] -= (of_line[:, reference_of] * np.sqrt(negative[i])).sum(axis=0)
        return np.asarray(u)
