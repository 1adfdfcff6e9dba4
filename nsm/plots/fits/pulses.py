"""Fits of pulse curves."""

import numpy as np
from matplotlib.axes import Axes

from devices import PulsesFit
from nsm.plots.fits.noise import MICRO
from nsm.plots.style import COLORS, figure, legend_above, styled


@styled
def plot_pulse_fit(fit: PulsesFit, *, ax: Axes | None = None) -> Axes:
    """Draw measured up and down curves beside the noise-free curves of the response.

    Args:
        fit: The fit.
        ax: Where to draw; None makes a figure.
    """
    axes = figure()[1] if ax is None else ax
    curves = (("potentiation", fit.up), ("depression", fit.down))
    for place, (name, curve) in enumerate(curves):
        color = COLORS[place]
        for number, residuals in enumerate(fit.residuals[place::2]):
            measured = curve[: len(residuals)] + residuals
            axes.plot(measured * MICRO, ".", ms=1, color=color, alpha=0.4,
                      label=f"{name}, measured" if not number else None)  # fmt: skip
        axes.plot(curve * MICRO, color=color, label=f"{name}, fit")
    axes.set_xlabel("pulses")
    axes.set_ylabel("conductance [µS]")
    axes.legend(frameon=False, title=type(fit.model).__name__, title_fontsize=6, markerscale=4)
    if ax is None:
        legend_above(axes)
    return axes


@styled
def plot_response_scores(fit: PulsesFit, *, ax: Axes | None = None) -> Axes:
    """Draw the error of each response on pulses that it was not fitted to; green: the one taken.

    It is the simplest one within a standard error of the best.

    Args:
        fit: The fit.
        ax: Where to draw; None makes a figure.
    """
    axes = figure()[1] if ax is None else ax
    names = sorted(fit.scores, key=lambda name: fit.scores[name], reverse=True)
    colors = [COLORS[2 if name == type(fit.model).__name__ else 5] for name in names]
    axes.barh(np.arange(len(names)), [fit.scores[n] * MICRO for n in names], color=colors)
    axes.set_yticks(np.arange(len(names)), names)
    axes.set_xlabel("error on pulses left out [µS, rms]")
    return axes
