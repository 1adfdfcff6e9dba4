"""Figures of learning on a chip: errors over samples, cells at the walls, pulses per cell."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes

from nsm.plots.annotated import checked
from nsm.plots.style import COLORS, LINES, MARKERS, figure, styled
from nsm.plots.texts import drawn_text

if TYPE_CHECKING:
    import pandas as pd

    from nsm.chips.chip import MappedNetwork
    from nsm.learning.result import Learned


@checked
def plot_learning(
    learned: Mapping[str, "Learned"], *, column: str = "error", ax: Axes | None = None
) -> Axes:
    """Plot a column of `Learned.rows` over the samples, a line for each run.

    Args:
        learned: Runs by the name that the legend shows.
        column: "error" (default; on the validation images), "online_error" or "saturated".
        ax: Axes to draw into; None for a new figure.

    Returns:
        The axes.

    Raises:
        ValueError: A run has no such column.
    """
    axes = figure()[1] if ax is None else ax
    for place, (name, one) in enumerate(learned.items()):
        if column not in one.rows:
            raise ValueError(
                f"column = {column!r} is not in the rows of {name!r}, which have "
                f"{', '.join(one.rows.columns)}; measure errors with learn(validation=...)"
            )
        axes.plot(
            one.rows["samples"],
            100 * one.rows[column],
            color=COLORS[place % len(COLORS)],
            marker=MARKERS[place % len(MARKERS)],
            linestyle=LINES[place % len(LINES)],
            label=drawn_text(name),
        )
    labels = {"error": "error", "online_error": "error before learning", "saturated": "cells"}
    what = labels.get(column, column) + (" at the walls" if column == "saturated" else "")
    axes.set(xlabel="samples", ylabel=f"{what} [%]", ylim=(0, None))
    axes.legend()
    return axes


@checked
def plot_walls(
    chips: Mapping[str, "MappedNetwork"], layer: int = 0, *, ax: Axes | None = None
) -> Axes:
    """Plot how many cells of a layer have which conductance, as a fraction of the device's range.

    Args:
        chips: Chips by the name that the legend shows.
        layer: Number of the layer on tiles, from the inputs.
        ax: Axes to draw into; None for a new figure.

    Returns:
        The axes.
    """
    axes = figure()[1] if ax is None else ax
    for place, (name, chip) in enumerate(chips.items()):
        neurons = chip.layer(layer).neurons
        device = neurons.hardware.device
        g = np.concatenate([cells.ravel() for cells in neurons.main.conductances()])
        place_in_range = (g - device.g_min) / (device.g_max - device.g_min)
        axes.hist(
            place_in_range,
            bins=np.linspace(0, 1, 41).tolist(),
            density=True,
            histtype="step",
            color=COLORS[place % len(COLORS)],
            linestyle=LINES[place % len(LINES)],
            label=drawn_text(name),
        )
    axes.set(xlabel="place in the range of the cell", ylabel="density of cells", xlim=(0, 1))
    axes.legend()
    return axes


@checked
def plot_pulses_per_cell(learned: Mapping[str, "Learned"], *, ax: Axes | None = None) -> Axes:
    """Plot the mean and the largest number of pulses on a cell of every layer's main array.

    Args:
        learned: Runs by the name that the legend shows.
        ax: Axes to draw into; None for a new figure.

    Returns:
        The axes, with a logarithmic scale; bars end at the mean, and dashes are the largest number.
    """
    axes = figure()[1] if ax is None else ax
    width = 0.8 / max(len(learned), 1)
    for place, (name, one) in enumerate(learned.items()):
        main = one.arrays[one.arrays["array"] == "main"]
        at = main["layer"].to_numpy() + (place - (len(learned) - 1) / 2) * width
        color = COLORS[place % len(COLORS)]
        axes.bar(at, main["mean_pulses"], 0.9 * width, color=color, label=drawn_text(name))
        axes.plot(at, main["most_pulses"], "_", color=color, markersize=12)
    layers = sorted({int(n) for one in learned.values() for n in one.arrays["layer"]})
    axes.set(xlabel="layer", ylabel="pulses per cell", yscale="log", xticks=layers)
    axes.legend()
    return axes


@styled
def plot_devices(rows: "pd.DataFrame", *, ax: Axes | None = None) -> Axes:
    """Plot which devices can learn: the error of each of their chips, the best device on top.

    Args:
        rows: Of `nsm.learning.learn_on_devices`, with validation images.
        ax: Axes to draw into; None for a new figure.

    Returns:
        The axes; a dot is a chip, at its error after learning [%].

    Raises:
        ValueError: No row has an error.
    """
    if "error" not in rows or rows["error"].isna().all():
        raise ValueError(
            "the rows have no error; measure it with learn_on_devices(validation=(x, y))"
        )
    means = rows.groupby("device")["error"].mean().sort_values(ascending=False)
    axes = figure((3.4, 0.8 + 0.17 * len(means)))[1] if ax is None else ax
    places = {name: place for place, name in enumerate(means.index)}
    at = [places[name] for name in rows["device"]]
    axes.barh(range(len(means)), 100 * means, 0.6, color=COLORS[5])
    axes.plot(100 * rows["error"], at, MARKERS[0], color=COLORS[0], markersize=3.5)
    axes.set_yticks(range(len(means)), [drawn_text(name) for name in means.index])
    axes.set(xlabel="error after learning [%]", xlim=(0, None))
    return axes
