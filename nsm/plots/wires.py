"""Figures of line resistance: voltages and currents in a tile, and current lost in its wires."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from crossbar import Wires
from devices.validation import choice, number
from nsm.plots.style import COLORS, MARKERS, figure, styled

#: Quantities that `plot_tile_map` can show, with their units.
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
    """Draw a map of the voltage across every cell of a tile, or of its current.

    Args:
        g: conductances of the cells [S], (word lines, bit lines).
        v: voltages of the word-line drivers [V], (word lines,).
        wires: line resistances.
        quantity: one of QUANTITIES.
        ax: Axes to draw into; None for a new figure.

    Returns:
        The Axes. Its labels say from where word lines are driven and where bit lines are sensed.

    Raises:
        ValueError: the quantity is unknown, or g and v do not fit each other.
    """
    choice("quantity", quantity, QUANTITIES)
    if ax is None:
        _, ax = figure()
    nodes = wires.node_voltages(g, v)
    cells = np.asarray(g, dtype=float)
    # The nodes also hold the access transistor between them: only this share falls on the cell.
    across = (nodes.word - nodes.bit) / (1 + cells * wires.r_access)
    values = 1e3 * across if quantity == "cell_voltage" else 1e6 * across * cells
    image = ax.imshow(values, cmap="viridis", aspect="auto", interpolation="nearest")
    ax.figure.colorbar(image, ax=ax, label=QUANTITIES[quantity])
    sensed = {"bottom": "below", "top": "above", "both": "above and below"}[wires.senses]
    driven = {"both": "both sides"}.get(wires.drivers, f"the {wires.drivers}")
    ax.set(xlabel=f"bit line, sensed {sensed}", ylabel=f"word line, driven from {driven}")
    return ax


@styled
def plot_wire_loss(
    sizes: Sequence[int],
    resistances: Sequence[float],
    conductance: float,
    *,
    ax: Axes | None = None,
) -> Axes:
    """Draw the percentage of current that is lost in the wires of square tiles of equal cells.

    All word lines are driven with the same voltage. There is one line per resistance.

    Args:
        sizes: word lines of a tile, as many as its bit lines.
        resistances: resistance of word lines and bit lines alike [Ω per segment].
        conductance: of every cell [S].
        ax: Axes to draw into; None for a new figure.

    Returns:
        The Axes.
    """
    if ax is None:
        _, ax = figure()
    if not len(sizes) or not len(resistances):
        raise ValueError("sizes or resistances is empty; give at least one of each")
    number("conductance", conductance, above=0, unit="S")
    for ohms in resistances:
        number("member of resistances", ohms, at_least=0, unit="ohm")
    for index, ohms in enumerate(resistances):
        loss = []
        for n in sizes:
            g = np.full((n, n), conductance)
            loss.append(1 - Wires(ohms, ohms).currents(g, np.ones(n)).sum() / g.sum())
        marker = MARKERS[index % len(MARKERS)]
        color = COLORS[index % len(COLORS)]
        ax.loglog(sizes, 100 * np.array(loss), label=f"{ohms:g} Ω", marker=marker, color=color)
    ax.set_xticks(list(sizes), [str(n) for n in sizes])
    ax.minorticks_off()
    ax.set(xlabel="word lines = bit lines", ylabel="current lost in the wires [%]")
    ax.grid(alpha=0.25, linewidth=0.5)
    ax.legend(frameon=False, title="per segment", title_fontsize=6)
    return ax
