"""Which |w| fills the range: errors at few levels by the rules of `Hardware.weight_range`, MNIST.

    python examples/weight_ranges.py [FOLDER]      (about 10 minutes on two cores)

The shipped NSM perceptron, and three trainings of an NSM and of a ReLU network of one recipe (see
trained.py), which are kept in FOLDER (default: results/weight_ranges) with the rows; the same
command resumes after a kill. Needs the MNIST files, from NSM_DATA_DIR or a download. Cells are free
of errors and have an on/off ratio of 100; stochastic layers have a blank-out gate with p = 1/2. A
second sweep puts cells of 10 µS at 16 levels behind wires, where clipping has its price.
"""

from dataclasses import replace
from pathlib import Path

import pandas as pd
from trained import trained
from usage import arguments

import nsm
from crossbar import Hardware, Wires
from devices import BlankOut, Device
from nsm.sweeps import worker_pool

LEVELS = [2, 3, 4, 8, 16]
HARDWARE = Hardware(device=Device(g_min=1e-7, g_max=1e-5), gate=BlankOut(0.5))
WIRED = replace(
    HARDWARE,
    device=replace(HARDWARE.device, levels=16),
    wires=Wires(r_row=200.0, r_col=200.0),
)
IMAGES = 2000
WIRED_IMAGES = 500
SAMPLES = 10


def main(folder: Path) -> None:
    """Run both sweeps, and print tables of the mean error over trainings [%]."""
    folder.mkdir(parents=True, exist_ok=True)
    data = nsm.load_data("mnist")
    models = trained(folder, data, ("NSM", "ReLU"))
    models["shipped"] = {0: nsm.load("mnist_mlp")}
    rules = {"weight_range": ["max", "least_squares"], "weight_scale": ["layer", "row"]}
    x, y = data.x_test[:IMAGES], data.y_test[:IMAGES]
    with worker_pool(1) as pool:
        for name, samples in (("NSM", SAMPLES), ("ReLU", 1), ("shipped", SAMPLES)):
            rows = nsm.collect(
                nsm.grid({name: models[name]}, HARDWARE, {"device.levels": LEVELS, **rules}),
                x,
                y,
                chips=1,
                samples=samples,
                rng=0,
                save_to=folder / f"{name}.csv",
                executor=pool,
            )
            show(rows, ["network", "weight_range", "weight_scale"])
        rows = nsm.collect(
            nsm.grid({"shipped": models["shipped"]}, WIRED, rules),
            x[:WIRED_IMAGES],
            y[:WIRED_IMAGES],
            chips=2,
            samples=SAMPLES,
            rng=0,
            save_to=folder / "wires.csv",
            executor=pool,
        )
        rows["device.levels"] = 16
        show(rows, ["network", "weight_range", "weight_scale"])


def show(rows: pd.DataFrame, by: list[str]) -> None:
    """Print the mean error over trainings and chips, levels side by side [%]."""
    rows = rows.assign(error=rows["errors"] / rows["images"])
    table = rows.groupby([*by, "device.levels"])["error"].mean().unstack()
    print((100 * table).round(2).to_string())


if __name__ == "__main__":
    main(Path(*arguments() or ["results/weight_ranges"]))
