"""Robustness of three networks on MNIST: six non-idealities of a FeFET crossbar.

    python examples/mnist_robustness.py [FOLDER]      (about 25 minutes on two cores)

The NSM is shipped; the ReLU network and the StNN are trained once and kept in FOLDER (default:
results/mnist). Needs the MNIST files, from NSM_DATA_DIR or a download. The same command resumes
after a kill. Writes mnist_robustness.png.
"""

import sys
from pathlib import Path

import matplotlib as mpl
import torch
from matplotlib.figure import Figure
from trained import trained

import nsm
from nsm import plots
from nsm.cli.demo import demo_hardware
from nsm.sweeps import worker_pool

AXES = {
    "gain": [0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0],
    "device.levels": [2, 3, 4, 6, 8, 16, 32],
    "device.on_off_ratio": [1.5, 2.0, 4.0, 10.0, 45.0, 100.0],
    "device.write.error_factor": [0.0, 3.0, 10.0, 30.0, 60.0, 100.0],
    "device.read_noise.sigma": [0.0, 0.1, 0.3, 1.0, 2.0],
    "comparator.offset": [0.0, 1e-8, 3e-8, 1e-7, 3e-7, 1e-6],
}

#: Number of the panel that has room for the legend.
LEGEND_PANEL = 2


def networks(folder: Path, data: "nsm.datasets.Data") -> dict[str, torch.nn.Sequential]:
    """Return the shipped NSM and the other two networks, which are trained or loaded."""
    found = {"NSM": nsm.load("mnist_mlp")}
    for name, build in (("ReLU", nsm.relu_mlp), ("StNN", nsm.stnn_mlp)):
        found[name] = trained(folder / f"{name}.safetensors", build, data)
    return found


def main(folder: Path) -> None:
    """Run the six sweeps and draw them into one figure."""
    folder.mkdir(parents=True, exist_ok=True)
    data = nsm.load_data("mnist")
    models = networks(folder, data)
    rows = {}
    with worker_pool(2) as pool:
        for axis, values in AXES.items():
            tasks = nsm.grid(models, demo_hardware((128, 128)), {axis: values})
            rows[axis] = nsm.collect(
                tasks,
                data.x_test,
                data.y_test,
                chips=3,
                samples=10,
                rng=0,
                save_to=folder / f"{axis}.csv",
                executor=pool,
            )
    with mpl.rc_context(plots.STYLE):
        drawing = Figure(figsize=(7.2, 4.4))
        for index, (ax, axis) in enumerate(zip(drawing.subplots(2, 3).flat, AXES, strict=True)):
            plots.plot_error_rate(rows[axis], x=axis, group="network", ax=ax)
            if index != LEGEND_PANEL:
                ax.get_legend().remove()
        drawing.savefig(folder / "mnist_robustness.png")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "results/mnist"))
