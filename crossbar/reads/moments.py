"""Mean and variance of a read: exact for any noise, without drawing anything.

A read of the pair at word line j and bit line i, under the gate ξ_ij and the cell factors c±,
contributes x_j ξ_ij (c⁺ G⁺ − c⁻ G⁻).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from crossbar.hardware import Hardware
from crossbar.reads.conductances import CellArray, ReferenceColumns, per_output
from crossbar.reads.digits import SUMMED_DIGITS, DigitTables, column_sums, digit_tables
from crossbar.reads.gated_sums import gated_sums
from crossbar.reads.inputs import Inputs
from crossbar.reads.noise_state import NoiseState, SeenBy, Source, noise_sources
from crossbar.reads.span import Span
from devices import NoNoise, ReadNoise
from devices.validation import Floats


@dataclass(frozen=True)
class MomentMatrices:
    """Mean and variance of one read of each pair.

    Attributes:
        mean: (word lines, bit lines) [S, or weight units].
        own: Variance that outputs do not share, (word lines, bit lines), in the same units squared.
        shared: Variance of the reference columns, common to the outputs of a tile, (word lines,
            references); (word lines, 0) for pairs.
    """

    mean: Floats
    own: Floats
    shared: Floats

    def total(self, reference_of: ReferenceColumns) -> Floats:
        """Return the variance of one read of each pair, shared or not."""
        return self.own if reference_of is None else self.own + self.shared[:, reference_of]

    def per_weight(self, siemens_per_weight: float) -> "MomentMatrices":
        """Return the same moments in weight units."""
        k = siemens_per_weight
        return MomentMatrices(self.mean / k, self.own / k**2, self.shared / k**2)


def gate_moments(hardware: Hardware) -> tuple[float, float]:
    """Return mean and variance of the gate's factor, as `ReadNoise.moments` defines them.

    A gate does not depend on the conductance, so one pair of numbers holds for all cells.
    """
    mean, variance = hardware.gate.moments(np.array(hardware.device.g_max))
    return float(mean), float(variance)


def moment_matrices(
    cells: CellArray, state: NoiseState, lag: float | None = None
) -> MomentMatrices:
    """Return the moments [S, S²] of a read of the cells.

    With one gate per pair or word line, Var = E[ξ²](v⁺G⁺² + v⁻G⁻²) + Var ξ (m⁺G⁺ − m⁻G⁻)². With one
    gate per cell, Var = Var(ξ c⁺) G⁺² + Var(ξ c⁻) G⁻².

    Args:
        cells: The array.
        state: States of its noises: the moments are those of this chip's devices.
        lag: None for moments given the state. A number [s]: of the average chip, the covariance of
            two reads that far apart in place of the variance; 0 gives the variance.
    """
    hardware = cells.hardware
    c = cells.conductances
    sources = noise_sources(c.g_pos, c.g_neg, hardware)

    def spread(source: Source) -> tuple[Floats, Floats]:
        return _spread(sources[source], state, source, lag)

    mean_pos, variance_pos = spread(Source.POSITIVE_CELLS)
    mean_neg, variance_neg = spread(Source.NEGATIVE_CELLS)
    mean, variance = spread(Source.GATE)
    if hardware.gate_sharing == "word_line":
        mean, variance = mean[:, None], variance[:, None]
    pos, neg = mean_pos * c.effective_pos, mean_neg * c.effective_neg
    noise_pos, noise_neg = variance_pos * c.effective_pos**2, variance_neg * c.effective_neg**2
    no_reference = np.empty((len(c.g_pos), 0))
    if hardware.gate_sharing == "cell":
        gate_mean, gate_variance = spread(Source.NEGATIVE_GATE)
        expected = mean * pos - per_output(gate_mean * neg, c.reference_of)
        own = (variance + mean**2) * noise_pos + variance * pos**2
        other = (gate_variance + gate_mean**2) * noise_neg + gate_variance * neg**2
        if c.reference_of is None:
            return MomentMatrices(expected, own + other, no_reference)
        return MomentMatrices(expected, own, other)
    signal = pos - per_output(neg, c.reference_of)
    own = (variance + mean**2) * (noise_pos + per_output(noise_neg, c.reference_of))
    own = own + variance * signal**2
    if c.reference_of is None:
        return MomentMatrices(mean * signal, own, no_reference)
    # Outputs share the noise of their reference, each through its own gate. Where gates differ from
    # device to device, their covariance uses the mean gate factor of the word line (an
    # approximation).
    common = np.mean(mean, axis=1, keepdims=True) ** 2 * noise_neg
    return MomentMatrices(mean * signal, own - per_output(common, c.reference_of), common)


def _spread(
    seen: SeenBy, state: NoiseState, source: Source, lag: float | None
) -> tuple[Floats, Floats]:
    """Return mean and variance of the factors given the state, or the average chip's mean and
    covariance.
    """
    noise, g = seen
    if lag is None:
        return noise.moments_given(g, state[source])
    mean, variance = noise.moments(g)
    return mean, noise.covariance(g, lag) if lag else variance


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


class ReadMoments:
    """Mean and variance of reads of one array in weight units.

    Args:
        cells: The array. Its moments are computed once, when they are first needed.
        state: States of its noises.
    """

    def __init__(self, cells: CellArray, state: NoiseState):
        self.cells = cells
        self._state = state
        self._matrices: MomentMatrices | None = None
        self._tables: dict[str, DigitTables] = {}

    @property
    def matrices(self) -> MomentMatrices:
        """Moments of a read of each pair, given the differences between this chip's devices."""
        if self._matrices is None:
            of_siemens = moment_matrices(self.cells, self._state)
            self._matrices = of_siemens.per_weight(self.cells.siemens_per_weight)
        return self._matrices

    def blocks(self) -> Iterator[tuple[slice, MomentMatrices]]:
        """Yield the same moments for some bit lines at a time, with the slice of these lines.

        Nothing is kept, so that they take little memory.
        """
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
        if isinstance(hardware.gate, NoNoise) and isinstance(hardware.device.read_noise, NoNoise):
            return np.zeros(cells.outputs)
        own = np.empty((cells.lines, cells.outputs))
        for lines, matrices in self.blocks():
            own[:, lines] = matrices.own
        return np.maximum(column_sums(own), 0)

    @property
    def mean_matrix(self) -> Floats:
        """Mean of a read of each weight, (word lines, bit lines), in weight units."""
        return self.matrices.mean

    @property
    def is_noiseless(self) -> bool:
        """Whether every read of the same input gives the same sums."""
        return not (self.matrices.own.any() or self.matrices.shared.any())

    def covariance(self, lag: float) -> Floats:
        """Return the covariance of two reads of the same ±1 inputs, for each bit line.

        It is that of the average chip, in weight units squared.

        Args:
            lag: Time between the two reads [s]; 0 gives the variance.
        """
        m = moment_matrices(self.cells, self._state, lag)
        return m.total(self.cells.reference_of).sum(axis=0) / self.cells.siemens_per_weight**2

    def fixed_pattern(self) -> Floats:
        """Return Σ_j (E[w_j | its devices] − E w_j)² per bit line, in weight units squared.

        This is the fixed pattern: how far differences between devices move the mean of a read of
        ±1 inputs.
        """
        if not _devices_differ(self.cells.hardware):
            return np.zeros(self.cells.outputs)
        average = moment_matrices(self.cells, self._state, lag=0.0).mean
        difference = self.matrices.mean - average / self.cells.siemens_per_weight
        return np.asarray((difference**2).sum(axis=0))

    def mean(self, x: Inputs) -> Floats:
        """Return the mean of u, (rows, bit lines)."""
        gate_mean, _ = gate_moments(self.cells.hardware)
        # Levels and the middles between them lie on a grid of half the spacing; the gate's mean
        # scales it.
        half_spacing = self.cells.level_spacing / 2 / self.cells.siemens_per_weight
        return self._product(x, "mean", self.matrices.mean, half_spacing * gate_mean)

    def variances(self, x: Inputs) -> tuple[Floats, Floats]:
        """Return own and shared variance of u; one row for all reads where every input is ±1."""
        rows = Inputs(np.ones((1, x.shape[1]), dtype=bool)) if x.all_signs else x

        def of(name: str, matrix: Floats) -> Floats:
            if not matrix.any():
                return np.zeros((1, matrix.shape[1]))
            return np.maximum(self._product(rows, name, matrix, square=True), 0)

        return of("own", self.matrices.own), of("shared", self.matrices.shared)

    def of(self, x: Floats) -> tuple[Floats, Floats]:
        """Return mean and variance of u, each (rows, bit lines), in weight units.

        Args:
            x: Inputs, (rows, word lines).

        Raises:
            ValueError: x has a wrong shape or holds NaN.
        """
        rows = Inputs.checked("x", x, self.cells.lines)
        mean = self.mean(rows)
        own, shared = self.variances(rows)
        reference_of = self.cells.reference_of
        variance = own if reference_of is None else own + shared[:, reference_of]
        return mean, np.repeat(variance, len(mean), axis=0) if len(variance) < len(
            mean
        ) else variance

    def _product(
        self, x: Inputs, name: str, matrix: Floats, spacing: float = 0.0, *, square: bool = False
    ) -> Floats:
        """Return x @ matrix, or x² @ matrix, (rows, columns).

        Ternary rows are summed in whole numbers, so that a row's sums do not depend on the batch it
        is in.
        """
        ternary = x.is_ternary
        if not ternary.any():
            return (x.floats**2 if square else x.floats) @ matrix
        if name not in self._tables:
            self._tables[name] = digit_tables([matrix], spacing, SUMMED_DIGITS)[0]
        packed = x.packed.absolute() if square else x.packed
        sums = gated_sums(self._tables[name], packed, Span(0, len(x)))
        if not ternary.all():
            others = x.floats[~ternary]
            sums[~ternary] = (others**2 if square else others) @ matrix
        return sums
