"""Pulses that step a normalised weight: the families of aihwkit (Rasch et al. 2021, arXiv:2104.02184), in conductances.

A weight w between its bounds w_min ≤ 0 < w_max stands for a conductance between g_min and g_max [S], linearly. Each pulse
moves it by ±α y(w) plus noise, clipped to the cell's own bounds. α, and the bounds, are drawn once per chip.
"""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import least_squares

from devices.pulses.base import DOWN, UP, Cells, Counts, PulseResponse
from devices.validation import Floats, array, integer


@dataclass(frozen=True, kw_only=True)
class _StepPulses(PulseResponse):
    """What the families share; they differ in y(w), the mean step in units of α.

    step: α of the typical device. up_down: depression (> 0) or potentiation (< 0) is weaker by this share of `step`.
    c2c: standard deviation of a pulse's noise, relative to its own mean step, or where `additive` to α. write_noise:
    standard deviation, in units of `step`, of what is seen around w after each pulse (`apparent`). Raises ValueError outside
    w_min ≤ 0 < w_max, |up_down| < 1, or for a step ≤ 0 or a negative spread.

    Between devices: α = step |gain ± r|, gain ~ N(1, d2d_step²), or ln gain ~ N(0, d2d_step²) where `lognormal`, and r ~ N(0,
    d2d_up_down²); each bound times |N(1, d2d_w_max²)|, |N(1, d2d_w_min²)|, the lower one not below 0 S.
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
    random: ClassVar[tuple[str, ...]] = (
        "c2c",
        "write_noise",
        "d2d_step",
        "d2d_up_down",
        "d2d_w_min",
        "d2d_w_max",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("step", above=0)
        self._check("w_min", at_most=0)
        self._check("w_max", above=0)
        self._check("up_down", above=-1, below=1)

    def init(self, shape: tuple[int, ...], *, rng: np.random.Generator) -> Cells:
        cells = np.empty(shape, [(name, float) for name in ("up", "down", "w_min", "w_max")])
        gain, r, low, high = rng.standard_normal((4, *shape))
        gain = np.exp(self.d2d_step * gain) if self.lognormal else 1 + self.d2d_step * gain
        cells["up"] = self.step * np.abs(gain + min(self.up_down, 0) + self.d2d_up_down * r)
        cells["down"] = self.step * np.abs(gain - max(self.up_down, 0) - self.d2d_up_down * r)
        zero = (
            self.w_min - self.g_min * (self.w_max - self.w_min) / self._range
        )  # no cell conducts less than 0 S
        cells["w_min"] = np.maximum(self.w_min * np.abs(1 + self.d2d_w_min * low), zero)
        cells["w_max"] = self.w_max * np.abs(1 + self.d2d_w_max * high)
        return cells

    @abstractmethod
    def _relative(self, w: Floats, cells: Cells, direction: int) -> Floats:
        """Return y(w), the mean step in units of α."""

    def _exact(self, w: Floats, n: Counts, cells: Cells, direction: int) -> Floats | None:
        """Return w after n pulses without noise, apart from the bounds, where a closed form holds; None elsewhere."""
        return None

    def _deviation(self, w: Floats, mean_step: Floats, alpha: Floats) -> Floats:
        """Return the standard deviation of one pulse's step."""
        return self.c2c * (alpha if self.additive else mean_step)

    def _pulsed(
        self, u: Floats, n: Counts, cells: Cells, direction: int, rng: np.random.Generator
    ) -> Floats:
        order = np.argsort(
            -n, kind="stable"
        )  # the cells still to be pulsed are then always the first ones
        w, n, cells = self.w_min + u[order] * (self.w_max - self.w_min), n[order], cells[order]
        alpha, low, high = (
            cells["up" if direction == UP else "down"],
            cells["w_min"],
            cells["w_max"],
        )
        w = np.clip(w, low, high)
        exact = self._exact(w, n, cells, direction) if self.c2c == 0 else None
        if exact is not None:
            w = np.clip(exact, low, high)
        else:
            for m in np.searchsorted(-n, -np.arange(n[0])):  # how many cells have a pulse to come
                step = alpha[:m] * self._relative(w[:m], cells[:m], direction)
                change = direction * step
                if self.c2c:
                    change += self._deviation(w[:m], step, alpha[:m]) * rng.standard_normal(m)
                w[:m] = np.clip(w[:m] + change, low[:m], high[:m])
        after = np.empty_like(w)
        after[order] = (w - self.w_min) / (self.w_max - self.w_min)
        return after

    def _bounds(self, cells: Cells) -> tuple[ArrayLike, ArrayLike]:
        low, high = (
            (cells[name] - self.w_min) / (self.w_max - self.w_min) for name in ("w_min", "w_max")
        )
        return low, high

    def apparent(self, g: Floats, *, rng: np.random.Generator) -> Floats:
        g = np.array(g, dtype=np.float64)
        if self.write_noise:
            sigma = self.write_noise * self.step * self._range / (self.w_max - self.w_min)
            g = np.maximum(g + sigma * rng.standard_normal(g.shape), 0)
        return g

    def symmetry_point(self, cells: Cells) -> Floats:
        """Return the conductances [S] where a step up is as large as a step down: alternating pulses lead there.

        By bisection: the step up less the step down must fall with w, as it does in any saturating response. Where it keeps
        its sign, the bound to which pulses drift.
        """
        low, high = cells["w_min"].copy(), cells["w_max"].copy()
        for _ in range(60):
            w = (low + high) / 2
            rises = cells["up"] * self._relative(w, cells, UP) > cells["down"] * self._relative(
                w, cells, DOWN
            )
            low, high = np.where(rises, w, low), np.where(rises, high, w)
        return np.asarray(
            self.g_min + self._range * ((low + high) / 2 - self.w_min) / (self.w_max - self.w_min)
        )


class _AffinePulses(_StepPulses):
    """y(w) = 1 − slope · w: n pulses without noise have a closed form."""

    @abstractmethod
    def _slope(self, cells: Cells, direction: int) -> Floats:
        """Return the slope for each cell, per unit of w."""

    def _relative(self, w: Floats, cells: Cells, direction: int) -> Floats:
        return 1 - self._slope(cells, direction) * w

    def _exact(self, w: Floats, n: Counts, cells: Cells, direction: int) -> Floats | None:
        alpha = cells["up" if direction == UP else "down"]
        decay = (
            direction * alpha * self._slope(cells, direction)
        )  # w* − w shrinks by the factor 1 − decay on each pulse
        if (decay >= 1).any():
            return None  # it overshoots: the bound may be met between pulses
        growth = np.minimum(n * np.log1p(-decay), 700)  # beyond e^700 the bound has long been met
        steps = np.where(decay == 0, n, -np.expm1(growth) / np.where(decay == 0, 1, decay))
        return w + direction * alpha * self._relative(w, cells, direction) * steps


@dataclass(frozen=True, kw_only=True)
class ConstantPulses(_AffinePulses):
    """Steps of one size, y = 1, up to the bounds (Gokmen & Vlasov 2016, doi:10.3389/fnins.2016.00333)."""

    def _slope(self, cells: Cells, direction: int) -> Floats:
        return np.zeros(cells.shape)


@dataclass(frozen=True, kw_only=True)
class LinearPulses(_AffinePulses):
    """Steps that shrink linearly: y = 1 − decrease_up w/w_max up, 1 − decrease_down w/w_min down, with the typical bounds.

    decrease: the share of the step lost at the bound; negative where steps grow. Raises ValueError for w_min = 0.
    """

    decrease_up: float = 0.0
    decrease_down: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("w_min", below=0)
        self._check("decrease_up")
        self._check("decrease_down")

    def _slope(self, cells: Cells, direction: int) -> Floats:
        up = direction == UP
        return np.full(
            cells.shape, self.decrease_up / self.w_max if up else self.decrease_down / self.w_min
        )


@dataclass(frozen=True, kw_only=True)
class SoftBoundsPulses(_AffinePulses):
    """Steps that vanish at each cell's own bounds: y = 1 − w/w_max up, 1 − w/w_min down.

    The form of the RRAM arrays of Gong et al., IEDM 2022; n pulses leave (1 − α/w_max)^n of the distance to the bound.
    `symmetry_point`: w* = (α₊ − α₋)/(α₊/w_max − α₋/w_min). Raises ValueError for w_min = 0.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("w_min", below=0)

    def _slope(self, cells: Cells, direction: int) -> Floats:
        return np.asarray(1 / cells["w_max" if direction == UP else "w_min"])


@dataclass(frozen=True, kw_only=True)
class ExpStepPulses(_StepPulses):
    """y = max(1 − a_up e^(γ_up z), 0) up, max(1 − a_down e^(−γ_down z), 0) down, z = 2 a w/(w_max − w_min) + b.

    Bounds are the cell's own. The standard deviation of a step is c2c (|step| + c2c_base + c2c_slope |w|). Fitted to RRAM by
    Gong et al. 2018, doi:10.1038/s41467-018-04485-1.
    """

    a: float
    b: float
    a_up: float
    a_down: float
    gamma_up: float
    gamma_down: float
    c2c_base: float = 0.0
    c2c_slope: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("a", "b", "a_up", "a_down", "gamma_up", "gamma_down"):
            self._check(name)
        for name in ("c2c_base", "c2c_slope"):
            self._check(name, at_least=0)

    def _relative(self, w: Floats, cells: Cells, direction: int) -> Floats:
        z = 2 * self.a * w / (cells["w_max"] - cells["w_min"]) + self.b
        a, gamma = (
            (self.a_up, self.gamma_up) if direction == UP else (self.a_down, -self.gamma_down)
        )
        return np.asarray(np.maximum(1 - a * np.exp(gamma * z), 0))

    def _deviation(self, w: Floats, mean_step: Floats, alpha: Floats) -> Floats:
        return super()._deviation(w, mean_step, alpha) + self.c2c * (
            self.c2c_base + self.c2c_slope * np.abs(w)
        )


@dataclass(frozen=True, kw_only=True)
class PowerPulses(_StepPulses):
    """y = ((w_max − w)/(w_max − w_min))^γ_up up, ((w − w_min)/(w_max − w_min))^γ_down down, with the cell's own bounds."""

    gamma_up: float = 1.0
    gamma_down: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("gamma_up", at_least=0)
        self._check("gamma_down", at_least=0)

    def _relative(self, w: Floats, cells: Cells, direction: int) -> Floats:
        left, gamma = (
            (cells["w_max"] - w, self.gamma_up)
            if direction == UP
            else (w - cells["w_min"], self.gamma_down)
        )
        return np.asarray((left / (cells["w_max"] - cells["w_min"])) ** gamma)


@dataclass(frozen=True, kw_only=True)
class PiecewisePulses(_StepPulses):
    """y interpolated between the values `up`, or `down`, at evenly spaced w, from the cell's lower to its upper bound.

    `from_measurements` makes one of two measured curves. Raises ValueError for fewer than two values, or negative ones.
    """

    up: tuple[float, ...]
    down: tuple[float, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("up", "down"):
            values = tuple(
                float(v) for v in array(f"PiecewisePulses.{name}", getattr(self, name), ndim=1)
            )
            if len(values) < 2 or min(values) < 0:
                raise ValueError(
                    f"PiecewisePulses.{name} = {values}; give at least two steps, none of them negative"
                )
            object.__setattr__(self, name, values)

    def _relative(self, w: Floats, cells: Cells, direction: int) -> Floats:
        values = self.up if direction == UP else self.down
        place = (w - cells["w_min"]) / (cells["w_max"] - cells["w_min"])
        return np.asarray(np.interp(place, np.linspace(0, 1, len(values)), values))

    @classmethod
    def from_measurements(
        cls,
        up: ArrayLike,
        down: ArrayLike,
        *,
        nodes: int = 5,
        g_min: float | None = None,
        g_max: float | None = None,
        **fields: Any,
    ) -> Self:
        """Return the response fitted to conductances [S] read after 0, 1, 2, … potentiating (`up`) and depressing pulses.

        The steps at `nodes` values of w are those whose noise-free curve comes nearest in the least squares; give noisy
        curves few. A node that a curve does not come near keeps its mean step. g_min, g_max: by default the measured
        extremes, which noise pushes apart. fields: noise and spreads, which two curves do not tell. Raises ValueError for
        fewer than nodes + 2 conductances, or where they do not differ.
        """
        integer("nodes", nodes, at_least=2)
        curves = {name: array(name, g, ndim=1) for name, g in (("up", up), ("down", down))}
        for name, g in curves.items():
            if len(g) < nodes + 2:
                raise ValueError(
                    f"{name} holds {len(g)} conductances; give at least nodes + 2 = {nodes + 2}"
                )
        low = float(min(g.min() for g in curves.values()) if g_min is None else g_min)
        high = float(max(g.max() for g in curves.values()) if g_max is None else g_max)
        if low >= high:
            raise ValueError(
                f"conductances between {low:g} and {high:g} S leave no range to fit; give curves that move"
            )
        weights = {name: 2 * (g - low) / (high - low) - 1 for name, g in curves.items()}
        rise, fall = _fitted(weights["up"], nodes, UP), _fitted(weights["down"], nodes, DOWN)
        step = float(np.mean([rise, fall]))
        return cls(
            g_min=low,
            g_max=high,
            step=step,
            up=tuple(rise / step),
            down=tuple(fall / step),
            **fields,
        )


def _fitted(w: Floats, nodes: int, direction: int) -> Floats:
    """Return the steps at evenly spaced nodes on [−1, 1] whose curve, from a fitted start, comes nearest to w."""

    def residuals(parameters: Floats) -> Floats:
        at, *steps = parameters.tolist()
        left_over = np.empty(len(w))
        for k in range(len(w)):
            left_over[k] = w[k] - at
            place = (at + 1) / 2 * (nodes - 1)
            node = min(int(place), nodes - 2)
            step = steps[node] + (place - node) * (steps[node + 1] - steps[node])
            at = min(max(at + direction * step, -1.0), 1.0)
        return left_over

    even = max(direction * (w[-1] - w[0]) / (len(w) - 1), 1e-6)
    start = np.array(
        [np.clip(w[0], -0.999, 0.999), *[even] * nodes]
    )  # inside its bounds, as the search demands
    bounds = np.array([-1.0, *[0.0] * nodes]), np.array([1.0, *[2.0] * nodes])
    found = least_squares(residuals, start, bounds=bounds, x_scale=np.array([1.0, *[even] * nodes]))
    return np.asarray(found.x[1:])
