"""Reads drawn as one normal number per output: exact where the sum over a bit line is Gaussian."""

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from crossbar.hardware import Hardware
from crossbar.reads.digits import NOISY_DIGITS, SUMMED_DIGITS, DigitTables
from crossbar.reads.inputs import Inputs
from crossbar.reads.law import gaussian_sums
from crossbar.reads.moments import ReadMoments
from crossbar.reads.normals import normals as counted_normals
from crossbar.reads.span import Span
from devices import NoNoise
from devices.seeding import child
from devices.validation import Floats


class Stream(IntEnum):
    """Random streams of this strategy, by what is drawn."""

    OWN = 0
    SHARED = 1


def is_exactly_gaussian(hardware: Hardware) -> bool:
    """Return whether the sum over a bit line is exactly Gaussian.

    True if all factors are Gaussian and memoryless and no gate multiplies a noisy cell. Gates of
    word lines are drawn before the cells are, so only the cells count. Thermal and shot noise add
    to the currents and are Gaussian.
    """
    gate, cells = hardware.gate_noise, hardware.cell_noise
    if isinstance(gate, NoNoise) or hardware.gate_sharing == "word_line":
        return cells.is_gaussian
    return gate.is_gaussian and hardware.has_quiet_cells


class GaussianSums:
    """Strategy: one normal number per output and read, with the exact mean and variance.

    Args:
        moments: Moments of the array that is read.
    """

    def __init__(self, moments: ReadMoments):
        self._moments = moments

    @property
    def is_quiet(self) -> bool:
        """Whether every read of the same input gives the same sums."""
        return self._moments.is_noiseless

    def describe(self) -> str:
        """Return what a report says of this strategy."""
        return "one normal per output"

    @property
    def _digits(self) -> int:
        """Digits of means that lie on no grid."""
        own = SUMMED_DIGITS if self._moments.is_noiseless else NOISY_DIGITS
        return min(own, self._moments.cells.mean_digits)

    def mean_tables(self) -> DigitTables:
        """Return the tables by which means of ternary rows are added up."""
        return self._moments.mean_tables(self._digits)

    def std_of_signs(self) -> NDArray[np.float32] | None:
        """Return the standard deviation of reads of inputs ±1, (bit lines,); None without noise."""
        own, _ = self._moments.variances(Inputs(np.ones((1, self._moments.cells.lines), bool)))
        return np.sqrt(own[0]).astype(np.float32) if own.any() else None

    def read(self, x: Inputs, span: Span, seed: np.random.SeedSequence) -> Floats:
        """Return u (reads, bit lines) in weight units."""
        rows = self._moments.mean(x, self._digits)
        mean = rows if span.repeats == span.locations == 1 else rows[span.rows]
        own, shared = self._moments.variances(x)

        def normals(which: str, columns: int) -> NDArray[np.float32]:
            return counted_normals(span, columns, child(seed, Stream[which.upper()]))

        def std(variance: Floats) -> NDArray[np.float32] | None:
            if not variance.any():
                return None
            each = np.sqrt(variance).astype(np.float32)  # as the normals, which it multiplies
            return each if len(each) == 1 else each[span.rows]  # one row stands for all reads

        reference_of = self._moments.cells.reference_of
        shared_std = None if reference_of is None else std(shared)
        u: Floats = gaussian_sums(mean, std(own), shared_std, reference_of, normals)
        return u
