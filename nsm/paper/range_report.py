"""The section of the report on learning in a fixed range of weights."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nsm.paper.claims import ByName
from nsm.paper.figures import plot_ranges
from nsm.paper.markdown import table
from nsm.paper.outcomes import runs_of
from nsm.paper.own_experiments import RANGE
from nsm.paper.table import EXPERIMENTS
from nsm.plots.style import save_figure
from nsm.statistics import error_of

_TEXT = """\
Weights of all layers are clipped to ±c/√(fan-in) at the start and after every step, as cells of a
fixed range clip them; networks usually start with c = 1. "At the walls" is the share of the weights
of the hidden layers that are at the bound after the last step, "growth" their root mean square over
that at the start. The gains per neuron are weight normalization (Salimans and Kingma 2016), with
which a circuit multiplies digitally; biases are digital and free. All networks have one recipe,
with label smoothing and without input flips."""


def range_section(by_name: ByName, out: Path) -> list[str]:
    """Return the lines of the section, and draw its figure; none without results."""
    ranged = [e for e in EXPERIMENTS if e.measures == "range"]
    curves: dict[str, dict[float, Sequence[dict[str, Any]]]] = {}
    rows: list[list[Any]] = []
    for e in ranged:
        found = by_name.get(e.name)
        if not found:
            continue
        c = e.recipe.get("weight_bound")
        curves.setdefault(e.label.partition(", c =")[0], {})[np.inf if c is None else c] = found
        walls = "" if c is None else f"{100 * _last(found, 'saturated'):.1f}"
        error = error_of(runs_of(found))
        rows.append(
            [e.label, f"{error.value:.2f}", f"{error.error:.2f}", len(found), found[0]["epochs"],
             e.samples, walls, f"{_last(found, 'growth'):.2f}"]
        )  # fmt: skip
    if not rows:
        return []
    save_figure(plot_ranges(curves), out / "ranges.png")
    header = [
        "",
        "error [%]",
        "s.e. [%]",
        "runs",
        "epochs",
        "samples",
        "at the walls [%]",
        "growth",
    ]
    figure = "![Error over the range of the weights](ranges.png)"
    return ["", f"## {RANGE}", "", _TEXT, "", figure, "", *table(header, rows)]


def _last(found: Sequence[dict[str, Any]], name: str) -> float:
    """Return the mean over seeds of a curve's last value."""
    return float(np.mean([r[name][-1] for r in found]))
