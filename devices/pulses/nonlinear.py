"""Exponential pulse curves with the nonlinearity labels of NeuroSim."""

from dataclasses import dataclass
from functools import cache, lru_cache
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from devices.pulses.base import UP, Counts, PulsedCells, PulseResponse
from devices.pulses.flat import FlatCells, Law, flat_cells
from devices.seeding import RNG, generator
from devices.validation import Floats, integer

_LARGEST_LOG = 700  # e^700 is still a number; a state that grew so far has long met its end


def label_to_a(label: ArrayLike) -> Floats:
    """Return NeuroSim's A of nonlinearity labels, in units of the number of pulses over the range.

    The normalized curve (1 − e^(−P/A))/(1 − e^(−1/A)) has the largest perpendicular distance 0.07
    |label| from its chord: 1/D − A + A ln(A D) = 0.07 √2 |label| with D = 1 − e^(−1/A).

    Args:
        label: Nonlinearity labels in [−9, 9].

    Returns:
        A, with the sign of the label; ∞ for the label 0.
    """
    label = np.asarray(label, dtype=np.float64)
    with np.errstate(divide="ignore"):
        return np.asarray(1 / _curvature(label))


def _curvature(label: Floats) -> Floats:
    """Return 1/A of nonlinearity labels, by bisection."""
    deviation = 0.07 * np.sqrt(2) * np.abs(label)
    y = 8 * deviation
    low = np.zeros_like(y)
    high = np.full_like(y, 64.0)
    for _ in range(60):
        x = (low + high) / 2
        d = -np.expm1(-x)
        bent = 1 / d + (np.log(d / x) - 1) / x > deviation
        low, high = np.where(bent, low, x), np.where(bent, x, high)
    # The difference above cancels for nearly straight curves; for these the inverted series
    # deviation = x/8 − x³/576 + … is used.
    return np.asarray(np.copysign(np.where(y < 0.02, y + y**3 / 72, (low + high) / 2), label))


@cache
def _curvature_of_all(label: float) -> float:
    """Return 1/A of a label that all cells share; bisection is slow on single numbers."""
    return float(_curvature(np.array(label)))


@dataclass(frozen=True, kw_only=True)
class NonlinearPulses(PulseResponse):
    """Exponential curves: G = g_min + B (1 − e^(−P/A)), B = (g_max − g_min)/(1 − e^(−P_max/A)).

    P counts pulses and A follows from the nonlinearity label (`label_to_a`; Chen, Peng, Yu 2018,
    doi:10.1109/TCAD.2018.2789723). Cycle-to-cycle noise is added once per call: n pulses end with
    the error N(0, n c2c² (g_max − g_min)²), clipped to the range.

    Attributes:
        pulses: P_max, the number of pulses from g_min to g_max.
        nl_up: Label of potentiation in [−9, 9], fast at first for positive labels; default 0.
        nl_down: Label of depression in [−9, 9], fast at first for negative labels; default 0.
        d2d_nl: Standard deviation of both labels between devices; default 0.
        g_min, g_max, c2c: As in `PulseResponse`; c2c is relative to the range g_max − g_min.

    Raises:
        ValueError: If a number lies outside its range.
    """

    pulses: int
    nl_up: float = 0.0
    nl_down: float = 0.0
    d2d_nl: float = 0.0
    random_fields: ClassVar[tuple[str, ...]] = ("c2c", "d2d_nl")

    def __post_init__(self) -> None:
        super().__post_init__()
        integer("NonlinearPulses.pulses", self.pulses, at_least=1)
        for name in ("nl_up", "nl_down"):
            self._check(name, at_least=-9, at_most=9)

    def init(self, shape: tuple[int, ...], *, rng: RNG) -> PulsedCells:
        random = generator(rng)
        cells = np.empty(shape, [("up", float), ("down", float)])
        # Seen from its own start, a depression curve is a potentiation curve with the opposite sign
        # of A.
        for name, label in (("up", self.nl_up), ("down", -self.nl_down)):
            if self.d2d_nl:
                drawn = label + self.d2d_nl * random.standard_normal(shape)
                cells[name] = _curvature(np.clip(drawn, -9, 9))
            else:
                cells[name] = _curvature_of_all(label)
        return cells

    def pulsed(
        self,
        u: Floats,
        n: Counts,
        cells: PulsedCells,
        direction: int,
        random: np.random.Generator,
    ) -> Floats:
        x = cells["up" if direction == UP else "down"]
        # The distance from the start of this direction's curve, before and after n pulses.
        gone = self._along(u if direction == UP else 1 - u, n, x)
        u = gone if direction == UP else 1 - gone
        return np.clip(u + self.c2c * np.sqrt(n) * random.standard_normal(u.shape), 0, 1)

    def _along(self, gone: Floats | float, n: Counts, x: Floats) -> Floats:
        """Return the distance from the start of a curve after n pulses more, without noise."""
        straight = n / self.pulses
        growth = np.minimum(-x * straight, _LARGEST_LOG)
        with np.errstate(invalid="ignore"):
            bent = gone * np.exp(growth) + np.expm1(growth) / np.expm1(-x)
        return np.where(x == 0, gone + straight, bent)

    def written(self, n: Counts, *, rng: RNG) -> Floats:
        """Return the conductances [S] of new cells without differences after pulses from g_min.

        Args:
            n: Number of pulses of each cell, at least 0, of any shape.
            rng: A seed, a Generator, a SeedSequence or None. The same seed gives the same cells
                as `init` and `pulsed`.
        """
        random = generator(rng)
        moved = np.flatnonzero(n > 0)
        counts = n.ravel()[moved]
        curve, deviation = _curve_of_all(self, 1 << int(counts.max(initial=0)).bit_length())
        after = random.standard_normal(counts.size)
        after *= deviation[counts]
        after += curve[counts]
        np.clip(after, 0, 1, out=after)
        after *= self._range
        after += self.g_min
        g = np.full(n.size, self.g_min, dtype=np.float64)
        g[moved] = after
        return g.reshape(n.shape)

    def along_all(self, n: Counts) -> tuple[Floats, Floats]:
        """Return states of the typical cell after pulses from g_min, and their deviations.

        Args:
            n: Numbers of pulses, from 0 on.

        Returns:
            Fractions of the range, which noise is added to before they are clipped; and the
                standard deviation of this noise.
        """
        x = np.full(n.shape, _curvature_of_all(self.nl_up))
        return self._along(0.0, n, x), self.c2c * np.sqrt(n)

    def flat(self, cells: PulsedCells) -> FlatCells:
        """Return the cells for compiled loops, in which several pulses have c2c one after another.

        A pulse moves the distance d from the start of its curve by (1 − q)(d_∞ − d), with
        q = e^(−x/P_max), x = P_max/A and d_∞ = 1/(1 − e^(−x)); d is u, or 1 − u for depression.
        """
        step_up, curvature_up = _first_step(cells["up"].ravel(), self.pulses)
        step_down, curvature_down = _first_step(cells["down"].ravel(), self.pulses)
        return flat_cells(
            Law.AFFINE,
            cells.size,
            alpha=(step_up, step_down),
            base_up=step_up,
            gradient_up=step_up * curvature_up,
            base_down=step_down * (1 - curvature_down),
            gradient_down=-step_down * curvature_down,
            constant=self.c2c,
        )


@lru_cache(maxsize=64)
def _curve_of_all(pulses: NonlinearPulses, n: int) -> tuple[Floats, Floats]:
    """Return what `along_all` does for 0 … n − 1 pulses."""
    return pulses.along_all(np.arange(n))


def _first_step(x: Floats, pulses: int) -> tuple[Floats, Floats]:
    """Return the first step of curves, and the fraction 1 − e^(−x) of it that is lost at the end.

    Args:
        x: P_max/A of each cell.
        pulses: P_max.
    """
    lost = -np.expm1(-x)
    straight = lost == 0
    bent = -np.expm1(-x / pulses) / np.where(straight, 1, lost)
    return np.where(straight, 1 / pulses, bent), lost
