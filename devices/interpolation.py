"""Monotone cubic interpolation of tables: as smooth as a cubic, and nowhere beyond its knots.

The curve through knots x_k with the values y_k is a cubic in each interval, with slopes d_k at the
knots that keep it monotone wherever the values are (PCHIP). It never overshoots: between two knots
it lies between their values, so that a table of positive numbers stays positive. Beyond the ends it
is constant. The condition is that of Fritsch and Carlson, SIAM J. Numer. Anal. 17, 238 (1980); the
slopes are those of Fritsch and Butland, SIAM J. Sci. Stat. Comput. 5, 300 (1984).
"""

import numpy as np
from numpy.typing import ArrayLike

from devices.validation import Floats


class MonotoneCubic:
    """A curve through the knots of a table; see the module. Call it with arrays of any shape.

    Args:
        knots: Positions x_k, two or more, rising. They are not checked: models check their fields
            with `devices.rows`.
        values: Values y_k at the knots, as many.
        slopes: Slopes d_k at the knots; None (default) for those of `knot_slopes`. With others the
            curve is monotone if none is above three times the secants beside it.
    """

    def __init__(
        self, knots: ArrayLike, values: ArrayLike, *, slopes: ArrayLike | None = None
    ) -> None:
        self._knots = np.asarray(knots, dtype=np.float64)
        y = np.asarray(values, dtype=np.float64)
        self._lowest, self._highest = y.min(), y.max()
        steps = np.diff(self._knots)
        secants = np.diff(y) / steps
        at_knots = knot_slopes(steps, secants) if slopes is None else np.asarray(slopes)
        first, last = at_knots[:-1], at_knots[1:]
        # Coefficients of each interval's cubic in the distance from its first knot.
        self._coefficients = (
            y[:-1],
            first,
            (3 * secants - 2 * first - last) / steps,
            (first + last - 2 * secants) / steps**2,
        )

    def __call__(self, x: ArrayLike) -> Floats:
        """Return the curve at x; beyond the ends it has the value of the end."""
        distance, interval = self._located(x)
        constant, linear, square, cube = self._coefficients
        # Horner's scheme in place, because arrays of cells are large.
        y = cube[interval]
        for coefficient in (square, linear, constant):
            y *= distance
            y += coefficient[interval]
        # Rounding must not make a standard deviation negative where the table ends at 0.
        return np.clip(y, self._lowest, self._highest)

    def slope(self, x: ArrayLike) -> Floats:
        """Return the derivative of the curve at x: one-sided at the ends, and 0 beyond them."""
        distance, interval = self._located(x)
        _, linear, square, cube = (c[interval] for c in self._coefficients)
        slope = linear + distance * (2 * square + distance * 3 * cube)
        inside = (self._knots[0] <= np.asarray(x)) & (np.asarray(x) <= self._knots[-1])
        return np.where(inside, slope, 0.0)

    def _located(self, x: ArrayLike) -> tuple[Floats, np.ndarray]:
        """Return the distance of each x from the knot before it, and the number of that knot."""
        knots = self._knots
        limited = np.clip(np.asarray(x, dtype=np.float64), knots[0], knots[-1])
        interval = np.searchsorted(knots[1:-1], limited, side="right")
        return np.asarray(limited - knots[interval]), interval


def knot_slopes(steps: Floats, secants: Floats) -> Floats:
    """Return the slopes at the knots of a monotone cubic.

    Inside, a slope is the weighted harmonic mean of the secants on both sides, and 0 where the
    values turn. At an end it is that of the parabola through three knots, limited so that the curve
    stays monotone.

    Args:
        steps: Distances between neighboring knots.
        secants: Slopes of the straight lines between them.
    """
    if secants.size == 1:
        return np.repeat(secants, 2)
    before, after = secants[:-1], secants[1:]
    weight_before = 2 * steps[1:] + steps[:-1]
    weight_after = steps[1:] + 2 * steps[:-1]
    turns = before * after <= 0
    safe_before, safe_after = np.where(turns, 1, before), np.where(turns, 1, after)
    mean = (weight_before + weight_after) / (
        weight_before / safe_before + weight_after / safe_after
    )
    first = _end_slope(steps[0], steps[1], secants[0], secants[1])
    last = _end_slope(steps[-1], steps[-2], secants[-1], secants[-2])
    return np.array([first, *np.where(turns, 0, mean), last])


def _end_slope(step: float, next_step: float, secant: float, next_secant: float) -> float:
    """Return the slope at an end, from the interval there and its neighbor."""
    slope = ((2 * step + next_step) * secant - step * next_secant) / (step + next_step)
    if slope * secant <= 0:
        return 0.0
    # Three times the secant is the largest slope with which the cubic stays monotone.
    if secant * next_secant <= 0 and abs(slope) > 3 * abs(secant):
        return 3 * secant
    return slope
