"""Set/reset variability: two resistance states that differ from device to device and from cycle to cycle."""

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.polynomial.legendre import leggauss
from numpy.typing import NDArray
from scipy.special import ndtri

from devices.programming.error import WriteModel
from devices.validation import Floats, integer, number

_NODES, _WEIGHTS = leggauss(64)  # of moments over a normal cut at four deviations: exact to 1e-12


@dataclass(frozen=True, kw_only=True)
class SetResetVariability(WriteModel):
    """A binary cell: SET gives R = r_lrs_median + b + ε [Ω], RESET gives ln R = ln r_hrs_median + b + ε.

    b ~ N(0, d2d²) once per device; ε ~ N(0, c2c²) on every cycle, [Ω] for the set state and in ln R for the reset state
    (Hennen et al. 2022, doi:10.3389/fnins.2022.941753). A share of the variance of ε is remembered, as an AR(1) process
    with correlation rho per cycle: corr(ε_i, ε_{i+k}) = share · rho^k. b + ε is held within its quantiles 1 − clip and clip.
    Targets at or above the geometric middle of the two states are SET, others RESET; the two states of a cell are
    independent. Raises ValueError outside the ranges, or where the clipped R of the set state is not positive.
    """

    r_lrs_median: float
    r_lrs_c2c: float
    r_lrs_d2d: float
    r_hrs_median: float
    sigma_ln_hrs_c2c: float
    sigma_ln_hrs_d2d: float
    rho_lrs: float = 0.0
    rho_hrs: float = 0.0
    share_lrs: float = 1.0
    share_hrs: float = 1.0
    clip: float = 0.9999

    def __post_init__(self) -> None:
        limits = {"r_lrs_median": {"above": 0.0}, "r_hrs_median": {"above": self.r_lrs_median}}
        limits |= {name: {"at_least": 0.0, "below": 1.0} for name in ("rho_lrs", "rho_hrs")}
        limits |= {name: {"at_least": 0.0, "at_most": 1.0} for name in ("share_lrs", "share_hrs")}
        limits |= {"clip": {"above": 0.5, "below": 1.0}}
        for name in (f.name for f in fields(self)):
            unit = "Ω" if name.startswith("r_") else ""
            number(
                f"SetResetVariability.{name}",
                getattr(self, name),
                unit=unit,
                **limits.get(name, {"at_least": 0.0}),
            )
        lowest = self.r_lrs_median - float(ndtri(self.clip)) * float(
            np.hypot(self.r_lrs_c2c, self.r_lrs_d2d)
        )
        if lowest <= 0:
            raise ValueError(
                f"SetResetVariability: at clip = {self.clip} the resistance of the set state falls to {lowest:g} Ω; "
                "lower clip, or the spreads"
            )

    @classmethod
    def hennen2024(cls) -> "SetResetVariability":
        """The 3,000 cells × 300 cycles of Hennen et al. 2024 (doi:10.1109/TED.2024.3427616), from their generative model.

        share and rho are fitted to the autocorrelations at 1, 5, 20, 40 cycles (0.45/0.36/0.17/0.03 in R of the set state,
        0.12/0.09/0.01/−0.01 in ln R of the reset state): no AR(1) process alone falls that slowly from that little. The
        published tail of the reset state is heavier than lognormal.
        """
        return cls(
            r_lrs_median=4523.6,
            r_lrs_c2c=182.0,
            r_lrs_d2d=190.0,
            r_hrs_median=75.5e3,
            sigma_ln_hrs_c2c=0.435,
            sigma_ln_hrs_d2d=0.165,
            rho_lrs=0.95,
            share_lrs=0.474,
            rho_hrs=0.91,
            share_hrs=0.132,
        )

    def with_compliance(self, i_c: float, *, i_ref: float) -> "SetResetVariability":
        """Return the same cell set at compliance current i_c [A], if these numbers were measured at i_ref [A].

        R_LRS = V_c/i_c with V_c = i_ref · r_lrs_median (about 0.4 V), and σ_R/R ∝ i_c^(−1/2) for both spreads, the Poisson
        spread of a filament of ∝ i_c defects: a model, after Ambrogio et al. 2014, IEEE TED 61, 2912.
        """
        ratio = number("i_ref", i_ref, above=0, unit="A") / number("i_c", i_c, above=0, unit="A")
        spread = ratio**1.5
        return replace(
            self,
            r_lrs_median=self.r_lrs_median * ratio,
            r_lrs_c2c=self.r_lrs_c2c * spread,
            r_lrs_d2d=self.r_lrs_d2d * spread,
        )

    def sigma(self, target: Floats) -> Floats:
        """Return the standard deviation [S] of 1/R over devices and cycles, of the state that each target [S] asks for."""
        z = float(ndtri(self.clip))
        t = np.concatenate([z * _NODES, [-z, z]])
        inside = z * _WEIGHTS * np.exp(-((z * _NODES) ** 2) / 2) / np.sqrt(2 * np.pi)
        weight = np.concatenate([inside, [1 - self.clip] * 2])
        lrs = 1 / (self.r_lrs_median + np.hypot(self.r_lrs_c2c, self.r_lrs_d2d) * t)
        hrs = (
            np.exp(-np.hypot(self.sigma_ln_hrs_c2c, self.sigma_ln_hrs_d2d) * t) / self.r_hrs_median
        )
        set_, reset = (float(np.sqrt(weight @ (g - weight @ g) ** 2)) for g in (lrs, hrs))
        return np.where(self._is_set(target), set_, reset)

    def program(self, target: Floats, *, rng: np.random.Generator) -> Floats:
        return np.asarray(1 / self.cycles(target, 1, rng=rng)[0])

    def cycles(self, target: Floats, n_cycles: int, *, rng: np.random.Generator) -> Floats:
        """Return resistances [Ω], (n_cycles, *target.shape), of cells brought to the state of `target` [S] on every cycle."""
        integer("n_cycles", n_cycles, at_least=1)
        is_set = self._is_set(target)
        rho, share = (
            np.where(is_set, self.rho_lrs, self.rho_hrs),
            np.where(is_set, self.share_lrs, self.share_hrs),
        )
        c2c = np.where(is_set, self.r_lrs_c2c, self.sigma_ln_hrs_c2c)
        d2d = np.where(is_set, self.r_lrs_d2d, self.sigma_ln_hrs_d2d)
        device = d2d * rng.standard_normal(is_set.shape)
        remembered = rng.standard_normal(
            (n_cycles, *is_set.shape)
        )  # the first as it stands: stationary from the start
        for k in range(1, n_cycles):
            remembered[k] = rho * remembered[k - 1] + np.sqrt(1 - rho**2) * remembered[k]
        fresh = rng.standard_normal(remembered.shape)
        deviation = device + c2c * (np.sqrt(share) * remembered + np.sqrt(1 - share) * fresh)
        limit = ndtri(self.clip) * np.hypot(c2c, d2d)
        deviation = np.clip(deviation, -limit, limit)
        # The argument of exp stands at 0 in the set state, where a deviation in ohms would overflow.
        reset = self.r_hrs_median * np.exp(np.where(is_set, 0.0, deviation))
        return np.where(is_set, self.r_lrs_median + deviation, reset)

    def _is_set(self, target: Floats) -> NDArray[np.bool_]:
        middle = (self.r_lrs_median * self.r_hrs_median) ** -0.5
        return np.asarray(np.asarray(target, dtype=np.float64) >= middle)
