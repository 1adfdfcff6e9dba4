"""Robustness of three networks on MNIST: six non-idealities of a FeFET crossbar.

    python examples/mnist_robustness.py [FOLDER]      (about 5 minutes on two cores)

All networks have one recipe and three trainings each (see trained.py), which are kept in FOLDER
(default: results/mnist). Needs the MNIST files, from NSM_DATA_DIR or a download. The same command
resumes after a kill. Writes mnist_robustness.png.
"""

from pathlib import Path

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure
from trained import RECIPE, trained
from usage import arguments

import nsm
from nsm import plots
from nsm.cli.demo import swept_hardware
from nsm.sweeps import worker_pool
from nsm.training.comparison import Trainings, recipe_text

NETWORKS = ("NSM", "ReLU", "StNN")

#: Values of every axis. The read noise is lognormal and read by its moments: Gaussian noise of
#: σ = 2 would make 31 % of the conductances negative.
AXES = {
    "gain": [0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0],
    "device.levels": [2, 3, 4, 6, 8, 16, 32],
    "device.on_off_ratio": [1.5, 2.0, 4.0, 10.0, 45.0, 100.0],
    "device.write.error_factor": [0.0, 1.0, 3.0, 6.0, 10.0, 20.0],
    "device.read_noise.sigma": [0.0, 0.1, 0.3, 1.0, 2.0],
    "comparator.offset": [0.0, 1e-8, 3e-8, 1e-7, 3e-7, 1e-6],
}

TILE = (128, 128)
IMAGES = 1000
CHIPS = 1
SAMPLES = 10

#: Number of the panel that has room for the legend.
LEGEND_PANEL = 4


def draw(folder: Path, models: Trainings, rows: dict[str, pd.DataFrame]) -> None:
    """Draw the rows of all sweeps into one figure."""
    with mpl.rc_context(plots.STYLE):
        drawing = Figure(figsize=(7.2, 4.8))
        panels = list(drawing.subplots(2, 3).flat)
        for index, (ax, axis) in enumerate(zip(panels, rows, strict=True)):
            plots.plot_error_rate(rows[axis], x=axis, group="network", error_axis="log", ax=ax)
            if index != LEGEND_PANEL:
                ax.get_legend().remove()
        text = plots.conditions(
            swept_hardware("comparator.offset", TILE)[0],
            models,
            axis="comparator.offset",
            values=AXES["comparator.offset"],
            recipe=recipe_text(**RECIPE),
            test=f"{IMAGES} images of MNIST, {SAMPLES} samples",
        )
        plots.note_figure(drawing, [text])
        plots.save_figure(panels[0], folder / "mnist_robustness.png")


def main(folder: Path) -> None:
    """Run the six sweeps and draw them into one figure."""
    folder.mkdir(parents=True, exist_ok=True)
    data = nsm.load_data("mnist")
    models = trained(folder, data, NETWORKS)
    rows = {}
    with worker_pool(2) as pool:
        for axis, values in AXES.items():
            hardware, sampling = swept_hardware(axis, TILE)
            rows[axis] = nsm.collect(
                nsm.grid(models, hardware, {axis: values}),
                data.x_test[:IMAGES],
                data.y_test[:IMAGES],
                chips=CHIPS,
                samples=SAMPLES,
                rng=0,
                save_to=folder / f"{axis}.csv",
                executor=pool,
                sampling=sampling,
            )
    draw(folder, models, rows)


if __name__ == "__main__":
    main(Path(*arguments() or ["results/mnist"]))
