"""A step law that is interpolated between values, and its fit to measured pulse curves."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from devices.pulses.base import DOWN, UP, PulsedCells
from devices.pulses.flat import FlatCells, Law, flat_cells
from devices.pulses.step_pulses import StepPulses, flat_fields
from devices.rows import row
from devices.validation import Floats, array, integer


@dataclass(frozen=True, kw_only=True)
class PiecewisePulses(StepPulses):
    """Steps y(w) interpolated linearly between values at evenly spaced w.

    The values reach from the cell's own lower bound to its upper bound. `from_measurements` fits
    them to two measured curves.

    Attributes:
        up: Values of y for potentiation, at least two, none negative.
        down: Values of y for depression, at least two, none negative.
        Others: As in `StepPulses`.

    Raises:
        ValueError: If there are fewer than two values or a negative one, or as `StepPulses`.
    """

    up: tuple[float, ...]
    down: tuple[float, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("up", "down"):
            values = row(f"PiecewisePulses.{name}", getattr(self, name))
            if len(values) < 2 or min(values) < 0:
                raise ValueError(
                    f"PiecewisePulses.{name} = {values}; give at least two steps, "
                    "none of them negative"
                )
            object.__setattr__(self, name, values)

    def relative_step(self, w: Floats, cells: PulsedCells, direction: int) -> Floats:
        values = self.up if direction == UP else self.down
        place = (w - cells["w_min"]) / (cells["w_max"] - cells["w_min"])
        return np.asarray(np.interp(place, np.linspace(0, 1, len(values)), values))

    def flat(self, cells: PulsedCells) -> FlatCells:
        """Return the cells for compiled loops."""
        return flat_cells(
            Law.TABLE,
            table_up=self.up,
            table_down=self.down,
            **flat_fields(self, cells),
        )

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
        """Return the response that fits two measured curves best.

        The steps at `nodes` values of w are chosen so that the noise-free curve comes nearest to
        the measurement in the least squares. A node that no curve comes near keeps the mean step.

        Args:
            up: Conductances [S] read after 0, 1, 2, … potentiating pulses.
            down: Conductances [S] read after 0, 1, 2, … depressing pulses.
            nodes: Number of values of w; noisy curves need few; default 5.
            g_min: Smallest conductance [S]; default is the smallest measured one, which noise
                lowers.
            g_max: Largest conductance [S]; default is the largest measured one, which noise raises.
            **fields: Other fields, such as noise and spreads, which two curves do not determine.

        Raises:
            ValueError: If a curve has fewer than nodes + 2 conductances, or all are the same.
        """
        integer("nodes", nodes, at_least=2)
        curves = {"up": array("up", up, ndim=1), "down": array("down", down, ndim=1)}
        for name, g in curves.items():
            if len(g) < nodes + 2:
                raise ValueError(
                    f"{name} holds {len(g)} conductances; give at least nodes + 2 = {nodes + 2}"
                )
        low = float(min(g.min() for g in curves.values()) if g_min is None else g_min)
        high = float(max(g.max() for g in curves.values()) if g_max is None else g_max)
        if low >= high:
            raise ValueError(
                f"conductances between {low:g} and {high:g} S leave no range to fit; "
                "give curves that move"
            )
        weights = {name: 2 * (g - low) / (high - low) - 1 for name, g in curves.items()}
        rise = _fitted_steps(weights["up"], nodes, UP)
        fall = _fitted_steps(weights["down"], nodes, DOWN)
        step = float(np.mean([rise, fall]))
        return cls(
            g_min=low,
            g_max=high,
            step=step,
            up=tuple(rise / step),
            down=tuple(fall / step),
            **fields,
        )


def _fitted_steps(w: Floats, nodes: int, direction: int) -> Floats:
    """Return the steps at evenly spaced nodes on [−1, 1] that fit the weights w best.

    The start of the curve is fitted too.
    """

    from scipy.optimize import least_squares  # takes almost a second to import, and few need it

    def residuals(parameters: Floats) -> Floats:
        at, *steps = parameters.tolist()
        residual = np.empty(len(w))
        for k in range(len(w)):
            residual[k] = w[k] - at
            place = (at + 1) / 2 * (nodes - 1)
            node = min(int(place), nodes - 2)
            step = steps[node] + (place - node) * (steps[node + 1] - steps[node])
            at = min(max(at + direction * step, -1.0), 1.0)
        return residual

    even = max(direction * (w[-1] - w[0]) / (len(w) - 1), 1e-6)
    # least_squares demands a start that lies strictly inside the bounds.
    start = np.array([np.clip(w[0], -0.999, 0.999), *[even] * nodes])
    lower = np.array([-1.0, *[0.0] * nodes])
    upper = np.array([1.0, *[2.0] * nodes])
    x_scale = np.array([1.0, *[even] * nodes])
    found = least_squares(residuals, start, bounds=(lower, upper), x_scale=x_scale)
    return np.asarray(found.x[1:])
