"""Closed forms of nucleation-limited switching: of one domain, and averages over domains."""

from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from devices.ferroelectric.activation import ActivationLaw
from devices.validation import Floats, array, finite, number, real_array

_LARGEST_LOG = 700  # e^700 is still a number; switching is certain long before


def _times(seconds: ArrayLike) -> Floats:
    """Return finite times [s] of any size: the law is computed in logarithms."""
    return finite("seconds", real_array("seconds", seconds).astype(np.float64, copy=False))


class SwitchingLaw:
    """A domain that is opposed by the field F switches within t with p = 1 − exp(−(t/τ)^beta).

    τ(F) = tau0 exp((E_a/|F|)^alpha) [s]. This class holds what can be computed without drawing.
    `DomainSwitching` derives from it and documents the parameters, which it defines as its fields.
    """

    n_domains: int
    activation: ActivationLaw
    tau0: float
    alpha: float
    beta: float
    weight_std: float

    def probability(self, field: ArrayLike, seconds: ArrayLike, activation: ArrayLike) -> Floats:
        """Return the probability that one opposing pulse switches an armed domain.

        Args:
            field: Field of the pulse, in the unit of the activation field.
            seconds: Length of the pulse [s].
            activation: Activation field E_a of the domain.
        """
        log_growth = self.log_growth(
            array("field", field), seconds, array("activation", activation)
        )
        return np.asarray(-np.expm1(-np.exp(np.minimum(self.beta * log_growth, _LARGEST_LOG))))

    def field_for(self, p: ArrayLike, seconds: float, activation: ArrayLike) -> Floats:
        """Return the field at which one pulse switches an armed domain with probability p.

        F = E_a / (ln(t/tau0) − ln(−ln(1 − p))/beta)^(1/alpha).

        Args:
            p: Wanted probability.
            seconds: Length t of the pulse [s].
            activation: Activation field E_a of the domain.

        Raises:
            ValueError: If no finite field reaches p in that time.
        """
        wanted = self._reachable("p", array("p", p), seconds)
        room = np.log(seconds / self.tau0) - np.log(-np.log1p(-wanted)) / self.beta
        return np.asarray(array("activation", activation) / room ** (1 / self.alpha))

    def switched_fraction(self, field: ArrayLike, seconds: ArrayLike) -> Floats:
        """Return the mean fraction of armed domains that one opposing pulse switches.

        Args:
            field: Field of the pulse, in the unit of the activation field.
            seconds: Length of the pulse [s].
        """
        return self._average(field, seconds)[0]

    def field_for_fraction(self, fraction: ArrayLike, seconds: float) -> Floats:
        """Return the field of one pulse that switches a wanted mean fraction of the domains.

        Args:
            fraction: Wanted fractions.
            seconds: Length of the pulse [s].

        Raises:
            ValueError: If no finite field reaches a fraction in that time.
        """
        from scipy.optimize import brentq  # takes almost a second to import, and few need it

        wanted = self._reachable("fraction", array("fraction", fraction), seconds)
        nodes, _ = self.activation.quadrature()

        def solve(f: float) -> float:
            low, high = (float(self.field_for(f, seconds, e)) for e in (nodes.min(), nodes.max()))
            if low == high:
                return low

            def missing(x: float) -> float:
                return float(self.switched_fraction(x, seconds)) - f

            return float(brentq(missing, low, high, rtol=1e-14))

        values, where = np.unique(wanted, return_inverse=True)
        return np.array([solve(f) for f in values])[where].reshape(wanted.shape)

    def variance_split(self, field: ArrayLike, seconds: ArrayLike) -> tuple[Floats, Floats]:
        """Return the cycle-to-cycle and the device-to-device variance of the switched fraction.

        For one pulse they are E[p(1 − p)]/N and Var(p)/N over the law of E_a, and their sum is
        p̄(1 − p̄)/N. For unequal areas E[Σ w²/(Σ w)²] replaces 1/N.

        Args:
            field: Field of the pulse, in the unit of the activation field.
            seconds: Length of the pulse [s].
        """
        mean, second = self._average(field, seconds)
        return self._concentration * (mean - second), self._concentration * (second - mean**2)

    def log_growth(self, field: Floats, seconds: ArrayLike, activation: Floats) -> Floats:
        """Return ln(t/τ(F)), in logarithms because τ overflows at small fields; −∞ at F = 0."""
        t = _times(seconds)
        if (t < 0).any():
            raise ValueError(f"seconds = {t.min():g} is not allowed; give times of at least 0 s")
        with np.errstate(divide="ignore", over="ignore"):
            nonzero = np.where(field == 0, 1.0, np.abs(field))
            ratio = np.where(field == 0, np.inf, activation / nonzero)
            return np.asarray(np.log(t / self.tau0) - ratio**self.alpha)

    def _average(self, field: ArrayLike, seconds: ArrayLike) -> tuple[Floats, Floats]:
        """Return E[p] and E[p²] over the law of E_a."""
        nodes, weights = self.activation.quadrature()
        fields = array("field", field)[..., None]
        p = self.probability(fields, _times(seconds)[..., None], nodes)
        return np.asarray(p @ weights), np.asarray(p**2 @ weights)

    def _reachable(self, name: str, p: Floats, seconds: float) -> Floats:
        """Return p, if all its values are reached at finite fields."""
        number("seconds", seconds, above=0, unit="s")
        # Strong fields have the limit of a domain without activation.
        limit = float(self.probability(1.0, seconds, 0.0))
        if p.size and not (p.min() > 0 and p.max() < limit):
            raise ValueError(
                f"{name} ranges from {p.min():g} to {p.max():g}; a pulse of {seconds:g} s reaches "
                f"values above 0 and below {limit:g} at finite fields"
            )
        return p

    @cached_property
    def _concentration(self) -> float:
        """E[Σ w²/(Σ w)²] for areas w = N(1, weight_std²)²; 1/N for equal areas.

        It is N ∫ s E[w² e^(−sw)] E[e^(−sw)]^(N−1) ds, where E[e^(−sw)] is the Laplace transform of
        a noncentral χ² variable.
        """
        if self.weight_std == 0:
            return 1 / self.n_domains
        x = np.linspace(-40, 80, 12001)  # ln s; the integrand is negligible outside
        s = np.exp(x)
        c = 2 * self.weight_std**2
        q = 1 + c * s
        log_laplace = -np.log(q) / 2 - s / q
        curvature = (c / (2 * q) + 1 / q**2) ** 2 + c**2 / (2 * q**2) + 2 * c / q**3
        integrand = s**2 * curvature * np.exp(self.n_domains * log_laplace)
        return float(self.n_domains * np.trapezoid(integrand, x))
