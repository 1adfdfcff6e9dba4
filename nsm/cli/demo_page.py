"""The page of the demonstration: its summary, its parameters, and its texts."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from crossbar import DifferentialPair, Hardware
from devices import PRESETS, BlankOut, GaussianNoise, LognormalNoise, NoDrift, NoFaults, NoNoise
from nsm.cli.demo_axes import Axis, Limit
from nsm.plots.report import Summary
from nsm.plots.style import COLORS, places_of
from nsm.plots.tolerance import tolerated
from nsm.sweeps.axes import TRAINING_SEED

#: Largest tolerated rise of the error in the summary [percentage points].
ALLOWED = 1.0

TITLE = "Can a noisy memory device compute?"

INTRODUCTION = (
    "Three networks of the same size are trained on images of handwritten digits, programmed into "
    "the same simulated crossbar of ferroelectric transistors (FeFET), and read while one property "
    "of the devices gets worse.",
    "NSM: a neural sampling machine. Its neurons are stochastic, and all of its randomness comes "
    "from the devices. ReLU: the usual deterministic network. StNN: a stochastic network whose "
    "noise has a fixed size at the comparators.",
)

DRAWING_TEXT = (
    "A weight is the difference of two conductances G⁺\u00a0−\u00a0G⁻, a differential pair. "
    "Inputs drive the word lines as voltages, each bit line adds up the currents of its cells, "
    "and a comparator turns the difference of two bit lines into a state z = ±1.",
    "In the layers of the NSM, a gate ξ in series with each pair (a stochastic switch) is open or "
    "closed at random on every read. The noise of a bit line is therefore proportional to its "
    "weights, and a common factor of all conductances cancels in the sign of the sum.",
    "Not drawn: a second array without gates, the deterministic path, holds the same weights, and "
    "its current times a factor a is added to the sum; word lines without gates hold the biases.",
    "The layers of the ReLU network and of the StNN, and the last layer of each network, have no "
    "gates. The comparators of the StNN have a noise of fixed size; converters read the ReLU "
    "network and the last layers.",
)

PANELS_TEXT = (
    "Each panel changes one property and leaves the others as published. All networks were trained "
    "with one recipe, each from three seeds. Line: mean over trainings, each on a chip of its own. "
    "Band: ± one standard deviation of a training on a chip. Dashed: mean error of the same "
    "networks in software, with exact weights. Small print: what reads the layers, and which cells "
    "share a gate; both decide the result."
)


def _number(value: float) -> str:
    """Return a number with two significant digits, without exponent."""
    return f"{value:.0f}" if value >= 10 else f"{value:#.2g}"


def _limit_text(value: float, limit: Limit, end: float) -> str:
    """Return a tolerated value as shown in the summary; `end` is the last value of the sweep."""
    if math.isinf(value):
        return f"{'>' if limit.rising else '<'} {end:g}"
    if limit.integer:
        return f"{math.floor(value) if limit.rising else math.ceil(value)}"
    return _number(value)


def _one_chip(rows: pd.DataFrame) -> list[str]:
    """Return the columns that tell apart single chips of single trainings."""
    return [c for c in (TRAINING_SEED, "chip") if c in rows.columns]


def _limit_cell(rows: pd.DataFrame, axis: Axis, limit: Limit) -> tuple[str, str]:
    """Return the tolerated value of one network, and the range of this value over chips."""
    end = max(axis.values) if limit.rising else min(axis.values)

    def text(part: pd.DataFrame) -> tuple[float, str]:
        value = tolerated(
            part, axis.path, nominal=axis.nominal, rising=limit.rising, allowed=ALLOWED
        )
        return value, _limit_text(value, limit, end)

    chips = sorted(text(part) for _, part in rows.groupby(_one_chip(rows)))
    if math.isinf(chips[-1][0]) and not limit.rising:
        # On a falling axis "tolerates everything" is the smallest value, not the largest.
        chips = [c for c in chips if math.isinf(c[0])] + [c for c in chips if not math.isinf(c[0])]
    lowest, highest = chips[0][1], chips[-1][1]
    return text(rows)[1], "" if lowest == highest else f"({lowest} to {highest})"


def _error_cell(percent: float, images: int) -> tuple[str, str]:
    """Return an error and its standard error over test images [%]."""
    p = percent / 100
    return f"{percent:.1f}", f"± {100 * math.sqrt(p * (1 - p) / images):.1f}"


def summary(
    rows: Mapping[str, pd.DataFrame], software: Mapping[str, float], axes: Sequence[Axis]
) -> Summary:
    """Return the table at the top of the page.

    Args:
        rows: rows of every axis by its path.
        software: error of every network in software [fraction].
        axes: the sweeps.
    """
    networks = list(software)
    first = axes[0]
    clean = rows[first.path][rows[first.path][first.path] == first.nominal]
    percent = 100 * clean["errors"] / clean["images"]
    mean = percent.groupby(clean["network"]).mean()
    spread = percent.groupby(clean["network"]).std().fillna(0)
    images = int(clean["images"].iloc[0])
    chips = len(clean.groupby(_one_chip(clean)))
    lines = [
        ("Test error in software [%]", [_error_cell(100 * software[n], images) for n in networks]),
        ("Test error on the clean chip [%]", [_error_cell(mean[n], images) for n in networks]),
    ]
    for axis in axes:
        data = rows[axis.path]
        for limit in axis.limits:
            cells = [_limit_cell(data[data["network"] == n], axis, limit) for n in networks]
            lines.append((limit.label, cells))
    note = (
        f"Each error is that of {images} test images with {int(clean['samples'].iloc[0])} samples "
        f"each; on chips, the mean of {chips} chips, each with its own training where there are "
        f"several. ±: one standard error over test images. From chip to chip the error of the "
        f"clean chip varies by "
        f"{spread.min():.1f} to {spread.max():.1f} points (one standard deviation). The clean chip "
        "has the published device, without read noise. From the third row on: the value at which "
        f"the mean error has risen by {ALLOWED:g} percentage point ({ALLOWED * images / 100:g} "
        "images) above that of the clean chip, interpolated between the values of the sweep "
        "along the axis as it is drawn (levels: the next whole number). In parentheses: smallest "
        "and largest value over single chips. “<” and “>”: the network tolerates every value of "
        "the sweep in this direction. All networks and chips see the same images."
    )
    colors = [COLORS[place] for place in places_of(networks, networks=True)]
    return Summary(networks, colors, lines, note)


def _siemens(value: float) -> str:
    """Return a conductance [S] in the unit that suits it."""
    for factor, unit in ((1e9, "nS"), (1e6, "µS")):
        if value * factor < 100:
            return f"{value * factor:.3g} {unit}"
    return f"{value * 1e3:.3g} mS"


def _words(part: object) -> str:
    """Return a part of the hardware in words where it is a simple one, else as Python code."""
    match part:
        case NoDrift() | NoFaults() | NoNoise() | GaussianNoise(sigma=0) | LognormalNoise(sigma=0):
            return "none"
        case BlankOut():
            return f"blank-out, conducts with probability {part.p:g}"
        case DifferentialPair():
            return "differential pairs"
    return repr(part)


def hardware_facts(hardware: Hardware, preset: str) -> dict[str, dict[str, object]]:
    """Return the parameters of the demonstration's chip, by name, in named groups.

    Args:
        hardware: the chip.
        preset: name of the device in `devices.PRESETS`.
    """
    device = hardware.device
    levels = device.level_conductances
    source = PRESETS[preset]
    error = float(device.programming_error(np.array([device.g_max]))[0])
    share = 100 * error / (device.g_max - device.g_min)
    rows, columns = hardware.tile_shape
    comparator = hardware.comparator
    cell: dict[str, object] = {
        "preset": f"{preset}, {source.technology}",
        "source": f"{source.citation} (numbers: {source.status}; {source.verified})",
        "conductance range": f"{_siemens(device.g_min)} to {_siemens(device.g_max)}, "
        f"on/off ratio {device.g_max / device.g_min:.3g}",
        "levels": "continuous" if levels is None else len(levels),
        "programming": source.programming,
        "programming error": f"root mean square {_siemens(error)} at the largest conductance "
        f"({share:.2g} % of the range)",
        "read noise": _words(device.read_noise),
        "drift": _words(device.retention),
        "stuck cells": _words(device.faults),
    }
    gate = f"{_words(hardware.gate)}, one per {hardware.gate_sharing}"
    circuit: dict[str, object] = {
        "gate of the stochastic layers": gate,
        "weights": _words(hardware.mapping),
        "weight scale": f"one per {hardware.weight_scale}",
        "tile": f"{rows} word lines × {columns} bit lines",
        "wires": "no resistance" if hardware.wires is None else repr(hardware.wires),
        "biases": {"word_line": "on word lines without gates"}.get(hardware.bias, hardware.bias),
        "deterministic path": hardware.deterministic_path,
        "comparators": f"offset {comparator.offset:g} A, noise {comparator.noise:g} A (s.d.)",
        "converter": "ideal" if hardware.adc is None else repr(hardware.adc),
        "reads": f"at {hardware.read_voltage:g} V, every {hardware.read_period * 1e6:g} µs, "
        f"{hardware.temperature:g} K",
    }
    return {"Device": cell, "Circuit": circuit}
