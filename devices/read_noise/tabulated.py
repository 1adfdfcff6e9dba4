"""Read noise whose size is known by a table over the conductance."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from devices.interpolation import MonotoneCubic
from devices.read_noise.state_dependent import StateDependentNoise
from devices.rows import check_lengths, rising_row, row
from devices.validation import Floats, number


def relative(sigma: Floats, g: Floats) -> Floats:
    """Return σ_G/g; 0 for a cell without conductance, whose reads are ξ · 0 S whatever the noise.

    Args:
        sigma: Standard deviations σ_G [S].
        g: Conductances [S] of the same shape.
    """
    driven = g > 0
    return np.where(driven, sigma / np.where(driven, g, 1.0), 0.0)


def exponent_of(sigma: MonotoneCubic, g: Floats) -> Floats:
    """Return γ = d ln σ_G / d ln g of a table; one-sided at its ends, NaN where there is no noise.

    Args:
        sigma: The curve σ_G(g) [S].
        g: Conductances [S].
    """
    g = np.asarray(g, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(g * sigma.slope(g) / np.where(g > 0, sigma(g), 0.0))


@dataclass(frozen=True, kw_only=True)
class TabulatedNoise(StateDependentNoise):
    """Normal read noise of a tabulated σ_G(g), drawn on every read: ξ = 1 + noise_factor σ_G/g Z.

    σ_G is given at a few conductances. Between these it is interpolated by a monotone cubic
    (`devices.interpolation`), which never overshoots the table. Beyond the ends of the table it is
    constant, which extrapolates the measurement. A cell with g = 0 is read without noise, because
    read noise is a factor.

    Attributes:
        conductances: Conductances [S] of the table, two or more, rising.
        sigma: Standard deviation σ_G of one read [S], one for each of `conductances`.
        noise_factor: Factor on the noise, as an axis of sweeps; default 1.

    Raises:
        ValueError: If the conductances do not rise, a row has another length than they, or a number
            lies outside its range.
    """

    conductances: tuple[float, ...]
    sigma: tuple[float, ...]
    noise_factor: float = 1.0

    def __post_init__(self) -> None:
        check_table(self, "sigma", "S")

    def relative_sigma(self, g: Floats) -> Floats:
        g = np.asarray(g, dtype=np.float64)
        sigma = MonotoneCubic(self.conductances, self.sigma)(g)
        return self.noise_factor * relative(sigma, g)

    def exponent(self, g: Floats) -> Floats:
        return exponent_of(MonotoneCubic(self.conductances, self.sigma), g)


@dataclass(frozen=True, kw_only=True)
class TabulatedFlicker:
    """Size Q(g) of 1/f noise by a table, S_G/G² = Q²/f; give it to `FlickerNoise` as `q`.

    An instance is called with conductances [S] and returns Q. Between the conductances of the table
    Q is interpolated by a monotone cubic (`devices.interpolation`); beyond its ends it is constant,
    so that the absolute noise is proportional to g there.

    Attributes:
        conductances: Conductances [S] of the table, two or more, rising.
        size: Q, one for each of `conductances`.
        noise_factor: Factor on the noise, as an axis of sweeps; default 1.

    Raises:
        ValueError: If the conductances do not rise, a row has another length than they, or a number
            lies outside its range.
    """

    conductances: tuple[float, ...]
    size: tuple[float, ...]
    noise_factor: float = 1.0

    def __post_init__(self) -> None:
        check_table(self, "size", "")

    def __call__(self, g: Floats) -> Floats:
        return np.asarray(self.noise_factor * MonotoneCubic(self.conductances, self.size)(g))


def check_table(model: Any, name: str, unit: str) -> None:
    """Replace the rows of a new model by tuples of numbers, and check them and its factor.

    Args:
        model: The model, with the fields `conductances` and `noise_factor`.
        name: Its field with one number of at least 0 for each conductance.
        unit: Unit of that field.

    Raises:
        ValueError: If a field is refused.
    """
    owner = type(model).__name__
    conductances = rising_row(f"{owner}.conductances", model.conductances, at_least=0, unit="S")
    sizes = row(f"{owner}.{name}", getattr(model, name), at_least=0, unit=unit)
    check_lengths(f"{owner}.{name}", sizes, "conductances", conductances)
    object.__setattr__(model, "conductances", conductances)
    object.__setattr__(model, name, sizes)
    number(f"{owner}.noise_factor", model.noise_factor, at_least=0)
