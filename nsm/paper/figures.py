"""Figures of the paper's curves: ours, and those digitized from the authors' poster."""

import json
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis

from nsm.plots.style import figure, style_of, styled

Results = Sequence[dict[str, Any]]

#: Ratio of the largest to the smallest error from which on their axis is logarithmic.
_LOGARITHMIC_FROM = 2.5


def poster() -> dict[str, Any]:
    """Return the curves digitized from the authors' poster, by network."""
    found: dict[str, Any] = json.loads(
        resources.files("nsm.paper").joinpath("poster.json").read_text()
    )
    return found


@styled
def plot_percentiles(results: Results, *, ax: Axes | None = None) -> Axes:
    """Plot percentiles of the last hidden layer's pre-activations over updates (Figure 2).

    Bands and lines are our 15th to 85th percentile and median, averaged over seeds; dots are the
    poster's 15th and 85th percentile.

    Args:
        results: Results of the measurement "percentiles", one per seed.
        ax: Axes to draw on; None (default) for a new figure.
    """
    if ax is None:
        _, ax = figure((3.4, 2.8))
    for name, theirs in (("NSM", "NSM"), ("StNN, small", "StNN")):
        color, marker = (style_of(theirs)[part] for part in ("color", "marker"))
        curve = np.mean([r[name] for r in results], axis=0)
        updates = np.arange(len(curve))
        label = "NSM" if theirs == "NSM" else "StNN, from small weights"
        ax.fill_between(
            updates, curve[:, 0], curve[:, 2], color=color, alpha=0.3, linewidth=0, label=label
        )
        ax.plot(updates, curve[:, 1], color=color)
        digitized = poster()[theirs]
        for q, label in (("Q15", f"{theirs}, poster"), ("Q85", "_")):
            ax.plot(
                digitized["updates"], digitized[q], marker, color=color, markersize=3.5, label=label
            )
    ax.set(
        xlabel="updates of the weights",
        ylabel="pre-activations of the last hidden layer\n(band: 15 to 85 %, line: median)",
    )
    ax.legend(loc="upper left", frameon=False)
    ax.margins(x=0.01)
    return ax


@styled
def plot_stability(nsm: Results, stnn: Results, *, ax: Axes | None = None) -> Axes:
    """Plot the variance that the last hidden layer's weights gain over epochs (SI Figure 4).

    Lines are ours, averaged over seeds; dots are the poster's.

    Args:
        nsm: Results of the measurement "perceptron" for the NSM, one per seed.
        stnn: The same for the StNN.
        ax: Axes to draw on; None (default) for a new figure.
    """
    if ax is None:
        _, ax = figure((3.4, 2.6))
    for results, name in ((nsm, "NSM"), (stnn, "StNN")):
        color, marker = (style_of(name)[part] for part in ("color", "marker"))
        curve = np.mean([r["variance_gained"] for r in results], axis=0)
        ax.plot(np.arange(1, len(curve) + 1), curve, color=color, label=name)
        digitized = poster()[name]
        ax.plot(
            digitized["epochs"][1:],
            digitized["variance_gained"][1:],
            marker,
            color=color,
            label=f"{name}, poster",
        )
    ax.set(
        xlabel="epoch",
        ylabel="variance gained by the weights\nof the last hidden layer",
        yscale="log",
        xscale="log",
    )
    ax.legend(frameon=False)
    return ax


@styled
def plot_ranges(curves: Mapping[str, Mapping[float, Results]], *, ax: Axes | None = None) -> Axes:
    """Plot errors of networks that were trained in a fixed range of weights, over the range.

    Lines are means over seeds; bars go from the least to the largest, as the figure says. Free
    weights are apart, at the right end. A broken line is the same network with a digital gain per
    neuron.

    Args:
        curves: For each network, results of the measurement "range" by the bound c; infinity for
            free weights.
        ax: Axes to draw on; None (default) for a new figure.
    """
    axes = _errors_over(curves, ax, "free")
    axes.set(xlabel="range c of the weights, |w| ≤ c/√(fan-in)")
    return axes


@styled
def plot_levels(curves: Mapping[str, Mapping[float, Results]], *, ax: Axes | None = None) -> Axes:
    """Plot errors of networks that were trained on few levels, over the number of levels.

    Lines, bars and broken lines are those of `plot_ranges`; weights that are not rounded are apart,
    at the right end.

    Args:
        curves: For each network, results of the measurement "levels" by the number of levels;
            infinity for weights that are not rounded.
        ax: Axes to draw on; None (default) for a new figure.
    """
    axes = _errors_over(curves, ax, "not\nrounded")
    axes.set(xlabel="levels of the weights in training and test")
    return axes


@styled
def plot_convergence(curves: Mapping[str, tuple[int, Results]], *, ax: Axes | None = None) -> Axes:
    """Plot errors over the updates of trainings.

    Lines are means over seeds; bands go from the least to the largest, as the figure says.

    Args:
        curves: For each network, its updates in an epoch, and results of the measurement
            "convergence".
        ax: Axes to draw on; None (default) for a new figure.
    """
    if ax is None:
        _, ax = figure((3.4, 2.5))
    for name, (updates, results) in curves.items():
        style: dict[str, Any] = dict(style_of(name))
        errors = np.array([r["errors"] for r in results])
        at = updates * np.arange(1, errors.shape[1] + 1)
        ax.fill_between(
            at, errors.min(0), errors.max(0), color=style["color"], alpha=0.2, linewidth=0
        )
        if "," in name:
            style |= {"markerfacecolor": "white", "linestyle": "--"}
        ax.plot(at, errors.mean(0), label=name, markevery=(0.0, 0.2), **style)
    ax.set(xscale="log", xlabel="updates", ylabel="test error [%]")
    _label_decades(ax.xaxis)
    low, high = ax.get_ylim()
    if high > _LOGARITHMIC_FROM * low:  # else a logarithmic axis would have a tick or two
        ax.set_yscale("log")
        _label_decades(ax.yaxis)
    trainings = max(len(results) for _, results in curves.values())
    ax.legend(
        frameon=False,
        title=f"band: least to largest of {trainings} trainings",
        title_fontsize=7,
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=len(curves),
        columnspacing=1,
    )
    return ax


def _label_decades(axis: Axis) -> None:
    """Label a logarithmic axis at 1, 2, 3, 5, and 7 times powers of ten."""
    steps = [n * 10.0**k for k in range(-1, 7) for n in (1, 2, 3, 5, 7)]
    limits = axis.get_view_interval()
    axis.set_ticks([t for t in steps if _within(t, limits)])
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter("")


def _errors_over(
    curves: Mapping[str, Mapping[float, Results]], ax: Axes | None, infinite: str
) -> Axes:
    """Draw errors of networks over a number, on logarithmic axes.

    Args:
        curves: For each network, its results by the number.
        ax: Axes to draw on; None for a new figure.
        infinite: Label of an infinite number, whose results are apart at the right end.
    """
    if ax is None:
        _, ax = figure((3.4, 2.8))
    finite = sorted({at for curve in curves.values() for at in curve if np.isfinite(at)})
    apart = 2 * finite[-1]
    for name, curve in curves.items():
        style: dict[str, Any] = dict(style_of(name))
        if "," in name:
            style["markerfacecolor"] = "white"
        for free in (False, True):
            at = [place for place in sorted(curve) if np.isfinite(place) != free]
            if not at:
                continue
            errors = [[r["error"] for r in curve[place]] for place in at]
            mean = np.array([np.mean(e) for e in errors])
            bars = [mean - [min(e) for e in errors], [max(e) for e in errors] - mean]
            ax.errorbar(
                [apart] if free else at, mean, bars, label="_" if free else name,
                linestyle="--" if "," in name else "-", capsize=1.5, elinewidth=0.8, **style,
            )  # fmt: skip
    ax.set_xscale("log", base=2)
    ax.set_yscale("log")
    ax.set_xticks([*finite, apart], [*(f"{at:g}" for at in finite), infinite])
    ax.set(ylabel="test error [%]")
    _label_decades(ax.yaxis)
    ax.minorticks_off()
    trainings = max(len(found) for curve in curves.values() for found in curve.values())
    # Above the axes, where no line can lie below it, with the markers that tell networks apart.
    ax.legend(
        frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=3, title_fontsize=7,
        title=f"bar: least to largest of {trainings} trainings",
    )  # fmt: skip
    return ax


def _within(value: float, limits: tuple[float, float]) -> bool:
    return limits[0] <= value <= limits[1]
