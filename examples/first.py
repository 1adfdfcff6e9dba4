"""The README's first example: does a network survive when all conductances shrink together?

    python examples/first.py      (about 20 s on two cores)

Two networks learn the digits of scikit-learn (8 × 8 pixels, no download), and both are programmed
into crossbars of ferroelectric transistors. Then one factor multiplies all conductances of a chip,
as temperature, supply voltage or uniform drift would. Writes first.png into the current folder.
"""

import pandas as pd
import torch

import crossbar
import devices
import nsm

WIDTHS = (64, 100, 100, 10)
GAINS = [0.01, 0.03, 0.1, 0.3, 1.0, 3.0]


def main(path: str = "first.png") -> pd.DataFrame:
    """Train, map, sweep, draw; return the rows of the sweep."""
    torch.set_num_threads(1)  # for matrices this small, more threads only wait for each other
    torch.manual_seed(0)
    data = nsm.load_data("digits")
    networks = {"NSM": nsm.nsm_mlp(WIDTHS), "ReLU": nsm.relu_mlp(WIDTHS)}
    for network in networks.values():  # nsm.load("mnist_mlp") is a trained one for MNIST
        nsm.fit(network, data.x_train, data.y_train, epochs=20, batch_size=50, rng=0)

    # A published device; the gate is the noise of the NSM: it conducts on every other read.
    hardware = crossbar.Hardware(
        device=devices.preset("fefet_jerry2017"), gate=devices.BlankOut(0.5), gate_sharing="pair"
    )
    chip = nsm.map_to_crossbar(networks["NSM"], hardware, rng=0)  # one programmed chip
    error = chip.error_rate(data.x_test, data.y_test, samples=20, rng=0)  # fresh noise every read
    print(f"NSM on one chip: {error:.1%} test error")

    tasks = nsm.grid(networks, hardware, {"gain": GAINS})
    rows = nsm.collect(tasks, data.x_test, data.y_test, chips=3, samples=20, rng=0)
    ax = nsm.plot_error_rate(rows, x="gain", group="network")
    conditions = f"FeFET of Jerry 2017, {len(data.y_test)} images of digits, 20 samples"
    ax.set_title(conditions, fontsize=8)
    ax.figure.savefig(path, dpi=200)
    return rows


if __name__ == "__main__":
    main()
