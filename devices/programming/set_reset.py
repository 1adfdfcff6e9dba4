"""Set/reset variability: two resistance states that vary between devices and cycles."""

from dataclasses import dataclass, fields, replace
from statistics import NormalDist

import numpy as np
from numpy.polynomial.legendre import leggauss
from numpy.typing import NDArray

from devices.programming.base import WriteModel
from devices.seeding import RNG, generator
from devices.special import ndtri
from devices.validation import Floats, integer, number

# Quadrature for moments over a normal distribution that is clipped at about four standard
# deviations; 64 nodes are exact to 1e-12.
_QUADRATURE_NODES, _QUADRATURE_WEIGHTS = leggauss(64)
# Allowed intervals of the fields below; all others must be at least 0.
_LIMITS = {
    "r_lrs_median": {"above": 0.0},
    "rho_lrs": {"at_least": 0.0, "below": 1.0},
    "rho_hrs": {"at_least": 0.0, "below": 1.0},
    "share_lrs": {"at_least": 0.0, "at_most": 1.0},
    "share_hrs": {"at_least": 0.0, "at_most": 1.0},
    "clip": {"above": 0.5, "below": 1.0},
}


def _clipped_normal_rule(clip: float) -> tuple[Floats, Floats]:
    """Return nodes and weights for moments of a normal variable clipped to its quantiles."""
    z = float(ndtri(clip))
    density = np.exp(-((z * _QUADRATURE_NODES) ** 2) / 2)
    inside = z * _QUADRATURE_WEIGHTS * density / np.sqrt(2 * np.pi)
    nodes = np.concatenate([z * _QUADRATURE_NODES, [-z, z]])
    return nodes, np.concatenate([inside, [1 - clip] * 2])  # clipping adds weight at both ends


@dataclass(frozen=True, kw_only=True)
class SetResetVariability(WriteModel):
    """A binary cell: SET gives R = r_lrs_median + b + ε, RESET ln R = ln r_hrs_median + b + ε.

    b ~ N(0, d2d²) is drawn once per device and ε ~ N(0, c2c²) on every cycle, in Ω for the set
    state and in ln R for the reset state (Hennen et al. 2022, doi:10.3389/fnins.2022.941753). The
    fraction `share` of the variance of ε is an AR(1) process with correlation rho per cycle, so
    that corr(ε_i, ε_{i+k}) = share · rho^k. The sum b + ε is clipped to its quantiles 1 − clip and
    clip.

    Targets at or above the geometric mean of the two states are SET, the others RESET. The two
    states of a cell are independent of each other.

    Attributes:
        r_lrs_median: Median resistance of the set state [Ω].
        r_lrs_c2c: Cycle-to-cycle standard deviation of the set state [Ω].
        r_lrs_d2d: Device-to-device standard deviation of the set state [Ω].
        r_hrs_median: Median resistance of the reset state [Ω].
        sigma_ln_hrs_c2c: Cycle-to-cycle standard deviation of ln R in the reset state.
        sigma_ln_hrs_d2d: Device-to-device standard deviation of ln R in the reset state.
        rho_lrs: Correlation per cycle of the AR(1) process, set state; default 0.
        rho_hrs: Correlation per cycle of the AR(1) process, reset state; default 0.
        share_lrs: Fraction of the c2c variance in the AR(1) process, set state; default 1.
        share_hrs: Fraction of the c2c variance in the AR(1) process, reset state; default 1.
        clip: Quantile at which the sum of both deviations is clipped; default 0.9999.

    Raises:
        ValueError: If a number lies outside its range, or the clipped R of the set state is not
            positive.
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
        limits = _LIMITS | {"r_hrs_median": {"above": self.r_lrs_median}}
        for name in (f.name for f in fields(self)):
            unit = "Ω" if name.startswith("r_") else ""
            allowed = limits.get(name, {"at_least": 0.0})
            number(f"SetResetVariability.{name}", getattr(self, name), unit=unit, **allowed)
        spread = float(np.hypot(self.r_lrs_c2c, self.r_lrs_d2d))
        # The standard library's quantile: presets are built on import, which must not import scipy.
        lowest = self.r_lrs_median - NormalDist().inv_cdf(self.clip) * spread
        if lowest <= 0:
            raise ValueError(
                f"SetResetVariability: at clip = {self.clip} the resistance of the set state falls "
                f"to {lowest:g} Ω; give a smaller clip, r_lrs_c2c or r_lrs_d2d"
            )

    @classmethod
    def hennen2024(cls) -> "SetResetVariability":
        """Return the 3,000 cells × 300 cycles of Hennen et al. 2024, from their generative model.

        The source is doi:10.1109/TED.2024.3427616. share and rho are fitted to the autocorrelations
        at 1, 5, 20 and 40 cycles: 0.45, 0.36, 0.17, 0.03 in R of the set state and 0.12, 0.09,
        0.01, −0.01 in ln R of the reset state. No AR(1) process alone starts that low and decays
        that slowly. The published tail of the reset state is heavier than lognormal.
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
        """Return the same cell, set at another compliance current.

        R_LRS = V_c/i_c with V_c = i_ref · r_lrs_median (about 0.4 V), and σ_R/R ∝ i_c^(−1/2) for
        both spreads: the Poisson spread of a filament whose number of defects is proportional to
        i_c. This is a model, after Ambrogio et al. 2014, IEEE TED 61, 2912.

        Args:
            i_c: New compliance current [A].
            i_ref: Compliance current at which the present numbers were measured [A].
        """
        ratio = number("i_ref", i_ref, above=0, unit="A") / number("i_c", i_c, above=0, unit="A")
        spread = ratio**1.5
        return replace(
            self,
            r_lrs_median=self.r_lrs_median * ratio,
            r_lrs_c2c=self.r_lrs_c2c * spread,
            r_lrs_d2d=self.r_lrs_d2d * spread,
        )

    @property
    def has_own_range(self) -> bool:
        return True

    def sigma(self, target: Floats) -> Floats:
        """Return the root mean square of 1/R − target [S] over devices and cycles."""
        std = np.where(self._is_set(target), *_moments(self)[1])
        return np.hypot(std, self.bias(target))

    def bias(self, target: Floats) -> Floats:
        """Return the mean of 1/R − target [S]; 1/R is convex, so that it is above 0 at a median."""
        return np.asarray(np.where(self._is_set(target), *_moments(self)[0]) - target)

    def program(self, target: Floats, *, rng: RNG) -> Floats:
        return np.asarray(1 / self.cycles(target, 1, rng=rng)[0])

    def cycles(self, target: Floats, n_cycles: int, *, rng: RNG) -> Floats:
        """Return the resistances [Ω] of cells that are brought to the same state on every cycle.

        Args:
            target: Conductances [S], which decide between SET and RESET.
            n_cycles: Number of cycles, at least 1.
            rng: A seed, a Generator, a SeedSequence or None.

        Returns:
            Resistances [Ω] of shape (n_cycles, *target.shape).
        """
        integer("n_cycles", n_cycles, at_least=1)
        random = generator(rng)
        is_set = self._is_set(target)
        rho = np.where(is_set, self.rho_lrs, self.rho_hrs)
        share = np.where(is_set, self.share_lrs, self.share_hrs)
        c2c = np.where(is_set, self.r_lrs_c2c, self.sigma_ln_hrs_c2c)
        d2d = np.where(is_set, self.r_lrs_d2d, self.sigma_ln_hrs_d2d)
        device = d2d * random.standard_normal(is_set.shape)
        ar1 = random.standard_normal((n_cycles, *is_set.shape))  # stationary from the first cycle
        for k in range(1, n_cycles):
            ar1[k] = rho * ar1[k - 1] + np.sqrt(1 - rho**2) * ar1[k]
        fresh = random.standard_normal(ar1.shape)
        deviation = device + c2c * (np.sqrt(share) * ar1 + np.sqrt(1 - share) * fresh)
        limit = ndtri(self.clip) * np.hypot(c2c, d2d)
        deviation = np.clip(deviation, -limit, limit)
        # np.where evaluates both states: exp would overflow on a deviation in ohms.
        reset = self.r_hrs_median * np.exp(np.where(is_set, 0.0, deviation))
        return np.where(is_set, self.r_lrs_median + deviation, reset)

    def _is_set(self, target: Floats) -> NDArray[np.bool_]:
        """Return where the target [S] is at or above the geometric mean of the two states."""
        middle = (self.r_lrs_median * self.r_hrs_median) ** -0.5
        return np.asarray(np.asarray(target, dtype=np.float64) >= middle)


def _moments(cell: SetResetVariability) -> tuple[list[float], list[float]]:
    """Return mean and standard deviation [S] of 1/R, of the set and of the reset state."""
    t, weight = _clipped_normal_rule(cell.clip)
    lrs = cell.r_lrs_median + np.hypot(cell.r_lrs_c2c, cell.r_lrs_d2d) * t
    ln_ratio = np.hypot(cell.sigma_ln_hrs_c2c, cell.sigma_ln_hrs_d2d) * t
    means, deviations = [], []
    for g in (1 / lrs, np.exp(-ln_ratio) / cell.r_hrs_median):
        means.append(float(weight @ g))
        deviations.append(float(np.sqrt(weight @ (g - means[-1]) ** 2)))
    return means, deviations
