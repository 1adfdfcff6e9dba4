"""Learning on the chip in aihwkit, on the device, network and data of examples/learning_table.py.

    python benchmarks/learning_in_aihwkit.py [FOLDER] [LINE ...]    (half an hour on one core)

It needs aihwkit 1.2.0 (pip install aihwkit==1.2.0), best in its own environment, and the files
of MNIST in NSM_DATA_DIR. A ReLU perceptron 784-100-100-10 learns MNIST with pulses, batch 1, from
one seed, on soft-bounded cells with 20 steps, without variation from cell to cell or from pulse to
pulse, and with ideal reads, as in learning_table.py. Rates are chosen in the same way: one epoch of
the first 20,000 training images, with the error on the last 10,000. The chosen ones learn two
epochs of all images, and are tested on the 10,000 test images. Results are JSON files in FOLDER
(default: results/learning_in_aihwkit); runs that are there are not repeated.
"""

import gzip
import itertools
import json
import math
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from aihwkit.nn import AnalogLinear, AnalogSequential
from aihwkit.optim import AnalogSGD
from aihwkit.simulator.configs import SingleRPUConfig, UnitCellRPUConfig
from aihwkit.simulator.configs.compounds import (
    ChoppedTransferCompound,
    MixedPrecisionCompound,
)
from aihwkit.simulator.configs.configs import DigitalRankUpdateRPUConfig
from aihwkit.simulator.configs.devices import SoftBoundsDevice
from aihwkit.simulator.parameters import IOParameters, UpdateParameters
from torch import nn

WIDTHS = (784, 100, 100, 10)
CHOOSING = 20_000  # first training images, on which rates are tried
HELD_OUT = 10_000  # last training images, by which they are chosen
#: Rates that are tried for each rule.
RATES = {
    "mixed_precision": (0.03, 0.1, 0.3),
    "tiki_taka_v2": (0.1, 0.3, 1.0),
    "coincidences": (0.01, 0.03),
}
#: Largest weight of a cell, and its step in the middle of the range: a twentieth of the range.
BOUND = 0.6
STEP = BOUND / 10


def device() -> SoftBoundsDevice:
    """Return cells without variation whose step is STEP (1 ∓ w/BOUND)."""
    none = dict.fromkeys(
        ("dw_min_dtod", "dw_min_std", "up_down_dtod", "w_max_dtod", "w_min_dtod", "reset_std"), 0.0
    )
    return SoftBoundsDevice(dw_min=STEP, w_max=BOUND, w_min=-BOUND, **none)


def configuration(line: str) -> Any:
    """Return how layers are computed and updated, with ideal reads."""
    io = {"forward": IOParameters(is_perfect=True), "backward": IOParameters(is_perfect=True)}
    if line == "coincidences":
        return SingleRPUConfig(device=device(), **io)
    if line == "mixed_precision":
        compound = MixedPrecisionCompound(device=device())
        return DigitalRankUpdateRPUConfig(device=compound, **io)
    two = ChoppedTransferCompound(  # as in aihwkit's own TTv2ReRamSBPreset
        unit_cell_devices=[device() for _ in range(2)],
        transfer_forward=IOParameters(is_perfect=True),
        transfer_update=UpdateParameters(
            desired_bl=1, update_bl_management=False, update_management=False
        ),
        units_in_mbatch=False,
        in_chop_prob=0.0,
        fast_lr=0.5,
        auto_scale=True,
        auto_granularity=1000,
    )
    return UnitCellRPUConfig(device=two, **io)


def mnist() -> tuple[torch.Tensor, ...]:
    """Return training images (n, 784) from 0 to 1, their labels, and those of the test."""
    folder = next(Path(os.environ["NSM_DATA_DIR"]).rglob("*train-images*")).parent

    def values(pattern: str, skip: int) -> np.ndarray:
        (path,) = folder.glob(pattern)
        content = path.read_bytes()
        content = gzip.decompress(content) if path.suffix == ".gz" else content
        return np.frombuffer(content, dtype=np.uint8, offset=skip)

    arrays = []
    for part in ("train", "t10k"):
        images = values(f"{part}-images*", 16).reshape(-1, 784) / 255
        labels = values(f"{part}-labels*", 8)
        arrays += [torch.tensor(images, dtype=torch.float32), torch.tensor(labels).long()]
    return tuple(arrays)


def learned(line: str, rate: float, x: torch.Tensor, y: torch.Tensor, epochs: int) -> nn.Module:
    """Return a network that has learned images one by one, with a rate that falls as a cosine."""
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(WIDTHS):
        layers += [AnalogLinear(inputs, outputs, True, configuration(line)), nn.ReLU()]
    model = AnalogSequential(*layers[:-1])
    optimizer = AnalogSGD(model.parameters(), lr=rate)
    optimizer.regroup_param_groups(model)
    loss, steps = nn.CrossEntropyLoss(), epochs * len(x)
    order = np.random.default_rng(0)
    step = 0
    for _ in range(epochs):
        for k in order.permutation(len(x)):
            for group in optimizer.param_groups:
                group["lr"] = rate * (1 + math.cos(math.pi * step / steps)) / 2
            optimizer.zero_grad()
            loss(model(x[k : k + 1]), y[k : k + 1]).backward()
            optimizer.step()
            step += 1
    return model


def error(model: nn.Module, x: torch.Tensor, y: torch.Tensor) -> float:
    """Return the share of images that are taken for another digit."""
    with torch.no_grad():
        return float((model(x).argmax(dim=1) != y).float().mean())


def result(folder: Path, line: str) -> dict[str, Any]:
    """Return the errors of a line, which are computed unless they are in its file."""
    path = folder / f"{line}.json"
    found = json.loads(path.read_text()) if path.exists() else {"held_out": {}}
    x, y, x_test, y_test = mnist()
    for rate in RATES[line]:
        if str(rate) not in found["held_out"]:
            model = learned(line, rate, x[:CHOOSING], y[:CHOOSING], epochs=1)
            found["held_out"][str(rate)] = error(model, x[-HELD_OUT:], y[-HELD_OUT:])
            path.write_text(json.dumps(found, indent=1))
    found["rate"] = float(min(found["held_out"], key=found["held_out"].get))
    if "test" not in found:
        model = learned(line, found["rate"], x, y, epochs=2)
        found["test"] = error(model, x_test, y_test)
        path.write_text(json.dumps(found, indent=1))
    return found


def main() -> None:
    """Compute the lines that are named, all by default, and print them."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "results/learning_in_aihwkit")
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    for line in sys.argv[2:] or RATES:
        found = result(folder, line)
        print(f"{line}: {found['test']:.2%} (rate {found['rate']:g})", flush=True)


if __name__ == "__main__":
    main()
