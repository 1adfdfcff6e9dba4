"""Read noise of phase-change and charge-trap memories as published: normal, of a size that depends on the state."""

from dataclasses import dataclass

import numpy as np

from devices.read_noise.memoryless import _StateDependentNormal
from devices.validation import Floats, number


@dataclass(frozen=True, kw_only=True)
class PcmFlicker:
    """Q(g) = min(0.0088/(g/g_max)^0.65, 0.2): root of the relative 1/f spectrum S_G/G² = Q²/f of phase-change memory.

    `g_max` [S]. (g/g_max)^0.65 counts as 10⁻³ at least. Nandakumar et al., ICECS 2019, as used by the IBM Analog Hardware
    Acceleration Kit. Give it as `q` to `FlickerNoise` for reads that remember each other.
    """

    g_max: float = 25e-6

    def __post_init__(self) -> None:
        number("PcmFlicker.g_max", self.g_max, above=0, unit="S")

    def __call__(self, g: Floats) -> Floats:
        power = (np.asarray(g, dtype=np.float64) / self.g_max) ** 0.65
        return np.minimum(0.0088 / np.maximum(power, 1e-3), 0.2)


@dataclass(frozen=True, kw_only=True)
class PcmReadNoise(_StateDependentNormal):
    """Normal read noise with σ_G = g Q(g) √(ln((t + t_r)/(2 t_r))) [S], fresh on every read; Q: `PcmFlicker`.

    1/f noise of phase-change memory seen from t_r to t: `t` [s] since programming, 20 s where the published measurements
    start; `t_r` [s] read time; `g_max` [S]. σ_G goes as g^0.35 above 0.008 g_max, as g below.
    Nandakumar et al., ICECS 2019. Raises ValueError for parameters out of range.
    """

    g_max: float = 25e-6
    t: float = 20.0
    t_r: float = 250e-9

    def __post_init__(self) -> None:
        number("PcmReadNoise.g_max", self.g_max, above=0, unit="S")
        number("PcmReadNoise.t_r", self.t_r, above=0, unit="s")
        number("PcmReadNoise.t", self.t, at_least=self.t_r, unit="s")

    def _relative(self, g: Floats) -> Floats:
        window = np.sqrt(np.log((self.t + self.t_r) / (2 * self.t_r)))
        return np.asarray(PcmFlicker(g_max=self.g_max)(g) * window)


@dataclass(frozen=True, kw_only=True)
class SonosReadNoise(_StateDependentNormal):
    """Normal read noise with σ_I = 12.58037 nA · (1 − exp(−I/215.36557 nA)), I = g · read_voltage, fresh on every read.

    `read_voltage` [V] turns conductances into the currents that were measured, up to 1.6 µA. Charge-trap transistors of
    Agrawal et al., IEDM 2022, with the numbers in CrossSim. γ falls from 1 at small currents to 0 at large ones.
    Raises ValueError for a read_voltage that is not above 0.
    """

    read_voltage: float

    def __post_init__(self) -> None:
        number("SonosReadNoise.read_voltage", self.read_voltage, above=0, unit="V")

    def _relative(self, g: Floats) -> Floats:
        ratio = np.asarray(g, dtype=np.float64) * (self.read_voltage / 215.36557e-9)
        some = np.maximum(ratio, 1e-16)
        return 12.58037 / 215.36557 * (-np.expm1(-some) / some)
