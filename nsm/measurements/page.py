"""The page of a fitted device."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from devices import Fit
from devices.presets import Preset
from nsm.measurements.reading import Measurement

if TYPE_CHECKING:
    from nsm.verdict.result import Tolerances


def write_page(
    path: str | Path,
    fitted: Sequence[tuple[Measurement, Fit]],
    device: Preset,
    *,
    device_file: str | Path = "",
    verdict: Tolerances | None = None,
    verdict_texts: Sequence[str] = (),
    command: str = "",
) -> Path:
    """Write measurements beside their models, and the verdict, as one self-contained HTML page.

    Args:
        path: HTML file to write.
        fitted: The measurements and their fits.
        device: The device that they make, with its texts.
        device_file: The device file that was written; "" for none.
        verdict: What a network tolerates on the device; None if it was not measured.
        verdict_texts: Sentences on how it was measured, or why it was not.
        command: The command that writes the page; "" for Python.

    Raises:
        ValueError: The path does not end in .html or names a folder.
    """
    from nsm.report.fit_page import FittedFile, write_fit_page

    files = [
        FittedFile(
            kind=measurement.kind.replace("-", " "),
            file=Path(measurement.path).name,
            fit=fit,
            measured=measurement.arrays,
            notes=measurement.notes,
        )
        for measurement, fit in fitted
    ]
    file = Path(device_file) if device_file else None
    return write_fit_page(
        path,
        files,
        title=device.technology or (file.stem if file else "A fitted device"),
        device_file=file.name if file else "",
        device_text=file.read_text(encoding="utf-8") if file else "",
        verdict=verdict,
        verdict_texts=verdict_texts,
        command=command,
    )
