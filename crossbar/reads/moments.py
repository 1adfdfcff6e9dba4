"""Mean and variance of a read: exact for any noise, without drawing anything."""

from collections.abc import Iterator
from functools import cached_property

import numpy as np

from crossbar.hardware import Hardware
from crossbar.reads.conductances import CellArray
from crossbar.reads.digits import SUMMED_DIGITS, DigitTables, column_sums
from crossbar.reads.inputs import Inputs
from crossbar.reads.noise_state import NoiseState
from crossbar.reads.nonlinear import driven_rows, needs_rows, shaped
from crossbar.reads.pair_moments import MomentMatrices, adds_alike, gate_moments, moment_matrices
from crossbar.reads.table_products import TableProducts
from devices import NoNoise, ReadNoise
from devices.validation import Floats


def _come_apart(cells: CellArray, state: NoiseState) -> bool:
    """Return whether the moments of some bit lines can be computed without those of the others.

    States of cells are known to their models as a whole, and a reference column serves many bit
    lines.
    """
    stateless = all(of_source is None for of_source in vars(state).values())
    return stateless and cells.reference_of is None


def _devices_differ(hardware: Hardware) -> bool:
    """Return whether the mean noise factor may differ from device to device."""
    noises = (hardware.gate, hardware.device.read_noise)
    return any(type(noise).moments_given is not ReadNoise.moments_given for noise in noises)


def _bent_rows(
    cells: CellArray, state: NoiseState, x: Inputs
) -> Iterator[tuple[int, Floats, MomentMatrices]]:
    """Yield the rows whose cells have other conductances than at the read voltage.

    Yields:
        Number of the row, its inputs, and the moments of a read of each pair under them.
    """
    if not needs_rows(cells, x):
        return
    last = None
    for row, driven in driven_rows(cells, x):
        if driven is not last:  # equal rows share one object
            of_weights = moment_matrices(driven, state).per_weight(cells.siemens_per_weight)
        last = driven
        yield row, x.floats[row], of_weights


def _mean_current_noise(cells: CellArray, x: Floats) -> Floats:
    """Return `CellArray.current_noise` of inputs, on average over Bernoulli gates of word lines."""
    hardware = cells.hardware
    law = hardware.gate_noise.bernoulli if hardware.gates_word_lines else None
    if law is None:
        return cells.current_noise(x)
    p, low = law
    return p * cells.current_noise(x) + (1 - p) * cells.current_noise(low * x)


def _spacing_of_mean(cells: CellArray) -> float:
    """Return the spacing of the grid of mean weights; 0 for none.

    Levels and the middles between them lie on a grid of half the spacing; the gate's mean scales
    it.
    """
    gate_mean, _ = gate_moments(cells.hardware)
    return cells.level_spacing / 2 / cells.siemens_per_weight * gate_mean


class ReadMoments:
    """Mean and variance of reads of one array in weight units.

    Args:
        cells: The array. Its moments are computed once, when they are first needed.
        state: States of its noises.
        given: Moments of each pair in weight units; None for those of the cells.
    """

    def __init__(self, cells: CellArray, state: NoiseState, given: MomentMatrices | None = None):
        self.cells = cells
        self._state = state
        self._matrices = given
        self._products = TableProducts()

    @property
    def matrices(self) -> MomentMatrices:
        """Moments of a read of each pair, given the differences between this chip's devices."""
        if self._matrices is None:
            of_siemens = moment_matrices(self.cells, self._state)
            self._matrices = of_siemens.per_weight(self.cells.siemens_per_weight)
        return self._matrices

    def blocks(self) -> Iterator[tuple[slice, MomentMatrices]]:
        """Yield the same moments for some bit lines at a time, with their slice; none are kept."""
        if self._matrices is not None or not _come_apart(self.cells, self._state):
            yield slice(0, self.cells.outputs), self.matrices
            return
        for lines, cells in self.cells.blocks():
            of_siemens = moment_matrices(cells, self._state)
            yield lines, of_siemens.per_weight(self.cells.siemens_per_weight)

    def mean_blocks(self) -> Iterator[tuple[slice, Floats]]:
        """Yield the mean of a read for some bit lines at a time, with the slice of these lines."""
        for lines, matrices in self.blocks():
            yield lines, matrices.mean

    @cached_property
    def variance_of_signs(self) -> Floats:
        """Variance of u for inputs ±1, (bit lines,), in weight units squared.

        It is that of `of`, without tables or matrices that stay in memory.
        """
        cells = self.cells
        if self._matrices is not None or not _come_apart(cells, self._state):
            variance: Floats = self.of(np.ones((1, cells.lines)))[1][0]
            return variance
        hardware = cells.hardware
        if isinstance(hardware.gate, NoNoise) and hardware.has_quiet_cells:
            return np.zeros(cells.outputs)
        own = np.empty((cells.lines, cells.outputs))
        unit = float(_mean_current_noise(self.cells, np.ones(1))[0])
        for lines, matrices in self.blocks():
            own[:, lines] = matrices.of_signs(unit).own
        return np.maximum(column_sums(own), 0)

    @property
    def mean_matrix(self) -> Floats:
        """Mean of a read of each weight, (word lines, bit lines), in weight units."""
        return self.matrices.mean

    @property
    def is_noiseless(self) -> bool:
        """Whether every read of the same input gives the same sums."""
        return self.matrices.are_noiseless

    def added(self) -> tuple[Floats, Floats]:
        """Return the variance of u that inputs do not change: own, and of reference columns.

        It is that of thermal noise, (bit lines,) and (references,), in weight units squared.
        """
        m = self.matrices
        if m.added is None:
            return np.zeros(self.cells.outputs), np.zeros(m.shared.shape[1])
        drive = _mean_current_noise(self.cells, np.zeros(self.cells.lines))
        return drive @ m.added.own, drive @ m.added.shared

    def covariance(self, lag: float) -> Floats:
        """Return the covariance of two reads of the same ±1 inputs, for each bit line.

        It is that of the average chip, in weight units squared.

        Args:
            lag: Time between the two reads [s]; 0 gives the variance.
        """
        m = moment_matrices(self.cells, self._state, lag)
        m = m.of_signs(float(_mean_current_noise(self.cells, np.ones(1))[0]))
        return m.total(self.cells.reference_of).sum(axis=0) / self.cells.siemens_per_weight**2

    def fixed_pattern(self) -> Floats:
        """Return Σ_j (E[w_j | its devices] − E w_j)² per bit line, in weight units squared.

        This is how far differences between devices move the mean of a read of ±1 inputs.
        """
        if not _devices_differ(self.cells.hardware):
            return np.zeros(self.cells.outputs)
        average = moment_matrices(self.cells, self._state, lag=0.0).mean
        difference = self.matrices.mean - average / self.cells.siemens_per_weight
        return np.asarray((difference**2).sum(axis=0))

    def mean_tables(self, digits: int = SUMMED_DIGITS) -> DigitTables:
        """Return the tables of `mean`."""
        spacing = _spacing_of_mean(self.cells)
        return self._products.tables("mean", self.matrices.mean, spacing, digits)

    def mean(self, x: Inputs, digits: int = SUMMED_DIGITS) -> Floats:
        """Return the mean of u, (rows, bit lines), with `digits` of weights off the grid."""
        spacing = _spacing_of_mean(self.cells)
        mean = self._products.product(x, "mean", self.matrices.mean, spacing, digits=digits)
        for row, x_of_row, m in _bent_rows(self.cells, self._state, x):
            mean[row] = x_of_row @ m.mean
        return mean

    def variances(self, x: Inputs) -> tuple[Floats, Floats]:
        """Return own and shared variance of u; one row for all reads where every input is ±1."""
        bent = needs_rows(self.cells, x)
        one = x.all_signs and not bent
        rows = Inputs(np.ones((1, x.shape[1]), dtype=bool)) if one else x
        added = self.matrices.added
        # One row stands for all reads where what cells add does not depend on their inputs.
        same = adds_alike(self.cells.hardware) and not bent

        def of(name: str, matrix: Floats) -> Floats:
            if not matrix.any():
                return np.zeros((1 if same and not bent else len(rows), matrix.shape[1]))
            return np.maximum(self._products.product(rows, name, matrix, square=True), 0)

        own, shared = of("own", self.matrices.own), of("shared", self.matrices.shared)
        for row, x_of_row, m in _bent_rows(self.cells, self._state, x):
            own[row], shared[row] = x_of_row**2 @ m.own, x_of_row**2 @ m.shared
        if added is None:
            return own, shared
        drive = _mean_current_noise(self.cells, np.ones((1, x.shape[1])) if same else rows.floats)
        return own + drive @ added.own, shared + drive @ added.shared

    def of(self, x: Floats) -> tuple[Floats, Floats]:
        """Return mean and variance of u, each (rows, bit lines), in weight units.

        Args:
            x: Inputs, (rows, word lines).

        Raises:
            ValueError: x has a wrong shape or holds NaN.
        """
        rows = shaped(self.cells, Inputs.checked("x", x, self.cells.lines))
        mean = self.mean(rows)
        own, shared = self.variances(rows)
        reference_of = self.cells.reference_of
        variance = own if reference_of is None else own + shared[:, reference_of]
        return mean, np.broadcast_to(variance, mean.shape).copy()
