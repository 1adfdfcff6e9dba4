"""`nsm map`: one chip, programmed with a network, tested, and reported on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nsm.cli.circuit_tables import show_cost, show_currents, show_needs
from nsm.cli.data import DataChoice
from nsm.cli.map_checks import TABLES, check_image, check_method, check_outputs, check_ranges
from nsm.cli.options import (
    DataDir,
    DataName,
    DataOptions,
    Samples,
    Seed,
    Threads,
    TileShape,
    console,
    hardware_from,
    show_table,
    use_threads,
)

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn

    from crossbar import Hardware
    from nsm.chips.chip import MappedNetwork
    from nsm.chips.hardware_table import HardwareTable
    from nsm.datasets.files import Data

#: Columns of the report in the table, and their headings.
_SHOWN = {
    "layer": "layer",
    "tiles": "tiles",
    "siemens_per_weight": "S/weight",
    "weight_error_rms": "error rms",
    "clipped": "clipped",
    "static_to_noise_ratio": "static/noise",
}
#: Why a layer that multiplies nothing is digital; such layers are only counted.
NO_WEIGHTS = "it has no weights"
#: Test images that are read unless a number is given.
IMAGES = 1000

NetworkFile = Annotated[
    str,
    typer.Argument(
        help="Network file, the name of a shipped one, or module:callable, which makes one."
    ),
]
DeviceName = Annotated[
    str, typer.Option(help="Device preset, see `nsm presets`, or a device file.")
]
GateName = Annotated[str, typer.Option(help="Gate of the stochastic layers.")]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="A field of the hardware, as PATH=VALUE, e.g. --set device.levels=16; of some layers "
        "as LAYER:PATH=VALUE, e.g. --set head:layer=digital.",
    ),
]
Images = Annotated[
    int | None, typer.Option(help="Test images to read (default: the first 1000).", min=1)
]
Calibrate = Annotated[
    int | None,
    typer.Option(help="Training images on which open ranges of converters are set.", min=1),
]
CalibrateMethod = Annotated[
    str | None,
    typer.Option(help="How: max (the default), percentile (99.9) or least_squares."),
]
Out = Annotated[
    Path | None,
    typer.Option(help="Folder for report.csv, cost.csv, write_cost.csv and pictures of the chip."),
]
Spice = Annotated[
    Path | None,
    typer.Option(help="Folder for netlists of the tiles, which ngspice runs."),
]
Tile = Annotated[
    str | None,
    typer.Option(
        help='Netlists of this tile only: LAYER:ROW,COLUMN, such as "layer 0:1,2", or '
        "LAYER:ARRAY:ROW,COLUMN."
    ),
]
Image = Annotated[
    int | None,
    typer.Option(
        help="Number of the test image that drives the netlists' word lines, from 0 (default: all "
        "at the read voltage)."
    ),
]
Transimpedance = Annotated[
    float,
    typer.Option(
        help="Transimpedance of the amplifiers [Ω], with which currents are stated as voltages."
    ),
]


def map_network(
    network: NetworkFile,
    device: DeviceName = "fefet_jerry2017",
    gate: GateName = "nsm_bernoulli",
    settings: Settings = None,
    tile_shape: TileShape = None,
    data: DataName = "digits",
    samples: Samples = 20,
    images: Images = None,
    calibrate: Calibrate = None,
    calibrate_method: CalibrateMethod = None,
    transimpedance: Transimpedance = 1e5,
    out: Out = None,
    spice: Spice = None,
    tile: Tile = None,
    image: Image = None,
    data_dir: DataDir = None,
    data_option: DataOptions = None,
    seed: Seed = 0,
    threads: Threads = 2,
) -> None:
    """Program one chip with a network, test it, and report on its layers, cost and circuits."""
    from nsm.sweeps.networks import check_network

    checked = check_network(network)
    source = DataChoice(data, data_dir, tuple(data_option or ()))
    hardware = hardware_from(device, gate, settings, tile_shape)
    check_method(calibrate, calibrate_method)
    check_outputs(out, spice, tile, image)

    from nsm.chips.netlists import write_netlists

    use_threads(threads)
    tested = _tested({network: checked}, source, images, image)
    chip = _programmed(tested, hardware, seed, calibrate, calibrate_method, tile)
    needs = chip.circuit_needs(transimpedance=transimpedance)
    report = _report_errors(chip, tested, f"{network} on {device}", samples=samples, seed=seed)
    cost = chip.cost(tested.x, samples=samples, rng=seed)
    show_cost(cost)
    show_currents(needs)
    show_needs(needs)
    if out is not None:
        _write(chip, tested, (report, cost, chip.write_cost(), needs), out)
    if spice is not None:
        written = write_netlists(chip, spice, tile=tile, image=tested.image, rng=seed)
        console().print(f"{len(written)} netlists are in {spice}")


@dataclass(frozen=True, eq=False)
class _Tested:
    """A network and the data of its test.

    Attributes:
        model: The network.
        test: The data set.
        x: The test images that are read, in the form that the network takes.
        y: Their labels.
        image: The image that drives netlists, in a batch of one; None for none.
    """

    model: nn.Module
    test: Data
    x: Any
    y: Any
    image: Any


def _tested(
    checked: dict[str, str], source: DataChoice, images: int | None, image: int | None
) -> _Tested:
    """Return a network and its test, or raise ValueError for images that are not there.

    Args:
        checked: What names the network for `load_network`, by its name in messages.
        source: The data set.
        images: How many test images are read; None for the first `IMAGES`.
        image: Number of the image that drives netlists; None for none.
    """
    from nsm.sweeps.networks import first_images, images_for, load_network

    ((name, file),) = checked.items()
    model = load_network(file)
    test = source.load()
    x = images_for({name: model}, test, source.source)
    check_image(image, len(x), source.source)
    read = first_images("--images", len(x[:IMAGES]) if images is None else images, x, source.source)
    chosen = None if image is None else x[image : image + 1]
    return _Tested(model, test, read, test.y_test[: len(read)], chosen)


def _programmed(
    tested: _Tested,
    hardware: Hardware | HardwareTable,
    seed: int,
    calibrate: int | None,
    method: str | None,
    tile: str | None,
) -> MappedNetwork:
    """Return the chip of a network, calibrated if asked for; check that it has the tile."""
    from nsm.chips.map import map_to_crossbar
    from nsm.chips.netlists import check_tile
    from nsm.sweeps.data import few_of
    from nsm.sweeps.networks import training_images

    chip = map_to_crossbar(tested.model, hardware, rng=seed, example=few_of(tested.x))
    check_ranges(chip, calibrate)
    if tile is not None:
        check_tile(chip, tile)
    if calibrate is not None:
        seen = training_images(tested.test, tested.x, calibrate)
        chip.calibrate(seen, method=method or "max", rng=seed)
    return chip


def _report_errors(
    chip: MappedNetwork, tested: _Tested, title: str, *, samples: int, seed: int
) -> pd.DataFrame:
    """Read the chip, print its report and errors, and return the report."""
    from nsm.nn.inference import error_rate

    x, y = tested.x, tested.y
    sampling = "exact" if chip.has_memory else "moments"
    error = chip.error_rate(x, y, samples, rng=seed, sampling=sampling)  # with a bar if it is long
    report = chip.report()
    _show(report, title)
    software = error_rate(tested.model, x, y, samples, rng=seed)
    console().print(
        f"test error {error:.2%} on {len(x)} images, {samples} samples; in software: {software:.2%}"
    )
    return report


def _text(value: Any) -> str:
    """Return a value of the report as a cell of the table; NaN is empty."""
    if isinstance(value, float):
        return "" if value != value else f"{value:.3g}"
    return str(value)


def _show(report: pd.DataFrame, title: str) -> None:
    """Print the layers on tiles as a table, what is digital in lines below, and warnings."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(title=title, box=SIMPLE_HEAD, pad_edge=False)
    for name, heading in _SHOWN.items():
        left = name == "layer"
        table.add_column(heading, justify="left" if left else "right", no_wrap=left)
    for _, row in report.loc[report["where"] == "tiles", [*_SHOWN]].iterrows():
        table.add_row(*(_text(v).removeprefix("layer ") for v in row))
    show_table(table)
    for line in _digital(report):
        console().print(line, soft_wrap=True)
    warned = report.loc[report.warning != "", ["layer", "warning"]]
    for layer, warning in warned.itertuples(index=False):
        console().print(f"warning, {layer}: {warning}")


def _digital(report: pd.DataFrame) -> list[str]:
    """Return lines that say what is digital: classes without weights by their number, others why.

    Args:
        report: The report of a chip.
    """
    from collections import Counter

    plain: Counter[str] = Counter()
    lines = []
    rows = report.loc[report["where"] == "digital", ["layer", "why"]]
    for layer, why in rows.itertuples(index=False):
        kind = layer.rpartition("(")[2].removesuffix(")")
        if why == NO_WEIGHTS and layer.endswith(")"):
            plain[kind] += 1
        else:
            lines.append(f"digital: {layer.removeprefix('layer ')}: {why}")
    counted = ", ".join(f"{count} {kind}" for kind, count in plain.items())
    return [f"digital: {counted}", *lines] if plain else lines


def _write(
    chip: MappedNetwork, tested: _Tested, tables: tuple[pd.DataFrame, ...], out: Path
) -> None:
    """Write the tables of `TABLES`, and pictures of the chip, into a folder."""
    from nsm.disk import write_file, write_folder
    from nsm.plots import draw_chip

    def write(folder: Path) -> None:
        for name, table in zip(TABLES, tables, strict=True):
            write_file(folder / name, partial(table.to_csv, index=False))
        draw_chip(chip, tested.model, tested.x, folder)

    write_folder(out, write)
    console().print(f"report, cost, needs of circuits and pictures are in {out}")
