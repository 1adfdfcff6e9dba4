"""How noisy reads are drawn: one normal per output where that is exact or asked for, packed bits, or cell by cell.

A read of the pair at (j, i) under a gate g_j and cell factors c± contributes x_j g (c⁺ G⁺ − c⁻ G⁻).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossbar.hardware import Hardware
from crossbar.inputs import Inputs
from crossbar.span import Span, draws
from devices import BlankOut, NoNoise, Product, ReadNoise
from devices._checks import Floats, choice
from devices._rng import child, stream

SAMPLINGS = ("exact", "moments")
_CELLS_PER_BLOCK = 1 << 21  # cells drawn at once: bounds memory, and no result depends on it
Columns = NDArray[np.intp] | None  # for every output, the column of its reference; None: every output has its own


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
    """Return mean and variance of the gate's factor; no gate depends on the conductance."""
    mean, variance = hardware.gate.moments(np.array(hardware.device.g_max))
    return float(mean), float(variance)


def moment_matrices(g_pos: Floats, g_neg: Floats, reference_of: Columns, hardware: Hardware) -> MomentMatrices:
    """Return the moments of a read of cells g_pos, g_neg [S] under the hardware's noises.

    A gate shared by the pair or the word line: Var = E[g²](v⁺G⁺² + v⁻G⁻²) + Var g (m⁺G⁺ − m⁻G⁻)²;
    one gate per cell: Var = Var(g c⁺) G⁺² + Var(g c⁻) G⁻².
    """
    noise = hardware.device.read_noise
    (m_pos, v_pos), (m_neg, v_neg) = noise.moments(g_pos), noise.moments(g_neg)
    mean, variance = gate_moments(hardware)
    second = variance + mean**2
    signal = m_pos * g_pos - per_output(m_neg * g_neg, reference_of)
    var_pos, var_neg = v_pos * g_pos**2, v_neg * g_neg**2
    if hardware.gate_sharing == "cell":
        own = second * var_pos + variance * (m_pos * g_pos) ** 2
        other = common = second * var_neg + variance * (m_neg * g_neg) ** 2
    else:
        own = second * var_pos + variance * signal**2
        other, common = second * var_neg, mean**2 * var_neg
    if reference_of is None:
        return MomentMatrices(mean * signal, own + other, np.empty((len(g_pos), 0)))
    return MomentMatrices(mean * signal, own + per_output(other - common, reference_of), common)


def is_collapsed(hardware: Hardware) -> bool:
    """Return whether one normal per output is exact: normal, independent, memoryless factors, not two multiplied."""
    gate, cells = hardware.gate, hardware.device.read_noise
    if isinstance(gate, NoNoise) or hardware.gate_sharing == "word_line":
        return cells.collapses  # word-line gates are drawn as they are, then the cells collapse
    return gate.collapses and isinstance(cells, NoNoise)


def gate_word_lines(
    x: Inputs, hardware: Hardware, state: Any, span: Span, seed: np.random.SeedSequence
) -> tuple[Inputs, Any]:
    """Return the span's inputs, one row per read, each times its own gate draws, and the gates' state after them."""
    lines = np.full(x.shape[1], hardware.device.g_max)
    packs = isinstance(hardware.gate, BlankOut) and bool(x.whole.all())  # −1, 0, +1 times 0 or 1
    gated = (x.signs if packs else x.floats)[span.rows]
    for group, here, inside in span.groups():
        rng = stream(seed, group)
        xi, state = hardware.gate.sample(lines, state, inside.stop, rng=rng, period=hardware.read_period)
        gated[here] *= xi[inside].astype(gated.dtype, copy=False)
    return Inputs(gated), state


def square_sums(x: Inputs, variance: Floats) -> Floats:
    """Return x² @ variance (rows, columns), or one row that stands for all where every input is ±1."""
    return variance.sum(axis=0, keepdims=True) if x.all_signs else x.floats**2 @ variance


def _of_reads(rows: Floats, span: Span) -> Floats:
    """Return what belongs to each read; one row stands for all."""
    return rows if len(rows) == 1 else rows[span.rows]


def draw_collapsed(
    x: Inputs,
    mean: Floats,
    matrices: MomentMatrices,
    reference_of: Columns,
    span: Span,
    seed: np.random.SeedSequence,
) -> Floats:
    """Return one normal per output for every read of the span, (reads, outputs); mean: of each row of x."""
    u = mean if span.repeats == span.locations == 1 else mean[span.rows]
    if matrices.own.any():
        spread = np.sqrt(square_sums(x, matrices.own))
        u += _of_reads(spread, span) * draws(span, u.shape[1], child(seed, 0))
    if reference_of is not None and matrices.shared.any():
        spread = _of_reads(np.sqrt(square_sums(x, matrices.shared)), span)
        u += (spread * draws(span, spread.shape[1], child(seed, 1)))[:, reference_of]
    return u


class _Source:
    """One source of a read's factors, ξ = Π of its kinds, drawn group by group with a stream for each kind."""

    def __init__(self, noise: ReadNoise, g: Floats, state: Any, seed: np.random.SeedSequence, period: float):
        self.kinds = noise.factors if isinstance(noise, Product) else (noise,)
        self.state = list(state) if isinstance(noise, Product) else [state]
        self.product = isinstance(noise, Product)
        self.g, self.seed, self.period = g, seed, period

    def start(self, group: int) -> None:
        self.streams = [stream(self.seed, group, index) for index in range(len(self.kinds))]

    def draw(self, n: int) -> Floats:
        xi = np.ones((1, 1, 1))
        for i, (kind, rng) in enumerate(zip(self.kinds, self.streams, strict=True)):
            if not isinstance(kind, NoNoise):
                factor, self.state[i] = kind.sample(self.g, self.state[i], n, rng=rng, period=self.period)
                xi = xi * factor
        return xi

    def after(self) -> Any:
        return tuple(self.state) if self.product else self.state[0]


def draw_cells(
    x: Inputs,
    g_pos: Floats,
    g_neg: Floats,
    reference_of: Columns,
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
    per_cell = hardware.gate_sharing == "cell"
    kinds = [(gate, g_pos), (gate if per_cell else NoNoise(), g_neg), (noise, g_pos), (noise, g_neg)]
    sources = [_Source(n, g, states[i], child(seed, i), period) for i, (n, g) in enumerate(kinds)]
    inputs, u = x.floats[span.rows], np.empty((span.reads, g_pos.shape[1]))
    block = max(1, _CELLS_PER_BLOCK // g_pos.size)
    for group, here, inside in span.groups():
        for source in sources:
            source.start(group)
        for start in range(0, inside.stop, block):
            stop = min(start + block, inside.stop)
            gate_pos, gate_neg, cell_pos, cell_neg = (source.draw(stop - start) for source in sources)
            skipped = max(inside.start - start, 0)  # drawn for reads before the span, which are not its own
            if skipped >= stop - start:
                continue
            if per_cell:
                pairs = gate_pos * (cell_pos * g_pos) - per_output(gate_neg * (cell_neg * g_neg), reference_of)
            else:
                pairs = gate_pos * (cell_pos * g_pos - per_output(cell_neg * g_neg, reference_of))
            pairs = np.broadcast_to(pairs, (stop - start, *g_pos.shape))[skipped:]
            offset = here.start - inside.start
            at = slice(offset + start + skipped, offset + stop)
            u[at] = np.matmul(inputs[at, None, :], pairs)[:, 0]
    states[:] = [states[i] if isinstance(n, NoNoise) else sources[i].after() for i, (n, _) in enumerate(kinds)]
    return u


def check_sampling(sampling: str) -> str:
    """Return `sampling` if it is a known way to draw a read, or raise ValueError."""
    return choice("sampling", sampling, SAMPLINGS)
