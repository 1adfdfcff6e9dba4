"""MNIST on the RRAM that was fitted to measured cells: time since programming, and read noise.

    python examples/fitted_rram.py [FOLDER]      (about an hour on one core)

The device is the preset rram_levy2021: relaxation fitted to 8,192 cells, and 1/f noise to five. The
NSM is read with a stochastic gate in series with each pair of cells, and without one, where it
computes with the noise of the cells alone; the ReLU network has ideal converters. Both have one
recipe and three trainings. Reads follow each other after a microsecond, so that the measured noise,
which is slower than 200 Hz, is the same in all samples of an image. Networks, rows and figure go
into FOLDER (default: results/fitted_rram); the same command resumes after a kill.
"""

from functools import partial
from pathlib import Path

import matplotlib as mpl
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from usage import arguments

import crossbar
import devices
import nsm
from nsm import plots
from nsm.training.comparison import Trainings, recipe_text, train_alike

WIDTHS = (784, 50, 10)
RECIPE = {"epochs": 10, "batch_size": 100, "lr": 1e-3, "label_smoothing": 0.1}
SEEDS = (0, 1, 2)
IMAGES, SAMPLES = 150, 5
PERIOD = 1e-6
#: Times since programming [s]: before relaxation, and up to the end of the measurement.
AGES = [0.0, 1.0, 1e4]
#: Factor on the measured read noise, one second after programming.
FACTORS = [1.0, 10.0]
NOISE, TIME = "device.read_noise.q.noise_factor", "seconds"
CELL = devices.preset("rram_levy2021")
BARE = crossbar.Hardware(device=CELL, read_period=PERIOD)
#: Hardware of each circuit, and its network.
CIRCUITS = {
    "NSM, with a gate": (
        "NSM",
        crossbar.Hardware(
            device=CELL, gate=devices.BlankOut(0.5), gate_sharing="pair", read_period=PERIOD
        ),
    ),
    "NSM, without a gate": ("NSM", BARE),
    "ReLU": ("ReLU", BARE),
}
SWEEPS = {TIME: {TIME: AGES}, NOISE: {NOISE: FACTORS, TIME: [1.0]}}


def networks(folder: Path, data: "nsm.datasets.Data") -> Trainings:
    """Return the trainings by name and seed; those that are not in the folder are trained."""
    builders = {
        "NSM": partial(nsm.nsm_mlp, WIDTHS),
        "ReLU": partial(nsm.relu_mlp, WIDTHS),
    }
    return train_alike(builders, data.x_train, data.y_train, seeds=SEEDS, folder=folder, **RECIPE)


def rows_of(folder: Path, axis: str, models: Trainings, data: "nsm.datasets.Data") -> pd.DataFrame:
    """Return the rows of all circuits along one axis."""
    parts = []
    for name, (network, hardware) in CIRCUITS.items():
        tasks = nsm.grid({name: models[network]}, hardware, SWEEPS[axis])
        file = folder / f"{axis.split('.')[-1]}, {name}.csv"
        parts.append(
            nsm.collect(
                tasks, data.x_test[:IMAGES], data.y_test[:IMAGES], chips=1, samples=SAMPLES, rng=0,
                save_to=file,
            )
        )  # fmt: skip
    return pd.concat(parts)


def draw(folder: Path, models: Trainings, rows: dict[str, pd.DataFrame]) -> None:
    """Draw both axes into one figure."""
    with mpl.rc_context(plots.STYLE):
        drawing = Figure(figsize=(7.2, 3.0))
        panels = drawing.subplots(1, 2, sharey=True)
        for ax, (axis, of_axis) in zip(panels, rows.items(), strict=True):
            plots.plot_error_rate(of_axis, x=axis, group="network", ax=ax, error_axis="log")
            mark_bare(ax)
        panels[0].set_xscale("symlog", linthresh=1.0)
        panels[0].set_xlim(-0.4, 2 * AGES[-1])
        panels[0].set_xticks(AGES, ["0", "1", "10⁴"])
        panels[0].minorticks_off()
        panels[0].set_ylim(bottom=0.5)
        panels[0].set_xlabel("time since programming [s]")
        panels[1].set_xlabel("factor on the measured read noise, after 1 s")
        panels[1].get_legend().remove()
        text = plots.conditions(
            BARE, models, recipe=recipe_text(**RECIPE),
            test=f"{IMAGES} images of MNIST, {SAMPLES} samples, reads 1 µs apart",
        )  # fmt: skip
        plots.note_figure(drawing, [text])
        plots.save_figure(panels[0], folder / "fitted_rram.png")


def mark_bare(ax: Axes) -> None:
    """Draw the NSM without a gate in the color of the NSM, as a broken line with open markers."""
    color = plots.style_of("NSM")["color"]
    legend = ax.get_legend()
    entries = {text.get_text(): k for k, text in enumerate(legend.get_texts())}
    for line, band in zip(ax.get_lines(), ax.collections, strict=False):
        if line.get_label() == "NSM, without a gate":
            handle = legend.legend_handles[entries["NSM, without a gate"]]
            for drawn in (line, handle):
                drawn.set(color=color, linestyle="--", markerfacecolor="white")
            band.set_color(color)


def main(folder: Path) -> None:
    """Sweep both axes and draw them."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    data = nsm.load_data("mnist")
    models = networks(folder, data)
    draw(folder, models, {axis: rows_of(folder, axis, models, data) for axis in SWEEPS})


if __name__ == "__main__":
    main(Path(*arguments() or ["results/fitted_rram"]))
