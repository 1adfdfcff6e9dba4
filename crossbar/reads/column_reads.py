"""What strategies share that read an array column by column in float32, 64 reads at a time."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from crossbar.reads._lanes import LANES
from crossbar.reads.conductances import CellArray, ReferenceColumns, per_output
from crossbar.reads.gated_sums import gate_bits
from crossbar.reads.inputs import Inputs
from crossbar.reads.noise_state import Source
from crossbar.reads.span import Span
from crossbar.threads import run_each, threads_now
from devices import InSeries, NoNoise, ReadNoise
from devices.seeding import child
from devices.validation import Floats

Singles = NDArray[np.float32]

#: Products of a read below which starting a second thread costs more than it saves.
_WORTH_A_THREAD = 1 << 19


@dataclass(frozen=True)
class Polarity:
    """Cells of one sign.

    Attributes:
        source: What names their noise.
        g: Conductances [S] that their noise depends on, (word lines, columns).
        weights: What they add to the weights, sign included, (word lines, columns).
    """

    source: Source
    g: Floats
    weights: Floats


@dataclass(frozen=True)
class Group:
    """Polarities that share columns and gates, so that their weights are added before a read.

    Attributes:
        polarities: One or two of them.
        serves: The column that serves each output; None where every output has its own.
    """

    polarities: tuple[Polarity, ...]
    serves: ReferenceColumns


@dataclass(frozen=True)
class Gate:
    """Bernoulli gates, one for each weight of a group.

    Attributes:
        bits: Binary digits of the probability to conduct, as of `gate_bits`; empty for no gates.
        low: Factor of a gate that does not conduct.
    """

    bits: NDArray[np.uint8]
    low: float

    @property
    def text(self) -> str:
        """What a report says of the gates, behind how the cells are read; empty for no gates."""
        return ", a bit for each gate" if len(self.bits) else ""


NO_GATE = Gate(np.empty(0, np.uint8), 0.0)


def bare(noise: ReadNoise) -> ReadNoise:
    """Return the noise of cells without the resistance in series that divides it."""
    return noise.noise if isinstance(noise, InSeries) else noise


def adds_currents_alone(cells: CellArray) -> bool:
    """Return whether cells are ohmic, and no noise is added to their currents."""
    return cells.hardware.is_ohmic and cells.hardware.current_noise is None


def keys_of(seed: np.random.SeedSequence, i: int, streams: type[IntEnum]) -> NDArray[np.uint64]:
    """Return the words of the generators of group i, (streams, 2)."""
    return np.stack([child(seed, i, name).generate_state(2, np.uint64) for name in streams])


def gate_of(cells: CellArray) -> Gate | None:
    """Return the gates of an array; None if no bits draw them, one for each weight of a group."""
    noise = cells.hardware.gate_noise
    if isinstance(noise, NoNoise):
        return NO_GATE
    law = noise.bernoulli
    bits = None if law is None else gate_bits(law[0])
    by_reference = cells.hardware.gate_sharing == "pair" and cells.reference_of is not None
    if law is None or bits is None or by_reference or cells.hardware.gate_sharing == "word_line":
        return None
    return Gate(bits, law[1])


def groups_of(cells: CellArray) -> list[Group]:
    """Return the groups of an array whose gates are those of `gate_of`."""
    c = cells.conductances
    k = cells.siemens_per_weight
    positive = Polarity(Source.POSITIVE_CELLS, c.g_pos, c.effective_pos / k)
    negative = Polarity(Source.NEGATIVE_CELLS, c.g_neg, -c.effective_neg / k)
    gated_apart = cells.hardware.gate_sharing == "cell" and not isinstance(
        cells.hardware.gate_noise, NoNoise
    )
    if gated_apart or c.reference_of is not None:
        return [Group((positive,), None), Group((negative,), c.reference_of)]
    return [Group((positive, negative), None)]


def switch_groups(cells: CellArray) -> list[Group]:
    """Return the groups of an array of quiet cells, whose only noise are its gates."""
    c = cells.conductances
    k = cells.siemens_per_weight
    if cells.hardware.gate_sharing == "pair":
        pairs = c.effective_pos - per_output(c.effective_neg, c.reference_of)
        return [Group((Polarity(Source.GATE, c.g_pos, pairs / k),), None)]
    positive = Polarity(Source.GATE, c.g_pos, c.effective_pos / k)
    negative = Polarity(Source.NEGATIVE_GATE, c.g_neg, -c.effective_neg / k)
    if c.reference_of is None:
        return [Group((positive, negative), None)]
    return [Group((positive,), None), Group((negative,), c.reference_of)]


def padded(lines: int) -> int:
    """Return the word lines of a column, with those that fill the last lanes."""
    return -(-lines // LANES) * LANES


def by_column(matrices: Sequence[Floats]) -> Singles:
    """Return matrices (word lines, columns) column after column, (columns, cells).

    Cell l + i · padded of a column is that of matrix i on word line l.
    """
    lines, columns = matrices[0].shape
    out = np.zeros((columns, len(matrices), padded(lines)), np.float32)
    for i, matrix in enumerate(matrices):
        out[:, i, :lines] = matrix.T
    return out.reshape(columns, -1)


def rows_of(x: Inputs) -> Singles:
    """Return inputs as float32, (rows, padded word lines)."""
    out = np.zeros((len(x), padded(x.shape[1])), np.float32)
    out[:, : x.shape[1]] = x.signs if x.is_ternary.all() else x.floats
    return out


def in_columns(work: Callable[[tuple[int, int]], object], columns: int, cost: float) -> None:
    """Call `work` on parts of the columns, from and to, in parallel if they cost enough."""
    parts = min(threads_now(), columns) if cost > _WORTH_A_THREAD else 1
    edges = [columns * i // parts for i in range(parts + 1)]
    run_each(lambda i: work((edges[i], edges[i + 1])), parts)


def added(
    groups: Sequence[Group], span: Span, sums: Callable[[int, Floats], None], outputs: int
) -> Floats:
    """Return u (reads, outputs), the sums of all groups.

    Args:
        groups: The groups.
        span: The reads.
        sums: sums(i, out) writes the sums of group i to `out`, (reads, columns).
        outputs: Number of outputs.
    """
    u: Floats = np.zeros((span.reads, outputs))
    for i, group in enumerate(groups):
        out = np.empty((span.reads, group.polarities[0].g.shape[1]))
        sums(i, out)
        u += per_output(out, group.serves)
    return u


def cost_of(span: Span, group: Group) -> float:
    """Return the number of products of a group's reads."""
    return float(span.reads * math.prod(group.polarities[0].g.shape))
