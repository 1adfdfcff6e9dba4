"""Conductance levels that were measured: a list of conductances instead of a number."""

from functools import reduce
from typing import Any

import numpy as np

from devices.validation import Floats, array

#: Distance from a grid, as a fraction of the range of all levels, that counts as rounding.
_ROUNDING = 1e-10
#: Most steps of a common grid; levels on a finer one have no common grid.
_MOST_STEPS = 1_000_000


def checked_levels(name: str, levels: Any, g_min: float, g_max: float) -> tuple[float, ...]:
    """Return a list of levels as a tuple of floats [S].

    Args:
        name: What the list is, for the message.
        levels: Conductances [S]; rising, within [g_min, g_max], at least two.
        g_min: Smallest conductance of the device [S].
        g_max: Largest conductance of the device [S].

    Raises:
        ValueError: If it is not such a list.
    """
    g = array(name, levels, ndim=1)
    if len(g) < 2:
        raise ValueError(f"{name} lists {len(g)} conductances; give at least two, or None")
    falls = np.flatnonzero(np.diff(g) <= 0)
    if len(falls):
        first = int(falls[0])
        raise ValueError(
            f"{name} must rise, but {g[first]:g} S is followed by {g[first + 1]:g} S; sort the list"
        )
    if g[0] < g_min or g[-1] > g_max:
        raise ValueError(
            f"{name} lists {g[0]:g} to {g[-1]:g} S, outside the device's {g_min:g} to {g_max:g} S; "
            "levels are conductances in siemens: write 50 µS as 50e-6"
        )
    return tuple(g.tolist())


def nearest(levels: Floats, target: Floats) -> Floats:
    """Return the level nearest to each target [S]; the lower one of two equally near."""
    middles = (levels[1:] + levels[:-1]) / 2
    return np.asarray(levels[np.searchsorted(middles, target)])


def common_spacing(levels: Floats) -> float:
    """Return the spacing of the coarsest even grid on which all levels lie [S]; 0 for none.

    This is the greatest common divisor of the distances between neighbors, by Euclid's algorithm.
    """
    span = float(levels[-1] - levels[0])
    slack = _ROUNDING * span

    def divisor(a: float, b: float) -> float:
        while b > slack:
            a, b = b, abs(a - b * round(a / b))
        return a

    steps = round(span / reduce(divisor, np.diff(levels).tolist()))
    spacing = span / steps
    off = (levels - levels[0]) / spacing
    on_grid = np.abs(off - np.rint(off)).max() * spacing <= slack
    return spacing if steps <= _MOST_STEPS and on_grid else 0.0


def rounding_variance(levels: Floats, g: Floats, g_min: float, g_max: float) -> Floats:
    """Return the mean square distance [S²] of targets from the level at or nearest to each g.

    The targets are uniform over all that are rounded to that level: from A below it to B above,
    half the gaps to its neighbors or up to the end of the range. Then the mean square is
    (A³ + B³)/(3 (A + B)), which is step²/12 on an even grid.

    Args:
        levels: Conductances of the levels [S], rising.
        g: Conductances [S], each at a level or rounded to the nearest.
        g_min: Smallest conductance of the device [S].
        g_max: Largest conductance of the device [S].
    """
    middles = (levels[1:] + levels[:-1]) / 2
    below = levels - np.concatenate([[g_min], middles])
    above = np.concatenate([middles, [g_max]]) - levels
    variance = (below**3 + above**3) / (3 * (below + above))
    return np.asarray(variance[np.searchsorted(middles, g)])
