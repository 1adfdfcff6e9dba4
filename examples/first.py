"""The README's first example: does a network survive when all conductances shrink together?

    python examples/first.py      (about 20 s on two cores)

Two networks learn the digits of scikit-learn (8 × 8 pixels, no download) with one recipe, each from
three seeds, and all are programmed into crossbars of ferroelectric transistors. Then one factor
multiplies all conductances of a chip, as temperature, supply voltage or uniform drift would. Writes
first.png into the current folder.
"""

import pandas as pd
import torch
from usage import arguments

import crossbar
import devices
import nsm
from nsm.training.augment import FlipInputs
from nsm.training.comparison import recipe_text, train_alike

WIDTHS = (64, 100, 100, 10)
#: Options of `nsm.fit`, the same for both networks; each is trained from three seeds.
RECIPE = {
    "epochs": 20,
    "batch_size": 50,
    "label_smoothing": 0.1,
    "ema_decay": 0.99,
    "augment": FlipInputs(0.05),
}
GAINS = [0.01, 0.03, 0.1, 0.3, 1.0, 3.0]


def main(path: str = "first.png") -> pd.DataFrame:
    """Train, map, sweep, draw; return the rows of the sweep."""
    torch.set_num_threads(1)  # for matrices this small, more threads only wait for each other
    data = nsm.load_data("digits")
    builders = {"NSM": lambda: nsm.nsm_mlp(WIDTHS), "ReLU": lambda: nsm.relu_mlp(WIDTHS)}
    networks = train_alike(builders, data.x_train, data.y_train, progress=False, **RECIPE)

    # A published device; the gate is the noise of the NSM: it conducts on every other read.
    hardware = crossbar.Hardware(
        device=devices.preset("fefet_jerry2017"), gate=devices.BlankOut(0.5), gate_sharing="pair"
    )
    chip = nsm.map_to_crossbar(networks["NSM"][0], hardware, rng=0)  # one programmed chip
    error = chip.error_rate(data.x_test, data.y_test, samples=20, rng=0)  # fresh noise every read
    print(f"NSM on one chip: {error:.1%} test error")

    tasks = nsm.grid(networks, hardware, {"gain": GAINS})
    rows = nsm.collect(tasks, data.x_test, data.y_test, chips=1, samples=10, rng=0)
    test = f"{len(data.y_test)} images of digits, 10 samples"
    conditions = nsm.plots.conditions(
        hardware, networks, axis="gain", values=GAINS, recipe=recipe_text(**RECIPE), test=test
    )
    ax = nsm.plot_error_rate(rows, x="gain", group="network", conditions=conditions)
    ax.set_title("FeFET of Jerry 2017", fontsize=8)
    nsm.plots.save_figure(ax, path)
    return rows


if __name__ == "__main__":
    arguments(0)
    main()
