"""The demonstration: from nothing to a page of robustness curves, on data that is always there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import nn

from crossbar import Hardware
from devices import BlankOut, GaussianNoise, preset
from nsm.chips.map import map_to_crossbar
from nsm.cli.page import Section, write_page
from nsm.datasets import load_digits
from nsm.datasets.files import Data
from nsm.nn.architectures import nsm_mlp, relu_mlp, stnn_mlp
from nsm.nn.checkpoint import save
from nsm.plots.chips import draw_chip
from nsm.plots.style import save_figure
from nsm.plots.sweeps import plot_error_rate
from nsm.progress import progress_bar
from nsm.sweeps import collect, grid, worker_pool
from nsm.training.fit import fit

WIDTHS = (64, 100, 100, 100, 10)
CHIPS, SAMPLES = 3, 20


@dataclass(frozen=True)
class Axis:
    """One sweep of the demonstration: the path, its values, and what its figure shows."""

    path: str
    values: Sequence[Any]
    title: str
    text: str

    @property
    def stem(self) -> str:
        """Name of its files."""
        return self.path.replace(".", "_")


AXES = (
    Axis(
        "gain",
        [0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0],
        "Common-mode gain",
        "All conductances of the programmed chip, pedestals and bias cells included, change by one factor, as with "
        "temperature, supply or uniform drift. The NSM's noise follows its weights, so that every firing probability "
        "stays; the rectifier network's biases and the StNN's fixed noise do not follow its signals.",
    ),
    Axis(
        "device.levels",
        [2, 3, 4, 6, 8, 16, 32],
        "Conductance levels",
        "Each cell can be programmed to an even grid of levels between g_min and g_max.",
    ),
    Axis(
        "device.on_off_ratio",
        [1.5, 2.0, 4.0, 10.0, 45.0, 100.0],
        "On/off ratio",
        "g_min rises towards g_max. Programming error and levels spread over what is left of the range; one gate per pair "
        "keeps the pedestal's noise out of the sum.",
    ),
    Axis(
        "device.write.error_factor",
        [0.0, 1.0, 3.0, 10.0, 30.0, 60.0],
        "Programming error",
        "The published programming error of the device (normal, 0.5 % of the range) is multiplied. It is drawn once per "
        "chip and stays.",
    ),
    Axis(
        "device.read_noise.sigma",
        [0.0, 0.03, 0.1, 0.3, 0.6, 1.0],
        "Read noise",
        "Every cell is read with a relative Gaussian noise of its own, fresh on every read, beside the gate. The mapping "
        "knows this noise and keeps the NSM's β, but for the noise that the copy itself adds.",
    ),
)


def demo_hardware(tile_shape: tuple[int, int] = (64, 64)) -> Hardware:
    """Return the demonstration's chip: the FeFET of Jerry 2017, a blank-out gate with p = ½ shared by each pair."""
    device = preset("fefet_jerry2017", read_noise=GaussianNoise(0.0))
    return Hardware(device=device, gate=BlankOut(0.5), gate_sharing="pair", tile_shape=tile_shape)


def demo_networks(
    data: Data, *, seed: int, epochs: int, progress: bool = True
) -> dict[str, nn.Sequential]:
    """Return the three networks, trained alike on `data`."""
    networks = {}
    for name, build in (("NSM", nsm_mlp), ("ReLU", relu_mlp), ("StNN", stnn_mlp)):
        torch.manual_seed(seed)
        model = build(WIDTHS)
        fit(
            model,
            data.x_train,
            data.y_train,
            epochs=epochs,
            batch_size=50,
            rng=seed,
            progress=progress,
        )
        networks[name] = model
    return networks


def _sections(folder: Path, rows: Mapping[str, pd.DataFrame]) -> list[Section]:
    sections = []
    for axis in AXES:
        ax = plot_error_rate(rows[axis.path], x=axis.path, group="network")
        picture = folder / f"{axis.stem}.png"
        save_figure(ax, picture)
        sections.append(Section(axis.title, axis.text, [picture], f"{axis.stem}.csv"))
    return sections


def run(
    folder: Path, *, workers: int = 2, seed: int = 0, epochs: int = 60, progress: bool = True
) -> Path:
    """Train, map, sweep and draw into `folder`; return its index.html. The same call resumes after a kill.

    Writes the networks (safetensors), one CSV and one figure per axis, the chip's pictures, and a page that shows them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    data, hardware = load_digits(), demo_hardware()
    networks = demo_networks(data, seed=seed, epochs=epochs, progress=progress)
    for name, network in networks.items():
        save(network, folder / f"{name}.safetensors")
    rows = {}
    with worker_pool(workers) as pool, progress_bar(enabled=progress) as bar:
        item = bar.add_task("sweeps", total=len(AXES), note="")
        for axis in AXES:
            bar.update(item, note=axis.title)
            rows[axis.path] = collect(
                grid(networks, hardware, {axis.path: axis.values}),
                data.x_test,
                data.y_test,
                chips=CHIPS,
                samples=SAMPLES,
                rng=seed,
                save_to=folder / f"{axis.stem}.csv",
                executor=pool,
                progress=False,
            )
            bar.update(item, advance=1)
    sections = _sections(folder, rows)
    chip = map_to_crossbar(networks["NSM"], hardware, rng=seed)
    text = "Conductances of the first layer, what programming did to the weights, and how often neurons fire."
    sections.append(
        Section("One chip", text, draw_chip(chip, networks["NSM"], data.x_test, folder), None)
    )
    facts = {
        "data": f"scikit-learn digits, {len(data.y_train)} training and {len(data.y_test)} test images",
        "networks": f"{'-'.join(map(str, WIDTHS))}, each trained for {epochs} epochs",
        "chips per point": CHIPS,
        "samples per image": SAMPLES,
        "seed": seed,
        "hardware": repr(hardware),
    }
    return write_page(folder / "index.html", sections, facts)
