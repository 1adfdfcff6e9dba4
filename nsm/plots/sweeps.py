"""Robustness curves: error over one axis of a sweep."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from devices.validation import choice
from nsm.nn.inference import Floats
from nsm.plots.style import COLORS, MARKERS, figure, styled

#: Axis titles, with units, of the parameters that are swept most.
AXIS_LABELS = {
    "gain": "common-mode gain of all conductances",
    "reprogrammed_scale": "weight scale, reprogrammed over the same range",
    "seconds": "age after programming [s]",
    "device.levels": "conductance levels per cell",
    "device.g_min": "$g_{min}$ [S]",
    "device.g_max": "$g_{max}$ [S]",
    "device.on_off_ratio": "on/off ratio $g_{max}/g_{min}$",
    "device.write.error_factor": "programming error [× published]",
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
    "device.retention.common_factor": "common part of drift [× published]",
    "device.retention.spread_factor": "spread of drift between cells [× published]",
    "wires.r_row": "word-line resistance [Ω per segment]",
    "wires.r_col": "bit-line resistance [Ω per segment]",
    "tile_shape": "tile (word lines, bit lines)",
}


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
        if (
            positive.max() / positive.min() < 100 and len(positive) <= 8
        ):  # powers of ten would hardly mark it
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
    names = (
        [None] if group is None else list(dict.fromkeys(data[group]) if order is None else order)
    )
    for index, name in enumerate(names):
        part = data if name is None else data[data[group] == name]
        if part.empty:
            continue
        points = part.groupby(x, sort=numeric)["percent"].agg(["mean", "std", "count"])
        at = (
            points.index.to_numpy()
            if ticks is None
            else np.array([ticks.index(str(v)) for v in points.index])
        )
        color = COLORS[index % len(COLORS)]
        label = "mean" if name is None else str(name)
        style = "-" if numeric else ""  # there is nothing between two categories
        ax.plot(
            at,
            points["mean"],
            style,
            marker=MARKERS[index % len(MARKERS)],
            color=color,
            label=label,
        )
        if (points["count"] > 1).any():
            spread = points["std"].fillna(0)
            if numeric:
                low = (points["mean"] - spread).clip(lower=0)
                ax.fill_between(
                    at, low, points["mean"] + spread, color=color, alpha=0.2, linewidth=0
                )
            else:
                ax.errorbar(at, points["mean"], spread, fmt="none", color=color, capsize=2)
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
    title = "\n".join(
        t
        for t in (None if group in (None, "network") else AXIS_LABELS.get(group, group), note)
        if t
    )
    if group is not None or note:
        ax.legend(frameon=False, title=title or None, title_fontsize=6)
    return ax
