"""Published read noise of phase-change and charge-trap memories, normal and state-dependent."""

from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from devices.operating_point import OperatingPoint
from devices.read_noise.state_dependent import StateDependentNoise
from devices.validation import Floats, instance, number


@dataclass(frozen=True, kw_only=True)
class PcmFlicker:
    """Size Q of the 1/f noise of phase-change memory, S_G/G² = Q²/f.

    Q(g) = min(0.0088/(g/g_max)^0.65, 0.2). An instance is called with conductances [S] and returns
    Q. Give it to `FlickerNoise` as `q` for noise whose reads are correlated. (g/g_max)^0.65 counts
    as 10⁻³ at least. Nandakumar et al., ICECS 2019, as used by the IBM Analog Hardware Acceleration
    Kit.

    Attributes:
        g_max: Largest conductance of the device [S]; default 25 µS.

    Raises:
        ValueError: If g_max is not positive.
    """

    g_max: float = 25e-6

    def __post_init__(self) -> None:
        number("PcmFlicker.g_max", self.g_max, above=0, unit="S")

    def __call__(self, g: Floats) -> Floats:
        power = (np.asarray(g, dtype=np.float64) / self.g_max) ** 0.65
        return np.minimum(0.0088 / np.maximum(power, 1e-3), 0.2)


@dataclass(frozen=True, kw_only=True)
class PcmReadNoise(StateDependentNoise):
    """Normal read noise of phase-change memory: σ_G = g Q(g) √(ln((t + t_r)/(2 t_r))) [S].

    It is the law of a single read: the variance that 1/f noise accumulates from t_r to t, with Q
    from `PcmFlicker`. Drawn afresh on every read it is right for reads of different cells or for
    one read per cell, not for a series: most of the deviation of a cell is the same from read to
    read. For series of reads take `FlickerNoise`, as the preset `pcm_nandakumar2019` does. σ_G
    grows as g^0.35 above 0.008 g_max, and as g below. Nandakumar et al., ICECS 2019.

    Attributes:
        g_max: Largest conductance of the device [S]; default 25 µS.
        t: Time since programming [s]; default 20 s, at which the published measurements begin.
        t_r: Read time [s]; default 250 ns.

    Raises:
        ValueError: If a number lies outside its range.
    """

    g_max: float = 25e-6
    t: float = 20.0
    t_r: float = 250e-9

    def __post_init__(self) -> None:
        number("PcmReadNoise.g_max", self.g_max, above=0, unit="S")
        number("PcmReadNoise.t_r", self.t_r, above=0, unit="s")
        number("PcmReadNoise.t", self.t, at_least=self.t_r, unit="s")

    def relative_sigma(self, g: Floats) -> Floats:
        window = np.sqrt(np.log((self.t + self.t_r) / (2 * self.t_r)))
        return np.asarray(PcmFlicker(g_max=self.g_max)(g) * window)


@dataclass(frozen=True, kw_only=True)
class SonosReadNoise(StateDependentNoise):
    """Normal read noise of charge-trap memory: σ_I = 12.58037 nA · (1 − exp(−I/215.36557 nA)).

    I = g V with the read voltage V, measured up to 1.6 µA; the noise is fresh on every read. γ
    falls from 1 at small currents to 0 at large ones. A read is multiplied by its noise, so that a
    smaller input has the noise of the read voltage in proportion, which is less than that of its
    current: a tenth of 0.1 V is read from a cell of 16 µS with 1.3 nA, where the law has 6.6 nA.
    Inputs of full size, such as ±1, follow the law. Charge-trap transistors of Agrawal et al.,
    IEDM 2022, with the numbers in CrossSim.

    Attributes:
        measured_at: Operating point of the model alone, whose voltage turns conductances into
            currents; default 0.1 V, which is assumed and not published. In a chip the voltage of
            its `Hardware` replaces it.

    Raises:
        ValueError: If measured_at is no `OperatingPoint`.
    """

    measured_at: OperatingPoint = field(default_factory=OperatingPoint)
    follows_current: ClassVar[bool] = True

    def __post_init__(self) -> None:
        instance("SonosReadNoise.measured_at", self.measured_at, OperatingPoint)

    def at(self, point: OperatingPoint) -> "SonosReadNoise":
        return replace(self, measured_at=replace(self.measured_at, voltage=point.voltage))

    def relative_sigma(self, g: Floats) -> Floats:
        current = np.asarray(g, dtype=np.float64) * (self.measured_at.voltage / 215.36557e-9)
        some = np.maximum(current, 1e-16)  # (1 − e^(−x))/x has the limit 1 at 0
        return 12.58037 / 215.36557 * (-np.expm1(-some) / some)
