"""Figures of the paper's curves: ours, and those digitized from the authors' poster."""

import json
from collections.abc import Sequence
from importlib import resources
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from nsm.plots.style import figure, style_of, styled

Results = Sequence[dict[str, Any]]


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
        ylabel="sums of the last hidden layer\n(15 %, median, 85 %)",
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
