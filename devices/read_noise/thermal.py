"""Thermal and shot noise of the read current."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike

from devices.operating_point import OperatingPoint
from devices.read_noise.base import NoNoise, ReadNoise
from devices.read_noise.product import ProductNoise, factors_of
from devices.read_noise.state_dependent import StateDependentNoise
from devices.validation import Floats, instance, number

BOLTZMANN = 1.380649e-23  # [J/K], exact in the SI
ELEMENTARY_CHARGE = 1.602176634e-19  # [C], exact in the SI


def current_noise_psd(
    g: ArrayLike, voltage: ArrayLike, *, temperature: float = 300.0, shot: float = 0.0
) -> Floats:
    """Return the one-sided spectral density of a cell's current noise [A²/Hz].

    S_I = 4 k T G (1 − F) + 2 q |I| F coth(q|V|/2kT) with F = `shot`. At V = 0 it is 4 k T G for
    every F, and 2 q |I| for F = 1 and |V| ≫ 2kT/q: thermal and shot noise are two limits of one
    formula and are not added.

    Args:
        g: Conductances [S].
        voltage: Voltages across the cells [V], which broadcast with g; 0 for cells that are not
            driven.
        temperature: Temperature T [K]; default 300 K.
        shot: Fano factor F: 0 for a diffusive or metallic filament, 1 for a tunnel barrier; default
            0.
    """
    x = np.abs(voltage) * (ELEMENTARY_CHARGE / (2 * BOLTZMANN * temperature))
    # 2 q |I| coth x = 4 k T G · x coth x, and x coth x has the limit 1 at 0.
    driven = np.where(x > 0, x, 1.0)
    above_thermal = np.where(x > 0, driven / np.tanh(driven), 1.0)
    thermal = 4 * BOLTZMANN * temperature * np.asarray(g, dtype=np.float64)
    return np.asarray(thermal * (1 - shot + shot * above_thermal))


@dataclass(frozen=True, kw_only=True)
class ThermalShotNoise(StateDependentNoise):
    """ξ ~ N(1, S_I B/(G V)²): thermal and shot noise of the read current, fresh on every read.

    S_I is `current_noise_psd`. Variances of currents add as conductances do, so that a column of
    cells is as noisy as one cell with the sum of their conductances: γ = ½. Nothing is drawn once
    per chip.

    This noise is a current of the cell itself: it does not vanish with the input. `moments` and
    `sample` describe a cell that is driven with the full voltage. A chip adds the noise of all
    cells that conduct, whatever drives them (`crossbar.Hardware.current_noise`): a cell that is not
    driven has the thermal noise 4 k T G B.

    Three cases are approximate, see the page on the operating point: G of cells whose current is
    not proportional to the voltage is the one at the read voltage, for all inputs; behind a series
    resistance the whole branch has the Fano factor F, which is an upper bound; and lines of
    resistance leave out what flows to other bit lines.

    Johnson 1928 (doi:10.1103/PhysRev.32.97), Nyquist 1928 (doi:10.1103/PhysRev.32.110); the
    crossover to shot noise: Blanter, Büttiker 2000 (arXiv:cond-mat/9910158).

    Attributes:
        shot: Fano factor F in [0, 1]; default 0.
        measured_at: Voltage V, temperature T and bandwidth B of the model alone. In a chip those of
            its `Hardware` replace them.

    Raises:
        ValueError: If `shot` lies outside [0, 1].
    """

    shot: float = 0.0
    measured_at: OperatingPoint = field(default_factory=OperatingPoint)

    def __post_init__(self) -> None:
        number("ThermalShotNoise.shot", self.shot, at_least=0, at_most=1)
        instance("ThermalShotNoise.measured_at", self.measured_at, OperatingPoint)

    def at(self, point: OperatingPoint) -> "ThermalShotNoise":
        return replace(self, measured_at=point)

    def variance_per_siemens(self, x: ArrayLike, volts_per_unit: float | None = None) -> Floats:
        """Return the noise variance per siemens of a cell at input x [1/S].

        Of a sum u = I/V its variance is Σ_j h(x_j) G_j with h(x) = B S_I/(G V²), S_I at the voltage
        x V and V = volts_per_unit. h(0) is the thermal noise of cells that are not driven.

        Args:
            x: Inputs.
            volts_per_unit: Voltage of an input of one [V]; None for that of `measured_at`.
        """
        point = self.measured_at
        volts = point.voltage if volts_per_unit is None else volts_per_unit
        inputs = np.asarray(x, dtype=np.float64)
        psd = current_noise_psd(1.0, inputs * volts, temperature=point.temperature, shot=self.shot)
        return np.asarray(psd * (point.noise_bandwidth / volts**2))

    def relative_sigma(self, g: Floats) -> Floats:
        g = np.asarray(g, dtype=np.float64)
        some = np.where(g > 0, g, np.inf)  # without conductance there is no noise
        return np.asarray(np.sqrt(self.variance_per_siemens(1.0) / some))


def split_current_noise(noise: ReadNoise) -> tuple[ReadNoise, ThermalShotNoise | None]:
    """Return the factors of a noise that multiply the current, and the noise that adds to it.

    Args:
        noise: A noise, or a product of noises.

    Raises:
        ValueError: If a product has more than one `ThermalShotNoise`.
    """
    factors = factors_of(noise)
    added = [f for f in factors if isinstance(f, ThermalShotNoise)]
    if not added:
        return noise, None
    if len(added) > 1:
        raise ValueError(
            f"{noise!r} has {len(added)} factors ThermalShotNoise; a cell has one thermal noise"
        )
    others = [f for f in factors if not isinstance(f, ThermalShotNoise)]
    if not others:
        return NoNoise(), added[0]
    return others[0] if len(others) == 1 else ProductNoise(*others), added[0]
