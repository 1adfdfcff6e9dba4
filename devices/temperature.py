"""Temperature: the factor by which conductances change when the chip is not at its reference temperature."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from devices.validation import Floats, array, number

BOLTZMANN_EV = 1.380649e-23 / 1.602176634e-19  # k/q [eV/K], exact in SI


class TemperatureLaw(ABC):
    """How conductance depends on temperature. A factor common to all cells is a gain, which an NSM ignores."""

    @abstractmethod
    def factor(self, g: Floats, temperature: ArrayLike) -> Floats:
        """Return G(temperature)/g for cells that conduct g [S] at the reference temperature; `temperature` [K].

        One temperature, or an array that broadcasts with g: a gradient across the chip.
        """


def _kelvin(temperature: ArrayLike, g: Floats) -> Floats:
    t = array("temperature", temperature)
    if t.size and t.min() <= 0:
        raise ValueError(f"temperature = {t.min():g} is not allowed; give kelvins above 0")
    return np.asarray(t + np.zeros(np.shape(g)))


@dataclass(frozen=True, kw_only=True)
class NoTemperature(TemperatureLaw):
    """Conductances do not depend on temperature."""

    def factor(self, g: Floats, temperature: ArrayLike) -> Floats:
        return np.ones_like(_kelvin(temperature, g))


@dataclass(frozen=True, kw_only=True)
class MetallicTemperature(TemperatureLaw):
    """Metallic filament: G = g / (1 + alpha (T − t_ref)), the same for all cells.

    `alpha` [1/K] temperature coefficient of resistance, `t_ref` [K]. Raises ValueError where 1 + alpha (T − t_ref) ≤ 0.
    """

    alpha: float
    t_ref: float = 300.0

    def __post_init__(self) -> None:
        number("MetallicTemperature.alpha", self.alpha, unit="1/K")
        number("MetallicTemperature.t_ref", self.t_ref, above=0, unit="K")

    def factor(self, g: Floats, temperature: ArrayLike) -> Floats:
        t = _kelvin(temperature, g)
        resistance = 1 + self.alpha * (t - self.t_ref)
        if resistance.size and resistance.min() <= 0:
            raise ValueError(
                f"temperatures of {t.min():g} to {t.max():g} K leave no resistance at alpha = {self.alpha:g} per K; "
                f"the linear law holds near t_ref = {self.t_ref:g} K"
            )
        return 1 / resistance


@dataclass(frozen=True, kw_only=True)
class ActivatedTemperature(TemperatureLaw):
    """Thermally activated conduction (hopping, Poole-Frenkel): G = g exp(−(E_A/k)(1/T − 1/t_ref)), the same for all cells.

    `activation_energy_ev` E_A [eV], `t_ref` [K].
    """

    activation_energy_ev: float
    t_ref: float = 300.0

    def __post_init__(self) -> None:
        number(
            "ActivatedTemperature.activation_energy_ev",
            self.activation_energy_ev,
            at_least=0,
            unit="eV",
        )
        number("ActivatedTemperature.t_ref", self.t_ref, above=0, unit="K")

    def factor(self, g: Floats, temperature: ArrayLike) -> Floats:
        t = _kelvin(temperature, g)
        return np.asarray(
            np.exp(-self.activation_energy_ev / BOLTZMANN_EV * (1 / t - 1 / self.t_ref))
        )


@dataclass(frozen=True, kw_only=True)
class MixedTemperature(TemperatureLaw):
    """Metallic at `g_lrs` [S] and above, activated at `g_hrs` [S] and below: factor = lrs^λ · hrs^(1 − λ) in between.

    λ = ln(g/g_hrs)/ln(g_lrs/g_hrs), cut to [0, 1]. That the two mechanisms cross over so is ours, not published: it makes the
    change of temperature depend on state, so that it is no common gain. Raises ValueError for g_hrs ≥ g_lrs or two
    reference temperatures.
    """

    lrs: MetallicTemperature
    hrs: ActivatedTemperature
    g_lrs: float
    g_hrs: float

    def __post_init__(self) -> None:
        for slot, kind in (("lrs", MetallicTemperature), ("hrs", ActivatedTemperature)):
            if not isinstance(getattr(self, slot), kind):
                raise ValueError(
                    f"MixedTemperature.{slot} = {getattr(self, slot)!r} is not a {kind.__name__}"
                )
        if self.lrs.t_ref != self.hrs.t_ref:
            raise ValueError(
                f"MixedTemperature: t_ref is {self.lrs.t_ref} K in lrs and {self.hrs.t_ref} K in hrs; give one"
            )
        number("MixedTemperature.g_lrs", self.g_lrs, above=0, unit="S")
        number("MixedTemperature.g_hrs", self.g_hrs, above=0, below=self.g_lrs, unit="S")

    def factor(self, g: Floats, temperature: ArrayLike) -> Floats:
        cut = np.clip(array("g", g), self.g_hrs, self.g_lrs)
        share = np.log(cut / self.g_hrs) / np.log(self.g_lrs / self.g_hrs)
        return np.asarray(
            self.lrs.factor(g, temperature) ** share
            * self.hrs.factor(g, temperature) ** (1 - share)
        )
