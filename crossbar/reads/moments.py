"""How noisy reads are drawn: one normal per output where that is exact or asked for, packed bits, or cell by cell.

A read of the pair at (j, i) under a gate g_j and cell factors c± contributes x_j g (c⁺ G⁺ − c⁻ G⁻).
"""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossbar.hardware import Hardware
from crossbar.reads.inputs import Inputs
from crossbar.reads.span import GROUP, Span, draws
from devices import BlankOut, NoNoise, ProductNoise, ReadNoise
from devices.seeding import child, stream
from devices.validation import Floats, choice

SAMPLINGS = ("exact", "moments")
_CELLS_PER_BLOCK = 1 << 21  # cells drawn at once: bounds memory, and no result depends on it
Columns = (
    NDArray[np.intp] | None
)  # for every output, the column of its reference; None: every output has its own


@dataclass(frozen=True)
class Conductances:
    """Cells of an array [S]: g, which their noise depends on, and e, with which they multiply (less, behind wires).

    g_pos, e_pos: (word lines, bit lines). g_neg, e_neg: the same, or one column per reference; reference_of then says, for
    every bit line, which. Without wires e is g.
    """

    g_pos: Floats
    g_neg: Floats
    e_pos: Floats
    e_neg: Floats
    reference_of: Columns


@dataclass(frozen=True)
class MomentMatrices:
    """Mean and variance of one read of each pair, (word lines, bit lines) [S, S²].

    own: variance that outputs do not share. shared: variance of the reference columns, common to the outputs of a tile;
    (word lines, references), or (word lines, 0) for pairs.
    """

    mean: Floats
    own: Floats
    shared: Floats

    def total(self, reference_of: Columns) -> Floats:
        """Variance of one read of each pair, whoever shares it."""
        return self.own if reference_of is None else self.own + self.shared[:, reference_of]


def per_output(g_neg: Floats, reference_of: Columns) -> Floats:
    """Return what stands against each output: its own cell, or its tile's reference."""
    return g_neg if reference_of is None else g_neg[..., reference_of]


def gate_moments(hardware: Hardware) -> tuple[float, float]:
    """Return mean and variance of the gate's factor over gates and reads; no gate depends on the conductance."""
    mean, variance = hardware.gate.moments(np.array(hardware.device.g_max))
    return float(mean), float(variance)


def initial_states(
    g_pos: Floats, g_neg: Floats, hardware: Hardware, seed: np.random.SeedSequence
) -> list[Any]:
    """Return what is drawn once per chip and what consecutive reads carry: of the gates, two per pair at most, and cells."""
    return [
        source.init(g, rng=stream(seed, i))
        for i, (source, g) in enumerate(_sources(g_pos, g_neg, hardware))
    ]


def pass_time(
    states: list[Any],
    g_pos: Floats,
    g_neg: Floats,
    hardware: Hardware,
    seconds: float,
    seed: np.random.SeedSequence,
) -> None:
    """Let `seconds` [s] pass without a read for what reads carry, in place: traps, 1/f processes, thresholds."""
    sources = enumerate(zip(_sources(g_pos, g_neg, hardware), states, strict=True))
    states[:] = [
        source.advance(g, state, seconds, rng=stream(seed, i))
        for i, ((source, g), state) in sources
    ]


def _sources(g_pos: Floats, g_neg: Floats, hardware: Hardware) -> list[tuple[ReadNoise, Floats]]:
    """Return each source of a read's factors, with the cells that it sees."""
    gate, noise = hardware.gate, hardware.device.read_noise
    lines = np.full(len(g_pos), hardware.device.g_max)
    gated = lines if hardware.gate_sharing == "word_line" else g_pos
    return [(gate, gated), (gate, g_neg), (noise, g_pos), (noise, g_neg)]


def _spread(noise: ReadNoise, g: Floats, state: Any, lag: float | None) -> tuple[Floats, Floats]:
    """Return mean of ξ and its variance over the reads of these cells, or, of the average chip, its covariance over a lag."""
    if lag is None:
        return noise.moments_given(g, state)
    mean, variance = noise.moments(g)
    return mean, noise.covariance(g, lag) if lag else variance


def moment_matrices(
    cells: Conductances, hardware: Hardware, states: list[Any], lag: float | None = None
) -> MomentMatrices:
    """Return the moments of a read of cells under the hardware's noises, as the chip's cells are.

    A gate shared by the pair or the word line: Var = E[g²](v⁺G⁺² + v⁻G⁻²) + Var g (m⁺G⁺ − m⁻G⁻)²;
    one gate per cell: Var = Var(g c⁺) G⁺² + Var(g c⁻) G⁻². lag [s]: of the average chip, covariances of two
    reads that far apart instead of variances. Gates that differ from pair to pair share a reference's noise by their average.
    """
    gate, noise = hardware.gate, hardware.device.read_noise
    g_pos, g_neg, reference_of = cells.g_pos, cells.g_neg, cells.reference_of
    (m_pos, v_pos), (m_neg, v_neg) = (
        _spread(noise, g_pos, states[2], lag),
        _spread(noise, g_neg, states[3], lag),
    )
    by_line = hardware.gate_sharing == "word_line"
    lines = np.full(len(g_pos), hardware.device.g_max)
    mean, variance = _spread(gate, lines if by_line else g_pos, states[0], lag)
    if by_line:
        mean, variance = mean[:, None], variance[:, None]
    pos, neg = m_pos * cells.e_pos, m_neg * cells.e_neg
    var_pos, var_neg = v_pos * cells.e_pos**2, v_neg * cells.e_neg**2
    if hardware.gate_sharing == "cell":
        mean_neg, variance_neg = _spread(gate, g_neg, states[1], lag)
        expected = mean * pos - per_output(mean_neg * neg, reference_of)
        own = (variance + mean**2) * var_pos + variance * pos**2
        other = (variance_neg + mean_neg**2) * var_neg + variance_neg * neg**2
        if reference_of is None:
            return MomentMatrices(expected, own + other, np.empty((len(g_pos), 0)))
        return MomentMatrices(expected, own, other)
    second, signal = variance + mean**2, pos - per_output(neg, reference_of)
    own = second * (var_pos + per_output(var_neg, reference_of)) + variance * signal**2
    if reference_of is None:
        return MomentMatrices(mean * signal, own, np.empty((len(g_pos), 0)))
    common = np.mean(mean, axis=1, keepdims=True) ** 2 * var_neg
    return MomentMatrices(mean * signal, own - per_output(common, reference_of), common)


def is_exactly_gaussian(hardware: Hardware) -> bool:
    """Return whether one normal per output is exact: normal, independent, memoryless factors, not two multiplied."""
    gate, cells = hardware.gate, hardware.device.read_noise
    if isinstance(gate, NoNoise) or hardware.gate_sharing == "word_line":
        return cells.is_gaussian  # word-line gates are drawn as they are, then the cells collapse
    return gate.is_gaussian and isinstance(cells, NoNoise)


def gate_word_lines(
    x: Inputs, hardware: Hardware, state: Any, span: Span, seed: np.random.SeedSequence
) -> tuple[Inputs, Any]:
    """Return the span's inputs, one row per read, each times its own gate draws, and the gates' state after them."""
    lines = np.full(x.shape[1], hardware.device.g_max)
    packs = isinstance(hardware.gate, BlankOut) and bool(x.whole.all())  # −1, 0, +1 times 0 or 1
    gated = (x.signs if packs else x.floats)[span.rows]
    source = _Source(hardware.gate, lines, state, seed, hardware.read_period)
    for group, here, inside in span.groups():
        source.start(group)
        xi = source.draw(0, inside.stop, inside.start)
        gated[here] *= np.broadcast_to(xi, (inside.stop, len(lines)))[inside].astype(
            gated.dtype, copy=False
        )
    return Inputs(gated), source.after()


def draw_gaussian_sums(
    mean: Floats,
    own: Floats,
    shared: Floats,
    reference_of: Columns,
    span: Span,
    seed: np.random.SeedSequence,
) -> Floats:
    """Return one normal per output for every read of the span, (reads, outputs).

    mean: of each row of inputs. own, shared: variances, of each row or (1, columns) for all, of outputs and of references.
    """
    u = mean if span.repeats == span.locations == 1 else mean[span.rows]
    if own.any():
        u += _of_reads(np.sqrt(own), span) * draws(span, u.shape[1], child(seed, 0))
    if reference_of is not None and shared.any():
        spread = _of_reads(np.sqrt(shared), span)
        u += (spread * draws(span, spread.shape[1], child(seed, 1)))[:, reference_of]
    return u


def _of_reads(rows: Floats, span: Span) -> Floats:
    """Return what belongs to each read; one row stands for all."""
    return rows if len(rows) == 1 else rows[span.rows]


class _Source:
    """One source of a read's factors, ξ = Π of its kinds, drawn group by group with a stream for each kind.

    A kind with memory has a stream for every read: its state goes on from read to read, whatever the groups.
    """

    def __init__(
        self, noise: ReadNoise, g: Floats, state: Any, seed: np.random.SeedSequence, period: float
    ):
        self.kinds = noise.factors if isinstance(noise, ProductNoise) else (noise,)
        self.state = list(state) if isinstance(noise, ProductNoise) else [state]
        self.product = isinstance(noise, ProductNoise)
        self.g, self.seed, self.period = g, seed, period

    def start(self, group: int) -> None:
        self.group = group
        self.streams = [stream(self.seed, group, index) for index in range(len(self.kinds))]

    def draw(self, start: int, stop: int, first: int) -> Floats:
        """Return the factors of reads start … stop − 1 of the group; those before `first` are not the span's own."""
        xi = np.ones((1,) * (1 + self.g.ndim))
        for i, (kind, rng) in enumerate(zip(self.kinds, self.streams, strict=True)):
            if kind.has_memory:
                xi = xi * self._go_on(i, kind, start, stop, first)
            elif not isinstance(kind, NoNoise):
                factor, _ = kind.sample(
                    self.g, self.state[i], stop - start, rng=rng, period=self.period
                )
                xi = xi * factor
        return xi

    def _go_on(self, index: int, kind: ReadNoise, start: int, stop: int, first: int) -> Floats:
        xi = np.ones((stop - start, *self.g.shape))
        for read in range(max(start, first), stop):
            rng = stream(self.seed, 0, index, self.group * GROUP + read)
            xi[read - start], self.state[index] = kind.sample(
                self.g, self.state[index], 1, rng=rng, period=self.period
            )
        return xi

    def after(self) -> Any:
        return tuple(self.state) if self.product else self.state[0]


def draw_cells(
    x: Inputs,
    cells: Conductances,
    hardware: Hardware,
    states: list[Any],
    span: Span,
    seed: np.random.SeedSequence,
) -> Floats:
    """Return currents per volt [S], (reads, bit lines), every gate and every cell drawn on its own for every read.

    states: of gate(s) and cells, advanced in place. Each factor of each source has its own streams, so that no result
    depends on the size of the blocks.
    """
    gate, noise, period = hardware.gate, hardware.device.read_noise, hardware.read_period
    g_pos, g_neg, reference_of = cells.g_pos, cells.g_neg, cells.reference_of
    per_cell = hardware.gate_sharing == "cell"
    kinds = [
        (gate, g_pos),
        (gate if per_cell else NoNoise(), g_neg),
        (noise, g_pos),
        (noise, g_neg),
    ]
    sources = [_Source(n, g, states[i], child(seed, i), period) for i, (n, g) in enumerate(kinds)]
    inputs, u = x.floats[span.rows], np.empty((span.reads, g_pos.shape[1]))
    block = max(1, _CELLS_PER_BLOCK // g_pos.size)
    for group, here, inside in span.groups():
        for source in sources:
            source.start(group)
        for start in range(0, inside.stop, block):
            stop = min(start + block, inside.stop)
            gate_pos, gate_neg, cell_pos, cell_neg = (
                source.draw(start, stop, inside.start) for source in sources
            )
            skipped = max(
                inside.start - start, 0
            )  # drawn for reads before the span, which are not its own
            if skipped >= stop - start:
                continue
            if per_cell:
                pairs = gate_pos * (cell_pos * cells.e_pos) - per_output(
                    gate_neg * (cell_neg * cells.e_neg), reference_of
                )
            else:
                pairs = gate_pos * (
                    cell_pos * cells.e_pos - per_output(cell_neg * cells.e_neg, reference_of)
                )
            pairs = np.broadcast_to(pairs, (stop - start, *g_pos.shape))[skipped:]
            offset = here.start - inside.start
            at = slice(offset + start + skipped, offset + stop)
            u[at] = np.matmul(inputs[at, None, :], pairs)[:, 0]
    states[:] = [
        states[i] if isinstance(n, NoNoise) else sources[i].after()
        for i, (n, _) in enumerate(kinds)
    ]
    return u


def warn_of_memory(hardware: Hardware) -> None:
    """Warn that one normal per output, drawn afresh, leaves out what consecutive reads of this hardware share."""
    if hardware.gate.has_memory or hardware.device.read_noise.has_memory:
        warnings.warn(
            'sampling="moments" draws every read afresh, but reads of this hardware remember each other (telegraph traps, '
            '1/f noise, correlated selectors): a mean over samples comes out better than the chip\'s; use sampling="exact"',
            stacklevel=3,  # one text at one line: Python shows it once
        )


def check_sampling(sampling: str) -> str:
    """Return `sampling` if it is a known way to draw a read, or raise ValueError."""
    return choice("sampling", sampling, SAMPLINGS)
