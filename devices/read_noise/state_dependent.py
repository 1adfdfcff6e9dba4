"""Memoryless normal noise whose relative size depends on the conductance."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from devices.read_noise.base import ReadNoise, State
from devices.seeding import RNG, generator
from devices.validation import LARGEST_ERROR, LARGEST_NUMBER, Floats, number


class StateDependentNoise(ReadNoise):
    """ξ ~ N(1, σ²(g)), drawn on every read; a subclass defines σ(g) as `relative_sigma`."""

    is_gaussian: ClassVar[bool] = True

    @abstractmethod
    def relative_sigma(self, g: Floats) -> Floats:
        """Return the relative read noise σ_G/g of cells of g [S], of g's shape."""

    def moments(self, g: Floats) -> tuple[Floats, Floats]:
        return np.ones(np.shape(g)), self.relative_sigma(g) ** 2

    def sample(
        self, g: Floats, state: State, n_reads: int, *, rng: RNG, period: float | None = None
    ) -> tuple[Floats, State]:
        z = generator(rng).standard_normal((n_reads, *np.shape(g)))
        return 1 + self.relative_sigma(g) * z, state


@dataclass(frozen=True)
class PowerLawNoise(StateDependentNoise):
    """Normal read noise with σ_G = coefficient · g_ref · (g/g_ref)^gamma [S], drawn on every read.

    γ = 1 is purely multiplicative (the network normalizes itself), γ = ½ thermal-like, γ = 0
    additive. After a common-mode gain α a neural sampling machine fires with Φ(α^{1−γ} x). A cell
    with g = 0 is read without noise.

    Attributes:
        coefficient: Relative read noise ΔG/G at g_ref.
        gamma: Exponent γ.
        g_ref: Reference conductance [S].

    Raises:
        ValueError: If a number lies outside its range.
    """

    coefficient: float
    gamma: float
    g_ref: float

    def __post_init__(self) -> None:
        number("PowerLawNoise.coefficient", self.coefficient, at_least=0)
        number("PowerLawNoise.gamma", self.gamma)
        number("PowerLawNoise.g_ref", self.g_ref, above=0, plausible=LARGEST_NUMBER, unit="S")

    def relative_sigma(self, g: Floats) -> Floats:
        g = np.asarray(g, dtype=np.float64)
        ratio = np.where(g > 0, g / self.g_ref, 1.0)
        return np.where(g > 0, self.coefficient * ratio ** (self.gamma - 1), 0.0)


@dataclass(frozen=True, kw_only=True)
class LogConductanceNoise(StateDependentNoise):
    """Normal read noise with σ_G = coefficient · log10(g/g_unit) · √(ln((t + t_r)/(2 t_r))) [S].

    It is the law of a single read: the variance that 1/f noise accumulates from t_r to t. In a
    series of reads most of it is the same from read to read; for these take `FlickerNoise` with
    `LogConductanceFlicker`, as the preset `rram_cmo_hfox` does. Published
    for CMO/HfOx RRAM of 9 to 88 µS with g_unit = 1 µS (Falcone et al. 2025, arXiv:2502.04524).

    The logarithm falls to 0 at g_unit and has no meaning below. γ = 1/ln(g/g_unit) reaches 1 at
    e · g_unit, where the relative noise is largest; below, σ_G/g keeps that value, so that γ = 1.
    This continuation is our choice and not published: it is smooth, and it describes a filament so
    thin that one trap changes a fixed fraction of the current.

    Attributes:
        coefficient: Size of the noise [S].
        g_unit: Conductance in the logarithm [S]; default 1 µS.
        t: Time since programming [s]; default 1 s.
        t_r: Read time [s]; default 1 µs.

    Raises:
        ValueError: If a number lies outside its range.
    """

    coefficient: float
    g_unit: float = 1e-6
    t: float = 1.0
    t_r: float = 1e-6

    def __post_init__(self) -> None:
        number(
            "LogConductanceNoise.coefficient",
            self.coefficient,
            at_least=0,
            plausible=LARGEST_ERROR,
            unit="S",
        )
        number(
            "LogConductanceNoise.g_unit", self.g_unit, above=0, plausible=LARGEST_NUMBER, unit="S"
        )
        number("LogConductanceNoise.t_r", self.t_r, above=0, unit="s")
        number("LogConductanceNoise.t", self.t, at_least=self.t_r, unit="s")

    def relative_sigma(self, g: Floats) -> Floats:
        ratio = np.maximum(np.asarray(g, dtype=np.float64) / self.g_unit, np.e)
        window = np.sqrt(np.log((self.t + self.t_r) / (2 * self.t_r)))
        return self.coefficient * np.log10(ratio) * window / (ratio * self.g_unit)
