"""Fits of read noise: spectra, quantiles, and telegraph traces with their dwell times."""

import numpy as np
from matplotlib.axes import Axes

from devices import ReadNoiseFit, TelegraphFit
from devices.fitting.quantiles import normal_quantiles, own_quantiles
from devices.validation import Floats, array
from nsm.plots.style import COLORS, LINES, MARKERS, figure, styled

#: Cells whose curves are drawn, at most: evenly chosen over their conductances.
MOST_CELLS = 5
#: Reads of a trace that are drawn, at most.
MOST_READS = 2000
MICRO = 1e6


def shown_cells(fit: ReadNoiseFit) -> list[int]:
    """Return the numbers of the cells that are drawn, in the order of their conductances."""
    order = np.argsort([cell.conductance for cell in fit.cells])
    few = np.linspace(0, len(order) - 1, min(MOST_CELLS, len(order))).round().astype(int)
    return [int(order[k]) for k in few]


@styled
def plot_noise_spectra(fit: ReadNoiseFit, *, ax: Axes | None = None) -> Axes:
    """Draw the spectral density of cells, and that of the fit, over frequency.

    Args:
        fit: The fit.
        ax: Where to draw; None makes a figure.
    """
    axes = figure()[1] if ax is None else ax
    for place, k in enumerate(shown_cells(fit)):
        style = {"color": COLORS[place % len(COLORS)]}
        label = f"{fit.cells[k].conductance * MICRO:.3g} µS"
        axes.loglog(fit.frequencies, fit.density[k] * MICRO**2, **style, lw=0.6, alpha=0.6)
        axes.loglog(fit.frequencies, fit.model_density[k] * MICRO**2, **style, label=label)
    for edge in fit.band:
        axes.axvline(edge, color="grey", lw=0.6, ls=":")
    axes.set_xlabel("frequency [Hz]")
    axes.set_ylabel("density [µS²/Hz]")
    axes.legend(frameon=False, title="thin: measured, thick: fit\ndotted: band of the slope",
                title_fontsize=6)  # fmt: skip
    return axes


@styled
def plot_spectrum_residuals(fit: ReadNoiseFit, *, ax: Axes | None = None) -> Axes:
    """Draw measured over fitted densities of the cells.

    Args:
        fit: The fit.
        ax: Where to draw; None makes a figure.
    """
    axes = figure()[1] if ax is None else ax
    for place, k in enumerate(shown_cells(fit)):
        axes.loglog(fit.frequencies, 1 + fit.residuals[k], ".", ms=1, alpha=0.3,
                    color=COLORS[place % len(COLORS)],
                    label=f"{fit.cells[k].conductance * MICRO:.3g} µS")  # fmt: skip
    axes.axhline(1, color="grey", lw=0.8)
    axes.set_xlabel("frequency [Hz]")
    axes.set_ylabel("measured / fitted density")
    axes.legend(frameon=False, markerscale=3)
    return axes


@styled
def plot_quantiles(
    quantiles: Floats, normal: Floats, labels: list[str] | None = None, *, ax: Axes | None = None
) -> Axes:
    """Draw measured quantiles over those of a normal law (Q–Q), with the diagonal.

    Args:
        quantiles: Quantiles in standard deviations, (curves, quantiles).
        normal: Quantiles of the standard normal law, (quantiles,).
        labels: Name of each curve; None for no legend.
        ax: Where to draw; None makes a figure.
    """
    axes = figure()[1] if ax is None else ax
    curves = np.atleast_2d(quantiles)
    for place, curve in enumerate(curves):
        color, marker = COLORS[place % len(COLORS)], MARKERS[place % len(MARKERS)]
        label = labels[place] if labels else None
        axes.plot(normal, curve, marker, ms=2, color=color, label=label)
    axes.plot(normal[[0, -1]], normal[[0, -1]], color="grey", lw=0.8, label="normal")
    axes.set_xlabel("quantile of a normal law [s.d.]")
    axes.set_ylabel("measured quantile [s.d.]")
    axes.legend(frameon=False)
    return axes


def residual_quantiles(residuals: Floats) -> tuple[Floats, Floats]:
    """Return quantiles of residuals in their standard deviations, and those of a normal law."""
    return own_quantiles(residuals), normal_quantiles()


def busiest_window(fit: TelegraphFit, reads: int = MOST_READS) -> slice:
    """Return the reads of the window of a trace that holds the most transitions."""
    n = len(fit.states)
    if n <= reads:
        return slice(0, n)
    changes = np.concatenate([[0], np.cumsum(np.diff(fit.states) != 0)])
    first = int(np.argmax(changes[reads - 1 :] - changes[: n - reads + 1]))
    return slice(first, first + reads)


@styled
def plot_decoded_trace(
    fit: TelegraphFit, *, trace: Floats | None = None, ax: Axes | None = None
) -> Axes:
    """Draw a trace with its decoded levels, where most transitions are.

    Args:
        fit: The fit.
        trace: The trace [S]; None (default) for levels, background and residuals of the fit.
        ax: Where to draw; None makes a figure.
    """
    axes = figure()[1] if ax is None else ax
    decoded = fit.wander + fit.levels[fit.states]
    reads = decoded + fit.residuals if trace is None else array("trace", trace, ndim=1)
    window = busiest_window(fit)
    t = fit.period * np.arange(len(reads))[window]
    axes.plot(t, reads[window] * MICRO, color=COLORS[5], lw=0.5, label="reads")
    axes.plot(t, decoded[window] * MICRO, color=COLORS[1], lw=1, label="decoded")
    axes.set_xlabel("time [s]")
    axes.set_ylabel("conductance [µS]")
    axes.legend(frameon=False, title=fit.kind, title_fontsize=6)
    return axes


@styled
def plot_dwell_times(fit: TelegraphFit, *, ax: Axes | None = None) -> Axes:
    """Draw which share of the dwells in each level lasts longer than a time, and the fitted law.

    The law of a level is exponential, e^(−t q), with its rate q of leaving in the fit.

    Args:
        fit: The fit.
        ax: Where to draw; None makes a figure.
    """
    axes = figure()[1] if ax is None else ax
    longest = max((dwells.max() for dwells in fit.dwells if dwells.size), default=fit.period)
    t = np.linspace(0, longest, 200)
    for k, dwells in enumerate(fit.dwells):
        color, level = COLORS[k % len(COLORS)], f"{fit.levels[k] * MICRO:.4g} µS"
        if dwells.size:
            left = 1 - np.arange(dwells.size) / dwells.size
            axes.step(
                np.sort(dwells),
                left,
                where="pre",
                color=color,
                label=f"{level} (n = {dwells.size})",
            )
        axes.plot(t, np.exp(fit.rates[k, k] * t), color=color, lw=0.8, ls=LINES[1])
    axes.set_yscale("log")
    fewest = max((dwells.size for dwells in fit.dwells), default=1)
    axes.set_ylim(0.5 / max(fewest, 1), 1.3)
    axes.set_xlabel("dwell time [s]")
    axes.set_ylabel("share that lasts longer")
    axes.legend(frameon=False, title="steps: decoded, dashed: fit", title_fontsize=6)
    return axes
