"""Drift that is known by a table of mean and spread over time and conductance."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from devices.retention.base import Retention
from devices.retention.increments import normal_walk
from devices.rows import rising_row, rows_of
from devices.seeding import RNG, generator
from devices.validation import LARGEST_ERROR, Floats, number


@dataclass(frozen=True, kw_only=True)
class TabulatedDrift(Retention):
    """G(t) = max(g + common_factor · mean(g, t) + spread_factor · W(t), 0) with Var W = std²(g, t).

    `mean` and `std` are mean and standard deviation of the change G(t) − G(0) over cells of the
    same programmed conductance g. Between conductances both are interpolated linearly, so that also
    there the spread never shrinks with time; beyond the ends of the table they are constant.
    Between times the mean and the variance std² are interpolated linearly in ln t. Before the first
    time they grow in proportion to t, so that nothing jumps at 0 s. After the last time they stay,
    which extrapolates the measurement.

    W has normal increments that are independent from one interval of time to the next
    (`devices.retention.increments`), drawn once per chip: a table of spreads does not tell how one
    cell moves, and increments are independent where this was measured, see `RelaxationProcess`.
    Such a spread never shrinks with time, and a table in which it does is refused. `common` and
    `spread` leave out the floor at 0 S.

    Attributes:
        times: Times after programming [s], two or more, rising.
        conductances: Programmed conductances [S], two or more, rising.
        std: Standard deviation of the change [S]: one row for each time, with one number for each
            conductance.
        mean: Mean change [S] in the same order; default () for none.
        common_factor: Factor on the mean change, as an axis of sweeps; default 1.
        spread_factor: Factor on the deviations from it, as an axis of sweeps; default 1.

    Raises:
        ValueError: If positions do not rise, a row has the wrong length, a number lies outside its
            range, or a spread shrinks with time.
    """

    times: tuple[float, ...]
    conductances: tuple[float, ...]
    std: tuple[tuple[float, ...], ...]
    mean: tuple[tuple[float, ...], ...] = ()
    common_factor: float = 1.0
    spread_factor: float = 1.0

    def __post_init__(self) -> None:
        times = rising_row("TabulatedDrift.times", self.times, above=0, unit="s")
        conductances = rising_row(
            "TabulatedDrift.conductances", self.conductances, at_least=0, unit="S"
        )
        positions = ("times", times), ("conductances", conductances)
        std = rows_of(
            "TabulatedDrift.std",
            self.std,
            *positions,
            at_least=0,
            plausible=LARGEST_ERROR,
            unit="S",
        )
        mean: tuple[tuple[float, ...], ...] = ()
        if not (isinstance(self.mean, (tuple, list)) and not self.mean):
            mean = rows_of(
                "TabulatedDrift.mean", self.mean, *positions, plausible=LARGEST_ERROR, unit="S"
            )
        checked = {"times": times, "conductances": conductances, "std": std, "mean": mean}
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        _check_growth(self)
        number("TabulatedDrift.common_factor", self.common_factor, at_least=0)
        number("TabulatedDrift.spread_factor", self.spread_factor, at_least=0)

    def common(self, g: Floats, seconds: float) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(1 + self._mean_change(g, seconds) / np.asarray(g, dtype=np.float64))

    def spread(self, g: Floats, seconds: float) -> Floats:
        return np.asarray(self.spread_factor * np.sqrt(self._variance(g, seconds)))

    def age(self, g: Floats, seconds: float, *, rng: RNG) -> Floats:
        random = generator(rng)
        g = np.asarray(g, dtype=np.float64)
        if seconds <= 0:
            return g.copy()
        walk = normal_walk(
            lambda t: self._variance(g, t),
            min(seconds, self.times[-1]),
            self.times[0],
            random,
            shape=g.shape,
            knots=self.times,
        )
        return np.maximum(g + self._mean_change(g, seconds) + self.spread_factor * walk, 0)

    def _mean_change(self, g: Floats, seconds: float) -> Floats:
        """Return the mean change [S] at a time."""
        if not self.mean:
            return np.zeros(np.shape(g))
        return self.common_factor * self._at_time([self._at(g, r) for r in self.mean], seconds)

    def _variance(self, g: Floats, seconds: float) -> Floats:
        """Return the variance of W [S²] at a time."""
        return self._at_time([self._at(g, r) ** 2 for r in self.std], seconds)

    def _at(self, g: Floats, numbers: tuple[float, ...]) -> Floats:
        """Return a row of the table at conductances [S]."""
        return np.asarray(np.interp(np.asarray(g, dtype=np.float64), self.conductances, numbers))

    def _at_time(self, of_times: list[Floats], seconds: float) -> Floats:
        """Return values at a time [s] from those at the times of the table."""
        if seconds <= self.times[0]:
            return np.asarray(of_times[0] * (seconds / self.times[0]))
        place = np.interp(np.log(seconds), np.log(self.times), np.arange(len(self.times)))
        k = min(int(place), len(self.times) - 2)
        share = place - k
        return np.asarray((1 - share) * of_times[k] + share * of_times[k + 1])


def _check_growth(drift: TabulatedDrift) -> None:
    """Raise ValueError if a spread of the table shrinks with time."""
    for i, (before, after) in enumerate(pairwise(drift.std)):
        for k, (earlier, later) in enumerate(zip(before, after, strict=True)):
            if later < earlier:
                raise ValueError(
                    f"TabulatedDrift.std shrinks from {earlier:g} S at {drift.times[i]:g} s to "
                    f"{later:g} S at {drift.times[i + 1]:g} s for cells of "
                    f"{drift.conductances[k]:g} S; independent increments are never undone: give "
                    "the largest spread so far (numpy.maximum.accumulate(std, axis=0)), or a "
                    "RelaxationProcess, whose fluctuation returns"
                )
