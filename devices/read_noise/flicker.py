"""1/f noise: a sum of Ornstein-Uhlenbeck processes per cell, exact at any read times."""

from collections.abc import Callable
from dataclasses import dataclass, is_dataclass, replace
from math import ceil, log, log10, pi

import numpy as np

from devices.operating_point import OperatingPoint
from devices.read_noise.base import NoNoise, ReadNoise
from devices.read_noise.ornstein_uhlenbeck import OrnsteinUhlenbeckNoise
from devices.validation import Floats, boolean, integer, number


@dataclass(frozen=True, kw_only=True)
class FlickerNoise(OrnsteinUhlenbeckNoise):
    """1/f noise with the relative spectrum S_G/G² = q²/f between f_low and f_high.

    ξ = 1 + q(g) √(L/K) Σ_k x_k with L = ln(f_high/f_low); the mean is 1 and the variance q² L. x_k
    are K independent normal processes of variance 1 and covariance e^{−lag/τ_k}, with τ_k
    log-spaced within [1/(2π f_high), 1/(2π f_low)]. Below f_low the spectrum is flat; above f_high
    it falls as 1/f². In the middle four of eight decades f S varies by 12 % from peak to peak with
    one process per decade, and by 0.7 % with two; one decade from an end 6 % of it are missing.
    Superposition of Lorentzians: van der Ziel, Physica 16, 359 (1950).

    A read that averages over T sees noise up to 1/(2 T), its bandwidth: in a chip, that of its
    `Hardware` cuts the law where it is below f_high. Noise slower than all reads
    together acts as a static error: over S reads, `period` apart, about
    q² (ln(S · period/(2 T)) + γ_E + ln 2π − 3/2) of the variance is visible, and the last three
    terms add up to 0.915.

    A large q makes negative reads, which no device has: Var ξ = 0.7 gives them a probability of
    12 %. `clamped` sets them to 0, ξ = max(1 + …, 0), as the published models of phase-change
    memory do. Mean, variance and covariance are then those of a rectified normal variable: the mean
    is above 1. `psd` is that of the process before clamping.

    Once per chip x_k is drawn from the stationary law (`init`). On every read
    x_k ← x_k e^{−Δ/τ_k} + √(1 − e^{−2Δ/τ_k}) N(0, 1).

    Attributes:
        q: Size of the noise: a number, or an instance of a dataclass that is called with g [S],
            such as `PcmFlicker()`. Unlike a function, an instance can be written to a file and
            compares equal in another process.
        f_low: Lowest frequency of the 1/f law [Hz].
        f_high: Highest frequency of the 1/f law [Hz].
        per_decade: Number of processes per decade of frequency; default 2.
        clamped: Whether negative reads are set to 0; default False.

    Raises:
        ValueError: If a number lies outside its range, or q or clamped is of another type.
    """

    q: float | Callable[[Floats], Floats]
    f_low: float
    f_high: float
    per_decade: int = 2
    clamped: bool = False

    def __post_init__(self) -> None:
        if not callable(self.q):
            number("FlickerNoise.q", self.q, at_least=0)
        elif not is_dataclass(self.q) or isinstance(self.q, type):
            raise ValueError(
                f"FlickerNoise.q = {self.q!r} cannot be written to a file or compared in another "
                "process; give a number, or an instance of a frozen dataclass with __call__(g), "
                "such as PcmFlicker()"
            )
        number("FlickerNoise.f_low", self.f_low, above=0, unit="Hz")
        number("FlickerNoise.f_high", self.f_high, above=self.f_low, unit="Hz")
        integer("FlickerNoise.per_decade", self.per_decade, at_least=1)
        boolean("FlickerNoise.clamped", self.clamped)

    def at(self, point: OperatingPoint) -> ReadNoise:
        """Return the noise that reads of a bandwidth see: faster parts are averaged away."""
        bandwidth = point.noise_bandwidth
        if bandwidth >= self.f_high:
            return self
        return replace(self, f_high=bandwidth) if bandwidth > self.f_low else NoNoise()

    @property
    def taus(self) -> Floats:
        """Correlation times τ_k [s] of the processes, rising."""
        decades = log10(self.f_high / self.f_low)
        # The small number keeps 3 decades from becoming 4 through rounding of the logarithm.
        k = ceil(self.per_decade * decades - 1e-9)
        return np.asarray(10 ** ((np.arange(k) + 0.5) * (decades / k)) / (2 * pi * self.f_high))

    @property
    def shares(self) -> Floats:
        """Share of each process in the variance: all have the same."""
        k = self.taus.size
        return np.full(k, 1 / k)

    def variance(self, g: Floats) -> Floats:
        q = np.asarray(self.q(g) if callable(self.q) else self.q, dtype=np.float64)
        return np.full(np.shape(g), q**2 * log(self.f_high / self.f_low))
