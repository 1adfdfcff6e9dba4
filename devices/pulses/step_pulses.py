"""The base classes of pulse responses that step a normalized weight.

These are the families of aihwkit (Rasch et al. 2021, arXiv:2104.02184), in conductances. A weight w
between its bounds w_min ≤ 0 < w_max stands for a conductance between g_min and g_max [S], linearly.
Each pulse moves w by ±α y(w) plus noise and clips it to the cell's own bounds. α and the bounds are
drawn once per chip. The step laws y(w) are in `step_laws` and `piecewise`.
"""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from devices.pulses.base import DOWN, UP, Counts, PulsedCells, PulseResponse
from devices.pulses.flat import FlatCells, affine
from devices.seeding import RNG, generator
from devices.validation import LARGEST_NUMBER, Floats, boolean

_RANDOM_FIELDS = (
    "c2c",
    "write_noise",
    "d2d_step",
    "d2d_up_down",
    "d2d_w_min",
    "d2d_w_max",
    "p_corrupt",
)
_CORRUPT_WIDTH = 1e-6  # distance of the two bounds of a corrupt cell, which laws divide by
_LARGEST_LOG = 700  # e^700 is still a number; a state that grew so far has long met its bound


@dataclass(frozen=True, kw_only=True)
class StepPulses(PulseResponse):
    """Pulses that move a normalized weight w by ±α y(w); a subclass defines y as `relative_step`.

    Devices differ in α = step |f ± r|. The factor f is N(1, d2d_step²), or its logarithm is N(0,
    d2d_step²) if `lognormal`; r ~ N(0, d2d_up_down²) makes one direction stronger and the other
    weaker. The bounds are multiplied by |N(1, d2d_w_max²)| and |N(1, d2d_w_min²)|; the lower bound
    never falls below the weight of 0 S.

    Corrupt cells do not respond: their α is 0 and their bounds meet at one weight, uniform in
    [−corrupt_range, corrupt_range], as in the fit to the arrays of Gong et al., IEDM 2022.

    Attributes:
        step: α of the typical device.
        w_min: Weight at g_min; default −1.
        w_max: Weight at g_max; default 1.
        up_down: Fraction of `step` by which depression (> 0) or potentiation (< 0) is weaker;
            default 0.
        additive: Whether c2c is relative to α instead of the mean step; default False.
        write_noise: Standard deviation, in units of `step`, of reads around w; default 0.
        d2d_step: Device-to-device spread of α; default 0.
        lognormal: Whether the spread of α is lognormal instead of normal; default False.
        d2d_up_down: Device-to-device spread of the asymmetry between directions; default 0.
        d2d_w_min: Device-to-device spread of the lower bound, relative; default 0.
        d2d_w_max: Device-to-device spread of the upper bound, relative; default 0.
        p_corrupt: Probability that a cell is corrupt; default 0.
        corrupt_range: Largest |w| of a corrupt cell; default 0.01.
        g_min, g_max, c2c: As in `PulseResponse`; c2c is the standard deviation of one pulse's step,
            relative to its mean.

    Raises:
        ValueError: If step ≤ 0, w_min > 0, w_max ≤ 0, |up_down| ≥ 1, a spread is negative,
            p_corrupt is above 1, or corrupt_range is not in (0, the nearer bound].
    """

    step: float
    w_min: float = -1.0
    w_max: float = 1.0
    up_down: float = 0.0
    additive: bool = False
    write_noise: float = 0.0
    d2d_step: float = 0.0
    lognormal: bool = False
    d2d_up_down: float = 0.0
    d2d_w_min: float = 0.0
    d2d_w_max: float = 0.0
    p_corrupt: float = 0.0
    corrupt_range: float = 0.01
    random_fields: ClassVar[tuple[str, ...]] = _RANDOM_FIELDS

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("additive", "lognormal"):
            boolean(f"{type(self).__name__}.{name}", getattr(self, name))
        self._check("step", above=0)
        self._check("w_min", at_most=0)
        self._check("w_max", above=0)
        self._check("up_down", above=-1, below=1)
        self._check("p_corrupt", at_least=0, at_most=1)
        nearer = min(-self.w_min, self.w_max) if self.p_corrupt else LARGEST_NUMBER
        self._check("corrupt_range", above=0, at_most=nearer)

    @abstractmethod
    def relative_step(self, w: Floats, cells: PulsedCells, direction: int) -> Floats:
        """Return y(w), the mean step in units of α.

        Args:
            w: Weights, of shape (cells,).
            cells: Records with the fields "up" and "down" (α of each direction), "w_min" and
                "w_max".
            direction: `UP` (1) or `DOWN` (−1).
        """

    def closed_form(
        self, w: Floats, n: Counts, cells: PulsedCells, direction: int
    ) -> Floats | None:
        """Return w after n noise-free pulses, before clipping; None without a closed form."""
        return None

    def step_deviation(self, w: Floats, mean_step: Floats, alpha: Floats) -> Floats:
        """Return the standard deviation of one pulse's step.

        Args:
            w: Weights, of shape (cells,).
            mean_step: Mean step α y(w) of each cell.
            alpha: α of each cell.
        """
        return self.c2c * (alpha if self.additive else mean_step)

    def init(self, shape: tuple[int, ...], *, rng: RNG) -> PulsedCells:
        return _drawn_cells(self, shape, generator(rng))

    def pulsed(
        self,
        u: Floats,
        n: Counts,
        cells: PulsedCells,
        direction: int,
        random: np.random.Generator,
    ) -> Floats:
        # A cell without a step does not move; laws may divide by its range, which may be a point.
        n = np.where(cells["up" if direction == UP else "down"] > 0, n, 0)
        # Sorted by falling n, the cells that still have a pulse to come are always the first ones.
        order = np.argsort(-n, kind="stable")
        w = self.w_min + u[order] * (self.w_max - self.w_min)
        n, cells = n[order], cells[order]
        alpha = cells["up" if direction == UP else "down"]
        low, high = cells["w_min"], cells["w_max"]
        w = np.clip(w, low, high)
        exact = self.closed_form(w, n, cells, direction) if self.c2c == 0 else None
        if exact is not None:
            w = np.clip(exact, low, high)
        else:
            cells_left = np.searchsorted(-n, -np.arange(n[0]))  # how many have a pulse to come
            for m in cells_left:
                step = alpha[:m] * self.relative_step(w[:m], cells[:m], direction)
                change = direction * step
                if self.c2c:
                    deviation = self.step_deviation(w[:m], step, alpha[:m])
                    change += deviation * random.standard_normal(m)
                w[:m] = np.clip(w[:m] + change, low[:m], high[:m])
        after = np.empty_like(w)
        after[order] = (w - self.w_min) / (self.w_max - self.w_min)
        return after

    def bounds(self, cells: PulsedCells) -> tuple[ArrayLike, ArrayLike]:
        low, high = (
            (cells[name] - self.w_min) / (self.w_max - self.w_min) for name in ("w_min", "w_max")
        )
        return low, high

    def with_write_noise(self, g: Floats, *, rng: RNG) -> Floats:
        random = generator(rng)
        g = np.array(g, dtype=np.float64)
        if self.write_noise:
            sigma = self.write_noise * self.step * self._range / (self.w_max - self.w_min)
            g = np.maximum(g + sigma * random.standard_normal(g.shape), 0)
        return g

    def symmetry_point(self, cells: PulsedCells) -> Floats:
        """Return the conductances [S] to which alternating pulses lead.

        There a step up is as large as a step down. The point is found by bisection, which requires
        that the step up minus the step down falls with w, as in any saturating response. Where the
        difference keeps its sign, the result is the bound to which alternating pulses drift.
        """
        moving = cells["up"] + cells["down"] > 0
        point = (cells["w_min"] + cells["w_max"]) / 2
        point[moving] = _balanced(self, cells[moving])
        above_w_min = point - self.w_min
        return np.asarray(self.g_min + self._range * above_w_min / (self.w_max - self.w_min))


def flat_fields(pulses: StepPulses, cells: PulsedCells) -> dict[str, Any]:
    """Return the arguments of `flat_cells` that all step laws share."""
    low, high = pulses.bounds(cells.ravel())
    width = pulses.w_max - pulses.w_min
    return {
        "cells": cells.size,
        "alpha": (cells["up"].ravel() / width, cells["down"].ravel() / width),
        "zero": -pulses.w_min / width,
        "low": low,
        "high": high,
        "of_step": 0.0 if pulses.additive else pulses.c2c,
        "of_alpha": pulses.c2c if pulses.additive else 0.0,
        "write_noise": pulses.write_noise * pulses.step / width,
    }


class AffinePulses(StepPulses):
    """Steps that depend linearly on the state, y(w) = 1 − slope · w; a subclass defines `slope`.

    Without noise n pulses then have a closed form: the distance to w* = 1/slope shrinks by the
    factor 1 − decay on each pulse.
    """

    @abstractmethod
    def slope(self, cells: PulsedCells, direction: int) -> Floats:
        """Return the slope of each cell, per unit of w."""

    def relative_step(self, w: Floats, cells: PulsedCells, direction: int) -> Floats:
        return 1 - self.slope(cells, direction) * w

    def closed_form(
        self, w: Floats, n: Counts, cells: PulsedCells, direction: int
    ) -> Floats | None:
        alpha = cells["up" if direction == UP else "down"]
        decay = direction * alpha * self.slope(cells, direction)
        if (decay >= 1).any():
            return None  # w overshoots w*, and may meet a bound between two pulses
        growth = np.minimum(n * np.log1p(-decay), _LARGEST_LOG)
        steps = np.where(decay == 0, n, -np.expm1(growth) / np.where(decay == 0, 1, decay))
        return w + direction * alpha * self.relative_step(w, cells, direction) * steps

    def flat(self, cells: PulsedCells) -> FlatCells:
        """Return the cells for compiled loops."""
        fields = flat_fields(self, cells)
        one, width = cells.ravel(), self.w_max - self.w_min
        slopes = (width * self.slope(one, UP), width * self.slope(one, DOWN))
        return affine(slopes=slopes, **fields)


def _drawn_cells(
    pulses: StepPulses, shape: tuple[int, ...], random: np.random.Generator
) -> PulsedCells:
    """Return new cells, with the steps and bounds of each."""
    p = pulses
    cells = np.empty(shape, [(name, float) for name in ("up", "down", "w_min", "w_max")])
    factor, r, low, high = random.standard_normal((4, *shape))
    factor = np.exp(p.d2d_step * factor) if p.lognormal else 1 + p.d2d_step * factor
    cells["up"] = p.step * np.abs(factor + min(p.up_down, 0) + p.d2d_up_down * r)
    cells["down"] = p.step * np.abs(factor - max(p.up_down, 0) - p.d2d_up_down * r)
    w_at_0_siemens = p.w_min - p.g_min * (p.w_max - p.w_min) / (p.g_max - p.g_min)
    cells["w_min"] = np.maximum(p.w_min * np.abs(1 + p.d2d_w_min * low), w_at_0_siemens)
    cells["w_max"] = p.w_max * np.abs(1 + p.d2d_w_max * high)
    if p.p_corrupt:
        corrupt = random.random(shape) < p.p_corrupt
        stuck = random.uniform(-p.corrupt_range, p.corrupt_range, shape)
        fixed: dict[str, Floats | float] = {"up": 0.0, "down": 0.0}
        fixed |= {"w_min": stuck, "w_max": stuck + _CORRUPT_WIDTH}
        for name, value in fixed.items():
            cells[name] = np.where(corrupt, value, cells[name])
    return cells


def _balanced(pulses: StepPulses, cells: PulsedCells) -> Floats:
    """Return the weights at which a step up is as large as a step down."""
    low = cells["w_min"].copy()
    high = cells["w_max"].copy()
    for _ in range(60):
        w = (low + high) / 2
        step_up = cells["up"] * pulses.relative_step(w, cells, UP)
        step_down = cells["down"] * pulses.relative_step(w, cells, DOWN)
        rises = step_up > step_down
        low, high = np.where(rises, w, low), np.where(rises, high, w)
    return np.asarray((low + high) / 2)
