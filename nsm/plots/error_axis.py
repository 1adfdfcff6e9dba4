"""The axis of test errors: linear from 0, or logarithmic where small errors must be told apart."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from devices.validation import choice
from nsm.nn.inference import Floats

#: Scales of the error axis that a caller can choose.
ERROR_AXES = ("auto", "log", "linear")
#: From this ratio of the largest to the smallest error on, "auto" is logarithmic: on a linear axis
#: 1.4 and 2 % are one point if 50 % is on it too.
WIDE = 10.0


def error_scale(means: Floats, wanted: str = "auto") -> str:
    """Return the scale of the error axis, "log" or "linear".

    "auto" is logarithmic where all errors are above 0 and the largest is at least `WIDE` times the
    smallest, and linear from 0 elsewhere.

    Args:
        means: mean errors of all points [%].
        wanted: one of `ERROR_AXES`.

    Raises:
        ValueError: the name is unknown, or a logarithmic axis is to show an error of 0.
    """
    choice("error_axis", wanted, ERROR_AXES)
    least = float(np.min(means))
    if wanted == "log" and least <= 0:
        raise ValueError(
            "error_axis = 'log' cannot show the points without an error "
            f"({int(np.sum(means <= 0))} of {len(means)}); choose 'linear' or 'auto'"
        )
    if wanted != "auto":
        return wanted
    return "log" if least > 0 and np.max(means) >= WIDE * least else "linear"


def round_numbers(low: float, high: float) -> list[float]:
    """Return the numbers 1, 2 and 5 times a power of ten within a range, or finer ones.

    A range with fewer than three of them has numbers at equal distances.
    """
    powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    numbers = [m * 10.0**k for k in powers for m in (1, 2, 5)]
    inside = [n for n in numbers if low <= n <= high]
    if len(inside) < 3:
        inside = [float(n) for n in MaxNLocator(4).tick_values(low, high) if low <= n <= high]
    return inside


def mark_error_axis(ax: Axes, scale: str, least: float, most: float) -> None:
    """Scale and label the y axis of `ax`.

    Args:
        ax: the axes, with all lines and bands.
        scale: of `error_scale`.
        least: smallest mean error drawn [%].
        most: largest error drawn [%], bands included.
    """
    ax.set_ylabel("test error [%]")
    if scale == "linear":
        ax.set_ylim(bottom=0)
        return
    ax.set_yscale("log")
    low, high = lowest_drawn(least) / 1.05, min(most * 1.15, 115.0)
    ax.set_ylim(low, high)
    mark_errors(ax)


def mark_errors(ax: Axes) -> None:
    """Label the y axis of `ax`, if it is logarithmic, at 1, 2 and 5 times powers of ten."""
    if ax.get_yscale() != "log":
        return
    ticks = round_numbers(*ax.get_ylim())
    ax.set_yticks(ticks, [f"{t:g}" for t in ticks])
    ax.minorticks_off()


def lowest_drawn(least: float) -> float:
    """Return where bands end on a logarithmic axis [%], below the smallest mean error.

    A band of mean ± s.d. may reach below 0, which a logarithmic axis cannot show.
    """
    return least / 1.5
