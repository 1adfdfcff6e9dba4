"""Ferroelectric transistors: from polarisation to conductance, threshold noise of a read, programming by one pulse."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln, xlog1py, xlogy

from devices.ferroelectric.domains import DomainSwitching
from devices.programming.error import WriteModel
from devices.read_noise.base import ReadNoise, State
from devices.validation import Floats, array, number


@dataclass(frozen=True, kw_only=True)
class FeFet:
    """A transistor whose threshold V_th = vth0 − window · P/(2 p_r) [V] is set by the polarisation P [C/m²].

    G = k ν ln(1 + exp((V_G − V_th)/ν)), ν = swing/ln 10: one smooth expression (as in the EKV model) with the limits
    k (V_G − V_th) in triode and k ν 10^((V_G − V_th)/swing) below threshold. The gate bias V_G chooses where a cell is read.

    `vth0` [V] at P = 0, `window` [V] memory window between P = ±p_r, `p_r` [C/m²], `transconductance` k [S/V] at the small
    drain bias of a read, `swing` [V/decade]. Drain bias, body effect and mobility degradation are left out.
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
        """ν = swing / ln 10 [V]: the overdrive over which subthreshold turns into triode conduction."""
        return self.swing / math.log(10)

    def threshold(self, polarisation: ArrayLike) -> Floats:
        """Return V_th [V] at a polarisation [C/m²]."""
        return np.asarray(
            self.vth0 - self.window * array("polarisation", polarisation) / (2 * self.p_r)
        )

    def conductance(self, v_gate: ArrayLike, polarisation: ArrayLike) -> Floats:
        """Return G [S] at gate bias `v_gate` [V] and a polarisation [C/m²]."""
        x = (array("v_gate", v_gate) - self.threshold(polarisation)) / self.smoothing
        return np.asarray(self.transconductance * self.smoothing * np.logaddexp(0, x))

    def conductance_range(self, v_gate: float) -> tuple[float, float]:
        """Return G [S] of the erased (P = −p_r) and the fully programmed (P = p_r) cell: a device's g_min and g_max."""
        low, high = self.conductance(v_gate, np.array([-self.p_r, self.p_r])).tolist()
        return low, high

    def overdrive(self, g: ArrayLike) -> Floats:
        """Return V_G − V_th [V] of a cell that conducts g > 0 [S]: the inverse of `conductance`."""
        cells = array("g", g)
        if cells.size and cells.min() <= 0:
            raise ValueError(f"g = {cells.min():g} S has no overdrive; give conductances above 0 S")
        u = cells / (self.transconductance * self.smoothing)
        return np.asarray(self.smoothing * (u + np.log(-np.expm1(-u))))


@dataclass(frozen=True, kw_only=True)
class ThresholdNoise(ReadNoise):
    """V_th fluctuates by N(0, sigma_vth²) [V] on every read, without memory: ξ = G(V_ov + δ)/g, V_ov the overdrive at g.

    Below threshold ξ is lognormal with s = ln10 · sigma_vth/swing, E ξ = e^(s²/2): multiplicative, γ = 1. In triode
    σ_G = k · sigma_vth whatever g: additive, γ = 0. So one device behaves in either way, depending on the gate bias:
    `FeFet.conductance_range(v_gate)` gives the g_min and g_max of a device that is read there. Moments by Gauss-Hermite
    quadrature, to 1e-6 of theirs for sigma_vth up to `swing`.
    """

    sigma_vth: float
    transistor: FeFet

    def __post_init__(self) -> None:
        number("ThresholdNoise.sigma_vth", self.sigma_vth, at_least=0, unit="V")
        if not isinstance(self.transistor, FeFet):
            raise ValueError(f"ThresholdNoise.transistor = {self.transistor!r} is not a FeFet")

    def _reader(self, g: Floats) -> tuple[Floats, Floats, float]:
        """Return u = g/(k ν), the overdrive in units of ν, and the noise s in the same unit."""
        t = self.transistor
        # At the floor ξ has reached its subthreshold limit: so cells without conductance have it too.
        u = np.maximum(np.asarray(g, dtype=np.float64) / (t.transconductance * t.smoothing), 1e-200)
        return u, u + np.log(-np.expm1(-u)), self.sigma_vth / t.smoothing

    def moments(self, g: Floats) -> tuple[Floats, Floats]:
        u, x, s = self._reader(g)
        z, weights = np.polynomial.hermite_e.hermegauss(64)
        first, second = np.zeros(u.shape), np.zeros(u.shape)
        for node, weight in zip(z, weights / weights.sum(), strict=True):
            # ξ − 1, not ξ: a small variance keeps its digits.
            off = np.logaddexp(0, x + s * node) / u - 1
            first += weight * off
            second += weight * off**2
        return 1 + first, second - first**2

    def sample(
        self, g: Floats, state: State, n_reads: int, *, rng: np.random.Generator, period: float
    ) -> tuple[Floats, State]:
        u, x, s = self._reader(g)
        return np.logaddexp(0, x + s * rng.standard_normal((n_reads, *u.shape))) / u, state


@dataclass(frozen=True, kw_only=True)
class DomainWrite(WriteModel):
    """A cell is erased and programmed by one pulse, whose amplitude is chosen so that the *mean* cell meets its target.

    Each of the N domains then switches on its own with the mean fraction q, over the law of E_a (once per chip) and the
    nucleation (per write) together: the fraction is binomial(N, q)/N, and the conductance one of N + 1. Small cells are
    abrupt; since G is not linear in P below threshold, the mean cell misses its target too, and `sigma` counts that.

    `transistor`, read at `v_gate` [V]; `domains` of equal area; `pulse_width` [s]. Raises ValueError for unequal areas, and
    on programming for targets outside `transistor.conductance_range(v_gate)`.
    """

    transistor: FeFet
    domains: DomainSwitching
    v_gate: float
    pulse_width: float

    def __post_init__(self) -> None:
        for slot, kind in (("transistor", FeFet), ("domains", DomainSwitching)):
            if not isinstance(getattr(self, slot), kind):
                raise ValueError(
                    f"DomainWrite.{slot} = {getattr(self, slot)!r} is not a {kind.__name__}"
                )
        number("DomainWrite.v_gate", self.v_gate, unit="V")
        number("DomainWrite.pulse_width", self.pulse_width, above=0, unit="s")
        if self.domains.weight_std != 0:
            raise ValueError(
                f"DomainWrite.domains has weight_std = {self.domains.weight_std}; give domains of equal area"
            )

    def amplitude(self, target: ArrayLike) -> Floats:
        """Return the field of the programming pulse, in the unit of the domains' activation, for targets [S] within range.

        Raises ValueError for the ends of the range, which no finite field reaches on average.
        """
        return self.domains.field_for_fraction(
            self._fraction(array("target", target)), self.pulse_width
        )

    def sigma(self, target: Floats) -> Floats:
        """Return the root mean square distance [S] of the programmed conductance from `target` [S], cut to the range."""
        g = np.asarray(target, dtype=np.float64)
        values, where = np.unique(g, return_inverse=True)
        n, up = self.domains.n_domains, np.arange(self.domains.n_domains + 1)
        q = self._fraction(np.clip(values, *self.transistor.conductance_range(self.v_gate)))[
            :, None
        ]
        ways = gammaln(n + 1) - gammaln(up + 1) - gammaln(n - up + 1)
        chance = np.exp(ways + xlogy(up, q) + xlog1py(n - up, -q))
        states = self._conductance(up)
        rms = np.sqrt(np.sum(chance * (states - values[:, None]) ** 2, axis=1))
        return np.asarray(rms[where].reshape(g.shape))

    def program(self, target: Floats, *, rng: np.random.Generator) -> Floats:
        return self._conductance(
            rng.binomial(self.domains.n_domains, self._fraction(array("target", target)))
        )

    def _conductance(self, switched: ArrayLike) -> Floats:
        """Return G [S] of a cell with so many of its domains up."""
        relative = 2 * np.asarray(switched) / self.domains.n_domains - 1
        return self.transistor.conductance(self.v_gate, self.transistor.p_r * relative)

    def _fraction(self, g: Floats) -> Floats:
        """Return the fraction of domains that gives a cell the conductance g [S]."""
        t, (low, high) = self.transistor, self.transistor.conductance_range(self.v_gate)
        if g.size and (g.min() < low * (1 - 1e-9) or g.max() > high * (1 + 1e-9)):
            raise ValueError(
                f"target conductances span {g.min():.6g} to {g.max():.6g} S; this transistor at a gate bias of "
                f"{self.v_gate:g} V has {low:.6g} to {high:.6g} S: set the device's g_min and g_max to these"
            )
        fraction = 0.5 + (t.vth0 - self.v_gate + t.overdrive(g)) / t.window
        # Within rounding of an end it is the end: g_min and g_max of a device are met exactly.
        return np.where(fraction < 1e-9, 0.0, np.where(fraction > 1 - 1e-9, 1.0, fraction))
