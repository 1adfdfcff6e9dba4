"""Training for the chip: the shipped perceptron, one more epoch, on four kinds of bad chips.

    python examples/trained_for_the_chip.py [FOLDER]      (about an hour on one core)

The shipped NSM perceptron is mapped as it is, with its range clipped by least squares, after one
epoch of `nsm.fit(hardware=...)`, and after the same epoch without the imperfection (control): its
weights are clipped where those of the first epoch are at the start, and the chips of training are
perfect. One recipe trains all. Errors are those of fresh chips on test images, in FOLDER/rows.csv
(default: results/trained_for_the_chip); the same command resumes after a kill. Needs the MNIST
files, from NSM_DATA_DIR or a download.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn
from usage import arguments

import nsm
from crossbar import Hardware, Wires, largest_weight
from crossbar.threads import set_threads
from devices import BlankOut, Device, StateDependentError, StuckCells

CLEAN = Hardware(
    device=Device(g_min=1e-7, g_max=1e-5),
    gate=BlankOut(0.5),
    weight_range="least_squares",
)
RANGE = CLEAN.device.g_max - CLEAN.device.g_min
NOISY = StateDependentError(coefficients=(0.2 * RANGE,))
CONDITIONS = {
    "error 20 %": replace(CLEAN, device=replace(CLEAN.device, write=NOISY)),
    "2 levels": replace(CLEAN, device=replace(CLEAN.device, levels=2)),
    "stuck 5 %": replace(
        CLEAN,
        device=replace(CLEAN.device, faults=StuckCells(p_stuck_lrs=0.025, p_stuck_hrs=0.025)),
    ),
    "wires 200 Ω": replace(CLEAN, wires=Wires(r_row=200.0, r_col=200.0)),
}
#: The recipe of every training.
RECIPE = {
    "epochs": 1,
    "lr": 1e-3,
    "batch_size": 200,
    "label_smoothing": 0.1,
    "rng": 0,
    "progress": False,
}
IMAGES = 2000
SAMPLES = 10
CHIPS = range(1000, 1003)


def rule_of(hardware: Hardware) -> Hardware:
    """Return hardware whose range is clipped also where least squares have nothing to resolve.

    Stuck cells and wires do not move the range that least squares find, so that the weights of
    these chips are clipped at a percentile.
    """
    device = hardware.device
    if device.levels is None and device.write == CLEAN.device.write:
        return replace(hardware, weight_range=99.0)
    return hardware


def clipped_alike(model: nn.Module, hardware: Hardware) -> dict[str, Hardware]:
    """Return perfect hardware by layer, whose ranges are those of other hardware now."""
    table = {}
    for path, layer in model.named_modules():
        weight = getattr(layer, "weight", None)
        if weight is None:
            continue
        w = weight.detach().double().numpy()
        r = largest_weight(w, hardware)
        share = float((np.abs(w[w != 0]) <= r).mean())
        table[path] = replace(CLEAN, weight_range=100 * share)
    return table


def trained(
    folder: Path, name: str, hardware: Hardware | dict[str, Hardware], data: "nsm.datasets.Data"
) -> nn.Module:
    """Return the shipped network after one epoch for some hardware; kept in the folder."""
    path = folder / f"{name}.safetensors"
    if path.exists():
        return nsm.load(path)
    model = nsm.load("mnist_mlp")
    nsm.fit(model, data.x_train, data.y_train, hardware=hardware, **RECIPE)
    nsm.save(model, path)
    return model


def networks(
    folder: Path, condition: str, hardware: Hardware, data: "nsm.datasets.Data"
) -> Iterator[tuple[str, nn.Module, Hardware | dict[str, Hardware]]]:
    """Yield the networks of one condition, with the hardware they are mapped to."""
    shipped = nsm.load("mnist_mlp")
    yield "shipped, largest weight", shipped, replace(hardware, weight_range="max")
    yield "shipped, clipped", shipped, hardware
    model = trained(folder, f"trained {condition}", hardware, data)
    yield "trained", model, hardware
    yield "trained, perfect cells", model, clipped_alike(model, hardware)
    control = trained(folder, f"control {condition}", clipped_alike(shipped, hardware), data)
    yield "control", control, hardware


def measure(folder: Path, data: "nsm.datasets.Data") -> pd.DataFrame:
    """Return one row for every chip, and for every network in software."""
    path = folder / "rows.csv"
    rows = pd.read_csv(path).to_dict("records") if path.exists() else []
    done = {(r["condition"], r["network"], r["chip"]) for r in rows}
    x, y = data.x_test[:IMAGES], data.y_test[:IMAGES]
    for condition, bad in CONDITIONS.items():
        hardware = rule_of(bad)
        for network, model, its in networks(folder, condition, hardware, data):
            for chip in ("software", *map(str, CHIPS)):
                if (condition, network, chip) in done:
                    continue
                if chip == "software":
                    error = nsm.error_rate(model, x, y, SAMPLES, rng=0)
                else:
                    mapped = nsm.map_to_crossbar(model, its, rng=int(chip))
                    error = mapped.error_rate(x, y, SAMPLES, rng=0)
                row = {"condition": condition, "network": network, "chip": chip, "error": error}
                rows.append({**row, "images": IMAGES, "samples": SAMPLES})
                pd.DataFrame(rows).to_csv(path, index=False)
    return pd.DataFrame(rows)


def main(folder: Path) -> None:
    """Measure everything, and print the table [%]."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    set_threads(1)
    rows = measure(folder, nsm.load_data("mnist"))
    rows["on"] = rows["chip"].where(rows["chip"] == "software", "chips")
    table = rows.groupby(["condition", "network", "on"], sort=False)["error"].agg(["mean", "std"])
    print((100 * table).round(2).to_string())


if __name__ == "__main__":
    main(Path(*arguments() or ["results/trained_for_the_chip"]))
