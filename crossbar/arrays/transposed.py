"""Reads of the transposed array: errors drive the bit lines, and word lines collect the sums."""

from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

from crossbar.reads.inputs import Inputs
from crossbar.reads.moments import ReadMoments
from crossbar.reads.reader import Reader
from crossbar.reads.sampling import check_sampling
from crossbar.reads.span import Span, draws
from crossbar.reads.word_line_gates import gate_word_lines
from devices.seeding import RNG, child, seed_sequence
from devices.validation import Floats, array, choice

if TYPE_CHECKING:
    from crossbar.arrays.learning_grid import LearningGrid

#: What a transposed read sees: gates and cells with their noise, cells alone with theirs, or the
#: effective weights exactly.
TRANSPOSED_READS = ("gated", "ungated", "ideal")


class Stream(IntEnum):
    """Random streams of a transposed read by its moments."""

    SUMS = 0
    GATES = 1


def read_transposed(
    tiles: "LearningGrid",
    e: Floats,
    *,
    rng: RNG,
    reads: str = "gated",
    sampling: str = "exact",
) -> Floats:
    """Return Σ_i e_i ξ_ij (c⁺_ij G⁺_ij − c⁻_ij G⁻_ij)/k of every word line j, in weight units.

    The same programmed cells are read as by `TiledArray.read`, with gates and read noise of the
    same laws, in the direction in which errors travel back. A gate shared by a word line now
    multiplies the sum of its line. Behind wires the effective conductances of forward reads are
    taken; currents that flow the other way would have slightly different ones.

    Args:
        tiles: The array.
        e: Errors, (rows, outputs).
        rng: Seed, Generator or None; same `rng`, same reads.
        reads: "gated" (default), "ungated" (gates conduct, cells keep their noise) or "ideal".
        sampling: "exact" draws every gate and cell; "moments" draws one normal per sum with the
            exact mean and variance.

    Returns:
        Sums, (rows, word lines). The mean of gated reads is E ξ times that of ideal ones.

    Raises:
        ValueError: e holds NaN or has a wrong shape, or an option is unknown.
    """
    choice("reads", reads, TRANSPOSED_READS)
    check_sampling(sampling)
    errors = array("e", e, shape=(None, tiles.outputs))
    if reads == "ideal":
        out: Floats = errors @ tiles.effective_weights
        return out
    cells = tiles.reader.cells if reads == "gated" else tiles.reader.cells.ungated()
    reader = Reader(cells, tiles.noise_state)
    span = Span(0, len(errors))
    seed = seed_sequence(rng)
    if sampling == "moments":
        return _from_moments(reader, errors, span, seed)
    sums = np.empty((len(errors), tiles.inputs))
    for at, g_pos, g_neg in reader.sampled(span, seed):
        sums[at] = np.einsum("ri,rji->rj", errors[at], g_pos - g_neg)
    return sums / tiles.siemens_per_weight


def _from_moments(reader: Reader, e: Floats, span: Span, seed: np.random.SeedSequence) -> Floats:
    """Return sums with the exact mean and variance, one normal for each."""
    cells = reader.cells
    shared = cells.hardware.gates_word_lines
    behind = cells.ungated() if shared else cells
    matrices = ReadMoments(behind, reader.state).matrices
    mean = e @ matrices.mean.T
    variance = np.square(e) @ matrices.own.T
    if matrices.added is not None:
        variance += cells.current_noise(e) @ matrices.added.own.T
    if matrices.shared.size and cells.reference_of is not None:
        # A reference column serves many outputs, whose errors add up before they are squared.
        of_reference = np.zeros((len(e), matrices.shared.shape[1]))
        np.add.at(of_reference.T, cells.reference_of, e.T)
        variance += np.square(of_reference) @ matrices.shared.T
    normal = draws(span, cells.lines, child(seed, Stream.SUMS))
    sums: Floats = mean + np.sqrt(np.maximum(variance, 0)) * normal
    if not shared:
        return sums
    ones = Inputs(np.ones((len(e), cells.lines)))
    gates = child(seed, Stream.GATES)
    return sums * gate_word_lines(ones, cells.hardware, reader.state, span.each(), gates).floats
