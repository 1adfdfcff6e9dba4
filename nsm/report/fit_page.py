"""The page of `nsm fit`: measurement against model, what is known how well, and the verdict."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from devices import Estimate, Fit
from devices.fitting.meanings import meaning_of
from nsm.plots import plot_tolerances
from nsm.plots.png import light_and_dark
from nsm.quantities import counted, quantity
from nsm.report.checks import check_page
from nsm.report.fit_figures import Measured, cards_of
from nsm.report.page import Card, Page, Part, Picture, Table, write_page
from nsm.sweeps.rows.provenance import version_of
from nsm.verdict.sentence import rows_of

if TYPE_CHECKING:
    from nsm.verdict.result import Tolerances

#: Confidence of the intervals in the tables.
CONFIDENCE = 0.95
#: Units that take no prefix.
_COUNTED = ("", "1/s", "K", "°C")


@dataclass(frozen=True, kw_only=True)
class FittedFile:
    """A measurement and its fit.

    Attributes:
        kind: What was measured, such as "read noise".
        file: Name of the file.
        fit: The fit.
        measured: The arrays that were fitted, by the names of the arguments of the fit.
        notes: Sentences on the file: what was assumed, and what was not read.
    """

    kind: str
    file: str
    fit: Fit
    measured: Measured = field(default_factory=dict, repr=False)
    notes: Sequence[str] = ()


def shown(value: float, unit: str) -> str:
    """Return a number with its unit; "unknown" for NaN."""
    if math.isnan(value):
        return "unknown"
    return counted(value, unit) if unit in _COUNTED else quantity(value, unit)


def model_text(model: object) -> str:
    """Return what a model is in words."""
    if isinstance(model, tuple):
        return f"{len(model)} measured levels"
    return type(model).__name__


def estimate_row(estimate: Estimate) -> tuple[str, str, str]:
    """Return value, standard error and 95 % interval of an estimate as texts."""
    interval = "not told by the data"
    if estimate.is_told:
        low, high = estimate.interval(CONFIDENCE)
        interval = f"{shown(low, estimate.unit)} to {shown(high, estimate.unit)}"
    return shown(estimate.value, estimate.unit), shown(estimate.error, estimate.unit), interval


def write_fit_page(
    path: str | Path,
    files: Sequence[FittedFile],
    *,
    title: str,
    device_file: str = "",
    device_text: str = "",
    verdict: "Tolerances | None" = None,
    verdict_texts: Sequence[str] = (),
    command: str = "",
) -> Path:
    """Write the page of one or several fits as one HTML file that needs no other.

    Args:
        path: HTML file to write; a file that is no page of this kind is not overwritten.
        files: The measurements and their fits.
        title: Heading of the page, such as the name of the device.
        device_file: Name of the device file that was written; "" if none was.
        device_text: Its text.
        verdict: What networks tolerate on the device; None if it was not measured.
        verdict_texts: Sentences on the verdict, or why there is none.
        command: The command that wrote the page.

    Returns:
        The path.

    Raises:
        ValueError: The path does not end in .html, or names another file.
    """
    file = Path(path)
    check_page(file)
    parts = [_verdict(verdict, verdict_texts), *map(_chapter, files)]
    if device_text:
        parts.append(Part(title="Device file", texts=[f"{device_file}, as it was written:"],
                          folded={device_file: device_text}))  # fmt: skip
    parts.append(_origin(files, command))
    introduction = [
        "Each chapter has the measurement beside the model that was fitted to it, the numbers of "
        "the model with their 95 % intervals, and what the data cannot tell."
    ]
    return write_page(file, Page(title=title, introduction=introduction, parts=parts))


def _chapter(fitted: FittedFile) -> Part:
    """Return the chapter of one measurement."""
    fit = fitted.fit
    notes = (*fitted.notes, *fit.notes)
    rows = [
        (name, [(text, "") for text in (*estimate_row(estimate), meaning_of(name))])
        for name, estimate in fit.estimates.items()
    ]
    tables = [
        Table(
            caption="Numbers of the model",
            first="number",
            columns=["value", "standard error", "95 % interval", "meaning"],
            rows=rows,
            sentences=("meaning",),
            note="Intervals of numbers that are positive by nature are those of their logarithms.",
        )
    ]
    return Part(
        title=f"{fitted.kind.capitalize()}: {fitted.file}",
        texts=[f"Model: {model_text(fit.model)}."],
        tables=tables if rows else [],
        panels=[
            *cards_of(fit, fitted.measured),
            Card(title="What the data cannot tell", texts=notes or ["Nothing was noted."]),
        ],
        facts={"Values": dict(fit.counts)} if fit.counts else {},
    )


def levels_needed(verdict: "Tolerances") -> list[str]:
    """Return how many levels each network needs, with the bracket that the images leave."""
    table = verdict.table[verdict.table["axis"] == "levels"]
    sentences = []
    for row in rows_of(table):
        if math.isnan(row.ratio):
            sentences.append(f"{row.network}: {row.reason}.")
            continue
        enough = f"{row.network} needs {counted(row.tolerated, 'levels')} or fewer"
        if math.isfinite(row.high) and row.high > 0:
            enough += f", and more than {row.high:.3g}"
        loss = f"{100 * verdict.settings['loss']:g}"
        points = "point" if loss == "1" else "points"
        sentences.append(f"{enough} to lose less than {loss} {points}.")
    return sentences


def _verdict(verdict: "Tolerances | None", texts: Sequence[str]) -> Part:
    """Return the chapter with the answer."""
    if verdict is None:
        return Part(title="Verdict", texts=texts or ["The verdict was not asked for."])
    light, dark = light_and_dark(lambda: plot_tolerances(verdict))
    picture = Picture(light=light, dark=dark, alt="Tolerated values in units of this device.")
    return Part(
        title="Verdict",
        texts=[verdict.sentence, verdict.fix_first, *levels_needed(verdict), *texts],
        cards=[
            Card(
                title="What networks tolerate",
                texts=["Bars that end left of 1: this device breaks the network."],
                pictures=[picture],
            )
        ],
    )


def _origin(files: Sequence[FittedFile], command: str) -> Part:
    """Return the chapter on where the page comes from."""
    facts: dict[str, Mapping[str, object]] = {
        "Files": {one.kind: one.file for one in files},
        "Versions": {
            name: version_of(name) for name in ("nsm-crossbar", "numpy", "scipy", "pandas")
        },
    }
    texts = [f"Written by {command}."] if command else []
    return Part(title="Origin", texts=texts, facts=facts)
