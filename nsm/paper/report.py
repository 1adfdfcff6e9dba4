"""RESULTS.md: the paper's numbers beside ours, with seeds, standard errors and the budget spent."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nsm.disk import write_text
from nsm.paper.claims import ByName, claims
from nsm.paper.experiment import Experiment
from nsm.paper.figures import plot_percentiles, plot_stability
from nsm.paper.level_report import level_section
from nsm.paper.markdown import row, table
from nsm.paper.outcomes import runs_of
from nsm.paper.range_report import range_section
from nsm.paper.residual_report import residual_sections
from nsm.paper.run import absence_file, results
from nsm.paper.table import CODED, EXPERIMENTS, JPEG, ONE, TOP
from nsm.paper.uncertainty_report import uncertainty_sections
from nsm.plots.style import save_figure
from nsm.statistics import error_of

_HEADER = [
    "",
    "paper [%]",
    "here [%]",
    "s.e. [%]",
    "runs",
    "epochs here / paper",
    "samples",
    "training [min]",
]
#: Variants of a trained perceptron: key of the result, label, and the paper's number [%] if it
#: gives one.
_VARIANTS = (
    ("error_all_scaled", "weights and biases × 0.1", 1.38),
    ("error_weights_scaled", "weights × 0.1 only", 1.38),
    ("error_one_sample", "one sample", None),
    ("error_neuron_noise", "neuron noise", None),
    ("error_neuron_noise_one_sample", "neuron noise, one sample", None),
)
_INTRODUCTION = """\
# The paper's experiments

`make paper` runs the experiments, resumes after a kill, and writes this file. Errors are over all
test images, decided by the mean softmax over samples. Our trainings are shorter than the paper's;
the tables give both budgets. Unless a section says otherwise, there is one recipe: Adam with a
learning rate that falls from 10⁻³ to 0 along a cosine, batches of 100, and weight averaging (EMA,
decay 0.999). Perceptrons also have label smoothing of 0.1 and input flips of 5 %.

"s.e." and "±" are the standard error: the variance of counting on the test images, and that between
trainings where there are several, added. The latter counts as 0 where trainings differ no more than
the images explain. Differences are taken image by image, since all networks see the same test
images; "unpaired" marks results that kept only the number of errors, whose standard errors are too
large. "One training" marks those that lack the variance between trainings, whose standard errors
are too small.

A claim is decided ("yes" or "no") if it holds or fails at two-sided 95 % (Student's t); one such
decision in twenty may be wrong by chance. Numbers are errors [%] in the order of the claim's words,
and differences [percentage points]. The thresholds 1.45 and 0.85 % are the paper's errors and about
0.1 points. Claims on CIFAR-10 as JPEG, ranges, levels, residual networks and uncertainty are ours,
not the paper's.

| claim | seen here |
|---|---|"""
_REMARKS = {
    ONE: """\
The NSM is trained with synaptic noise, an independent sample for every weight (DropConnect-style).
"Neuron noise" tests the same network with one noise sample per input, shared by all outputs
(dropout-style).""",
    TOP: """\
N-MNIST is a small subset, trained with weight averaging over 10 steps: its errors cannot be
compared with the paper's.""",
    JPEG: """\
Lossy images, a fraction of the paper's updates, and one training each: nothing here can be compared
with the paper's CIFAR numbers. Networks that start from the dCNN take over its weights and set β by
eq. 8. Minutes on a GPU are those of the process that drives it; two trainings shared it.""",
    CODED: """\
The recipe of the authors' code: Adam at 3·10⁻⁴, halved after every quarter of the training, and
the final weights instead of an average. Stochastic layers have neuron noise (one noise sample per
input, shared by all outputs, dropout-style) and one β per location; the other networks have 150
hidden units instead of 512. SN and wBD normalize their weights row by row; the weight decay of
10⁻⁶ that the authors give them is left out.""",
}

_STABILITY = """\
The variance of the last hidden layer's weights minus that at the start, means over trainings;
markers are the authors' poster, whose recipe is not known."""
_PERCENTILES = """\
Bands reach from the 15th to the 85th percentile over neurons and the images of a batch, lines are
medians, both means over seeds; markers are the percentiles of the authors' poster."""


def write_report(folder: Path, out: Path) -> Path:
    """Write RESULTS.md and its figures.

    Args:
        folder: Folder of the results.
        out: Folder to write to; it is created if it is missing.

    Returns:
        The path of RESULTS.md.
    """
    out.mkdir(parents=True, exist_ok=True)
    by_name: dict[str, list[dict[str, Any]]] = {}
    for r in results(folder):
        by_name.setdefault(r["experiment"], []).append(r)
    skipped = absence_file(folder)
    absent = json.loads(skipped.read_text()) if skipped.exists() else {}
    lines = [_INTRODUCTION, *(row(c) for c in claims(by_name))]
    sections = [e.section for e in EXPERIMENTS if e.measures in ("error", "perceptron")]
    for section in dict.fromkeys(sections):
        lines += ["", f"## {section}", "", *table(_HEADER, _rows(section, by_name, absent))]
        lines += ["", _REMARKS[section]] if section in _REMARKS else []
        if section == ONE and "mlp_nsm" in by_name and "mlp_stnn" in by_name:
            ax = plot_stability(by_name["mlp_nsm"], by_name["mlp_stnn"])
            save_figure(ax, out / "stability.png")
            lines += ["", _STABILITY, "", "![Variance gained by the weights](stability.png)"]
    lines += range_section(by_name, out)
    lines += level_section(by_name, out)
    lines += residual_sections(by_name, out)
    lines += uncertainty_sections(by_name, out)
    if "figure2" in by_name:
        save_figure(plot_percentiles(by_name["figure2"]), out / "percentiles.png")
        lines += ["", "## Figure 2. Pre-activations of the last hidden layer over updates", ""]
        lines += [_PERCENTILES, "", "![Percentiles](percentiles.png)"]
    if "angles" in by_name:
        lines += ["", "## Gradients", ""]
        lines += [
            "Means of 30 noise samples on one batch of 100; ± standard deviation of seeds.",
            "",
        ]
        lines += _angles(by_name["angles"])
    path = out / "RESULTS.md"
    write_text(path, "\n".join(lines) + "\n")
    return path


def _rows(section: str, by_name: ByName, absent: Mapping[str, str]) -> list[list[Any]]:
    """Return the rows of a section: every experiment, and the variants of perceptrons."""
    rows: list[list[Any]] = []
    for e in EXPERIMENTS:
        if section not in (e.section, e.also):
            continue
        found = by_name.get(e.name, [])
        if not found:
            why = absent.get(e.name)
            epochs = f"– / {e.paper_epochs}"
            here = f"not run: {why}" if why else "not run yet"
            rows.append([e.label, e.paper, here, "", 0, epochs, "", ""])
            continue
        rows.append(_measured(e, found, "error", e.label, e.paper))
        for key, label, paper in _VARIANTS:
            if key in found[0]:
                theirs = paper if e.label == "NSM" else None
                rows.append(_measured(e, found, key, f"{e.label}, {label}", theirs))
    return rows


def _measured(
    experiment: Experiment, found: list[dict[str, Any]], key: str, label: str, paper: float | None
) -> list[Any]:
    """Return the row of the error filed under `key`, over all seeds."""
    errors = [r[key] for r in found]
    minutes = sum(sum(r["seconds"]) for r in found) / 60
    return [
        label,
        paper,
        f"{np.mean(errors):.2f}",
        f"{error_of(runs_of(found, key)).error:.2f}",
        len(errors),
        f"{found[0]['epochs']} / {experiment.paper_epochs}",
        1 if "one_sample" in key else found[0]["samples"],
        # Variants are tests of the same training, whose time is counted once.
        f"{minutes:.0f}{_trained_on(found)}" if key == "error" else "",
    ]


def _trained_on(found: list[dict[str, Any]]) -> str:
    """Return on what networks were trained, unless it was one core of a processor."""
    places = sorted({r.get("trained_on", "CPU") for r in found} - {"CPU"})
    return f" ({', '.join(places)})" if places else ""


def _angles(found: list[dict[str, Any]]) -> list[str]:
    """Return the table of angles between gradients."""
    rows = []
    for moment in ("start", "trained"):
        for name in found[0][moment]:
            values = np.array([r[moment][name] for r in found])
            cells = [f"{m:.0f}" for m in values.mean(0)]
            if len(found) > 1:
                spread = values.std(0, ddof=1)
                cells = [f"{c} ± {s:.0f}" for c, s in zip(cells, spread, strict=True)]
            rows.append([moment, "itself, other draws" if name == "floor" else name, *cells])
    return table(
        ["network", "angle of the NSM's gradient to [°]", "layer 1", "layer 2", "layer 3"], rows
    )
