"""Switching of a ferroelectric made of finitely many domains, each nucleating at random: the stochastic core of a FeFET."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

from devices.validation import Floats, array, integer, number

_NODES = (
    4001  # of a trapezoid rule over the whole line: its error falls exponentially with their number
)


class ActivationLaw(ABC):
    """How the activation fields of a device's domains are distributed, in the unit of the applied field (V, or V/m)."""

    @abstractmethod
    def sample(self, shape: tuple[int, ...], *, rng: np.random.Generator) -> Floats:
        """Return activation fields of the given shape."""

    @abstractmethod
    def quadrature(self) -> tuple[Floats, Floats]:
        """Return activation fields and weights of sum 1: Σ weight · f(field) is the mean of f over the law."""


def _normalised(log_density: Floats) -> Floats:
    weights = np.exp(log_density - log_density.max())
    return np.asarray(weights / weights.sum())


@dataclass(frozen=True, kw_only=True)
class NormalActivation(ActivationLaw):
    """E_a ~ max(N(mean, std²), 0), in the unit of the field."""

    mean: float
    std: float

    def __post_init__(self) -> None:
        number("NormalActivation.mean", self.mean, above=0)
        number("NormalActivation.std", self.std, at_least=0)

    def sample(self, shape: tuple[int, ...], *, rng: np.random.Generator) -> Floats:
        return np.maximum(self.mean + self.std * rng.standard_normal(shape), 0)

    def quadrature(self) -> tuple[Floats, Floats]:
        z = np.linspace(-9, 9, _NODES)
        return np.maximum(self.mean + self.std * z, 0), _normalised(-(z**2) / 2)


@dataclass(frozen=True, kw_only=True)
class Gb2Activation(ActivationLaw):
    """Generalised beta of the second kind: density (a/b) (E/b)^(ap−1) / (B(p, q) (1 + (E/b)^a)^(p+q)).

    `b` in the unit of the field; `a`, `p`, `q` are shapes. Drawn exactly: E = b (Y/(1 − Y))^(1/a), Y ~ Beta(p, q).
    """

    a: float
    b: float
    p: float
    q: float

    def __post_init__(self) -> None:
        for name in ("a", "b", "p", "q"):
            number(f"Gb2Activation.{name}", getattr(self, name), above=0)

    def sample(self, shape: tuple[int, ...], *, rng: np.random.Generator) -> Floats:
        # Y/(1 − Y) of a beta variable is a ratio of two gammas, and keeps its digits where Y rounds to 1.
        odds = rng.standard_gamma(self.p, shape) / rng.standard_gamma(self.q, shape)
        return np.asarray(self.b * odds ** (1 / self.a))

    def quadrature(self) -> tuple[Floats, Floats]:
        s = np.linspace(-40 / self.p, 40 / self.q, _NODES)  # log odds of Y
        return self.b * np.exp(s / self.a), _normalised(
            self.p * s - (self.p + self.q) * np.logaddexp(0, s)
        )


@dataclass(frozen=True, kw_only=True)
class DomainState:
    """Every domain of every device, arrays of shape (*devices, domains).

    `activation` and `weight` are drawn once per chip. `up`: its polarisation. `growth`: h, the time in units of τ that a
    field has opposed it. `threshold`: the h^beta at which it switches, drawn when it is armed.
    """

    activation: Floats
    weight: Floats
    up: NDArray[np.bool_]
    growth: Floats
    threshold: Floats


@dataclass(frozen=True, kw_only=True)
class DomainSwitching:
    """Nucleation-limited switching: a domain that the field F opposes switches in t with p = 1 − exp(−(t/τ)^beta).

    τ(F) = tau0 exp((E_a/|F|)^alpha) [s]. For any pulse train, h grows by Δt/τ while the field opposes the domain, falls by
    Δt/τ to 0 at least while it does not, and the switching probability of a step is 1 − exp(h_old^beta − h_new^beta)
    (Alessandri et al. 2019, doi:10.1109/TED.2019.2922268; Deng et al. 2020, doi:10.1109/VLSITechnology18217.2020.9265014).
    This is drawn with one exponential per domain and arming, whatever the number of pulses. P = p_r Σ w S / Σ w.

    `n_domains` of equal area, or of areas w = N(1, weight_std²)²; `activation` in the unit of the field; `tau0` [s]; `alpha`
    = 1 is Merz' law; `beta` the Weibull (Avrami) exponent; `p_r` [C/m²]. Once per chip: E_a and w of each domain.
    """

    n_domains: int
    activation: ActivationLaw
    tau0: float
    alpha: float
    beta: float
    p_r: float
    weight_std: float = 0.0

    def __post_init__(self) -> None:
        integer("DomainSwitching.n_domains", self.n_domains, at_least=1)
        if not isinstance(self.activation, ActivationLaw):
            raise ValueError(
                f"DomainSwitching.activation = {self.activation!r} is not an ActivationLaw"
            )
        number("DomainSwitching.tau0", self.tau0, above=0, unit="s")
        number("DomainSwitching.alpha", self.alpha, above=0)
        number("DomainSwitching.beta", self.beta, above=0)
        number("DomainSwitching.p_r", self.p_r, above=0, unit="C/m²")
        number("DomainSwitching.weight_std", self.weight_std, at_least=0)

    # --- closed forms

    def probability(self, field: ArrayLike, seconds: ArrayLike, activation: ArrayLike) -> Floats:
        """Return the probability that an armed domain of `activation` switches in one opposing pulse."""
        exponent = self.beta * self._log_growth(
            array("field", field), seconds, array("activation", activation)
        )
        return np.asarray(
            -np.expm1(-np.exp(np.minimum(exponent, 700)))
        )  # e^700: certain, and still a number

    def field_for(self, p: ArrayLike, seconds: float, activation: ArrayLike) -> Floats:
        """Return the field at which an armed domain switches with probability p in `seconds` [s].

        F = E_a / (ln(t/tau0) − ln(−ln(1 − p))/beta)^(1/alpha). Raises ValueError for p that no field reaches in that time.
        """
        wanted = self._reachable("p", array("p", p), seconds)
        room = np.log(seconds / self.tau0) - np.log(-np.log1p(-wanted)) / self.beta
        return np.asarray(array("activation", activation) / room ** (1 / self.alpha))

    def switched_fraction(self, field: ArrayLike, seconds: ArrayLike) -> Floats:
        """Return the mean fraction of armed domains that one opposing pulse switches, over the law of E_a."""
        return self._average(field, seconds)[0]

    def field_for_fraction(self, fraction: ArrayLike, seconds: float) -> Floats:
        """Return the field of one pulse of `seconds` [s] that switches a mean `fraction` of the domains.

        Raises ValueError for a fraction that no field reaches in that time.
        """
        wanted = self._reachable("fraction", array("fraction", fraction), seconds)
        nodes, _ = self.activation.quadrature()

        def solve(f: float) -> float:
            low, high = (float(self.field_for(f, seconds, e)) for e in (nodes.min(), nodes.max()))
            if low == high:
                return low
            return float(
                brentq(
                    lambda x: float(self.switched_fraction(x, seconds)) - f, low, high, rtol=1e-14
                )
            )

        values, where = np.unique(wanted, return_inverse=True)
        return np.array([solve(f) for f in values])[where].reshape(wanted.shape)

    def variance_split(self, field: ArrayLike, seconds: ArrayLike) -> tuple[Floats, Floats]:
        """Return the cycle-to-cycle and the device-to-device variance of the fraction that one pulse switches.

        E[p(1 − p)] / N and Var(p) / N over the law of E_a; their sum is p̄(1 − p̄)/N. Unequal areas put E[Σ w²/(Σ w)²] in the
        place of 1/N.
        """
        mean, second = self._average(field, seconds)
        return self._concentration * (mean - second), self._concentration * (second - mean**2)

    # --- simulation

    def init(self, shape: tuple[int, ...], *, rng: np.random.Generator) -> DomainState:
        """Return new devices of the given shape, every domain down and armed."""
        full = (*shape, self.n_domains)
        activation = self.activation.sample(full, rng=rng)
        weight = (
            (1 + self.weight_std * rng.standard_normal(full)) ** 2
            if self.weight_std
            else np.ones(full)
        )
        down, fresh = np.zeros(full, dtype=bool), rng.standard_exponential(full)
        return DomainState(
            activation=activation, weight=weight, up=down, growth=np.zeros(full), threshold=fresh
        )

    def erase(
        self, state: DomainState, *, rng: np.random.Generator, up: bool = False
    ) -> DomainState:
        """Return the same devices after an ideal erase: every domain down (or up), and armed anew."""
        shape = state.up.shape
        return DomainState(
            activation=state.activation,
            weight=state.weight,
            up=np.full(shape, up),
            growth=np.zeros(shape),
            threshold=rng.standard_exponential(shape),
        )

    def pulse(
        self, state: DomainState, field: ArrayLike, seconds: float, *, rng: np.random.Generator
    ) -> DomainState:
        """Return the devices after a constant `field` of `seconds` [s]; one field per device, or one for all of them.

        A positive field opposes domains that are down. Only domains that switch draw, to be armed for the way back.
        """
        f, devices = array("field", field), state.up.shape[:-1]
        if f.shape and f.shape != devices:
            raise ValueError(
                f"field has shape {f.shape}; give one number, or one for each device: {devices}"
            )
        f = f[..., None]
        step = np.exp(self._log_growth(f, seconds, state.activation))
        opposes = np.where(state.up, f < 0, f > 0)
        with np.errstate(over="ignore"):
            growth = np.where(opposes, state.growth + step, np.maximum(state.growth - step, 0))
            reached = growth**self.beta
            # A domain that has not switched at h_old has X − h_old^β ~ Exp(1) still to go: when h falls, the way left stays.
            threshold = np.where(
                opposes, state.threshold, state.threshold + (reached - state.growth**self.beta)
            )
        switched = opposes & (reached >= threshold)
        threshold[switched] = rng.standard_exponential(int(switched.sum()))
        return DomainState(
            activation=state.activation,
            weight=state.weight,
            up=state.up ^ switched,
            growth=np.where(switched, 0.0, growth),
            threshold=threshold,
        )

    def polarisation(self, state: DomainState) -> Floats:
        """Return the polarisation of each device, in [−p_r, p_r] [C/m²]."""
        signed = np.where(state.up, state.weight, -state.weight)
        return np.asarray(self.p_r * signed.sum(axis=-1) / state.weight.sum(axis=-1))

    # --- what both rest on

    def _log_growth(self, field: Floats, seconds: ArrayLike, activation: Floats) -> Floats:
        """Return ln(t/τ(F)), in logarithms since τ overflows at small fields; −∞ without field or time."""
        t = array("seconds", seconds)
        if (t < 0).any():
            raise ValueError(f"seconds = {t.min():g} is not allowed; give times of at least 0 s")
        with np.errstate(divide="ignore", over="ignore"):
            ratio = np.where(
                field == 0, np.inf, activation / np.where(field == 0, 1.0, np.abs(field))
            )
            return np.asarray(np.log(t / self.tau0) - ratio**self.alpha)

    def _average(self, field: ArrayLike, seconds: ArrayLike) -> tuple[Floats, Floats]:
        """Return E[p] and E[p²] over the law of E_a."""
        nodes, weights = self.activation.quadrature()
        p = self.probability(
            array("field", field)[..., None], array("seconds", seconds)[..., None], nodes
        )
        return np.asarray(p @ weights), np.asarray(p**2 @ weights)

    def _reachable(self, name: str, p: Floats, seconds: float) -> Floats:
        number("seconds", seconds, above=0, unit="s")
        limit = float(
            self.probability(1.0, seconds, 0.0)
        )  # no activation: the limit of strong fields
        if p.size and not (p.min() > 0 and p.max() < limit):
            raise ValueError(
                f"{name} spans {p.min():g} to {p.max():g}; a pulse of {seconds:g} s reaches what is above 0 and "
                f"below {limit:g} at finite fields"
            )
        return p

    @cached_property
    def _concentration(self) -> float:
        """E[Σ w²/(Σ w)²] = N ∫ s E[w² e^(−sw)] E[e^(−sw)]^(N−1) ds, w = N(1, weight_std²)²: 1/N for equal areas."""
        if self.weight_std == 0:
            return 1 / self.n_domains
        x = np.linspace(-40, 80, 12001)
        s, c = np.exp(x), 2 * self.weight_std**2
        q = 1 + c * s
        log_m = -np.log(q) / 2 - s / q  # of the Laplace transform of a noncentral χ²
        curvature = (c / (2 * q) + 1 / q**2) ** 2 + c**2 / (2 * q**2) + 2 * c / q**3
        return float(
            self.n_domains * np.trapezoid(s**2 * curvature * np.exp(self.n_domains * log_m), x)
        )


#: HZO FeFET; the field is the voltage [V] across its ferroelectric of 8 nm, as in the authors' Verilog-A model (their
#: README calls it a field). Deng et al. VLSI 2020, doi:10.1109/VLSITechnology18217.2020.9265014, numbers read in the
#: authors' repository boltma/Scalable-FeFET 2e42f88, which also has a variant with weight_std = 0.27.
FEFET_DENG2020 = DomainSwitching(
    n_domains=20,
    activation=NormalActivation(mean=2.3, std=0.4),
    tau0=19e-9,
    alpha=3.0,
    beta=2.0,
    p_r=0.25,
)

#: HZO capacitor, fields in V/m. Literature data refitted in boltma/Scalable-FeFET 2e42f88 (starting values of the fit);
#: that these are the data of Alessandri et al. 2019, doi:10.1109/TED.2019.2922268, is from memory. A large capacitor: the
#: number of domains is ours.
MFM_ALESSANDRI = DomainSwitching(
    n_domains=2000,
    activation=Gb2Activation(a=12.1, b=1.79e8, p=0.691, q=0.633),
    tau0=387e-9,
    alpha=4.11,
    beta=2.07,
    p_r=0.229,
)

#: HZO capacitor, fields in V/m: own data of Ni's group, numbers read in boltma/Scalable-FeFET 2e42f88 (repository of Deng
#: et al. VLSI 2020). A large capacitor: the number of domains is ours.
MFM_NI = DomainSwitching(
    n_domains=2000,
    activation=Gb2Activation(a=6.9307, b=1.6698e8, p=0.5724, q=0.7239),
    tau0=3.5725e-6,
    alpha=3.2975,
    beta=2.0,
    p_r=0.243608,
)
