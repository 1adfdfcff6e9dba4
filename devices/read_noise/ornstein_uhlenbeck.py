"""Read noise as a sum of Ornstein-Uhlenbeck processes per cell, exact at any read times."""

from abc import abstractmethod
from collections.abc import Sequence
from math import pi

import numpy as np
from numpy.typing import ArrayLike

from devices.clipped import rectified_covariance, rectified_moments
from devices.read_noise.base import ReadNoise, State
from devices.read_noise.sampled import SampledTogether
from devices.seeding import RNG, generator
from devices.validation import Floats, array, number


class OrnsteinUhlenbeckNoise(SampledTogether, ReadNoise):
    """ξ = 1 + √v(g) Σ_k √p_k x_k, with independent normal processes x_k of variance 1.

    Each process has the covariance e^{−lag/τ_k}, hence a Lorentzian spectrum. A subclass defines
    the correlation times τ_k, the shares p_k of the processes in the variance, and the variance
    v(g).

    Once per chip x_k is drawn from the stationary law (`init`). On every read
    x_k ← x_k e^{−Δ/τ_k} + √(1 − e^{−2Δ/τ_k}) N(0, 1), which is exact for any time Δ since the last
    read (Gillespie, Phys. Rev. E 54, 2084, 1996).

    Attributes:
        clamped: Whether negative reads are set to 0, ξ = max(1 + …, 0); default False.
    """

    clamped: bool = False

    @property
    @abstractmethod
    def taus(self) -> Floats:
        """Correlation times τ_k [s] of the processes, rising."""

    @property
    @abstractmethod
    def shares(self) -> Floats:
        """Share p_k of each process in the variance; the shares add up to 1."""

    @abstractmethod
    def variance(self, g: Floats) -> Floats:
        """Return Var ξ of cells of g [S] before clamping, of g's shape."""

    @property
    def has_memory(self) -> bool:
        return True

    def moments(self, g: Floats) -> tuple[Floats, Floats]:
        variance = self.variance(g)
        if self.clamped:
            return rectified_moments(np.sqrt(variance))
        return np.ones(np.shape(g)), variance

    def covariance(self, g: Floats, lag: float) -> Floats:
        variance = self.variance(g)
        gap = number("lag", lag, at_least=0, unit="s")
        correlation = float(self.shares @ np.exp(-gap / self.taus))
        if self.clamped:
            return rectified_covariance(np.sqrt(variance), correlation)
        return np.asarray(variance * correlation)

    def psd(self, g: Floats, f: Floats) -> Floats:
        """Return the one-sided relative spectral density S_G/G² [1/Hz], before clamping.

        Args:
            g: Conductances [S].
            f: Frequencies [Hz], at least 0: the spectrum is one-sided.

        Returns:
            The density, of shape (*f.shape, *g.shape).

        Raises:
            ValueError: If a frequency is negative.
        """
        density = lorentzians(frequencies(f), self.taus) @ self.shares
        return np.asarray(np.multiply.outer(density, self.variance(g)))

    def init(self, g: Floats, *, rng: RNG) -> State:
        """Return the processes x_k of each cell, of shape (K, *g.shape)."""
        return generator(rng).standard_normal((self.taus.size, *np.shape(g)))

    def reads(
        self,
        g: Floats,
        state: State,
        generators: Sequence[np.random.Generator],
        period: float | None,
    ) -> tuple[Floats, State]:
        gap = number("period", period, at_least=0, unit="s")
        per_process = (-1, *(1,) * np.ndim(g))
        taus = self.taus
        kept = np.exp(-gap / taus).reshape(per_process)
        fresh = np.sqrt(-np.expm1(-2 * gap / taus)).reshape(per_process)
        weights = np.sqrt(self.shares * taus.size).reshape(per_process)
        are_equal = np.ptp(weights) == 0  # then all are 1
        per_process_std = np.sqrt(self.variance(g) / taus.size)
        x = np.array(state)
        xi = np.empty((len(generators), *np.shape(g)))
        for i, random in enumerate(generators):
            x *= kept
            x += fresh * random.standard_normal(x.shape)
            xi[i] = 1 + per_process_std * (x if are_equal else weights * x).sum(axis=0)
        return np.maximum(xi, 0) if self.clamped else xi, x


def frequencies(f: ArrayLike) -> Floats:
    """Return frequencies [Hz] of a one-sided spectrum, if none is negative."""
    of_spectrum = array("f", f)
    if (of_spectrum < 0).any():
        raise ValueError(
            f"f holds {of_spectrum.min():g} Hz; give frequencies of at least 0: a one-sided "
            "spectrum holds the power of f and −f at f"
        )
    return of_spectrum


def lorentzians(f: Floats, taus: Floats) -> Floats:
    """Return the one-sided spectra [1/Hz] of processes of variance 1, 4 τ/(1 + (2π f τ)²).

    Args:
        f: Frequencies [Hz].
        taus: Correlation times [s].

    Returns:
        The spectra, of shape (*f.shape, *taus.shape).
    """
    omega_tau = 2 * pi * np.multiply.outer(f, taus)
    return np.asarray(4 * taus / (1 + omega_tau**2))
