"""Few bits of converters: a ReLU network as it is, tuned, and trained for the ranges of its chip.

    python examples/between_converters.py      (about 8 minutes on one core)

A ReLU network 784-100-100-10 learns MNIST for five epochs, from three seeds. Its chip of exact
cells has an ADC and a DAC of 2 to 4 bits in every layer, whose ranges are calibrated by least
squares on 200 training images. The network is then read as it is, after `nsm.tune` of the chip, and
after one more epoch with `nsm.fit(hardware=nsm.calibrated_hardware(chip))`. The control has the
same epoch without converters, and a chip that is calibrated after it. Needs the MNIST files, from
NSM_DATA_DIR or a download.
"""

import copy
import warnings
from typing import Any

import pandas as pd
import torch
from usage import arguments

import nsm
from crossbar import Adc, Dac, Hardware
from crossbar.threads import set_threads
from devices import Device

SEEDS = (0, 1, 2)
BITS = (2, 3, 4)
TRAINING = {"lr": 1e-3, "batch_size": 100, "progress": False}


def main() -> pd.DataFrame:
    """Measure everything, print the errors [%], and return the rows [fractions]."""
    torch.set_num_threads(1)
    set_threads(1)
    warnings.filterwarnings("ignore", "the .* clips its")  # least squares clips on purpose
    data = nsm.load_data("mnist")
    rows = []
    for seed in SEEDS:
        torch.manual_seed(seed)
        model = nsm.relu_mlp((784, 100, 100, 10))
        nsm.fit(model, data.x_train, data.y_train, epochs=5, rng=seed, **TRAINING)
        in_software = nsm.error_rate(model, data.x_test, data.y_test, 1)
        for bits in BITS:
            rows.append({"bits": bits, "in software": in_software, **errors(model, bits, data)})
    table = pd.DataFrame(rows)
    print((100 * table.groupby("bits").agg(["mean", "std"])).round(2).T.to_string())
    return table


def errors(model: Any, bits: int, data: "nsm.datasets.Data") -> dict[str, float]:
    """Return the errors of a network behind converters: as it is, tuned, trained, and control."""
    x, y = data.x_train, data.y_train
    tested = data.x_test, data.y_test, 1
    device = Device(g_min=1e-7, g_max=1e-5)
    hardware = Hardware(device=device, dac=Dac(bits), adc=Adc(bits), bias="reference")
    chip = calibrated(model, hardware, data)
    found = {"as it is": chip.error_rate(*tested, rng=0)}
    ranges = nsm.calibrated_hardware(chip)
    nsm.tune(chip, x, y, rng=0)
    found["tuned"] = chip.error_rate(*tested, rng=0)
    trained, control = copy.deepcopy(model), copy.deepcopy(model)
    nsm.fit(trained, x, y, epochs=1, rng=0, hardware=ranges, **TRAINING)
    found["trained"] = nsm.map_to_crossbar(trained, ranges, rng=1).error_rate(*tested, rng=0)
    nsm.fit(control, x, y, epochs=1, rng=0, **TRAINING)
    found["control"] = calibrated(control, hardware, data).error_rate(*tested, rng=0)
    return found


def calibrated(model: Any, hardware: Hardware, data: "nsm.datasets.Data") -> Any:
    """Return the chip of a network, calibrated on 200 training images."""
    chip = nsm.map_to_crossbar(model, hardware, rng=1)
    chip.calibrate(data.x_train[:200], method="least_squares", rng=0)
    return chip


if __name__ == "__main__":
    arguments(0)
    main()
