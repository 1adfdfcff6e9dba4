"""Pulse updates: what programming pulses make of a conductance. How devices differ is drawn once per chip.

Conductances [S] go in and come out. Inside, a state is the fraction of the way from g_min to g_max. Responses that step a
normalised weight stand in `step_pulses`.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from devices.validation import Floats, integer, number

Cells = NDArray[np.void]  # one record per cell: what is its own
Counts = NDArray[np.intp]
UP, DOWN = 1, -1


@dataclass(frozen=True, kw_only=True)
class PulseResponse(ABC):
    """How a cell between g_min and g_max [S] answers pulses; c2c is the cycle-to-cycle noise, in units of its own.

    A subclass draws what differs between devices (`init`) and moves states (`_pulsed`). An abstract class with fields: each
    of its seven kinds would repeat them. Raises ValueError for g_min < 0, g_min ≥ g_max, or c2c < 0.
    """

    g_min: float
    g_max: float
    c2c: float = 0.0
    random: ClassVar[tuple[str, ...]] = ("c2c",)  # the fields that are noise or spread

    def __post_init__(self) -> None:
        self._check("g_min", at_least=0, unit="S")
        self._check("g_max", above=self.g_min, unit="S")
        for name in self.random:
            self._check(name, at_least=0)

    def _check(self, name: str, unit: str = "", **limits: float) -> None:
        number(f"{type(self).__name__}.{name}", getattr(self, name), unit=unit, **limits)

    @abstractmethod
    def init(self, shape: tuple[int, ...], *, rng: np.random.Generator) -> Cells:
        """Return what is each cell's own, a record per cell, drawn once per chip."""

    @abstractmethod
    def _pulsed(
        self, u: Floats, n: Counts, cells: Cells, direction: int, rng: np.random.Generator
    ) -> Floats:
        """Return the states, as fractions u of the range, after n ≥ 1 pulses each, all in one direction."""

    def _bounds(self, cells: Cells) -> tuple[ArrayLike, ArrayLike]:
        """Return the lowest and the highest state of each cell, as fractions."""
        return 0.0, 1.0

    def respond(
        self, g: ArrayLike, n: ArrayLike, cells: Cells, *, rng: np.random.Generator
    ) -> Floats:
        """Return the conductances [S] of `cells`, so far at g [S], after n pulses each; n is whole, negative for depression.

        g and n are arrays of cells.shape, or stand for all cells. Raises ValueError for an n that is not whole.
        """
        counts = np.asarray(n)
        if counts.dtype.kind not in "iu":
            raise ValueError(
                f"n has the type {counts.dtype}; give whole numbers of pulses, negative for depression"
            )
        flat, counts = cells.ravel(), np.broadcast_to(counts.astype(np.intp), cells.shape).ravel()
        u = np.broadcast_to(
            (np.asarray(g, dtype=np.float64) - self.g_min) / self._range, cells.shape
        ).flatten()
        for direction in (UP, DOWN):
            moved = np.flatnonzero(direction * counts > 0)
            if moved.size:
                u[moved] = self._pulsed(
                    u[moved], np.abs(counts[moved]), flat[moved], direction, rng
                )
        low, high = self._bounds(flat)
        return np.asarray(self.g_min + self._range * np.clip(u, low, high).reshape(cells.shape))

    def apparent(self, g: Floats, *, rng: np.random.Generator) -> Floats:
        """Return what the last pulse leaves to be seen of cells at g [S]: g itself, or g with a model's write noise."""
        return np.array(g, dtype=np.float64)

    def typical(self) -> Self:
        """Return the same response without noise and without differences between devices."""
        return replace(self, **dict.fromkeys(self.random, 0.0))

    def curve(self, n: int) -> tuple[Floats, Floats]:
        """Return conductances [S] after 0…n potentiating pulses from g_min, and after 0…n depressing ones from g_max.

        Of the typical device, without noise. Where steps depend on w linearly, noise leaves this the mean curve.
        """
        pulses, typical = np.arange(integer("n", n, at_least=0) + 1), self.typical()
        rng = np.random.default_rng(0)  # drawn from, but without spreads nothing depends on it
        cells = typical.init(pulses.shape, rng=rng)
        down = typical.respond(self.g_max, DOWN * pulses, cells, rng=rng)
        return typical.respond(self.g_min, UP * pulses, cells, rng=rng), down

    @property
    def _range(self) -> float:
        return self.g_max - self.g_min


def label_to_a(label: ArrayLike) -> Floats:
    """Return NeuroSim's A, in units of the number of pulses over the range, of nonlinearity labels in [−9, 9]; ∞ for 0.

    The normalised curve (1 − e^(−P/A))/(1 − e^(−1/A)) keeps from its chord the largest perpendicular distance 0.07 |label|:
    1/D − A + A ln(A D) = 0.07 √2 |label| with D = 1 − e^(−1/A). The sign of A is that of the label.
    """
    label = np.asarray(label, dtype=np.float64)
    with np.errstate(divide="ignore"):
        return np.asarray(1 / _curvature(label))


def _curvature(label: Floats) -> Floats:
    """Return 1/A of labels, by bisection."""
    deviation = 0.07 * np.sqrt(2) * np.abs(label)
    y = 8 * deviation
    low, high = np.zeros_like(y), np.full_like(y, 64.0)
    for _ in range(60):
        x = (low + high) / 2
        d = -np.expm1(-x)
        bent = 1 / d + (np.log(d / x) - 1) / x > deviation
        low, high = np.where(bent, low, x), np.where(bent, x, high)
    # Nearly straight curves by the series, deviation = x/8 − x³/576 + …: the difference above would cancel.
    return np.asarray(np.copysign(np.where(y < 0.02, y + y**3 / 72, (low + high) / 2), label))


@dataclass(frozen=True, kw_only=True)
class NonlinearPulses(PulseResponse):
    """Exponential curves with NeuroSim's labels: G = g_min + B (1 − e^(−P/A)), B = (g_max − g_min)/(1 − e^(−P_max/A)).

    pulses: P_max, from g_min to g_max. nl_up, nl_down in [−9, 9]: labels of potentiation and depression, each as a function
    of P. Potentiation is fast at first for nl_up > 0, depression for nl_down < 0. n pulses end with N(0, n c2c² (g_max −
    g_min)²), once per call, clipped to the range. d2d_nl: standard deviation of both labels between devices. Chen, Peng,
    Yu 2018, doi:10.1109/TCAD.2018.2789723; `label_to_a`. Raises ValueError outside the ranges.
    """

    pulses: int
    nl_up: float = 0.0
    nl_down: float = 0.0
    d2d_nl: float = 0.0
    random: ClassVar[tuple[str, ...]] = ("c2c", "d2d_nl")

    def __post_init__(self) -> None:
        super().__post_init__()
        integer("NonlinearPulses.pulses", self.pulses, at_least=1)
        for name in ("nl_up", "nl_down"):
            self._check(name, at_least=-9, at_most=9)

    def init(self, shape: tuple[int, ...], *, rng: np.random.Generator) -> Cells:
        cells = np.empty(shape, [("up", float), ("down", float)])
        # Seen from its own start, a depression curve is a potentiation curve with the opposite sign of A.
        for name, label in (("up", self.nl_up), ("down", -self.nl_down)):
            drawn = np.clip(label + self.d2d_nl * rng.standard_normal(shape), -9, 9)
            cells[name] = _curvature(drawn) if self.d2d_nl else float(_curvature(np.array(label)))
        return cells

    def _pulsed(
        self, u: Floats, n: Counts, cells: Cells, direction: int, rng: np.random.Generator
    ) -> Floats:
        x = cells["up" if direction == UP else "down"]
        gone = u if direction == UP else 1 - u  # the way from the start of this direction's curve
        straight = n / self.pulses
        with np.errstate(invalid="ignore", over="ignore"):
            bent = gone * np.exp(-x * straight) + np.expm1(-x * straight) / np.expm1(-x)
        gone = np.where(x == 0, gone + straight, bent)
        u = gone if direction == UP else 1 - gone
        return np.clip(u + self.c2c * np.sqrt(n) * rng.standard_normal(u.shape), 0, 1)
