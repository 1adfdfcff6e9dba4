"""Write models: what a cell's conductance becomes when it is programmed to a target. Drawn once per chip, static."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from devices.validation import Floats, number


class WriteModel(ABC):
    """How far a programmed conductance lands from its target."""

    @abstractmethod
    def sigma(self, target: Floats) -> Floats:
        """Return the standard deviation of the programmed conductance [S] around `target` [S]."""

    @abstractmethod
    def program(self, target: Floats, *, rng: np.random.Generator) -> Floats:
        """Return programmed conductances [S] of target's shape, never negative; every cell draws its own error."""


@dataclass(frozen=True)
class IdealWrite(WriteModel):
    """The cell lands on its target."""

    def sigma(self, target: Floats) -> Floats:
        return np.zeros(np.shape(target))

    def program(self, target: Floats, *, rng: np.random.Generator) -> Floats:
        return np.array(target, dtype=np.float64)


class NormalError(WriteModel):
    """A normal programming error: what is left to say is its size. A draw below zero is clipped to 0 S."""

    def program(self, target: Floats, *, rng: np.random.Generator) -> Floats:
        g = np.asarray(target, dtype=np.float64)
        return np.maximum(g + self.sigma(g) * rng.standard_normal(g.shape), 0)


@dataclass(frozen=True, kw_only=True)
class StateDependentError(NormalError):
    """Normal programming error whose size depends on the target: σ(g) = scale · Σ_k c_k (g/g_ref)^k [S], floored at 0.

    `coefficients` c_k [S] in ascending powers, `g_ref` [S]; `scale` multiplies the published error and is there to be
    swept. The form of the published fits of Wan 2022, Milo 2021 and Falcone 2025.
    """

    coefficients: tuple[float, ...]
    g_ref: float = 1.0
    scale: float = 1.0

    def __post_init__(self) -> None:
        if not isinstance(self.coefficients, Iterable):
            raise ValueError(
                f"StateDependentError.coefficients = {self.coefficients!r} is no list of them; give (c_0, c_1, ...) [S]: "
                "(0.0, 0.05) is 5 % of each conductance, (5e-7,) is 0.5 µS at any"
            )
        object.__setattr__(self, "coefficients", tuple(self.coefficients))
        if not self.coefficients:
            raise ValueError(
                "StateDependentError.coefficients is empty; give at least the constant term [S]"
            )
        for c in self.coefficients:
            number("StateDependentError.coefficients", c, unit="S")
        number("StateDependentError.g_ref", self.g_ref, above=0, unit="S")
        number("StateDependentError.scale", self.scale, at_least=0)

    def sigma(self, target: Floats) -> Floats:
        polynomial = np.polynomial.polynomial.polyval(
            np.asarray(target, float) / self.g_ref, self.coefficients
        )
        return self.scale * np.maximum(polynomial, 0)


@dataclass(frozen=True, kw_only=True)
class SaturatingError(NormalError):
    """Normal programming error that saturates: σ(g) = scale · largest · (1 − e^(−g/g_ref)) [S].

    `largest` [S], `g_ref` [S]; `scale` is there to be swept. The form published for SONOS cells (Agrawal et al. IEDM 2022).
    """

    largest: float
    g_ref: float
    scale: float = 1.0

    def __post_init__(self) -> None:
        number("SaturatingError.largest", self.largest, at_least=0, unit="S")
        number("SaturatingError.g_ref", self.g_ref, above=0, unit="S")
        number("SaturatingError.scale", self.scale, at_least=0)

    def sigma(self, target: Floats) -> Floats:
        return np.asarray(
            -self.scale * self.largest * np.expm1(-np.asarray(target, float) / self.g_ref)
        )
