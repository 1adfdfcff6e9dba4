"""`nsm fit`: from a measurement to a device file."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nsm.cli.options import Seed, Workers, say

if TYPE_CHECKING:
    from devices import Fit, Preset
    from nsm.cli.fit_verdict import Answer
    from nsm.measurements import Measurement

#: What can be measured, as in `nsm.measurements.KINDS`, and "all".
KIND_NAMES = (
    "read-noise",
    "telegraph",
    "relaxation",
    "bake",
    "programming",
    "levels",
    "pulses",
    "set-reset",
    "temperature",
    "all",
)
KindName = Annotated[
    str,
    typer.Argument(
        metavar="KIND", help=f"What was measured: {', '.join(KIND_NAMES)} (a folder of files)."
    ),
]
Source = Annotated[
    Path,
    typer.Argument(
        metavar="FILE",
        help="Table of values: .csv, .tsv, .tab, .txt, .dat, .npz, .parquet or .xlsx; with all, a "
        "folder of files named by their kind, such as read-noise-1.csv.",
    ),
]
Out = Annotated[Path, typer.Option(help="Device file to write or to add to.")]
UnitOption = Annotated[
    list[str] | None,
    typer.Option(
        "--unit",
        help="Unit of the conductances, or COLUMN=UNIT, if headers have none: µS, nA, kΩ, "
        "normalized, time=ms, temperature=°C.",
    ),
]
ColumnOption = Annotated[
    list[str] | None,
    typer.Option("--column", help="Column of a role, as ROLE=NAME: time=timepoint, g=I_read."),
]
Period = Annotated[
    str | None, typer.Option(help="Time from one read to the next, for traces without times.")
]
ReadVoltage = Annotated[str | None, typer.Option(help="Voltage of the reads, for currents: 0.2 V.")]
Cell = Annotated[list[str] | None, typer.Option(help="Cell to read (default: all).")]
Reads = Annotated[
    str | None, typer.Option(help="Part of a trace, FIRST:LAST, counted from 0, without the last.")
]
Sheet = Annotated[str | None, typer.Option(help="Sheet of an .xlsx file.")]
Instrument = Annotated[
    str | None,
    typer.Option(help="Noise of the instrument in one read, of read-noise: 50 nS."),
]
Levels = Annotated[
    int | None, typer.Option(help="Number of levels, of telegraph (default: chosen).", min=1, max=4)
]
Active = Annotated[
    bool,
    typer.Option(
        "--active", help="Fit the longest part of a telegraph trace in which the trap is active."
    ),
]
Window = Annotated[
    str | None,
    typer.Option(help="Windows that --active searches: 2 s (default: a hundredth of the trace)."),
]
MeasuredAt = Annotated[
    str | None, typer.Option(help="Temperature of the measurement, of relaxation: 25 °C.")
]
TRef = Annotated[str | None, typer.Option(help="Reference temperature, of temperature: 300 K.")]
GMin = Annotated[str | None, typer.Option(help="Smallest conductance of the device: 1 µS.")]
GMax = Annotated[str | None, typer.Option(help="Largest conductance of the device: 100 µS.")]
Technology = Annotated[str, typer.Option(help="What kind of cell it is, for the device file.")]
Citation = Annotated[str, typer.Option(help="Source of the measurement, for the device file.")]
Replace = Annotated[bool, typer.Option("--replace", help="Replace what the device file has.")]
Page = Annotated[
    Path | None, typer.Option(help="Page with figures to write (default: beside the device file).")
]
Verdict = Annotated[
    bool | None,
    typer.Option(
        "--verdict/--no-verdict",
        help="Ask all axes of what the shipped network tolerates on the device (minutes; may "
        "download MNIST), or none. Default: a quick verdict, about a minute, if MNIST is here.",
    ),
]


def fit(
    kind: KindName,
    source: Source,
    out: Out,
    unit: UnitOption = None,
    column: ColumnOption = None,
    period: Period = None,
    read_voltage: ReadVoltage = None,
    cell: Cell = None,
    reads: Reads = None,
    sheet: Sheet = None,
    instrument: Instrument = None,
    levels: Levels = None,
    active: Active = False,
    window: Window = None,
    measured_at: MeasuredAt = None,
    t_ref: TRef = None,
    g_min: GMin = None,
    g_max: GMax = None,
    technology: Technology = "",
    citation: Citation = "",
    replace: Replace = False,
    page: Page = None,
    verdict: Verdict = None,
    workers: Workers = 2,
    seed: Seed = 0,
) -> None:
    """Fit models to a measurement, with standard errors, and write them to a device file."""
    from devices.validation import choice
    from nsm.cli.fit_files import files_of, fit_options_of, kinds_to_write, limits_of, read_all
    from nsm.cli.fit_verdict import answer, asked, full_command
    from nsm.measurements.device_file import check_device_file, check_range, write_device
    from nsm.report.checks import check_page

    choice("kind of measurement", kind, KIND_NAMES)
    found = files_of(kind, source)
    check_device_file(out, kinds_to_write(found), replace=replace)
    html = page or default_page(out, kind)
    check_page(html)
    limits = limits_of(g_min, g_max)
    options: dict[str, Any] = {"instrument": instrument, "levels": levels}
    options |= {"active": active or None, "window": window}
    options |= {"measured_at": measured_at, "t_ref": t_ref}
    of_fits = fit_options_of(found, options)
    reading: dict[str, Any] = {"period": period, "read_voltage": read_voltage}
    reading |= {"reads": reads, "sheet": sheet}
    names: dict[str, Any] = {"unit": pairs("--unit", unit), "columns": pairs("--column", column)}
    # Both ends also scale normalized values; each of them is an end of the device's range.
    ends = None if None in limits.values() else (limits["g_min"], limits["g_max"])
    measurements = read_all(found, **names, **reading, limits=ends, cell=tuple(cell or ()))
    check_range(out, measurements, **limits)
    wanted = asked(verdict)  # before the work, for images may be missing
    fitted, failed = _fitted(measurements, of_fits, out, seed)
    texts: dict[str, Any] = {"technology": technology, "citation": citation}
    device = write_device(out, fitted, **limits, **texts, replace=replace)
    say(f"device file: {out}")
    told = answer(device, wanted, workers=workers, seed=seed, command=full_command(sys.argv[1:]))
    _write_page(html, out, fitted, device, told)
    if failed:
        raise ValueError(f"not fitted, and not in {out}: {'; '.join(failed)}")


def _write_page(
    path: Path, out: Path, fitted: list[tuple[Measurement, Fit]], device: Preset, told: Answer
) -> None:
    """Write the page of figures with the verdict."""
    from nsm.measurements.page import write_page

    write_page(
        path,
        fitted,
        device,
        device_file=out,
        verdict=told.tolerances,
        verdict_texts=told.texts,
        command=f"nsm {shlex.join(sys.argv[1:])}",
    )
    say(f"page: {path}")


def default_page(out: Path, kind: str) -> Path:
    """Return the page beside a device file; each kind has its own, and "all" one of all fits."""
    return out.with_suffix(".html" if kind == "all" else f".{kind}.html")


def pairs(option: str, texts: list[str] | None) -> dict[str, str]:
    """Return NAME=VALUE texts by name; a text without "=" has the name "".

    Raises:
        ValueError: A name is given twice, or --column has none.
    """
    found: dict[str, str] = {}
    for text in texts or []:
        name, equals, value = text.rpartition("=")
        if (option == "--column" and not name) or not value:
            example = "time=timepoint" if option == "--column" else "time=ms"
            raise ValueError(f"{option} {text!r} is no NAME=VALUE; write it as in {example}")
        if name in found:
            raise ValueError(
                f"{option} {text!r}: {name or 'the unit'} is given twice; leave one out"
            )
        found[name] = value if equals else text
    return found


def _fitted(
    measurements: list[Measurement], options: dict[str, dict[str, Any]], out: Path, seed: int
) -> tuple[list[tuple[Measurement, Fit]], list[str]]:
    """Return the fits of measurements, printed, and why some of several could not be fitted."""
    from nsm.measurements.device_file import process_for
    from nsm.measurements.fits import fit_measurement
    from nsm.progress import progress_bar

    fitted: list[tuple[Measurement, Fit]] = []
    failed: list[str] = []
    with progress_bar() as bar:
        task = bar.add_task("fits", total=len(measurements), note="", unit="fits")
        for measurement in measurements:
            bar.update(task, note=f"{measurement.kind} of {measurement.path}")
            own = options[measurement.kind]
            try:
                process = process_for(out, measurement.kind, fitted)
                fit = fit_measurement(measurement, rng=seed, process=process, **own)
            except ValueError as problem:
                failed.append(str(problem))
            else:
                fitted.append((measurement, fit))
            bar.advance(task)
    if not fitted:
        raise ValueError("; ".join(failed))
    for measurement, fit in fitted:
        _print_fit(measurement, fit)
    return fitted, failed


def _print_fit(measurement: Measurement, fit: Fit) -> None:
    """Print what was read, the model, the estimates with their intervals, and notes."""
    from rich.table import Table

    from devices.fitting.meanings import meaning_of
    from devices.tables import model_name
    from nsm.cli.options import show_table
    from nsm.measurements.estimates import counts_text, interval_text, value_text

    say(f"{measurement.kind} of {measurement.path}")
    say(f"  read: {counts_text(fit.counts)}")
    levels = isinstance(fit.model, tuple)
    say(f"  model: {len(fit.model)} levels" if levels else f"  model: {model_name(fit.model)}")
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("  estimate", no_wrap=True)
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("unit", no_wrap=True)
    table.add_column("95 % interval", no_wrap=True)
    table.add_column("meaning")
    last = ""
    for name, estimate in fit.estimates.items():
        interval = interval_text(estimate) or "not told by the data"
        meaning = meaning_of(name)
        said = "" if meaning == last else meaning  # once for a group of numbers
        table.add_row(f"  {name}", value_text(estimate), estimate.unit, interval, said)
        last = meaning
    if fit.estimates:
        show_table(table)
    for note in (*measurement.notes, *fit.notes):
        say(f"  note: {note}")
