"""How the activation fields of ferroelectric domains are distributed over a device."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from devices.seeding import RNG, generator
from devices.validation import Floats, number

# A trapezoid rule over the whole real line: its error falls exponentially with the number of nodes.
_TRAPEZOID_NODES = 4001


class ActivationLaw(ABC):
    """The distribution of activation fields, in the unit of the applied field (V or V/m).

    A new law defines `sample` and `quadrature`, and begins `sample` with `generator(rng)`.
    """

    @abstractmethod
    def sample(self, shape: tuple[int, ...], *, rng: RNG) -> Floats:
        """Return activation fields of the given shape, drawn from the law."""

    @abstractmethod
    def quadrature(self) -> tuple[Floats, Floats]:
        """Return activation fields and weights of sum 1: Σ weight · f(field) is the mean of f."""


def _normalized(log_density: Floats) -> Floats:
    """Return weights of sum 1 that are proportional to e^log_density."""
    weights = np.exp(log_density - log_density.max())
    return np.asarray(weights / weights.sum())


@dataclass(frozen=True, kw_only=True)
class NormalActivation(ActivationLaw):
    """Normal activation fields, E_a ~ max(N(mean, std²), 0).

    Attributes:
        mean: Mean activation field, in the unit of the field.
        std: Standard deviation, in the unit of the field.

    Raises:
        ValueError: If mean ≤ 0 or std < 0.
    """

    mean: float
    std: float

    def __post_init__(self) -> None:
        number("NormalActivation.mean", self.mean, above=0)
        number("NormalActivation.std", self.std, at_least=0)

    def sample(self, shape: tuple[int, ...], *, rng: RNG) -> Floats:
        return np.maximum(self.mean + self.std * generator(rng).standard_normal(shape), 0)

    def quadrature(self) -> tuple[Floats, Floats]:
        z = np.linspace(-9, 9, _TRAPEZOID_NODES)
        return np.maximum(self.mean + self.std * z, 0), _normalized(-(z**2) / 2)


@dataclass(frozen=True, kw_only=True)
class Gb2Activation(ActivationLaw):
    """Activation fields with a generalized beta distribution of the second kind.

    The density is (a/b) (E/b)^(ap−1) / (B(p, q) (1 + (E/b)^a)^(p+q)). Draws are exact:
    E = b (Y/(1 − Y))^(1/a) with Y ~ Beta(p, q).

    Attributes:
        a: Shape parameter.
        b: Width, in the unit of the field.
        p: Shape parameter.
        q: Shape parameter.

    Raises:
        ValueError: If a parameter is not positive.
    """

    a: float
    b: float
    p: float
    q: float

    def __post_init__(self) -> None:
        for name in ("a", "b", "p", "q"):
            number(f"Gb2Activation.{name}", getattr(self, name), above=0)

    def sample(self, shape: tuple[int, ...], *, rng: RNG) -> Floats:
        random = generator(rng)
        # Y/(1 − Y) is a ratio of two gamma variables, which keeps its digits where Y rounds to 1.
        odds = random.standard_gamma(self.p, shape) / random.standard_gamma(self.q, shape)
        return np.asarray(self.b * odds ** (1 / self.a))

    def quadrature(self) -> tuple[Floats, Floats]:
        s = np.linspace(-40 / self.p, 40 / self.q, _TRAPEZOID_NODES)  # log odds of Y
        log_density = self.p * s - (self.p + self.q) * np.logaddexp(0, s)
        return self.b * np.exp(s / self.a), _normalized(log_density)
