"""Programming a ferroelectric transistor by one pulse: the error of finitely many domains."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from devices.ferroelectric.domains import DomainSwitching
from devices.ferroelectric.fefet import FeFet
from devices.programming.base import WriteModel
from devices.seeding import RNG, generator
from devices.special import gammaln, xlog1py, xlogy
from devices.validation import Floats, array, instance, number

# Fractions this close to 0 or 1 are rounding errors of the ends of the range.
_END_OF_RANGE = 1e-9


@dataclass(frozen=True, kw_only=True)
class DomainWrite(WriteModel):
    """Programming by erasing a cell and one pulse that brings the *mean* cell to its target.

    Each of the N domains switches independently with the mean fraction q. This averages over E_a
    (drawn once per chip) and the nucleation (drawn per write) together: the switched fraction is
    binomial(N, q)/N and the conductance takes one of N + 1 values. Cells with few domains are
    therefore abrupt. Below threshold G is not linear in P, so that the mean conductance misses the
    target too; `sigma` includes this.

    Attributes:
        transistor: The transistor that is programmed.
        domains: Its domains, of equal area.
        v_gate: Gate bias of reads [V].
        pulse_width: Length of the programming pulse [s].

    Raises:
        ValueError: If the areas are unequal; in `program` if targets lie outside
            `transistor.conductance_range(v_gate)`.
    """

    transistor: FeFet
    domains: DomainSwitching
    v_gate: float
    pulse_width: float

    def __post_init__(self) -> None:
        instance("DomainWrite.transistor", self.transistor, FeFet)
        instance("DomainWrite.domains", self.domains, DomainSwitching)
        number("DomainWrite.v_gate", self.v_gate, unit="V")
        number("DomainWrite.pulse_width", self.pulse_width, above=0, unit="s")
        if self.domains.weight_std != 0:
            raise ValueError(
                f"DomainWrite.domains has weight_std = {self.domains.weight_std}; give domains of "
                "equal area"
            )

    def amplitude(self, target: ArrayLike) -> Floats:
        """Return the field of the programming pulse, in the unit of the domains' activation.

        Args:
            target: Wanted conductances [S].

        Raises:
            ValueError: If a target is outside the range or at its ends, which no finite field
                reaches on average.
        """
        fraction = self._fraction(array("target", target))
        return self.domains.field_for_fraction(fraction, self.pulse_width)

    @property
    def has_own_range(self) -> bool:
        return True

    def sigma(self, target: Floats) -> Floats:
        """Return the root mean square error [S] around `target` [S], clipped to the range."""
        g = np.asarray(target, dtype=np.float64)
        values, where = np.unique(g, return_inverse=True)
        n = self.domains.n_domains
        up = np.arange(n + 1)
        reachable = np.clip(values, *self.transistor.conductance_range(self.v_gate))
        q = self._fraction(reachable)[:, None]
        log_ways = gammaln(n + 1) - gammaln(up + 1) - gammaln(n - up + 1)
        binomial = np.exp(log_ways + xlogy(up, q) + xlog1py(n - up, -q))
        states = self._conductance(up)
        rms = np.sqrt(np.sum(binomial * (states - values[:, None]) ** 2, axis=1))
        return np.asarray(rms[where].reshape(g.shape))

    def program(self, target: Floats, *, rng: RNG) -> Floats:
        fraction = self._fraction(array("target", target))
        return self._conductance(generator(rng).binomial(self.domains.n_domains, fraction))

    def _conductance(self, switched: ArrayLike) -> Floats:
        """Return G [S] of cells of which `switched` domains are up."""
        relative = 2 * np.asarray(switched) / self.domains.n_domains - 1
        return self.transistor.conductance(self.v_gate, self.transistor.p_r * relative)

    def _fraction(self, g: Floats) -> Floats:
        """Return the fraction of domains that are up in a cell that conducts g [S]."""
        t = self.transistor
        low, high = t.conductance_range(self.v_gate)
        if g.size and (g.min() < low * (1 - 1e-9) or g.max() > high * (1 + 1e-9)):
            raise ValueError(
                f"target conductances range from {g.min():.6g} to {g.max():.6g} S; this transistor "
                f"at a gate bias of {self.v_gate:g} V has {low:.6g} to {high:.6g} S: set the "
                "device's g_min and g_max to these"
            )
        fraction = 0.5 + (t.vth0 - self.v_gate + t.overdrive(g)) / t.window
        fraction = np.where(fraction > 1 - _END_OF_RANGE, 1.0, fraction)
        return np.where(fraction < _END_OF_RANGE, 0.0, fraction)
