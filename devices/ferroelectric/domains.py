"""A ferroelectric of finitely many domains that nucleate at random: the core of a FeFET."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from devices.ferroelectric.activation import ActivationLaw, Gb2Activation, NormalActivation
from devices.ferroelectric.switching_law import SwitchingLaw
from devices.seeding import RNG, generator
from devices.validation import Floats, array, instance, integer, number


@dataclass(frozen=True, kw_only=True)
class DomainState:
    """Every domain of every device, as arrays of shape (*devices, domains).

    Attributes:
        activation: Activation field E_a, drawn once per chip.
        weight: Area w, drawn once per chip.
        up: Whether the polarization points up.
        growth: h, the time in units of τ during which a field has opposed the domain.
        threshold: h^beta at which the domain switches, drawn when it is armed.
    """

    activation: Floats
    weight: Floats
    up: NDArray[np.bool_]
    growth: Floats
    threshold: Floats


@dataclass(frozen=True, kw_only=True)
class DomainSwitching(SwitchingLaw):
    """Nucleation-limited switching of the domains of a ferroelectric.

    A domain that is opposed by the field F switches within t with p = 1 − exp(−(t/τ)^beta), where
    τ(F) = tau0 exp((E_a/|F|)^alpha) [s]. In a pulse train h grows by Δt/τ while the field opposes
    the domain, and falls by Δt/τ, to 0 at least, while it does not. A step switches with the
    probability 1 − exp(h_old^beta − h_new^beta) (Alessandri et al. 2019,
    doi:10.1109/TED.2019.2922268; Deng et al. 2020, doi:10.1109/VLSITechnology18217.2020.9265014).
    It is simulated with one exponential number per domain and arming, however many pulses there
    are. The polarization is P = p_r Σ w S / Σ w, S = ±1.

    Once per chip E_a and w of each domain are drawn (`init`).

    Attributes:
        n_domains: Number of domains N of each device.
        activation: Law of E_a, in the unit of the field.
        tau0: Switching time at infinite field [s].
        alpha: Exponent of the field; 1 is Merz' law.
        beta: Weibull (Avrami) exponent.
        p_r: Remanent polarization [C/m²].
        weight_std: Spread of the areas w = N(1, weight_std²)²; default 0, equal areas.

    Raises:
        ValueError: If a number lies outside its range, or activation is no ActivationLaw.
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
        instance("DomainSwitching.activation", self.activation, ActivationLaw)
        number("DomainSwitching.tau0", self.tau0, above=0, unit="s")
        number("DomainSwitching.alpha", self.alpha, above=0)
        number("DomainSwitching.beta", self.beta, above=0)
        number("DomainSwitching.p_r", self.p_r, above=0, unit="C/m²")
        number("DomainSwitching.weight_std", self.weight_std, at_least=0)

    def init(self, shape: tuple[int, ...], *, rng: RNG) -> DomainState:
        """Return new devices of the given shape, with every domain down and armed."""
        random = generator(rng)
        full = (*shape, self.n_domains)
        activation = self.activation.sample(full, rng=random)
        weight = np.ones(full)
        if self.weight_std:
            weight = (1 + self.weight_std * random.standard_normal(full)) ** 2
        return DomainState(
            activation=activation,
            weight=weight,
            up=np.zeros(full, dtype=bool),
            growth=np.zeros(full),
            threshold=random.standard_exponential(full),
        )

    def erase(self, state: DomainState, *, rng: RNG, up: bool = False) -> DomainState:
        """Return the same devices after an ideal erase, with every domain armed anew.

        Args:
            state: The devices before.
            rng: A seed, a Generator, a SeedSequence or None.
            up: Whether the domains point up afterwards; default False.
        """
        shape = state.up.shape
        return DomainState(
            activation=state.activation,
            weight=state.weight,
            up=np.full(shape, up),
            growth=np.zeros(shape),
            threshold=generator(rng).standard_exponential(shape),
        )

    def pulse(
        self, state: DomainState, field: ArrayLike, seconds: float, *, rng: RNG
    ) -> DomainState:
        """Return the devices after one pulse.

        Only domains that switch draw a number, which arms them for the way back.

        Args:
            state: The devices before.
            field: Constant field of the pulse, one per device or one for all; a positive field
                opposes domains that are down.
            seconds: Length of the pulse [s].
            rng: A seed, a Generator, a SeedSequence or None.

        Raises:
            ValueError: If the shape of `field` does not fit the devices.
        """
        random = generator(rng)
        f = array("field", field)
        devices = state.up.shape[:-1]
        if f.shape and f.shape != devices:
            raise ValueError(
                f"field has shape {f.shape}; give one number, or one for each device: {devices}"
            )
        f = f[..., None]
        step = np.exp(self.log_growth(f, seconds, state.activation))
        opposes = np.where(state.up, f < 0, f > 0)
        with np.errstate(over="ignore"):
            growth = np.where(opposes, state.growth + step, np.maximum(state.growth - step, 0))
            reached = growth**self.beta
            # An exponential threshold has no memory: for a domain that has not switched, the
            # distance from h_old^β to the threshold is Exp(1) again. When h falls, this distance is
            # kept.
            lowered = state.threshold + (reached - state.growth**self.beta)
            threshold = np.where(opposes, state.threshold, lowered)
        switched = opposes & (reached >= threshold)
        threshold[switched] = random.standard_exponential(int(switched.sum()))
        return DomainState(
            activation=state.activation,
            weight=state.weight,
            up=state.up ^ switched,
            growth=np.where(switched, 0.0, growth),
            threshold=threshold,
        )

    def polarization(self, state: DomainState) -> Floats:
        """Return the polarization of each device, in [−p_r, p_r] [C/m²]."""
        signed = np.where(state.up, state.weight, -state.weight)
        return np.asarray(self.p_r * signed.sum(axis=-1) / state.weight.sum(axis=-1))


#: HZO FeFET. The field is the voltage [V] across its ferroelectric of 8 nm, as in the authors'
#: Verilog-A model (their README calls it a field). Deng et al. VLSI 2020,
#: doi:10.1109/VLSITechnology18217.2020.9265014; numbers read in the authors' repository
#: boltma/Scalable-FeFET 2e42f88, which also has a variant with weight_std = 0.27.
FEFET_DENG2020 = DomainSwitching(
    n_domains=20,
    activation=NormalActivation(mean=2.3, std=0.4),
    tau0=19e-9,
    alpha=3.0,
    beta=2.0,
    p_r=0.25,
)

#: HZO capacitor, fields in V/m. Literature data refitted in boltma/Scalable-FeFET 2e42f88 (starting
#: values of the fit). That these are the data of Alessandri et al. 2019,
#: doi:10.1109/TED.2019.2922268, is from memory. The capacitor is large; the number of domains is
#: our choice.
MFM_ALESSANDRI = DomainSwitching(
    n_domains=2000,
    activation=Gb2Activation(a=12.1, b=1.79e8, p=0.691, q=0.633),
    tau0=387e-9,
    alpha=4.11,
    beta=2.07,
    p_r=0.229,
)

#: HZO capacitor, fields in V/m: data of Ni's group, numbers read in boltma/Scalable-FeFET 2e42f88
#: (repository of Deng et al. VLSI 2020). The capacitor is large; the number of domains is our
#: choice.
MFM_NI = DomainSwitching(
    n_domains=2000,
    activation=Gb2Activation(a=6.9307, b=1.6698e8, p=0.5724, q=0.7239),
    tau0=3.5725e-6,
    alpha=3.2975,
    beta=2.0,
    p_r=0.243608,
)
