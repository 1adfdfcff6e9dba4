"""Presets beside each other: their records as a table, and what networks do on them."""

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from torch import nn

from crossbar import Hardware
from devices import Device, Preset
from devices.validation import Floats
from nsm.chips.map import map_to_crossbar
from nsm.plots.annotated import checked
from nsm.plots.style import figure, style_of, styled
from nsm.plots.texts import drawn_text
from nsm.sweeps.axes import TRAINING_SEED

#: What is put on every preset: its network, and whether its chip has the gate.
CIRCUITS: Mapping[str, tuple[str, bool]] = {
    "NSM behind a gate": ("NSM", True),
    "NSM without a gate": ("NSM", False),
    "ReLU, ideal converters": ("ReLU", False),
}

#: Consecutive reads whose worth in independent ones is shown.
READS = 10


def _device(preset: Preset) -> Device:
    """Return the device of a preset, which may also be a gate."""
    assert isinstance(preset.model, Device), preset.name
    return preset.model


def _levels(preset: Preset) -> str:
    levels = _device(preset).levels
    count = "continuous" if levels is None else str(np.size(levels) if np.ndim(levels) else levels)
    return count if levels is None else f"{count}: {preset.levels_counted}"


def _on_off(device: Device) -> str:
    ideal = device.g_min <= 1e-6 * device.g_max  # g_min = 0 is held as a tiny number
    return "∞" if ideal else f"{device.g_max / device.g_min:.3g}"


@checked
def preset_table(presets: Iterable[Preset]) -> pd.DataFrame:
    """Return what the records of presets say, one row for each device.

    Args:
        presets: Published devices, such as `devices.PRESETS.values()`.

    Returns:
        Technology, status, on/off ratio (∞ for g_min = 0), levels and what they count, programming,
        what was measured, what was inferred, and where the numbers were read; by name.
    """
    rows = {
        preset.name: {
            "technology": preset.technology,
            "status": preset.status,
            "on/off": _on_off(_device(preset)),
            "levels": _levels(preset),
            "programming": preset.programming,
            "measured": preset.measured,
            "inferred": preset.inferred,
            "numbers read in": preset.verified,
        }
        for preset in presets
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("preset")


def chip_rows(
    trainings: Mapping[int, nn.Module], hardware: Hardware, x: Floats, y: Any, *, samples: int
) -> list[dict[str, Any]]:
    """Return what one chip of every training of a network shows; their warnings are not repeated.

    Args:
        trainings: Trainings of the network by their seed.
        hardware: The hardware; a chip is programmed, and read, with the seed of its training.
        x: Images, (images, inputs).
        y: Their labels, (images,).
        samples: Reads of every image.

    Returns:
        For each chip its error [%], the numbers of the images that were wrong, and of its first
        neural sampling layer (NaN without one) the ratio of static to noise variance and the number
        of independent reads that `READS` consecutive reads are worth.
    """
    rows = []
    for seed, network in trainings.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            chip = map_to_crossbar(network, hardware, rng=seed)
            wrong = np.flatnonzero(chip.wrong(x, y, samples, rng=seed))
            report = chip.report()
        found: dict[str, Any] = {TRAINING_SEED: seed, "images": len(x), "errors": len(wrong)}
        found |= {"error": 100 * len(wrong) / len(x), "wrong": wrong}
        found |= {"static/noise": np.nan, "effective samples": np.nan}
        if "static_to_noise_ratio" in report:
            worth = chip.effective_samples(READS)["median"].iloc[0]
            ratio = report["static_to_noise_ratio"].iloc[0]
            found |= {"static/noise": ratio, "effective samples": worth}
        rows.append(found)
    return rows


def rows_of_presets(
    presets: Iterable[Preset],
    networks: Mapping[str, Mapping[int, nn.Module]],
    hardware: Hardware,
    x: Floats,
    y: Any,
    *,
    samples: int,
    every: int = 1,
) -> pd.DataFrame:
    """Return what the chips of every circuit in `CIRCUITS` show on every preset.

    A neural sampling machine without a gate is left out where cells have no read noise, as no chip
    can be made of it.

    Args:
        presets: Published devices.
        networks: The networks "NSM" and "ReLU", and the trainings of each by their seed, as
            `nsm.training.comparison.train_alike` returns them.
        hardware: The hardware; its device is replaced, and its gate is left out without a gate.
        x: Images, (images, inputs).
        y: Their labels, (images,).
        samples: Reads of every image.
        every: Where cells have noise with memory, whose reads take longest, only one of so many
            images is read; default 1.

    Returns:
        The columns of `chip_rows`, with `preset` and `circuit`.
    """
    rows: list[dict[str, Any]] = []
    for preset in presets:
        on_preset = replace(hardware, device=_device(preset))
        step = every if on_preset.device.read_noise.has_memory else 1
        for circuit, (name, gated) in CIRCUITS.items():
            used = on_preset if gated else on_preset.ungated()
            if name == "NSM" and not gated and on_preset.has_quiet_cells:
                continue
            found = chip_rows(networks[name], used, x[::step], y[::step], samples=samples)
            rows += [{"preset": preset.name, "circuit": circuit, **row} for row in found]
    return pd.DataFrame(rows)


def _titles(rows: pd.DataFrame) -> list[str]:
    """Return the names of presets, with the number of images where others have more."""
    images = rows.groupby("preset", sort=False)["images"].first()
    most = images.max()
    return [str(name) if n == most else f"{name} ({n} images)" for name, n in images.items()]


@styled
def plot_preset_errors(rows: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the error of every circuit on every preset, one line of the figure for each preset.

    Markers are means over trainings, each on a chip of its own, bars the range from the best to the
    worst. Presets that were read with fewer images than others say so. Errors above 5 % have a
    logarithmic axis. A network keeps its color; without a gate the markers of the NSM are open.

    Args:
        rows: Rows of `rows_of_presets`.
        ax: Where to draw; None for a new figure.
    """
    if ax is None:
        _, ax = figure()
    names = list(dict.fromkeys(rows["preset"]))
    trainings = rows[TRAINING_SEED].nunique()
    for place, (circuit, (network, gated)) in enumerate(CIRCUITS.items()):
        look = style_of(network)
        inside = "white" if network == "NSM" and not gated else look["color"]
        errors = rows[rows["circuit"] == circuit].groupby("preset")["error"]
        mean, low, high = errors.mean(), errors.min(), errors.max()
        y = np.array([names.index(name) for name in mean.index]) + 0.22 * (place - 1)
        ax.hlines(y, low, high, color=look["color"], alpha=0.3, linewidth=3)
        ax.plot(
            mean,
            y,
            look["marker"],
            color=look["color"],
            markerfacecolor=inside,
            label=drawn_text(circuit),
        )
    ax.set_yticks(range(len(names)), _titles(rows))
    ax.set_ylim(len(names) - 0.5, -0.5)
    # Linear below 5 %, so that a chip without an error among few images has its place.
    ax.set_xscale("symlog", linthresh=5, linscale=0.3)
    ax.set_xlim(left=-0.3)
    ticks = [0, 5, 7, 10, 15, 20, 30, 50, 90]
    ax.set_xticks(ticks, [str(tick) for tick in ticks])
    ax.set_xticks([], minor=True)
    ax.set_xlabel(f"test error [%]; bars: from the best to the worst of {trainings} trainings")
    ax.grid(axis="x", alpha=0.25, linewidth=0.5)
    for line in range(1, len(names)):
        ax.axhline(line - 0.5, color="0.85", linewidth=0.4)
    return ax
