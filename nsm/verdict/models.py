"""Variants of given models that the search needs: scaled read noise, traps that stand still."""

from dataclasses import dataclass, replace

import numpy as np

from devices import (
    GaussianNoise,
    LognormalNoise,
    ReadNoise,
    TabulatedNoise,
    TabulatedSpectrum,
    WriteModel,
)
from devices.operating_point import OperatingPoint
from devices.read_noise.base import State
from devices.seeding import RNG, generator
from devices.validation import Floats


@dataclass(frozen=True)
class ScaledNoise(ReadNoise):
    """ξ = 1 + factor · (ξ₀ − 1): a given read noise ξ₀ whose deviations are multiplied.

    Attributes:
        noise: The given noise ξ₀.
        factor: Factor on its deviations from 1; at 1 it is the given noise.
    """

    noise: ReadNoise
    factor: float

    @property
    def has_memory(self) -> bool:
        return self.noise.has_memory

    def at(self, point: OperatingPoint) -> "ScaledNoise":
        return ScaledNoise(self.noise.at(point), self.factor)

    def moments(self, g: Floats) -> tuple[Floats, Floats]:
        return self._scaled(*self.noise.moments(g))

    def moments_given(self, g: Floats, state: State) -> tuple[Floats, Floats]:
        return self._scaled(*self.noise.moments_given(g, state))

    def _scaled(self, mean: Floats, variance: Floats) -> tuple[Floats, Floats]:
        return 1 + self.factor * (mean - 1), self.factor**2 * variance

    def covariance(self, g: Floats, lag: float) -> Floats:
        return np.asarray(self.factor**2 * self.noise.covariance(g, lag))

    def init(self, g: Floats, *, rng: RNG) -> State:
        return self.noise.init(g, rng=rng)

    def advance(self, g: Floats, state: State, seconds: float, *, rng: RNG) -> State:
        return self.noise.advance(g, state, seconds, rng=rng)

    def sample(
        self, g: Floats, state: State, n_reads: int, *, rng: RNG, period: float | None = None
    ) -> tuple[Floats, State]:
        xi, after = self.noise.sample(g, state, n_reads, rng=rng, period=period)
        return 1 + self.factor * (xi - 1), after


def scaled_noise(noise: ReadNoise, factor: float) -> ReadNoise:
    """Return a noise with `factor` times the deviations; of the same class if that has a factor.

    Args:
        noise: The given noise.
        factor: Factor on its deviations from 1.
    """
    if factor == 1:
        return noise  # which is read as before, by the strategy of its class
    if isinstance(noise, (GaussianNoise, LognormalNoise)):
        return type(noise)(noise.sigma * factor)
    if isinstance(noise, (TabulatedNoise, TabulatedSpectrum)):
        return replace(noise, noise_factor=noise.noise_factor * factor)
    return ScaledNoise(noise, factor)


@dataclass(frozen=True, kw_only=True)
class ScaledError(WriteModel):
    """A given programming error, g − target, that is multiplied by a factor.

    It serves write models that have no `error_factor` of their own, such as write-verify.

    Attributes:
        write: The given programming.
        factor: Factor on the error of every cell; at 1 it is the given one.
    """

    write: WriteModel
    factor: float

    @property
    def has_own_range(self) -> bool:
        return self.factor <= 1 and self.write.has_own_range

    def bias(self, target: Floats) -> Floats:
        return np.asarray(self.factor * self.write.bias(target))

    def sigma(self, target: Floats) -> Floats:
        return np.asarray(self.factor * self.write.sigma(target))

    def program(self, target: Floats, *, rng: RNG) -> Floats:
        t = np.asarray(target, dtype=np.float64)
        return np.maximum(t + self.factor * (self.write.program(t, rng=rng) - t), 0)


@dataclass(frozen=True, kw_only=True)
class FrozenTraps(WriteModel):
    """Cells that are written as given, with a trap each that keeps its state for all reads.

    This is the limit of `devices.TelegraphNoise` with one trap of equal capture and emission times
    that are long beside all reads of a chip: the factor 1 − amplitude · s, with s = 1 in half of
    the cells, is drawn once per chip.

    Attributes:
        write: The given programming.
        amplitude: δ = ΔG/G of a captured trap, in [0, 1].
        g_min: Smallest conductance that a cell is written to [S].
        g_max: Largest [S].
    """

    write: WriteModel
    amplitude: float
    g_min: float
    g_max: float

    @property
    def has_own_range(self) -> bool:
        return True  # a captured trap takes a cell below g_min

    def bias(self, target: Floats) -> Floats:
        t = np.asarray(target, dtype=np.float64)
        return (1 - self.amplitude / 2) * (t + self.write.bias(t)) - t

    def sigma(self, target: Floats) -> Floats:
        # The mean over s of E (w (1 − δ s) − t)², where w is what the write model leaves.
        t, d = np.asarray(target, dtype=np.float64), self.amplitude
        square, along = self.write.sigma(t) ** 2, t * self.write.bias(t)
        return np.sqrt(square - d * (square + along) + d**2 / 2 * (t**2 + 2 * along + square))

    def program(self, target: Floats, *, rng: RNG) -> Floats:
        random = generator(rng)
        g = self.write.program(target, rng=random)
        if not self.write.has_own_range:
            g = np.clip(g, self.g_min, self.g_max)
        captured = random.random(g.shape) < 0.5
        return np.where(captured, (1 - self.amplitude) * g, g)
