"""What an answer costs: a neural sampling machine over its samples beside one pass of ReLU.

    python examples/energy.py [mnist]      (about a minute on two cores)

Two perceptrons of the same widths learn the digits of scikit-learn and are programmed into the same
crossbars. The NSM has comparators and reads every image many times, with and without early
stopping; the ReLU network has 8-bit ADCs and reads it once. With `mnist` the trained NSM of the
package is compared instead, on MNIST files from NSM_DATA_DIR or a download.
"""

from typing import Any

import pandas as pd
import torch
from usage import arguments

import crossbar
import devices
import nsm

WIDTHS = (64, 100, 100, 10)
SAMPLES = 20
MOST_SAMPLES = 100
CONFIDENCE = 0.95


def trained(
    mnist: bool, widths: tuple[int, ...] = WIDTHS, epochs: int = 20, rng: int = 0
) -> tuple[dict[str, torch.nn.Module], Any]:
    """Return an NSM and a ReLU network, trained, and the data set."""
    torch.manual_seed(rng)
    if mnist:
        data = nsm.load_data("mnist")
        networks = {"ReLU": nsm.relu_mlp((784, 300, 300, 300, 10)), "NSM": nsm.load("mnist_mlp")}
        nsm.fit(networks["ReLU"], data.x_train, data.y_train, epochs=5, batch_size=100, rng=rng)
        return networks, data
    data = nsm.load_data("digits")
    networks = {"ReLU": nsm.relu_mlp(widths), "NSM": nsm.nsm_mlp(widths)}
    for network in networks.values():
        nsm.fit(network, data.x_train, data.y_train, epochs=epochs, batch_size=50, rng=rng)
    return networks, data


def table(networks: dict[str, torch.nn.Module], data: Any, images: int = 300) -> pd.DataFrame:
    """Return the comparison on the same hardware, the NSM with and without early stopping."""
    hardware = crossbar.Hardware(
        device=devices.preset("fefet_jerry2017"),
        gate=devices.BlankOut(0.5),
        gate_sharing="pair",
        adc=crossbar.Adc(bits=8),
    )
    chips = {name: nsm.map_to_crossbar(m, hardware, rng=0) for name, m in networks.items()}
    for chip in chips.values():
        chip.calibrate(data.x_train[:200], rng=0)
    x, y = data.x_test[:images], data.y_test[:images]
    fixed = nsm.compare_costs(chips, x, y, samples={"ReLU": 1, "NSM": SAMPLES}, rng=0)
    name = "NSM, early stopping"
    stopped = nsm.compare_costs(
        {name: chips["NSM"]}, x, y, samples={name: MOST_SAMPLES}, confidence=CONFIDENCE, rng=0
    )
    rows = pd.concat([fixed, stopped], ignore_index=True)
    rows["energy ratio"] = rows["total [J]"] / rows["total [J]"][0]
    return rows


def main(data: str = "digits") -> pd.DataFrame:
    """Train, map, count; print the table and return it."""
    rows = table(*trained(data == "mnist"))
    with pd.option_context("display.float_format", "{:.3g}".format):
        print(rows.set_index("network").T.to_string())
    return rows


if __name__ == "__main__":
    main(*arguments(None))
