"""Relaxation that is known by the spread of conductances at a few times after programming."""

from dataclasses import dataclass

import numpy as np

from devices.retention.base import Retention
from devices.retention.increments import normal_walk
from devices.rows import is_row, rising_row, row
from devices.seeding import RNG, generator
from devices.validation import LARGEST_NUMBER, Floats, number, shortened


@dataclass(frozen=True, kw_only=True)
class TabulatedRelaxation(Retention):
    """G(t) = max(g + W(t), 0), where W has the spreads of a table at a few times.

    The spread at times[k] is σ_k(g) = Σ_i coefficients[k][i] (g/g_ref)^i [S], floored at 0, with g
    limited to [0, g_ref]. The spread at the first time belongs to programming; what relaxation adds
    by times[k] is the variance extra² = σ_k² − σ_0² of W. Where a fitted spread is smaller than an
    earlier one, extra² keeps the largest value so far: cells do not come back. Between the times
    extra² is interpolated linearly in ln t, which is our choice and not published; after the last
    time it is constant.

    W has independent normal increments, drawn once per chip (`devices.retention.increments`). The
    published spreads do not tell how one cell moves from time to time; increments are independent
    where this was measured, see `RelaxationProcess`. The mean conductance does not change.

    Attributes:
        times: Times after programming [s], two or more, rising.
        coefficients: For each time the coefficients of σ [S], in ascending powers of g/g_ref.
        g_ref: Reference conductance of the fit [S].
        spread_factor: Factor on `extra`, as an axis of sweeps; default 1.

    Raises:
        ValueError: If the times do not rise, or there is not one polynomial for each of them.
    """

    times: tuple[float, ...]
    coefficients: tuple[tuple[float, ...], ...]
    g_ref: float
    spread_factor: float = 1.0

    def __post_init__(self) -> None:
        times = rising_row("TabulatedRelaxation.times", self.times, above=0, unit="s")
        object.__setattr__(self, "times", times)
        name = "TabulatedRelaxation.coefficients"
        if not is_row(self.coefficients):
            raise ValueError(
                f"{name} = {shortened(self.coefficients)} is not a list of rows; give one "
                "polynomial for each time, with at least its constant term [S]"
            )
        rows = tuple(
            row(f"{name}[{i}]", c, plausible=LARGEST_NUMBER, unit="S")
            for i, c in enumerate(self.coefficients)
        )
        if len(rows) != len(times) or not all(rows):
            raise ValueError(
                f"{name} has {len(rows)} rows for {len(times)} times; give one polynomial for "
                "each, with at least its constant term [S]"
            )
        object.__setattr__(self, "coefficients", rows)
        number("TabulatedRelaxation.g_ref", self.g_ref, above=0, plausible=LARGEST_NUMBER, unit="S")
        number("TabulatedRelaxation.spread_factor", self.spread_factor, at_least=0)

    def common(self, g: Floats, seconds: float) -> Floats:
        """Return the mean factor E[G(t)]/g before the floor at 0 S, which is 1."""
        return np.ones(np.shape(g))

    def spread(self, g: Floats, seconds: float) -> Floats:
        """Return extra(g, t) [S], the standard deviation of G(t) before the floor at 0 S."""
        return np.asarray(self.spread_factor * np.sqrt(self._variance(g, seconds)))

    def _variance(self, g: Floats, seconds: float) -> Floats:
        """Return extra²(g, t) [S²]."""
        ratio = np.clip(np.asarray(g, dtype=np.float64) / self.g_ref, 0, 1)
        sigma = [
            np.maximum(np.polynomial.polynomial.polyval(ratio, row), 0) for row in self.coefficients
        ]
        extra = np.maximum.accumulate([s**2 - sigma[0] ** 2 for s in sigma], axis=0)
        log_time = np.log(max(seconds, self.times[0]))
        position = np.interp(log_time, np.log(self.times), np.arange(len(self.times)))
        k = min(int(position), len(self.times) - 2)
        share = position - k
        return np.asarray((1 - share) * extra[k] + share * extra[k + 1])

    def age(self, g: Floats, seconds: float, *, rng: RNG) -> Floats:
        random = generator(rng)
        g = np.asarray(g, dtype=np.float64)
        if seconds <= self.times[0]:
            return g.copy()
        # Nothing changes after the last time of the table.
        end = min(seconds, self.times[-1])
        walk = normal_walk(
            lambda t: self._variance(g, t),
            end,
            self.times[0],
            random,
            shape=g.shape,
            knots=self.times,
        )
        return np.maximum(g + self.spread_factor * walk, 0)


#: TaOx/HfOx RRAM with conductances up to 40 µS, at 1 s, 1 day and 2 days after write-verify. Wan et
#: al. Nature 608, 504 (2022) Ext. Data Fig. 3, doi:10.1038/s41586-022-04992-8, as digitized in
#: aihwkit 4545f11 (reram.py). Another digitization of the figure differs by 17 % at 20 µS and by 77
#: % at 1 µS already at 1 s.
RELAXATION_WAN2022 = TabulatedRelaxation(
    times=(1.0, 86400.0, 172800.0),
    coefficients=(
        (0.348e-6, 16.030e-6, -43.853e-6, 45.393e-6, -16.815e-6),
        (0.701e-6, 22.086e-6, -50.773e-6, 47.095e-6, -16.458e-6),
        (0.782e-6, 20.274e-6, -43.507e-6, 37.062e-6, -11.934e-6),
    ),
    g_ref=40e-6,
)
