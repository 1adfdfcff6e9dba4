"""Pictures: robustness curves from rows, and one chip's conductances, errors and firing. All take and return Axes."""

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from scipy.special import erf

from devices._checks import choice
from devices._rng import RNG
from nsm.infer import Floats
from nsm.mapped import MappedNetwork

#: Okabe and Ito's colours: told apart with any colour vision. The NSM is always the first.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
STYLE: Any = {
    "font.size": 8,
    "axes.labelsize": 8,
    "axes.titlesize": 8,
    "legend.fontsize": 7,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "lines.linewidth": 1.3,
    "lines.markersize": 4,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "savefig.dpi": 200,
    "figure.constrained_layout.use": True,
}
COLUMN = (3.4, 2.5)  # inches: one column of a two-column page
LINES = ("-", "--", ":", "-.")  # the next one when the colours are used up
_ENTRIES, _ENTRY = 10, 0.15  # most lines of a legend, and the inches that one takes

#: Axis titles, with units, of the parameters that are swept most.
AXIS_LABELS = {
    "gain": "common-mode gain of all conductances",
    "reprogrammed_scale": "weight scale, reprogrammed over the same range",
    "seconds": "age after programming [s]",
    "device.levels": "conductance levels per cell",
    "device.g_min": "$g_{min}$ [S]",
    "device.g_max": "$g_{max}$ [S]",
    "device.on_off_ratio": "on/off ratio $g_{max}/g_{min}$",
    "device.write.scale": "programming error [× published]",
    "device.read_noise.sigma": "relative read noise σ(G)/G",
    "device.read_noise.coefficient": "relative read noise σ(G)/G at $g_{ref}$",
    "device.read_noise.gamma": "exponent γ of read noise, σ(G) ∝ G$^γ$",
    "comparator.offset": "comparator offset, s.d. [A]",
    "comparator.noise": "comparator noise, s.d. [A]",
    "gate.p": "probability p that a gate conducts",
    "adc.bits": "converter bits of the last layer",
    "gate_sharing": "one gate per",
    "gate.read_voltage": "read voltage of the selectors [V]",
    "gate.spread": "spread of thresholds between devices [σ of a cycle]",
    "gate.correlation": "correlation of consecutive thresholds",
    "gate.leak": "conductance of a closed gate, off/on",
    "temperature": "temperature [K]",
    "device.retention.common_scale": "common part of drift [× published]",
    "device.retention.spread_scale": "spread of drift between cells [× published]",
    "wires.r_row": "word-line resistance [Ω per segment]",
    "wires.r_col": "bit-line resistance [Ω per segment]",
    "tile_shape": "tile (word lines, bit lines)",
}


Draw = TypeVar("Draw", bound=Callable[..., Axes])


def styled(draw: Draw) -> Draw:
    """Run a drawing function in the house style, whatever the user's own settings."""

    @functools.wraps(draw)
    def in_style(*args: Any, **options: Any) -> Axes:
        with mpl.rc_context(STYLE):
            return draw(*args, **options)

    return in_style  # type: ignore[return-value]


def figure(size: tuple[float, float] = COLUMN) -> tuple[Figure, Axes]:
    """Return a figure of the house style with one Axes; needs no display."""
    with mpl.rc_context(STYLE):
        drawing = Figure(figsize=size)
        return drawing, drawing.add_subplot()


def save_figure(ax: Axes, path: str | Path) -> None:
    """Write the figure that `ax` stands in, in the house style (PNG, PDF or SVG, by the ending)."""
    drawing = ax.get_figure(root=True)
    assert drawing is not None
    with mpl.rc_context(STYLE):
        drawing.savefig(path)


def _numeric(values: pd.Series) -> bool:
    return bool(pd.api.types.is_numeric_dtype(values)) and not pd.api.types.is_bool_dtype(values)


def _scale_x(ax: Axes, values: Floats) -> None:
    """Choose a logarithmic axis where the values span a factor of 10 or more (symmetric-log where they hold a 0)."""
    positive = np.unique(values[values > 0])
    if len(positive) < 3 or positive.max() / positive.min() < 10:
        return
    if (values < 0).any():
        return
    if (values == 0).any():
        ax.set_xscale("symlog", linthresh=float(positive.min()))
    else:
        ax.set_xscale("log")
        if positive.max() / positive.min() < 100 and len(positive) <= 8:  # powers of ten would hardly mark it
            ax.set_xticks(positive, [f"{v:g}" for v in positive])
            ax.minorticks_off()


@styled
def plot_error_rate(
    rows: pd.DataFrame,
    *,
    x: str,
    group: str | None = None,
    order: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw test error [%] over the column `x`, one line per value of the column `group`; return the Axes.

    order: the groups, each with a colour by its place here, whether it has rows or not; None: as the rows have them.
    Line: mean over the rows (chips) of one point. Band: ± one standard deviation over chips, the spread from chip to
    chip, drawn where there are at least two. Raises ValueError for no rows or an unknown column.
    """
    columns = [c for c in rows.columns if c not in ("task", "experiment")]
    choice("column", x, columns)
    if group is not None:
        choice("column", group, columns)
    if rows.empty:
        raise ValueError("there are no rows to plot; run the sweep first")
    if ax is None:
        _, ax = figure()
    data = rows.assign(percent=100 * rows["errors"] / rows["images"])
    numeric = _numeric(data[x])
    ticks = None if numeric else list(dict.fromkeys(data[x].astype(str)))
    names = [None] if group is None else list(dict.fromkeys(data[group]) if order is None else order)
    for index, name in enumerate(names):
        part = data if name is None else data[data[group] == name]
        if part.empty:
            continue
        points = part.groupby(x, sort=numeric)["percent"].agg(["mean", "std", "count"])
        at = points.index.to_numpy() if ticks is None else np.array([ticks.index(str(v)) for v in points.index])
        colour = COLOURS[index % len(COLOURS)]
        label = "mean" if name is None else str(name)
        style = "-" if numeric else ""  # there is nothing between two categories
        ax.plot(at, points["mean"], style, marker=MARKERS[index % len(MARKERS)], color=colour, label=label)
        if (points["count"] > 1).any():
            spread = points["std"].fillna(0)
            if numeric:
                low = (points["mean"] - spread).clip(lower=0)
                ax.fill_between(at, low, points["mean"] + spread, color=colour, alpha=0.2, linewidth=0)
            else:
                ax.errorbar(at, points["mean"], spread, fmt="none", color=colour, capsize=2)
    if ticks is None:
        _scale_x(ax, data[x].to_numpy(float))
    else:
        ax.set_xticks(range(len(ticks)), ticks)
    ax.set_xlabel(AXIS_LABELS.get(x, x))
    ax.set_ylabel("test error [%]")
    ax.set_ylim(bottom=0)
    ax.grid(alpha=0.25, linewidth=0.5)
    chips = int(data.groupby([x, *([group] if group else [])])["chip"].nunique().max())
    note = f"{'band' if numeric else 'bar'}: ± 1 s.d. over {chips} chips" if chips > 1 else None
    title = "\n".join(t for t in (None if group in (None, "network") else AXIS_LABELS.get(group, group), note) if t)
    if group is not None or note:
        ax.legend(frameon=False, title=title or None, title_fontsize=6)
    return ax


@styled
def plot_conductance_map(chip: MappedNetwork, *, layer: int = 0, ax: Axes | None = None) -> Axes:
    """Draw the conductances of the positive cells of one mapped layer [µS], word lines down, bit lines across."""
    if ax is None:
        _, ax = figure()
    array = chip.layers[layer].neurons.main
    g_pos, _ = array.conductances()
    image = ax.imshow(g_pos * 1e6, cmap="viridis", aspect="auto", interpolation="nearest")
    for edges, line in ((array.row_edges[1:-1], ax.axhline), (array.column_edges[1:-1], ax.axvline)):
        for edge in edges:
            line(edge - 0.5, color="white", linewidth=0.6)
    ax.figure.colorbar(image, ax=ax, label="$G^+$ [µS]")
    ax.set_xlabel("bit line (output)")
    ax.set_ylabel("word line (input)")
    ax.set_title(chip.layers[layer].name + (", white: tile borders" if len(array.tiles) > 1 else ""))
    return ax


@styled
def plot_weight_error(
    chip: MappedNetwork, weights: Sequence[ArrayLike] | None = None, *, ax: Axes | None = None
) -> Axes:
    """Draw the histogram of programmed minus wanted weights, one line per layer, in % of the layer's largest weight.

    weights: matrices (outputs, inputs) to compare with, in the order of the chip's layers; None: what was to be programmed,
    normalisation folded in and rows scaled. The legend has ten lines at most: the last sums up the layers left out.
    """
    if weights is None:
        weights = [layer.wanted for layer in chip.layers]
    entries = min(len(chip.layers), _ENTRIES)
    if ax is None:
        _, ax = figure((COLUMN[0], COLUMN[1] + _ENTRY * max(0, entries - 3)))
    if len(weights) != len(chip.layers):
        raise ValueError(f"{len(weights)} weight matrices were given; this chip has {len(chip.layers)} layers")
    errors = []
    for layer, wanted in zip(chip.layers, weights, strict=True):
        w = np.asarray(wanted, dtype=float)
        errors.append(100 * (layer.neurons.main.weights - w).ravel() / np.abs(w).max())
    width = max(float(np.quantile(np.abs(e), 0.999)) for e in errors) or 1.0
    bins = list(np.linspace(-width, width, 61))
    for index, (layer, error) in enumerate(zip(chip.layers, errors, strict=True)):
        label = f"{layer.name}: {error.std():.2f} % rms"
        if len(errors) > _ENTRIES and index >= _ENTRIES - 1:
            rest = errors[_ENTRIES - 1 :]
            label = "_" if index >= _ENTRIES else f"{len(rest)} more layers: ≤ {max(e.std() for e in rest):.2f} % rms"
        colour, line = COLOURS[index % len(COLOURS)], LINES[index // len(COLOURS) % len(LINES)]
        ax.hist(error, bins=bins, histtype="step", density=True, color=colour, linestyle=line, label=label)
    ax.set_xlabel("weight error [% of the layer's largest |w|]")
    ax.set_ylabel("probability density [1/%]")
    height = ax.get_position().height * ax.figure.get_figheight()  # type: ignore[union-attr]
    share = min(0.8, _ENTRY * (entries + 0.5) / height)  # what the legend takes, above the lines
    ax.set_ylim(top=max(1.5, 1 / (1 - share)) * ax.get_ylim()[1])
    ax.legend(frameon=False)
    return ax


@styled
def plot_firing_probability(
    chip: MappedNetwork,
    x: ArrayLike,
    argument: Floats,
    *,
    samples: int = 200,
    layer: int = 0,
    rng: RNG = 0,
    ax: Axes | None = None,
) -> Axes:
    """Draw measured firing probabilities of a neural sampling layer against eq. 4, ½ (1 + erf v).

    argument: v of shape (batch, neurons) as trained, from the layer's `argument` on its input; that of a convolution
    flattened, (batch, channels · height · width). Points: frequency of z = +1 over `samples` reads, one per image and
    neuron, of 800 at random. Band: two standard errors of such a frequency.
    """
    if ax is None:
        _, ax = figure()
    measured, _ = chip.firing(x, samples, layer=layer, rng=rng)
    v = np.asarray(argument, dtype=float)
    if v.shape != measured.shape:
        raise ValueError(f"argument has shape {v.shape}; the layer fires with shape {measured.shape}")
    line = np.linspace(-3, 3, 241)
    p = 0.5 * (1 + erf(line))
    margin = 2 * np.sqrt(p * (1 - p) / samples)
    shown = np.random.default_rng(0).permutation(v.size)[:800]
    ax.plot(v.ravel()[shown], measured.ravel()[shown], ".", color=COLOURS[1], markersize=2, alpha=0.6, rasterized=True)
    ax.plot([], [], "o", color=COLOURS[1], markersize=2, linestyle="", label=f"measured, {samples} reads")
    ax.plot(line, p, color=COLOURS[0], label="eq. 4")
    ax.fill_between(
        line, p - margin, p + margin, color=COLOURS[0], alpha=0.2, linewidth=0, label="± 2 s.e. of the count"
    )
    ax.set_xlim(-3, 3)
    ax.set_xlabel("argument $v = β\\,ŵ·z + b/(\\sqrt{2\\,Var\\,ξ}\\,‖w‖)$")
    ax.set_ylabel("P(z = +1)")
    ax.legend(frameon=False, loc="lower right", bbox_to_anchor=(1.02, 0.02))
    return ax
