"""1/f noise: a sum of Ornstein-Uhlenbeck processes per cell, exact at any read times."""

from collections.abc import Callable
from dataclasses import dataclass, is_dataclass
from math import ceil, log, log10, pi

import numpy as np

from devices.read_noise.base import ReadNoise, State
from devices.validation import Floats, integer, number


@dataclass(frozen=True, kw_only=True)
class FlickerNoise(ReadNoise):
    """ξ = 1 + q(g) √(L/K) Σ_k x_k with relative spectrum S_G/G² = q²/f [1/Hz] between f_low and f_high, L = ln(f_high/f_low).

    `q`: a number, or a law of g [S]: an instance of a dataclass that is called with g, such as `PcmFlicker()`. Unlike a
    function it can be written to a file, and is the same in every process. `f_low`, `f_high` [Hz]: below, the spectrum is
    flat; above, it falls as 1/f². x_k: K independent normal processes of variance 1 and covariance e^{−lag/τ_k},
    `per_decade` of them in every decade, the τ_k log-spaced within [1/(2π f_high), 1/(2π f_low)]. Mean 1, variance q² L.
    In the middle four of eight decades f S varies by 12 % from peak to peak with one process per decade, by 0.7 % with two;
    a decade from an end, 6 % of it are missing. Superposition of Lorentzians: van der Ziel, Physica 16, 359 (1950).

    A read that averages over T sees noise up to f_high = 1/(2 T). What is slower than all the reads taken together is a
    static error to them: over S reads, `period` apart, about q² ln(S · period/(2 T)) of the variance can be seen.

    Once per chip: x_k, from the stationary law. On every read: x_k ← x_k e^{−Δ/τ_k} + √(1 − e^{−2Δ/τ_k}) N(0, 1).
    Raises ValueError for parameters out of range, or a q of another kind.
    """

    q: float | Callable[[Floats], Floats]
    f_low: float
    f_high: float
    per_decade: int = 2

    def __post_init__(self) -> None:
        if not callable(self.q):
            number("FlickerNoise.q", self.q, at_least=0)
        elif not is_dataclass(self.q) or isinstance(self.q, type):
            raise ValueError(
                f"FlickerNoise.q = {self.q!r} has no fields to be written to a file or told apart by in another process; "
                "give a number, or an instance of a frozen dataclass with __call__(g), such as PcmFlicker()"
            )
        number("FlickerNoise.f_low", self.f_low, above=0, unit="Hz")
        number("FlickerNoise.f_high", self.f_high, above=self.f_low, unit="Hz")
        integer("FlickerNoise.per_decade", self.per_decade, at_least=1)

    @property
    def has_memory(self) -> bool:
        return True

    @property
    def taus(self) -> Floats:
        """Correlation times τ_k [s] of the processes, ascending."""
        decades = log10(self.f_high / self.f_low)
        k = ceil(self.per_decade * decades - 1e-9)  # 3 decades stay 3, however they are rounded
        return np.asarray(10 ** ((np.arange(k) + 0.5) * (decades / k)) / (2 * pi * self.f_high))

    def _variance(self, g: Floats) -> Floats:
        q = self.q(g) if callable(self.q) else self.q
        return np.full(
            np.shape(g), np.asarray(q, dtype=np.float64) ** 2 * log(self.f_high / self.f_low)
        )

    def moments(self, g: Floats) -> tuple[Floats, Floats]:
        return np.ones(np.shape(g)), self._variance(g)

    def covariance(self, g: Floats, lag: float) -> Floats:
        return np.asarray(self._variance(g) * np.exp(-lag / self.taus).mean())

    def psd(self, g: Floats, f: Floats) -> Floats:
        """Return S_G/G² [1/Hz], one-sided, at frequencies f [Hz] of cells of g [S], of shape (*f.shape, *g.shape)."""
        taus = self.taus
        lorentzians = (
            4 * taus / (1 + (2 * pi * np.asarray(f, dtype=np.float64)[..., None] * taus) ** 2)
        ).mean(axis=-1)
        return np.asarray(np.multiply.outer(lorentzians, self._variance(g)))

    def init(self, g: Floats, *, rng: np.random.Generator) -> State:
        return rng.standard_normal((self.taus.size, *np.shape(g)))

    def sample(
        self, g: Floats, state: State, n_reads: int, *, rng: np.random.Generator, period: float
    ) -> tuple[Floats, State]:
        per_process = (-1, *(1,) * np.ndim(g))
        kept = np.exp(-period / self.taus).reshape(per_process)
        fresh = np.sqrt(-np.expm1(-2 * period / self.taus)).reshape(per_process)
        scale = np.sqrt(self._variance(g) / self.taus.size)
        x, xi = np.array(state), np.empty((n_reads, *np.shape(g)))
        for i in range(n_reads):
            x *= kept
            x += fresh * rng.standard_normal(x.shape)
            xi[i] = 1 + scale * x.sum(axis=0)
        return xi, x
