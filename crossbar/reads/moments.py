"""Mean and variance of a read: exact for any noise, without drawing anything.

A read of the pair at word line j and bit line i, under the gate ξ_ij and the cell factors c±,
contributes x_j ξ_ij (c⁺ G⁺ − c⁻ G⁻).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from crossbar.hardware import Hardware
from crossbar.reads.conductances import CellArray, ReferenceColumns, in_series, per_output
from crossbar.reads.digits import SUMMED_DIGITS, DigitTables, column_sums, digit_tables
from crossbar.reads.gated_sums import gated_sums
from crossbar.reads.inputs import Inputs
from crossbar.reads.noise_state import NoiseState, SeenBy, Source, noise_sources
from crossbar.reads.nonlinear import bends, driven_by, needs_rows, shaped
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
        added: Variances that do not multiply the current but add to it: conductances on which
            thermal and shot noise depend; None without such noise.
    """

    mean: Floats
    own: Floats
    shared: Floats
    added: "AddedNoise | None" = None

    def of_signs(self, unit: float) -> "MomentMatrices":
        """Return the moments of inputs ±1, in which all noise is part of the variances.

        Args:
            unit: h(1), see `CellArray.current_noise`.
        """
        if self.added is None:
            return self
        own, shared = self.own + unit * self.added.own, self.shared + unit * self.added.shared
        return MomentMatrices(self.mean, own, shared)

    def total(self, reference_of: ReferenceColumns) -> Floats:
        """Return the variance of one read of each pair, shared or not."""
        return self.own if reference_of is None else self.own + self.shared[:, reference_of]

    def per_weight(self, siemens_per_weight: float) -> "MomentMatrices":
        """Return the same moments in weight units."""
        k = siemens_per_weight
        added = None if self.added is None else self.added.per_weight(k)
        return MomentMatrices(self.mean / k, self.own / k**2, self.shared / k**2, added)


@dataclass(frozen=True)
class AddedNoise:
    """Conductances of each pair that thermal and shot noise see: Var u = Σ_j h(x_j) G_j.

    They do not depend on what drives a cell: an input of zero adds noise too.

    Attributes:
        own: What outputs do not share, (word lines, bit lines) [S, or 1/S in weight units].
        shared: The part of the reference columns that their outputs share, (word lines,
            references).
    """

    own: Floats
    shared: Floats

    def per_weight(self, siemens_per_weight: float) -> "AddedNoise":
        """Return the same noise for sums in weight units."""
        k = siemens_per_weight
        return AddedNoise(self.own / k**2, self.shared / k**2)


def gate_moments(hardware: Hardware) -> tuple[float, float]:
    """Return mean and variance of the gate's factor, as `ReadNoise.moments` defines them.

    A gate does not depend on the conductance, so one pair of numbers holds for all cells.
    """
    mean, variance = hardware.gate_noise.moments(np.array(hardware.device.g_max))
    return float(mean), float(variance)


def adds_alike(hardware: Hardware) -> bool:
    """Return whether what cells add to their currents does not depend on their inputs.

    Thermal noise does not, shot noise does.
    """
    return hardware.current_noise is None or hardware.current_noise.shot == 0


def cell_moments(g: Floats, hardware: Hardware) -> tuple[Floats, Floats]:
    """Return mean and variance of the factor by which a read of a single driven cell differs.

    Thermal and shot noise are part of the variance. The gate conducts.

    Args:
        g: Conductances of the cells alone [S].
        hardware: Device, gate and operating point.
    """
    seen = in_series(g, hardware)
    mean, variance = hardware.cell_noise.moments(seen)
    if hardware.current_noise is None:
        return mean, variance
    unit = float(hardware.current_noise.drive(1.0, hardware.unit_voltage))
    return mean, variance + unit * mean / np.where(seen > 0, seen, np.inf)


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
    added = None
    if hardware.current_noise is not None and not lag:  # it is fresh on every read
        conducts = {
            # A gate at the driver leaves the cells connected.
            "word_line": (np.ones((1, 1)), np.ones((1, 1))),
            "pair": (mean, mean),
            "cell": (mean, spread(Source.NEGATIVE_GATE)[0]),
        }
        of_pos, of_neg = conducts[hardware.gate_sharing]
        added = _added_noise(cells, of_pos * pos, neg, of_neg)
    no_reference = np.empty((len(c.g_pos), 0))
    if hardware.gate_sharing == "cell":
        gate_mean, gate_variance = spread(Source.NEGATIVE_GATE)
        expected = mean * pos - per_output(gate_mean * neg, c.reference_of)
        own = (variance + mean**2) * noise_pos + variance * pos**2
        other = (gate_variance + gate_mean**2) * noise_neg + gate_variance * neg**2
        if c.reference_of is None:
            return MomentMatrices(expected, own + other, no_reference, added)
        return MomentMatrices(expected, own, other, added)
    signal = pos - per_output(neg, c.reference_of)
    own = (variance + mean**2) * (noise_pos + per_output(noise_neg, c.reference_of))
    own = own + variance * signal**2
    if c.reference_of is None:
        return MomentMatrices(mean * signal, own, no_reference, added)
    # Outputs share the noise of their reference, each through its own gate. Where gates differ from
    # device to device, their covariance uses the mean gate factor of the word line (an
    # approximation).
    common = np.mean(mean, axis=1, keepdims=True) ** 2 * noise_neg
    return MomentMatrices(mean * signal, own - per_output(common, c.reference_of), common, added)


def _added_noise(cells: CellArray, pos: Floats, neg: Floats, gate_mean: Floats) -> AddedNoise:
    """Return the conductances [S] whose thermal and shot noise a read adds up.

    A gate that does not conduct opens the branch of its cell. With one gate per pair, outputs share
    the noise of their reference cell in those reads in which both their gates conduct.

    Args:
        cells: The array.
        pos: Mean conductances of positive cells, gates included [S], (word lines, bit lines).
        neg: Mean conductances of negative cells or references, without gates [S].
        gate_mean: Mean factor of the gates of the negative cells.
    """
    reference_of = cells.reference_of
    if reference_of is None:
        return AddedNoise(pos + gate_mean * neg, np.empty((len(pos), 0)))
    if cells.hardware.gate_sharing == "cell":
        return AddedNoise(pos, gate_mean * neg)
    of_line = np.mean(gate_mean, axis=1, keepdims=True)
    shared = of_line**2 * neg
    return AddedNoise(pos + gate_mean * neg[:, reference_of] - shared[:, reference_of], shared)


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
        if isinstance(hardware.gate, NoNoise) and hardware.has_quiet_cells:
            return np.zeros(cells.outputs)
        own = np.empty((cells.lines, cells.outputs))
        unit = float(self._current_noise(np.ones(1))[0])
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
        m = self.matrices
        return not (m.own.any() or m.shared.any() or m.added is not None)

    def added(self) -> tuple[Floats, Floats]:
        """Return the variance of u that inputs do not change: own, and of reference columns.

        It is that of thermal noise, (bit lines,) and (references,), in weight units squared.
        """
        m = self.matrices
        if m.added is None:
            return np.zeros(self.cells.outputs), np.zeros(m.shared.shape[1])
        drive = self._current_noise(np.zeros(self.cells.lines))
        return drive @ m.added.own, drive @ m.added.shared

    def covariance(self, lag: float) -> Floats:
        """Return the covariance of two reads of the same ±1 inputs, for each bit line.

        It is that of the average chip, in weight units squared.

        Args:
            lag: Time between the two reads [s]; 0 gives the variance.
        """
        m = moment_matrices(self.cells, self._state, lag)
        m = m.of_signs(float(self._current_noise(np.ones(1))[0]))
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
        mean = self._product(x, "mean", self.matrices.mean, half_spacing * gate_mean)
        for row, x_of_row, m in self._bent(x):
            mean[row] = x_of_row @ m.mean
        return mean

    def _bent(self, x: Inputs) -> Iterator[tuple[int, Floats, MomentMatrices]]:
        """Yield the rows whose cells have other conductances than at the read voltage.

        Yields:
            Number of the row, its inputs, and the moments of a read of each pair under them.
        """
        if not needs_rows(self.cells, x):
            return
        for row in np.flatnonzero(bends(self.cells, x)):
            inputs = x.floats[row]
            of_siemens = moment_matrices(driven_by(self.cells, inputs), self._state)
            yield int(row), inputs, of_siemens.per_weight(self.cells.siemens_per_weight)

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
            return np.maximum(self._product(rows, name, matrix, square=True), 0)

        own, shared = of("own", self.matrices.own), of("shared", self.matrices.shared)
        for row, x_of_row, m in self._bent(x):
            own[row], shared[row] = x_of_row**2 @ m.own, x_of_row**2 @ m.shared
        if added is None:
            return own, shared
        drive = self._current_noise(np.ones((1, x.shape[1])) if same else rows.floats)
        return own + drive @ added.own, shared + drive @ added.shared

    def _current_noise(self, x: Floats) -> Floats:
        """Return `CellArray.current_noise` of inputs, on average over Bernoulli gates of lines."""
        hardware = self.cells.hardware
        law = hardware.gate_noise.bernoulli if hardware.gates_word_lines else None
        if law is None:
            return self.cells.current_noise(x)
        p, low = law
        return p * self.cells.current_noise(x) + (1 - p) * self.cells.current_noise(low * x)

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
