"""Thermal and shot noise of the read current."""

from dataclasses import dataclass
from math import tanh

import numpy as np

from devices.read_noise.state_dependent import StateDependentNoise
from devices.validation import Floats, number

BOLTZMANN = 1.380649e-23  # [J/K], exact in the SI
ELEMENTARY_CHARGE = 1.602176634e-19  # [C], exact in the SI


def current_noise_psd(
    g: Floats, voltage: float, *, temperature: float = 300.0, shot: float = 0.0
) -> Floats:
    """Return the one-sided spectral density of a cell's current noise [A²/Hz].

    S_I = 4 k T G (1 − F) + 2 q |I| F coth(q|V|/2kT) with F = `shot`. At V = 0 it is 4 k T G for
    every F, and 2 q |I| for F = 1 and |V| ≫ 2kT/q: thermal and shot noise are two limits of one
    formula and are not added.

    Args:
        g: Conductances [S].
        voltage: Voltage across the cell [V].
        temperature: Temperature T [K]; default 300 K.
        shot: Fano factor F: 0 for a diffusive or metallic filament, 1 for a tunnel barrier; default
            0.
    """
    x = ELEMENTARY_CHARGE * abs(voltage) / (2 * BOLTZMANN * temperature)
    above_thermal = x / tanh(x) if x > 0 else 1.0  # 2 q |I| coth x = 4 k T G · x coth x
    return np.asarray(
        4 * BOLTZMANN * temperature * np.asarray(g, np.float64) * (1 - shot + shot * above_thermal)
    )


@dataclass(frozen=True, kw_only=True)
class ThermalShotNoise(StateDependentNoise):
    """ξ ~ N(1, S_I B/(G V)²): thermal and shot noise of the read current, fresh on every read.

    S_I is `current_noise_psd`. Variances of currents add as conductances do, so that a column of
    cells is as noisy as one cell with the sum of their conductances: γ = ½. A cell with g = 0 is
    read without noise. Nothing is drawn once per chip.

    Johnson 1928 (doi:10.1103/PhysRev.32.97), Nyquist 1928 (doi:10.1103/PhysRev.32.110); the
    crossover to shot noise: Blanter, Büttiker 2000 (arXiv:cond-mat/9910158).

    Attributes:
        bandwidth: Bandwidth B [Hz]; 1/(2 T_int) for a read that integrates over T_int.
        temperature: Temperature T [K]; default 300 K.
        voltage: Voltage V across the cell [V]; default 0.1 V.
        shot: Fano factor F in [0, 1]; default 0.

    Raises:
        ValueError: If a number lies outside its range.
    """

    bandwidth: float
    temperature: float = 300.0
    voltage: float = 0.1
    shot: float = 0.0

    def __post_init__(self) -> None:
        number("ThermalShotNoise.bandwidth", self.bandwidth, above=0, unit="Hz")
        number("ThermalShotNoise.temperature", self.temperature, above=0, unit="K")
        number("ThermalShotNoise.voltage", self.voltage, above=0, unit="V")
        number("ThermalShotNoise.shot", self.shot, at_least=0, at_most=1)

    def relative_sigma(self, g: Floats) -> Floats:
        g = np.asarray(g, dtype=np.float64)
        current = np.where(g > 0, g, 1.0) * self.voltage
        psd = current_noise_psd(g, self.voltage, temperature=self.temperature, shot=self.shot)
        return np.asarray(np.sqrt(psd * self.bandwidth) / current)
