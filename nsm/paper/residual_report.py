"""The sections of the report on residual networks without batch normalization."""

import math
from pathlib import Path
from typing import Any

from nsm.paper.claims import ByName
from nsm.paper.figures import Results, plot_convergence
from nsm.paper.markdown import table
from nsm.paper.outcomes import runs_of
from nsm.paper.own_experiments import RESIDUAL, RESIDUAL_BATCHES, RESIDUAL_CIFAR
from nsm.paper.table import EXPERIMENTS
from nsm.plots.style import save_figure
from nsm.statistics import error_of

_TEXT = """\
Three blocks of two convolutions with 16 channels and a skip each, on inputs coded ±1. The NSM adds
states ±1; the ReLU networks have the same convolutions, one of them with batch normalization. One
recipe for all: Adam with a rate that falls along a cosine, from 3·10⁻³ (batches of 100) or 3·10⁻⁴
(batches of 1), final weights. "After" is the test error [%] with one sample after so many epochs,
"error" that at the end (the NSM: 20 samples), ± its standard error, over all trainings."""
_TEXT_CIFAR = """\
The same networks and recipe on a part of CIFAR-10 in a lossy copy: 5,000 training images (2,000
for batches of 1) and 2,000 test images. Nothing here can be compared with published errors."""
#: Names of figures begin with these words, by section.
_FIGURES = {RESIDUAL: "residual", RESIDUAL_CIFAR: "residual_cifar"}


def residual_sections(by_name: ByName, out: Path) -> list[str]:
    """Return the lines of both sections, and draw their figures; none without results."""
    return [
        *_section(RESIDUAL, _TEXT, by_name, out),
        *_section(RESIDUAL_CIFAR, _TEXT_CIFAR, by_name, out),
    ]


def _section(section: str, text: str, by_name: ByName, out: Path) -> list[str]:
    curves: dict[int, dict[str, tuple[int, Results]]] = {}
    rows: list[list[Any]] = []
    for e in EXPERIMENTS:
        found = by_name.get(e.name)
        if e.section != section or not found:
            continue
        batch = e.recipe["batch_size"]
        updates = math.ceil(found[0]["images"][0] / batch)
        curves.setdefault(batch, {})[e.label.rpartition(", ")[0]] = (updates, found)
        error = error_of(runs_of(found))
        after = [_after(found, n) for n in (1, 4)]
        rows.append(
            [e.label, len(found), updates, *after, f"{error.value:.1f} ± {error.error:.1f}"]
        )
    if not rows:
        return []
    header = ["", "runs", "updates of an epoch", "after 1 epoch", "after 4", "error [%]"]
    lines = ["", f"## {section}", "", text]
    for batch in (b for b in RESIDUAL_BATCHES if b in curves):
        name = f"{_FIGURES[section]}_{batch}.png"
        save_figure(plot_convergence(curves[batch]), out / name)
        lines += ["", f"![Error over updates, batches of {batch}]({name})"]
    return [*lines, "", *table(header, rows)]


def _after(found: Results, epochs: int) -> str:
    """Return the mean error over seeds after so many epochs [%]."""
    return f"{sum(r['errors'][epochs - 1] for r in found) / len(found):.1f}"
