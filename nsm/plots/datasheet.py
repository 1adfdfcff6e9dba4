"""The data sheet of a device or a gate: one figure of everything that is known of it."""

import textwrap
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from devices import (
    Device,
    NoDrift,
    NoFaults,
    NoTemperature,
    Preset,
    ReadNoise,
    StochasticSelector,
)
from devices.validation import choice
from nsm.disk import write_file
from nsm.places import check_file
from nsm.plots.annotated import checked
from nsm.plots.device_panels import (
    conductance_unit,
    draw_exponent,
    draw_faults,
    draw_levels,
    draw_noise,
    draw_retention,
    draw_temperature,
    standard_deviations,
)
from nsm.plots.gate_panels import GATE_CONDUCTANCE, draw_factors, draw_switch
from nsm.plots.pulse_panel import draw_pulses
from nsm.plots.spectrum import draw_spectrum
from nsm.plots.style import STYLE

#: Width of a data sheet [inch]: one column of a two-column page.
WIDTH = 3.5

#: Settings of matplotlib for data sheets: two panels side by side leave room for small text only.
#: No text is below 6 points, except for exponents.
_SHEET_STYLE: Any = STYLE | {
    "font.size": 6.5,
    "axes.labelsize": 6.5,
    "axes.titlesize": 7,
    "legend.fontsize": 6,
    "legend.frameon": False,
    "legend.handlelength": 1.3,
    "legend.handletextpad": 0.5,
    "legend.labelspacing": 0.3,
    "legend.borderaxespad": 0.2,
    "xtick.labelsize": 6,
    "ytick.labelsize": 6,
    "axes.labelpad": 2,
    "axes.titlepad": 4,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.minor.size": 1.5,
    "ytick.minor.size": 1.5,
    "lines.linewidth": 1.1,
    "lines.markersize": 3,
    "savefig.dpi": 300,
}

Panel = Callable[[Axes], None]


def _gate_panels(gate: ReadNoise) -> list[Panel]:
    """Return functions that draw the panels of a gate."""
    panels: list[Panel] = [partial(draw_factors, gate)]
    if gate.moments(np.array(GATE_CONDUCTANCE))[1] > 0:
        panels.append(partial(draw_spectrum, gate, GATE_CONDUCTANCE, ""))
    if isinstance(gate, StochasticSelector):
        panels.append(partial(draw_switch, gate))
    return panels


def _device_panels(device: Device) -> list[Panel]:
    """Return functions that draw the panels of a device: one for each property that it models."""
    k, unit = conductance_unit(device)
    middle = device.g_max / 2
    names = [name for *_, name, _ in standard_deviations(device)]
    panels: list[Panel] = [partial(draw_levels, device)]
    if names:
        panels.append(partial(draw_noise, device))
    if "one read" in names:
        panels.append(partial(draw_exponent, device))
    if device.read_noise.moments(np.array(middle))[1] > 0:
        at = f" at {k * middle:.3g} {unit}"
        panels.append(partial(draw_spectrum, device.read_noise, middle, at))
    if device.pulses is not None:
        panels.append(partial(draw_pulses, device))
    if not isinstance(device.retention, NoDrift):
        panels.append(partial(draw_retention, device))
    if not isinstance(device.faults, NoFaults):
        panels.append(partial(draw_faults, device))
    if not isinstance(device.temperature_law, NoTemperature):
        panels.append(partial(draw_temperature, device))
    return panels


def _has_levels(model: Device | ReadNoise) -> bool:
    """Return whether a model is a device with levels."""
    return isinstance(model, Device) and model.levels is not None


def _paragraph(what: str, text: str) -> list[str]:
    """Return the lines of a text below the panels, with one full stop; none if it is empty.

    Args:
        what: What it tells, which stands before it; "" for nothing.
        text: The text, whose lines stay lines.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return []
    if not lines[-1].endswith((".", "!", "?")):
        lines[-1] += "."
    if what:
        lines[0] = f"{what}: {lines[0]}"
    return [part for line in lines for part in textwrap.wrap(line, 72)]


@checked
def data_sheet(preset: Preset) -> Figure:
    """Return one figure of a preset: range and programming, σ(G), γ(G), spectrum, pulses and so on.

    Only what the preset models is drawn: two panels side by side, and an odd last one across.
    Below stand the source of the numbers, what of it was measured and what was inferred, how cells
    are programmed, what their levels count, and notes, as far as they are given. The figure is
    WIDTH wide.

    Args:
        preset: a device or a gate, see `devices.PRESETS` and `devices.GATES`.
    """
    model = preset.model
    panels = _gate_panels(model) if isinstance(model, ReadNoise) else _device_panels(model)
    rows = -(-len(panels) // 2)
    numbers = "; ".join(filter(None, (preset.status, preset.verified)))
    source = []
    for what, text in (
        ("", preset.citation),
        ("Numbers", numbers),
        ("Measured", preset.measured),
        ("Inferred", preset.inferred),
        ("Programming", preset.programming),
        ("Levels", preset.levels_counted if _has_levels(model) else ""),
        ("Notes", preset.notes),
    ):
        source += _paragraph(what, text)
    title = [f"{preset.name}: {preset.technology}" if preset.technology else preset.name]
    if len(title[0]) > 48:
        title = [f"{preset.name}:", *textwrap.wrap(preset.technology, 48)]
    # Heights of a row of panels, of a line of the title, and of a line of the source [inch].
    height = 1.5 * rows + 0.13 * len(title) + 0.1 * len(source) + 0.15
    with mpl.rc_context(_SHEET_STYLE):
        sheet = Figure(figsize=(WIDTH, height))
        grid = sheet.add_gridspec(rows, 2)
        for index, panel in enumerate(panels):
            row, column = divmod(index, 2)
            alone = column == 0 and index + 1 == len(panels)
            panel(sheet.add_subplot(grid[row, :] if alone else grid[row, column]))
        sheet.suptitle("\n".join(title), fontsize=8, fontweight="bold")
        sheet.supxlabel("\n".join(source), fontsize=6)
    return sheet


@checked
def save_data_sheet(preset: Preset, path: str | Path) -> Path:
    """Write the data sheet of a preset to a file and return its path.

    Args:
        preset: a device or a gate.
        path: file to write; its ending is .png, .pdf or .svg.

    Raises:
        ValueError: the ending is another one, or the file cannot be written.
    """
    path = Path(path)
    check_file(path, "sheet.png")
    choice("figure format", path.suffix, (".png", ".pdf", ".svg"))
    with mpl.rc_context(_SHEET_STYLE):
        write_file(path, data_sheet(preset).savefig)
    return path
