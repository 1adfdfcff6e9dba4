"""The figure of what networks know about their errors on rotated images."""

from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nsm.paper.figures import Results
from nsm.plots.style import STYLE, style_of

#: Key of the scores, and label of the axis, for each panel.
_PANELS = (
    ("error", "test error [%]"),
    ("ece_scaled", "calibration error, with T"),
    ("auroc", "AUROC of the entropy,\nrotated from upright images"),
)
#: What the line of each method looks like: color and marker of a network, line, filled markers.
_LOOKS = {
    "NSM": ("NSM", "-", True),
    "MC dropout": ("MC dropout", "-", True),
    "MC dropout, ±1 inputs": ("MC dropout", "--", False),
    "ReLU": ("ReLU", "-", True),
    "ensemble of 5": ("ReLU", "--", False),
}


def plot_uncertainty(methods: Mapping[str, Results]) -> Axes:
    """Plot errors, calibration errors, and how well entropies tell rotated from upright images.

    Lines are means over the trainings, bands go from the least to the largest.

    Args:
        methods: For each method, the measured scores of its trainings.
    """
    with mpl.rc_context(STYLE):
        drawing = Figure(figsize=(7.2, 2.6))
        panels = drawing.subplots(1, len(_PANELS))
        for ax, (key, label) in zip(panels, _PANELS, strict=True):
            for name, (network, line, filled) in _LOOKS.items():
                if name in methods:
                    style = dict(style_of(network)) | {"linestyle": line}
                    _draw(ax, name, methods[name], key, style | _fill(filled))
            ax.set(xlabel="angle [°]", ylabel=label, xlim=(-4, 94), xticks=(0, 15, 30, 60, 90))
        panels[0].set(yscale="log", yticks=(1, 2, 5, 10, 20, 50, 100))
        panels[0].yaxis.set_major_formatter("{x:g}")
        panels[0].minorticks_off()
        panels[1].set_ylim(0, None)
        panels[2].set_ylim(0.4, 1)
        panels[2].axhline(0.5, color="0.6", linewidth=0.7, zorder=0)
        runs = max(len(found) for found in methods.values())
        drawing.legend(
            *panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=5,
            frameon=False, title_fontsize=7,
            title=f"band: least to largest of {runs} trainings" if runs > 1 else "one training",
        )  # fmt: skip
    return panels[0]


def _fill(filled: bool) -> dict[str, Any]:
    return {} if filled else {"markerfacecolor": "white"}


def _draw(ax: Axes, name: str, found: Results, key: str, style: dict[str, Any]) -> None:
    """Draw one score of one method over the angle."""
    angles = {0.0: "test"} | {float(n[:-1]): n for n in found[0]["sets"] if n.endswith("°")}
    at = [angle for angle, of_set in angles.items() if key in found[0]["sets"][of_set]]
    values = np.array([[r["sets"][angles[a]][key] for a in at] for r in found])
    ax.fill_between(at, values.min(0), values.max(0), color=style["color"], alpha=0.2, linewidth=0)
    ax.plot(at, values.mean(0), label=name, **style)
