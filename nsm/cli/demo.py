"""The demonstration: train, map, sweep, show robustness curves. Its data needs no download."""

import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from torch import nn

from crossbar import Hardware
from devices import BlankOut, LognormalNoise, NoNoise, ReadNoise, preset
from nsm.chips.map import map_to_crossbar
from nsm.cli.demo_axes import AXES
from nsm.cli.demo_page import DRAWING_TEXT, INTRODUCTION, PANELS_TEXT, TITLE
from nsm.datasets import class_count, load_digits
from nsm.datasets.files import Data
from nsm.disk import write_file
from nsm.nn.architectures import nsm_mlp, relu_mlp, stnn_mlp
from nsm.nn.inference import error_rate
from nsm.places import check_folder
from nsm.plots.chips import draw_chip
from nsm.plots.small_print import conditions
from nsm.plots.style import dark_theme
from nsm.progress import progress_bar
from nsm.report.assembly import read_swept, report_page
from nsm.report.page import Card, Page, Part, Picture, write_page
from nsm.report.swept import Swept
from nsm.report.tile_drawing import tile_drawing
from nsm.sweeps import collect, grid, worker_pool
from nsm.sweeps.rows.sidecar import describing
from nsm.training.augment import FlipInputs
from nsm.training.comparison import Trainings, recipe_text, train_alike

DEVICE = "fefet_jerry2017"
WIDTHS = (64, 100, 100, 100, 10)
#: Trainings of each network, from different seeds.
TRAININGS = 3
#: Chips of each training: every training has a chip of its own, and the two vary together.
CHIPS = 1
SAMPLES = 20

#: Captions of the pictures of one chip, by the file's name.
_CHIP_CAPTIONS = {
    "chip_conductances": "Conductances of the positive cells of the first layer.",
    "chip_weight_error": "What programming did to the weights of each layer.",
    "chip_firing_probability": "How often the neurons of the first layer fire, against theory.",
}


def demo_hardware(
    tile_shape: tuple[int, int] = (64, 64), *, noise: ReadNoise | None = None
) -> Hardware:
    """Return the demonstration's chip: the FeFET of Jerry 2017 with one gate per differential pair.

    The gate is a blank-out with p = 1/2.

    Args:
        tile_shape: word lines and bit lines of a tile.
        noise: read noise of the device; None (default) for none.
    """
    device = preset(DEVICE, read_noise=NoNoise() if noise is None else noise)
    return Hardware(device=device, gate=BlankOut(0.5), gate_sharing="pair", tile_shape=tile_shape)


def swept_hardware(axis: str, tile_shape: tuple[int, int] = (64, 64)) -> tuple[Hardware, str]:
    """Return the chip on which an axis is swept, and how its reads are sampled.

    The read noise is lognormal, since Gaussian noise of σ = 1 makes 16 % of the conductances
    negative. It is read by its moments, which take no longer than those of a quiet cell.

    Args:
        axis: name of the axis.
        tile_shape: word lines and bit lines of a tile.
    """
    if axis == "device.read_noise.sigma":
        return demo_hardware(tile_shape, noise=LognormalNoise(0.0)), "moments"
    return demo_hardware(tile_shape), "exact"


def recipe(epochs: int) -> dict[str, Any]:
    """Return the options of `nsm.fit` with which every network of the demonstration is trained."""
    return {
        "epochs": epochs,
        "batch_size": 50,
        "label_smoothing": 0.1,
        "ema_decay": 0.99,
        "augment": FlipInputs(0.05),
    }


def demo_networks(
    data: Data, *, seed: int, epochs: int, folder: Path | None = None, progress: bool = True
) -> Trainings:
    """Return the trainings of the three networks by name and seed, all with one recipe.

    Args:
        data: training images and labels.
        seed: of the first training; the others have the numbers after it.
        epochs: passes over the training images.
        folder: keeps the networks; None (default) keeps nothing.
        progress: whether to show a progress bar.
    """
    builders = {
        name: partial(build, WIDTHS)
        for name, build in (("NSM", nsm_mlp), ("ReLU", relu_mlp), ("StNN", stnn_mlp))
    }
    seeds = range(seed, seed + TRAININGS)
    return train_alike(
        builders, data.x_train, data.y_train, seeds=seeds, folder=folder, progress=progress,
        **recipe(epochs),
    )  # fmt: skip


def _sweep(
    folder: Path,
    networks: Trainings,
    data: Data,
    software: Mapping[str, float],
    *,
    workers: int,
    seed: int,
    progress: bool,
) -> None:
    """Sweep every axis; each has its CSV file, and its sidecar, in `folder`."""
    noted = describing(data="digits", errors=software)
    with worker_pool(workers) as pool, noted, progress_bar(enabled=progress) as bar:
        item = bar.add_task("sweeps", total=len(AXES), note="", unit="axes")
        for axis in AXES:
            bar.update(item, note=axis.title)
            hardware, sampling = swept_hardware(axis.path)
            collect(
                grid(networks, hardware, {axis.path: axis.values}),
                data.x_test,
                data.y_test,
                chips=CHIPS,
                samples=SAMPLES,
                rng=seed,
                save_to=folder / f"{axis.stem}.csv",
                executor=pool,
                progress=False,
                sampling=sampling,
            )
            bar.update(item, advance=1)


def _swept(folder: Path, networks: Trainings) -> list[Swept]:
    """Return the rows of every axis, with the texts of its panel."""
    found = []
    for axis in AXES:
        hardware, _ = swept_hardware(axis.path)
        small_print = conditions(hardware, networks, axis=axis.path, values=axis.values)
        read = read_swept(folder / f"{axis.stem}.csv")
        found.append(
            replace(
                read,
                titles={axis.path: axis.title},
                texts={axis.path: axis.text},
                known={axis.path: axis.nominal},
                conditions=small_print,
            )
        )
    return found


def _chip_card(
    folder: Path, model: nn.Sequential, hardware: Hardware, data: Data, *, seed: int
) -> Card:
    """Draw one chip, light into `folder` and dark for the page alone."""
    chip = map_to_crossbar(model, hardware, rng=seed)
    light = draw_chip(chip, model, data.x_test, folder)
    with dark_theme(), TemporaryDirectory() as other:
        dark = [p.read_bytes() for p in draw_chip(chip, model, data.x_test, Path(other))]
    pictures = [
        Picture(
            light=one.read_bytes(),
            dark=another,
            alt=f"One chip of the NSM: {_CHIP_CAPTIONS[one.stem]}",
            caption=_CHIP_CAPTIONS[one.stem],
        )
        for one, another in zip(light, dark, strict=True)
    ]
    text = f"Programmed with the seed {seed}, without any of the changes of the sweeps."
    return Card(title="One chip of the NSM", texts=[text], pictures=pictures)


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} min"


def _foot(start: float, trained: float, swept: float, workers: int) -> str:
    """Return how long the run took until now, from readings of `time.perf_counter`."""
    end = time.perf_counter()
    return (
        f"Written by nsm demo in {_duration(end - start)}: training {_duration(trained - start)}, "
        f"sweeps {_duration(swept - trained)} in {workers} processes, figures "
        f"{_duration(end - swept)}. Rows that were already in the folder are not computed again."
    )


def _in_software(networks: Trainings, data: Data, seed: int) -> dict[str, float]:
    """Return the mean error over trainings [fraction] of every network in software."""
    images = data.x_test, data.y_test
    return {
        name: float(np.mean([error_rate(m, *images, SAMPLES, rng=seed) for m in of.values()]))
        for name, of in networks.items()
    }


def _experiment(data: Data, epochs: int, seed: int) -> dict[str, object]:
    """Return the parameters of the run, by name."""
    sizes = f"{len(data.y_train)} training and {len(data.y_test)} test images"
    return {
        "data": f"scikit-learn digits (8 × 8 pixels), {sizes}",
        "networks": "-".join(map(str, WIDTHS)),
        "recipe of all networks": recipe_text(**recipe(epochs)),
        "trainings of each network": TRAININGS,
        "chips per training and point": CHIPS,
        "samples per image": SAMPLES,
        "seed": seed,
    }


def run(
    folder: Path, *, workers: int = 2, seed: int = 0, epochs: int = 20, progress: bool = True
) -> Path:
    """Train, map, sweep and draw; the same call resumes after a kill.

    Args:
        folder: where everything is written: the networks (safetensors), one CSV file and one figure
            per axis, the pictures of one chip, and a page that shows them.
        workers: processes of the sweeps.
        seed: of everything random.
        epochs: passes over the training images.
        progress: whether to show progress bars.

    Returns:
        The path of the page, index.html.
    """
    start = time.perf_counter()
    check_folder(folder, ("index.html", *(f"{axis.stem}.png" for axis in AXES)))
    folder.mkdir(parents=True, exist_ok=True)
    data = load_digits()
    networks = demo_networks(data, seed=seed, epochs=epochs, folder=folder, progress=progress)
    trained = time.perf_counter()
    software = _in_software(networks, data, seed)
    _sweep(folder, networks, data, software, workers=workers, seed=seed, progress=progress)
    swept = time.perf_counter()
    nsm_network = networks["NSM"][seed]
    assert isinstance(nsm_network, nn.Sequential)
    page = report_page(
        _swept(folder, networks),
        title=TITLE,
        introduction=INTRODUCTION,
        software=software,
        chance=1 - 1 / class_count("digits"),
        first=[Part(title="One tile", drawing=tile_drawing(), drawing_texts=DRAWING_TEXT)],
        curves_texts=[PANELS_TEXT],
        details=[_chip_card(folder, nsm_network, demo_hardware(), data, seed=seed)],
        facts={"Experiment": _experiment(data, epochs, seed)},
    )
    _write_figures(folder, page)
    return write_page(
        folder / "index.html", replace(page, foot=_foot(start, trained, swept, workers))
    )


def _write_figures(folder: Path, page: Page) -> None:
    """Write the curves of the page as files beside their rows."""
    panels = [card for part in page.parts for card in part.panels]
    for axis, card in zip(AXES, panels, strict=True):
        light = card.pictures[0].light
        write_file(folder / f"{axis.stem}.png", partial(Path.write_bytes, data=light))
