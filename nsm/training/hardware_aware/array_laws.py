"""Mean and variance of the sums of programmed arrays, as matrices over their inputs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from crossbar.arrays.programmed import Matrix
from crossbar.arrays.summed import terms_of
from crossbar.arrays.tiled import TiledArray
from crossbar.reads.moments import ReadMoments
from crossbar.wires.description import Wires
from devices.validation import Floats


class Attenuation(NamedTuple):
    """By which factor the wires of an array lower the conductances of its cells.

    Attributes:
        positive: Effective over programmed conductance of the positive cells, (word lines, bit
            lines).
        negative: The same of the negative cells, or of reference columns.
    """

    positive: Floats
    negative: Floats


#: The attenuations of the arrays of a layer: number of the part, number of the term -> factors.
Attenuations = Mapping[tuple[int, int], Attenuation]


@dataclass(frozen=True, eq=False)
class SharedNoise:
    """The noise of reference columns, which the outputs of a tile have in common.

    Attributes:
        variance: Coefficients of the squared inputs, (references, inputs).
        constant: Variance that inputs do not change, (references,).
        reference_of: Reference column of each output, (outputs,).
        factor: Factor by which each output sees this noise, (outputs,).
    """

    variance: Floats
    constant: Floats
    reference_of: NDArray[np.intp]
    factor: Floats


@dataclass(frozen=True, eq=False)
class ArrayLaw:
    """Mean and variance of one read of a matrix on tiles, in weight units.

    Attributes:
        mean: Coefficients of the inputs in the mean, (outputs, inputs).
        own: Coefficients of the squared inputs in the variance that outputs do not share, (outputs,
            inputs).
        constant: Variance that inputs do not change (thermal noise), (outputs,).
        shared: The noises of reference columns.
    """

    mean: Floats
    own: Floats
    constant: Floats
    shared: Sequence[SharedNoise]


def law_of(matrix: Matrix, part: int, attenuations: Attenuations, wires: Wires | None) -> ArrayLaw:
    """Return the law of a matrix in its present state.

    Args:
        matrix: The arrays.
        part: Number of the matrix among the arrays of its layer.
        attenuations: Factors of the wires, for arrays that were programmed without them; {} for
            arrays that have their wires.
        wires: The wires of these factors.
    """
    mean = np.zeros((matrix.outputs, matrix.inputs))
    own = np.zeros_like(mean)
    constant = np.zeros(matrix.outputs)
    shared = []
    for number, term in enumerate(terms_of(matrix)):
        moments = _moments(term.array, attenuations.get((part, number)), wires)
        m, significance = moments.matrices, np.broadcast_to(term.significance, matrix.outputs)
        own_constant, shared_constant = moments.added()
        mean[:, term.lines] += significance[:, None] * m.mean.T
        own[:, term.lines] += significance[:, None] ** 2 * m.own.T
        constant += significance**2 * own_constant
        if m.shared.any() or shared_constant.any():
            assert moments.cells.reference_of is not None
            variance = np.zeros((m.shared.shape[1], matrix.inputs))
            variance[:, term.lines] = m.shared.T
            references = moments.cells.reference_of
            shared.append(SharedNoise(variance, shared_constant, references, significance))
    return ArrayLaw(mean, own, constant, shared)


def _moments(
    array: TiledArray, attenuation: Attenuation | None, wires: Wires | None
) -> ReadMoments:
    """Return the moments of reads of one array, behind the wires of its attenuation."""
    cells = array.reader.cells
    if attenuation is None:
        return array.reader.moments
    c = cells.conductances
    behind = replace(
        c,
        effective_pos=attenuation.positive * c.g_pos,
        effective_neg=attenuation.negative * c.g_neg,
    )
    hardware = replace(cells.hardware, wires=wires)
    return ReadMoments(replace(cells, conductances=behind, hardware=hardware), array.noise_state)


def attenuations_of(matrices: Iterable[tuple[int, Matrix]]) -> Attenuations:
    """Return the factors of the wires of arrays that were programmed with them.

    Args:
        matrices: Number of each part of a layer, and its arrays.
    """
    found = {}
    for part, matrix in matrices:
        for number, term in enumerate(terms_of(matrix)):
            c = term.array.joined()
            sides = ((c.effective_pos, c.g_pos), (c.effective_neg, c.g_neg))
            ratios = [np.divide(e, g, out=np.ones_like(g), where=g > 0) for e, g in sides]
            found[part, number] = Attenuation(*ratios)
    return found
