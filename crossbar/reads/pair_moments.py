"""Mean and variance of a read of each pair of cells, from the moments of gates and cells.

A read of the pair at word line j and bit line i, under the gate ξ_ij and the cell factors c±,
contributes x_j ξ_ij (c⁺ G⁺ − c⁻ G⁻).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from crossbar.hardware import Hardware
from crossbar.reads.conductances import CellArray, ReferenceColumns, behind, per_output
from crossbar.reads.noise_state import NoiseState, SeenBy, Source, noise_sources
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

    @cached_property
    def are_noiseless(self) -> bool:
        """Whether every read of the same input gives the same sums."""
        return not (self.own.any() or self.shared.any() or self.added is not None)

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
    seen = behind(g, hardware.gate.series_resistance)
    mean, variance = hardware.cell_noise.moments(seen)
    if hardware.current_noise is None:
        return mean, variance
    unit = float(hardware.current_noise.variance_per_siemens(1.0, hardware.unit_voltage))
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
