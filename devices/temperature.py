"""Temperature: how conductances change when the chip is not at its reference temperature."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from devices.validation import LARGEST_NUMBER, Floats, array, instance, number

BOLTZMANN_EV = 1.380649e-23 / 1.602176634e-19  # k/q [eV/K], exact in the SI


class TemperatureLaw(ABC):
    """How conductance depends on temperature; a new law defines `factor`.

    A factor common to all cells is a common-mode gain, which a neural sampling machine ignores.
    """

    @abstractmethod
    def factor(self, g: Floats, temperature: ArrayLike) -> Floats:
        """Return G(temperature)/g.

        Args:
            g: Conductances at the reference temperature [S].
            temperature: One temperature [K], or an array that broadcasts with g, such as a gradient
                across the chip.

        Returns:
            The factors, of g's shape.
        """


def temperatures(temperature: ArrayLike, g: Floats) -> Floats:
    """Return temperatures [K] broadcast to g's shape, if they are above 0 K."""
    t = array("temperature", temperature)
    if t.size and t.min() <= 0:
        raise ValueError(f"temperature = {t.min():g} is not allowed; give kelvins above 0")
    return np.asarray(t + np.zeros(np.shape(g)))


@dataclass(frozen=True, kw_only=True)
class NoTemperature(TemperatureLaw):
    """Conductances do not depend on temperature."""

    def factor(self, g: Floats, temperature: ArrayLike) -> Floats:
        return np.ones_like(temperatures(temperature, g))


@dataclass(frozen=True, kw_only=True)
class MetallicTemperature(TemperatureLaw):
    """Metallic filament: G = g/(1 + alpha (T − t_ref)), the same factor for all cells.

    Attributes:
        alpha: Temperature coefficient of resistance [1/K].
        t_ref: Reference temperature [K]; default 300 K.

    Raises:
        ValueError: If t_ref is not positive; in `factor` if 1 + alpha (T − t_ref) ≤ 0.
    """

    alpha: float
    t_ref: float = 300.0

    def __post_init__(self) -> None:
        number("MetallicTemperature.alpha", self.alpha, unit="1/K")
        number("MetallicTemperature.t_ref", self.t_ref, above=0, unit="K")

    def factor(self, g: Floats, temperature: ArrayLike) -> Floats:
        t = temperatures(temperature, g)
        resistance = 1 + self.alpha * (t - self.t_ref)
        if resistance.size and resistance.min() <= 0:
            raise ValueError(
                f"temperatures of {t.min():g} to {t.max():g} K leave no resistance at "
                f"alpha = {self.alpha:g} per K; the linear law holds near t_ref = {self.t_ref:g} K"
            )
        return 1 / resistance


@dataclass(frozen=True, kw_only=True)
class ActivatedTemperature(TemperatureLaw):
    """Thermally activated conduction: G = g exp(−(E_A/k)(1/T − 1/t_ref)).

    The factor is the same for all cells. It describes hopping and Poole-Frenkel conduction.

    Attributes:
        activation_energy_ev: Activation energy E_A [eV].
        t_ref: Reference temperature [K]; default 300 K.

    Raises:
        ValueError: If E_A is negative or t_ref is not positive.
    """

    activation_energy_ev: float
    t_ref: float = 300.0

    def __post_init__(self) -> None:
        energy = self.activation_energy_ev
        number("ActivatedTemperature.activation_energy_ev", energy, at_least=0, unit="eV")
        number("ActivatedTemperature.t_ref", self.t_ref, above=0, unit="K")

    def factor(self, g: Floats, temperature: ArrayLike) -> Floats:
        t = temperatures(temperature, g)
        inverse_kelvin = 1 / t - 1 / self.t_ref
        return np.asarray(np.exp(-self.activation_energy_ev / BOLTZMANN_EV * inverse_kelvin))


@dataclass(frozen=True, kw_only=True)
class MixedTemperature(TemperatureLaw):
    """Metallic conduction at large, activated conduction at small conductances.

    In between the two factors are averaged geometrically: factor = lrs^λ · hrs^(1 − λ) with
    λ = ln(g/g_hrs)/ln(g_lrs/g_hrs), clipped to [0, 1]. This crossover is our choice and not
    published. With it a change of temperature acts differently on different states, so that it is
    not a common-mode gain.

    Attributes:
        lrs: Law of the low-resistance state.
        hrs: Law of the high-resistance state.
        g_lrs: Conductance at and above which `lrs` holds [S].
        g_hrs: Conductance at and below which `hrs` holds [S].

    Raises:
        ValueError: If g_hrs ≥ g_lrs, or the two laws have different reference temperatures.
    """

    lrs: MetallicTemperature
    hrs: ActivatedTemperature
    g_lrs: float
    g_hrs: float

    def __post_init__(self) -> None:
        instance("MixedTemperature.lrs", self.lrs, MetallicTemperature)
        instance("MixedTemperature.hrs", self.hrs, ActivatedTemperature)
        if self.lrs.t_ref != self.hrs.t_ref:
            raise ValueError(
                f"MixedTemperature: t_ref is {self.lrs.t_ref} K in lrs and {self.hrs.t_ref} K in "
                "hrs; give the same for both"
            )
        # A fit to cells of the high-resistance state extrapolates it beyond any cell.
        number("MixedTemperature.g_lrs", self.g_lrs, above=0, plausible=LARGEST_NUMBER, unit="S")
        number("MixedTemperature.g_hrs", self.g_hrs, above=0, below=self.g_lrs, unit="S")

    def factor(self, g: Floats, temperature: ArrayLike) -> Floats:
        clipped = np.clip(array("g", g), self.g_hrs, self.g_lrs)
        share = np.log(clipped / self.g_hrs) / np.log(self.g_lrs / self.g_hrs)
        metallic = self.lrs.factor(g, temperature)
        activated = self.hrs.factor(g, temperature)
        return np.asarray(metallic**share * activated ** (1 - share))
