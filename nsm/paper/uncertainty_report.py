"""The sections of the report on what networks know about their own errors."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nsm.paper.claims import ByName
from nsm.paper.experiment import Experiment
from nsm.paper.figures import Results
from nsm.paper.markdown import table
from nsm.paper.table import EXPERIMENTS
from nsm.paper.uncertainty import protocol_of
from nsm.paper.uncertainty_experiments import UNCERTAINTY, UNCERTAINTY_CIFAR
from nsm.paper.uncertainty_figure import plot_uncertainty
from nsm.paper.uncertainty_protocol import CALIBRATIONS, Protocol
from nsm.plots.style import save_figure

#: Results by name of the method, one for each seed.
Methods = dict[str, Results]

_TEXT = """\
One recipe for all: 15 epochs, Adam with a rate that falls from 10⁻³ to 0 along a cosine, batches of
100, weight averaging, no label smoothing, no input flips. The NSM and MC dropout (probability ½)
take the mean softmax over 20 passes, the ensemble that over its five networks, which cost five
trainings."""
_TEXT_CIFAR = """\
The residual network of three blocks with 16 channels, trained on 5,000 images of a lossy copy (8
epochs, batches of 100, a rate that falls from 3·10⁻³, final weights), tested on 2,000 images, one
training each; 10 passes. "ReLU" has batch normalization. Dropout is drawn before the classifier
alone, the noise of the NSM in every layer. Nothing here can be compared with published errors."""
_SCORES = """\
T is the temperature of the softmax with the largest likelihood on {held_out:,} training images that
nothing was trained on; "with T" are scores with logits/T in every pass. NLL: negative
log-likelihood [nat]. ECE: expected calibration error (15 bins); "by chance": that of a calibrated
network with the same confidences. AUROC (½: by chance) of the predictive entropy: "own errors",
wrong from right test images; "letters", {letters:,} printed letters, out of distribution, from test
images; "letters, MI", the same by the mutual information between passes. Means over trainings ±
standard deviations; claims are decided over trainings alone, since all see the same images."""
_CHIPS = """\
On chips: cells of {device} with its programming error and no read noise, a blank-out gate for each
pair of cells, ideal comparators and converters, {images:,} test images, {letters:,} letters. A gain
multiplies all conductances. "Temperature": T measured on the chip at this gain on {held_out:,}
held-out images; "compensated": one measured factor for each layer, T = 1. Networks without noise do
not use the gate; masks of dropout are drawn digitally. "–": the likelihood on held-out images has
no maximum."""
_SHOWN = {"none": "as it is", "temperature": "temperature", "compensated": "compensated"}
#: Columns of scores: heading, key, decimals.
_COLUMNS = (
    ("error [%]", "error", 2),
    ("NLL", "nll", 3),
    ("NLL with T", "nll_scaled", 3),
    ("Brier score", "brier", 3),
    ("ECE", "ece", 4),
    ("ECE with T", "ece_scaled", 4),
    ("ECE with T, by chance", "ece_by_chance_scaled", 4),
    ("AUROC: own errors", "auroc_own_errors", 3),
)


def uncertainty_sections(by_name: ByName, out: Path) -> list[str]:
    """Return the lines of both sections, and draw the figure; none without results."""
    lines: list[str] = []
    for section, text in ((UNCERTAINTY, _TEXT), (UNCERTAINTY_CIFAR, _TEXT_CIFAR)):
        experiments = [e for e in EXPERIMENTS if e.section == section and by_name.get(e.name)]
        if not experiments:
            continue
        methods = _methods(experiments, by_name)
        protocol = protocol_of(experiments[0])
        lines += ["", f"## {section}", "", text, "", _told(_SCORES, protocol)]
        lines += ["", *_scores(methods)]
        if section == UNCERTAINTY:
            save_figure(plot_uncertainty(methods), out / "uncertainty.png")
            lines += ["", "![Errors and what networks know of them](uncertainty.png)"]
        lines += ["", *_on_changed_images(methods), "", _told(_CHIPS, protocol)]
        lines += ["", *_on_chips(methods, protocol)]
    return lines


def _told(text: str, protocol: Protocol) -> str:
    """Return a text with the numbers of a protocol."""
    few = "{images" in text
    return text.format(
        device=protocol.device,
        images=protocol.on_chips,
        letters=min(protocol.on_chips, protocol.letters) if few else protocol.letters,
        held_out=min(protocol.on_chips, protocol.held_out) if few else protocol.held_out,
    )


def _methods(experiments: Sequence[Experiment], by_name: ByName) -> Methods:
    """Return the results of every method, one for each seed."""
    methods: Methods = {}
    for e in experiments:
        found = by_name[e.name]
        note = ", ±1 inputs" if "±1" in e.label else ""
        for name in found[0]["methods"]:
            methods[name + note] = [
                r["methods"][name] | {"chips": r["chips"].get(name)} for r in found
            ]
    return methods


def _scores(methods: Methods) -> list[str]:
    header = ["", "runs", *(heading for heading, _, _ in _COLUMNS)]
    header += ["AUROC: letters", "letters, MI", "T"]
    rows = []
    for name, found in methods.items():
        tests = [r["sets"]["test"] for r in found]
        cells = [_mean([t.get(key) for t in tests], digits) for _, key, digits in _COLUMNS]
        cells += [
            _mean([r["ood"].get(k) for r in found], 3) for k in ("auroc", "auroc_information")
        ]
        cells.append(_mean([r["temperature"] for r in found], 2))
        rows.append([name, len(found), *cells])
    return table(header, rows)


def _on_changed_images(methods: Methods) -> list[str]:
    """Return the table of errors and calibration errors on rotated and shifted images."""
    sets = next(iter(methods.values()))[0]["sets"]
    header = ["error [%] / ECE with T", *(_of_set(name) for name in sets)]
    rows = [
        [name, *(_pair([r["sets"][key] for r in found]) for key in sets)]
        for name, found in methods.items()
    ]
    return table(header, rows)


def _pair(found: Results) -> str:
    error = _mean([r["error"] for r in found], 1, spread=False)
    return f"{error} / {_mean([r.get('ece_scaled') for r in found], 2, spread=False)}"


def _of_set(name: str) -> str:
    """Return what the table calls a set of images."""
    if name == "test":
        return "upright"
    return f"rotated by {name}" if "°" in name else f"shifted by {name}"


def _on_chips(methods: Methods, protocol: Protocol) -> list[str]:
    header = ["error [%] / ECE (by chance) / AUROC: letters", "gain"]
    return table([*header, *(_SHOWN[c] for c in CALIBRATIONS)], _rows_of_chips(methods, protocol))


def _rows_of_chips(methods: Methods, protocol: Protocol) -> Iterator[list[Any]]:
    for name, found in methods.items():
        if found[0]["chips"] is None:
            continue
        for gain in (f"{g:g}" for g in protocol.gains):
            of_gain = [r["chips"][gain] for r in found]
            yield [name, gain, *(_cell([r[c] for r in of_gain]) for c in CALIBRATIONS)]


def _cell(found: list[dict[str, float] | None]) -> str:
    """Return the mean scores of chips; "–" if one of them has no temperature."""
    known = [r for r in found if r is not None]
    if len(known) < len(found):
        return "–"
    keys = ("error", "ece", "ece_by_chance", "auroc")
    error, ece, chance, area = (np.mean([r[key] for r in known]) for key in keys)
    return f"{error:.1f} / {ece:.3f} ({chance:.3f}) / {area:.2f}"


def _mean(values: list[float | None], digits: int, *, spread: bool = True) -> str:
    """Return a mean ± standard deviation over trainings; "–" if one of them is missing."""
    known = [v for v in values if v is not None]
    if len(known) < len(values):
        return "–"
    text = f"{np.mean(known):.{digits}f}"
    if len(known) < 2 or not spread:
        return text
    return f"{text} ± {np.std(known, ddof=1):.{digits}f}"
