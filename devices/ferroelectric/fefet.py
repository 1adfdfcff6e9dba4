"""Ferroelectric transistors: conductance from polarization, and threshold noise of a read."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from devices.read_noise.base import ReadNoise, State
from devices.seeding import RNG, generator
from devices.validation import Floats, array, instance, number


@dataclass(frozen=True, kw_only=True)
class FeFet:
    """A transistor whose threshold V_th = vth0 − window · P/(2 p_r) is set by the polarization P.

    G = k ν ln(1 + exp((V_G − V_th)/ν)) with ν = swing/ln 10: one smooth expression, as in the EKV
    model, with the limits k (V_G − V_th) in triode and k ν 10^((V_G − V_th)/swing) below threshold.
    The gate bias V_G decides where on this curve a cell is read. Drain bias, body effect and
    mobility degradation are not modeled.

    Attributes:
        vth0: Threshold at P = 0 [V].
        window: Memory window, the difference of the thresholds at P = ±p_r [V].
        p_r: Remanent polarization [C/m²].
        transconductance: k at the small drain bias of a read [S/V].
        swing: Subthreshold swing [V/decade].

    Raises:
        ValueError: If a number lies outside its range.
    """

    vth0: float
    window: float
    p_r: float
    transconductance: float
    swing: float

    def __post_init__(self) -> None:
        number("FeFet.vth0", self.vth0, unit="V")
        number("FeFet.window", self.window, above=0, unit="V")
        number("FeFet.p_r", self.p_r, above=0, unit="C/m²")
        number("FeFet.transconductance", self.transconductance, above=0, unit="S/V")
        number("FeFet.swing", self.swing, above=0, unit="V/decade")

    @property
    def smoothing(self) -> float:
        """ν = swing/ln 10 [V]: overdrive over which subthreshold conduction turns into triode."""
        return self.swing / math.log(10)

    def threshold(self, polarization: ArrayLike) -> Floats:
        """Return V_th [V] at a polarization [C/m²]."""
        p = array("polarization", polarization)
        return np.asarray(self.vth0 - self.window * p / (2 * self.p_r))

    def conductance(self, v_gate: ArrayLike, polarization: ArrayLike) -> Floats:
        """Return the conductance G [S] of the transistor.

        Args:
            v_gate: Gate bias [V].
            polarization: Polarization of the ferroelectric [C/m²].
        """
        x = (array("v_gate", v_gate) - self.threshold(polarization)) / self.smoothing
        return np.asarray(self.transconductance * self.smoothing * np.logaddexp(0, x))

    def conductance_range(self, v_gate: float) -> tuple[float, float]:
        """Return a device's g_min and g_max [S] at the gate bias `v_gate` [V].

        They are the conductances of the erased (P = −p_r) and the fully programmed (P = p_r) cell.
        """
        low, high = self.conductance(v_gate, np.array([-self.p_r, self.p_r])).tolist()
        return low, high

    def overdrive(self, g: ArrayLike) -> Floats:
        """Return V_G − V_th [V] of cells that conduct g [S]: the inverse of `conductance`.

        Raises:
            ValueError: If a conductance is not positive.
        """
        cells = array("g", g)
        if cells.size and cells.min() <= 0:
            raise ValueError(f"g = {cells.min():g} S has no overdrive; give conductances above 0 S")
        u = cells / (self.transconductance * self.smoothing)
        return np.asarray(self.smoothing * (u + np.log(-np.expm1(-u))))


@dataclass(frozen=True, kw_only=True)
class ThresholdNoise(ReadNoise):
    """Threshold noise: ξ = G(V_ov + δ)/g with δ ~ N(0, sigma_vth²), fresh on every read.

    V_ov is the overdrive of a cell that conducts g. Below threshold ξ is lognormal with
    s = ln 10 · sigma_vth/swing and E ξ = e^(s²/2): the noise is multiplicative, γ = 1. In triode
    σ_G = k · sigma_vth for every g: it is additive, γ = 0. So one device behaves in either way,
    depending on the gate bias; `FeFet.conductance_range(v_gate)` gives its g_min and g_max there.

    Moments come from Gauss-Hermite quadrature, with a relative error of 1e-6 for sigma_vth up to
    `swing`.

    Attributes:
        sigma_vth: Standard deviation of the threshold [V].
        transistor: The transistor that is read.

    Raises:
        ValueError: If sigma_vth is negative, or transistor is no FeFet.
    """

    sigma_vth: float
    transistor: FeFet

    def __post_init__(self) -> None:
        number("ThresholdNoise.sigma_vth", self.sigma_vth, at_least=0, unit="V")
        instance("ThresholdNoise.transistor", self.transistor, FeFet)

    def _reader(self, g: Floats) -> tuple[Floats, Floats, float]:
        """Return u = g/(k ν), the overdrive in units of ν, and sigma_vth in the same unit."""
        t = self.transistor
        # Below this floor ξ has reached its subthreshold limit, which so holds for g = 0 too.
        u = np.maximum(np.asarray(g, dtype=np.float64) / (t.transconductance * t.smoothing), 1e-200)
        return u, u + np.log(-np.expm1(-u)), self.sigma_vth / t.smoothing

    def moments(self, g: Floats) -> tuple[Floats, Floats]:
        u, x, s = self._reader(g)
        z, weights = np.polynomial.hermite_e.hermegauss(64)
        first = np.zeros(u.shape)
        second = np.zeros(u.shape)
        for node, weight in zip(z, weights / weights.sum(), strict=True):
            # Moments of ξ − 1 instead of ξ, so that a small variance keeps its digits.
            deviation = np.logaddexp(0, x + s * node) / u - 1
            first += weight * deviation
            second += weight * deviation**2
        return 1 + first, second - first**2

    def sample(
        self, g: Floats, state: State, n_reads: int, *, rng: RNG, period: float | None = None
    ) -> tuple[Floats, State]:
        u, x, s = self._reader(g)
        z = generator(rng).standard_normal((n_reads, *u.shape))
        return np.logaddexp(0, x + s * z) / u, state
