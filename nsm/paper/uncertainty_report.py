"""The sections of the report on what networks know about their own errors."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from nsm.paper.claims import ByName
from nsm.paper.figures import Results
from nsm.paper.markdown import table
from nsm.paper.table import EXPERIMENTS
from nsm.paper.uncertainty import CALIBRATIONS, GAINS, HELD_OUT, LETTERS, ON_CHIPS
from nsm.paper.uncertainty_experiments import UNCERTAINTY, UNCERTAINTY_CIFAR
from nsm.paper.uncertainty_figure import plot_uncertainty
from nsm.plots.style import save_figure

#: The ways to predict of an experiment: results by name of the way.
Ways = dict[str, Results]

_TEXT = f"""\
One recipe for all: 15 epochs, Adam with a rate that falls from 10⁻³ to 0 along a cosine, batches of
100, weight averaging, no label smoothing, no input flips. The NSM and MC dropout (probability ½)
take the mean softmax over 20 passes, the ensemble that over five trainings. "T" is the temperature
of the softmax with the least loss on {HELD_OUT:,} training images that nothing was trained on,
and "with T" are scores with it. ECE: expected calibration error (15 bins). NLL: negative
log-likelihood [nat]. Areas under the ROC curve (½: by chance) say how well the entropy of a
prediction tells apart: "own errors", wrong from right test images; "letters", {LETTERS:,} printed
letters from test images; "letters, I", the same by the mutual information between passes. Means
over the trainings ± their standard deviation."""
_TEXT_CIFAR = """\
The residual network of three blocks with 16 channels, trained on 5,000 images of a lossy copy (8
epochs, batches of 100, a rate that falls from 3·10⁻³, final weights), tested on 2,000 images, one
training each; 10 passes. "ReLU" has batch normalization; "dropout" is drawn before the classifier.
Nothing here can be compared with published errors."""
_CHIPS = """\
On chips: FeFETs with their published programming error, a blank-out gate for each pair of cells,
tiles of 128 × 128, {images} test images, {letters} letters. A gain multiplies all conductances.
"Temperature": T measured on the chip at this gain, on {images} held-out images. "Compensated": one
measured factor for each layer. Networks without noise do not use the gate. MC dropout is missing:
chips draw no masks. "–": no temperature is the best, since the answers have nothing to do with the
labels."""
_SHOWN = {"none": "as it is", "temperature": "temperature", "compensated": "compensated"}


def uncertainty_sections(by_name: ByName, out: Path) -> list[str]:
    """Return the lines of both sections, and draw the figure; none without results."""
    lines: list[str] = []
    for section, text, data in (
        (UNCERTAINTY, _TEXT, "mnist"),
        (UNCERTAINTY_CIFAR, _TEXT_CIFAR, "cifar10-jpeg"),
    ):
        ways = _ways(section, by_name)
        if not ways:
            continue
        lines += ["", f"## {section}", "", text, "", *_scores(ways)]
        if section == UNCERTAINTY:
            save_figure(plot_uncertainty(ways), out / "uncertainty.png")
            lines += ["", "![Errors and what networks know of them](uncertainty.png)"]
        lines += ["", *_on_moved_images(ways)]
        images = ON_CHIPS[data]
        lines += ["", _CHIPS.format(images=f"{images:,}", letters=f"{min(images, LETTERS):,}")]
        lines += ["", *_on_chips(ways)]
    return lines


def _ways(section: str, by_name: ByName) -> Ways:
    """Return the results of every way to predict, one for each seed."""
    ways: Ways = {}
    for e in EXPERIMENTS:
        found = by_name.get(e.name, [])
        if e.section != section or not found:
            continue
        note = ", ±1 inputs" if "±1" in e.label else ""
        for name in found[0]["methods"]:
            ways[name + note] = [
                r["methods"][name] | {"chips": r["chips"].get(name)} for r in found
            ]
    return ways


def _scores(ways: Ways) -> list[str]:
    header = ["", "runs", "error [%]", "NLL", "NLL with T", "Brier score", "ECE", "ECE with T", "T"]
    header += ["own errors", "letters", "letters, I"]
    keys = ("error", "nll", "nll_scaled", "brier", "ece", "ece_scaled")
    rows = []
    for name, found in ways.items():
        tests = [r["sets"]["test"] for r in found]
        cells = [_mean([t[key] for t in tests], 2 if key == "error" else 3) for key in keys]
        cells.append(_mean([r["temperature"] for r in found], 2))
        cells.append(_mean([t["auroc_own_errors"] for t in tests], 3))
        for key in ("auroc", "auroc_information"):
            known = [r["unseen"][key] for r in found if key in r["unseen"]]
            cells.append(_mean(known, 3) if known else "")
        rows.append([name, len(found), *cells])
    return table(header, rows)


def _on_moved_images(ways: Ways) -> list[str]:
    """Return the table of errors and calibration errors on turned and shifted images."""
    sets = next(iter(ways.values()))[0]["sets"]
    header = ["error [%] / ECE with T", *(_of_set(name) for name in sets)]
    rows = [
        [
            name,
            *(
                f"{np.mean([r['sets'][key]['error'] for r in found]):.1f} / "
                f"{np.mean([r['sets'][key]['ece_scaled'] for r in found]):.2f}"
                for key in sets
            ),
        ]
        for name, found in ways.items()
    ]
    return table(header, rows)


def _of_set(name: str) -> str:
    """Return what the table calls a set of images."""
    if name == "test":
        return "upright"
    return f"turned by {name}" if "°" in name else f"shifted by {name} of the side"


def _on_chips(ways: Ways) -> list[str]:
    header = ["error [%] / ECE / letters", "gain", *(_SHOWN[c] for c in CALIBRATIONS)]
    return table(header, _rows_of_chips(ways))


def _rows_of_chips(ways: Ways) -> Iterator[list[Any]]:
    for name, found in ways.items():
        if found[0]["chips"] is None:
            continue
        for gain in GAINS:
            of_gain = [r["chips"][f"{gain:g}"] for r in found]
            yield [name, f"{gain:g}", *(_cell([r[c] for r in of_gain]) for c in CALIBRATIONS)]


def _cell(found: list[dict[str, float] | None]) -> str:
    """Return the mean scores of chips; "–" if one of them has no temperature."""
    known = [r for r in found if r is not None]
    if len(known) < len(found):
        return "–"
    error, ece, area = (np.mean([r[key] for r in known]) for key in ("error", "ece", "auroc"))
    return f"{error:.1f} / {ece:.2f} / {area:.2f}"


def _mean(values: list[float], digits: int) -> str:
    """Return a mean ± standard deviation over trainings."""
    text = f"{np.mean(values):.{digits}f}"
    return text if len(values) < 2 else f"{text} ± {np.std(values, ddof=1):.{digits}f}"
