"""The matrices of a read under a Bernoulli gate.

Gates of pairs need one matrix, gates of single cells one for each polarity.
"""

from typing import Generic, NamedTuple, TypeVar

from crossbar.reads.conductances import CellArray, ReferenceColumns, per_output
from devices import NoNoise, ReadNoise, StochasticSelector
from devices.validation import Floats

Matrix = TypeVar("Matrix")


class Polarity(NamedTuple, Generic[Matrix]):
    """One polarity of a read with a Bernoulli gate.

    Attributes:
        signal: Effective weights, (word lines, columns).
        variance: Variance of the cells' factors in weight units squared; None without such noise.
        columns: Reference column of each output; None where every output has a column.
        added: Conductances whose thermal and shot noise adds to the currents, over k² [1/S]; None
            without such noise. See `crossbar.reads.pair_moments.AddedNoise`.
    """

    signal: Matrix
    variance: Matrix | None
    columns: ReferenceColumns
    added: Matrix | None = None


def have_own_probabilities(gate: ReadNoise) -> bool:
    """Return whether gates conduct independently on every read, each with its own probability."""
    return type(gate) is StochasticSelector and gate.spread > 0 and not gate.has_memory


def are_gaussian_given_gates(cells: CellArray, *, own: bool = False) -> bool:
    """Return whether outputs are independent Gaussian numbers given the gates.

    They are if gates are Bernoulli, one per pair or cell, and the cells have Gaussian noise or
    none: the noise of a bit line's cells then adds up to one normal number.

    Args:
        cells: The array.
        own: Whether every gate may have a probability of its own; default False.
    """
    hardware = cells.hardware
    noise, gate = hardware.cell_noise, hardware.gate_noise
    if hardware.gate_sharing == "word_line" or not noise.is_gaussian:
        return False
    if gate.bernoulli is None and not (own and have_own_probabilities(gate)):
        return False
    # The noise of a reference cell reaches all outputs, each through its own gate.
    common = hardware.gate_sharing == "pair" and cells.reference_of is not None
    return hardware.has_quiet_cells or not common


def bernoulli_polarities(cells: CellArray, *, own: bool = False) -> list[Polarity[Floats]] | None:
    """Return the polarities of a read, or None if outputs given the gates are not independent
    Gaussian numbers.

    Gates that pairs share give one polarity, the matrix of the pairs. Gates of single cells give
    two; the second is subtracted from the first. Arguments are those of `are_gaussian_given_gates`.
    """
    if not are_gaussian_given_gates(cells, own=own):
        return None
    hardware = cells.hardware
    c = cells.conductances
    k = cells.siemens_per_weight
    noise = hardware.cell_noise
    noiseless = isinstance(noise, NoNoise)
    adds = hardware.current_noise is not None
    mean_pos, variance_pos = noise.moments(c.g_pos)
    mean_neg, variance_neg = noise.moments(c.g_neg)
    pos = mean_pos * c.effective_pos / k
    neg = mean_neg * c.effective_neg / k
    noise_pos = None if noiseless else variance_pos * (c.effective_pos / k) ** 2
    noise_neg = None if noiseless else variance_neg * (c.effective_neg / k) ** 2
    if hardware.gate_sharing == "pair":
        both = None if noise_pos is None or noise_neg is None else noise_pos + noise_neg
        signal = pos - per_output(neg, c.reference_of)
        return [Polarity(signal, both, None, (pos + neg) / k if adds else None)]
    return [
        Polarity(pos, noise_pos, None, pos / k if adds else None),
        Polarity(neg, noise_neg, c.reference_of, neg / k if adds else None),
    ]
