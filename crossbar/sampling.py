"""How noisy reads are drawn: one normal per output where that is exact or asked for, packed bits, or cell by cell.

A read of the pair at (j, i) under a gate g_j and cell factors c± contributes x_j g (c⁺ G⁺ − c⁻ G⁻).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossbar.hardware import Hardware
from devices import NoNoise, Product, ReadNoise
from devices._checks import Floats, choice
from devices._rng import stream

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


def gate_word_lines(x: Floats, hardware: Hardware, state: Any, rng: np.random.Generator) -> tuple[Floats, Any]:
    """Return inputs multiplied by one gate draw per read and word line, and the gates' state after the reads."""
    lines = np.full(x.shape[1], hardware.device.g_max)
    xi, state = hardware.gate.sample(lines, state, len(x), rng=rng, period=hardware.read_period)
    return x * xi, state


def mean_and_variance(x: Floats, mean: Floats, variance: Floats) -> tuple[Floats, Floats]:
    """Return x @ mean and x² @ variance for x (reads, word lines); ±1 inputs make the second the same for all reads."""
    if (np.abs(x) == 1).all():
        return x @ mean, np.broadcast_to(variance.sum(axis=0), (len(x), variance.shape[1]))
    return x @ mean, (x * x) @ variance


def draw_collapsed(
    x: Floats, matrices: MomentMatrices, reference_of: Columns, reads_per_input: int, rng: np.random.Generator
) -> Floats:
    """Return one normal per output, (inputs · reads_per_input, outputs), the reads of one input adjacent."""
    mean, own = mean_and_variance(x, matrices.mean, matrices.own)
    u = np.repeat(mean, reads_per_input, axis=0)
    if own.any():
        u += np.repeat(np.sqrt(own), reads_per_input, axis=0) * rng.standard_normal(u.shape)
    if reference_of is not None and matrices.shared.any():
        spread = np.sqrt(np.repeat((x * x) @ matrices.shared, reads_per_input, axis=0))
        u += (spread * rng.standard_normal(spread.shape))[:, reference_of]
    return u


def draw_cells(
    x: Floats,
    g_pos: Floats,
    g_neg: Floats,
    reference_of: Columns,
    hardware: Hardware,
    states: list[Any],
    seed: np.random.SeedSequence,
) -> Floats:
    """Return currents per volt [S], (reads, bit lines), every gate and every cell drawn on its own for every read.

    states: of gate(s) and cells, advanced in place. Each factor of each source has its own stream, so that no result
    depends on the size of the blocks.
    """
    gate, cells, period = hardware.gate, hardware.device.read_noise, hardware.read_period
    per_cell = hardware.gate_sharing == "cell"
    sources: list[tuple[ReadNoise, Floats]] = [(gate, g_pos), (gate, g_neg), (cells, g_pos), (cells, g_neg)]
    if not per_cell:
        sources[1] = (NoNoise(), g_neg)
    kinds = [noise.factors if isinstance(noise, Product) else (noise,) for noise, _ in sources]
    generators = [[stream(seed, index, part) for part in range(len(kind))] for index, kind in enumerate(kinds)]
    u = np.empty((len(x), g_pos.shape[1]))
    block = max(1, _CELLS_PER_BLOCK // g_pos.size)
    for start in range(0, len(x), block):
        part = x[start : start + block]
        factors: list[Floats] = []
        for index, (noise, g) in enumerate(sources):
            carried = states[index] if isinstance(noise, Product) else (states[index],)
            xi, after = np.ones((1, 1, 1)), []
            for kind, state, generator in zip(kinds[index], carried, generators[index], strict=True):
                if not isinstance(kind, NoNoise):
                    factor, state = kind.sample(g, state, len(part), rng=generator, period=period)
                    xi = xi * factor
                after.append(state)
            states[index] = tuple(after) if isinstance(noise, Product) else after[0]
            factors.append(xi)
        gate_pos, gate_neg, cell_pos, cell_neg = factors
        if per_cell:
            pairs = gate_pos * (cell_pos * g_pos) - per_output(gate_neg * (cell_neg * g_neg), reference_of)
        else:
            pairs = gate_pos * (cell_pos * g_pos - per_output(cell_neg * g_neg, reference_of))
        pairs = np.broadcast_to(pairs, (len(part), *g_pos.shape))
        u[start : start + len(part)] = np.matmul(part[:, None, :], pairs)[:, 0]
    return u


def check_sampling(sampling: str) -> str:
    """Return `sampling` if it is a known way to draw a read, or raise ValueError."""
    return choice("sampling", sampling, SAMPLINGS)
