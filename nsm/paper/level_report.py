"""The section of the report on learning on few levels."""

from pathlib import Path
from typing import Any

import numpy as np

from nsm.paper.claims import ByName
from nsm.paper.experiment import Experiment
from nsm.paper.figures import Results, plot_levels
from nsm.paper.markdown import table
from nsm.paper.outcomes import runs_of
from nsm.paper.own_experiments import LEVELS
from nsm.paper.table import EXPERIMENTS
from nsm.plots.style import save_figure
from nsm.statistics import error_of

_TEXT = """\
Weights are clipped to ±1/√(fan-in) in training. In every step and in the test each weight is
rounded to one of n levels between these bounds, the same distance apart (2: ±1; 3: ternary).
Gradients are straight-through: weights that are not rounded take the steps
(`nsm.fit(hardware=..., weight_bound=1)`). The cells are ideal; their biases are exact. "ReLU, gain
per neuron" has weight normalization, whose factors a circuit multiplies digitally: its levels lie
between the largest weights of each row. All networks have one recipe: three epochs, batches of 300,
Adam with a rate that falls from 2·10⁻³ along a cosine, weight averaging with 0.997, label smoothing
of 0.1, no input flips. Errors [%] ± standard error, and the number of trainings in brackets."""


def levels_of(experiment: Experiment) -> float:
    """Return the number of levels of an experiment; infinity without rounding."""
    hardware = experiment.recipe.get("hardware")
    return np.inf if hardware is None else float(hardware.device.levels)


def level_section(by_name: ByName, out: Path) -> list[str]:
    """Return the lines of the section, and draw its figure; none without results."""
    curves: dict[str, dict[float, Results]] = {}
    for e in EXPERIMENTS:
        found = by_name.get(e.name)
        if e.measures == "levels" and found:
            name = e.label if np.isinf(levels_of(e)) else e.label.rpartition(", ")[0]
            curves.setdefault(name, {})[levels_of(e)] = found
    counts = sorted({n for curve in curves.values() for n in curve})
    if not np.isfinite(counts).any():
        return []
    save_figure(plot_levels(curves), out / "levels.png")
    header = ["", *("not rounded" if np.isinf(n) else f"{n:g} levels" for n in counts)]
    rows = [[name, *(_cell(curve.get(n)) for n in counts)] for name, curve in curves.items()]
    figure = "![Error over the number of levels](levels.png)"
    return ["", f"## {LEVELS}", "", _TEXT, "", figure, "", *table(header, rows)]


def _cell(found: Results | None) -> Any:
    """Return an error with its standard error and the number of trainings; None without any."""
    if found is None:
        return None
    error = error_of(runs_of(found))
    return f"{error.value:.1f} ± {error.error:.1f} ({len(found)})"
