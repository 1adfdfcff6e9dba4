"""Pictures of line resistance: where in a tile the voltage goes, and how much of the current arrives."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from crossbar import Wires
from devices.validation import choice
from nsm.plots.style import COLORS, MARKERS, figure, styled

#: What of a tile can be mapped, and in which units.
QUANTITIES = {"cell_voltage": "voltage across the cell [mV]", "cell_current": "cell current [µA]"}


@styled
def plot_tile_map(
    g: ArrayLike,
    v: ArrayLike,
    wires: Wires,
    *,
    quantity: str = "cell_voltage",
    ax: Axes | None = None,
) -> Axes:
    """Draw the voltage across every cell, or its current, for cells g (m, n) [S] under word-line voltages v (m,) [V]."""
    choice("quantity", quantity, QUANTITIES)
    if ax is None:
        _, ax = figure()
    nodes = wires.node_voltages(g, v)
    cells = np.asarray(g, dtype=float)
    across = (nodes.word - nodes.bit) / (
        1 + cells * wires.r_access
    )  # of the cell itself, without its transistor
    values = 1e3 * across if quantity == "cell_voltage" else 1e6 * across * cells
    image = ax.imshow(values, cmap="viridis", aspect="auto", interpolation="nearest")
    ax.figure.colorbar(image, ax=ax, label=QUANTITIES[quantity])
    ax.set(xlabel="bit line, sensed below", ylabel="word line, driven from the left")
    return ax


@styled
def plot_wire_loss(
    sizes: Sequence[int],
    resistances: Sequence[float],
    conductance: float,
    *,
    ax: Axes | None = None,
) -> Axes:
    """Draw the share of the current that wires take from square arrays of equal cells [S], all lines driven.

    One line per resistance [Ω per segment], the same for rows and columns, over the `sizes`.
    """
    if ax is None:
        _, ax = figure()
    for index, ohms in enumerate(resistances):
        loss = []
        for n in sizes:
            g = np.full((n, n), conductance)
            loss.append(1 - Wires(ohms, ohms).currents(g, np.ones(n)).sum() / g.sum())
        style = {"marker": MARKERS[index % len(MARKERS)], "color": COLORS[index % len(COLORS)]}
        ax.loglog(sizes, 100 * np.array(loss), label=f"{ohms:g} Ω", **style)
    ax.set_xticks(list(sizes), [str(n) for n in sizes])
    ax.minorticks_off()
    ax.set(xlabel="word lines = bit lines", ylabel="current lost in the wires [%]")
    ax.grid(alpha=0.25, linewidth=0.5)
    ax.legend(frameon=False, title="per segment", title_fontsize=6)
    return ax
