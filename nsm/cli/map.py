"""`nsm map`: one chip, programmed with a network, tested, and reported on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nsm.cli.data import DataChoice
from nsm.cli.options import (
    DataDir,
    DataName,
    DataOptions,
    Samples,
    Seed,
    Threads,
    console,
    hardware_from,
    use_threads,
)

if TYPE_CHECKING:
    import pandas as pd

    from nsm.chips.chip import MappedNetwork

_SHOWN = (
    "layer",
    "tiles",
    "siemens_per_weight",
    "weight_error_rms",
    "clipped",
    "static_to_noise_ratio",
)

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
Images = Annotated[int, typer.Option(help="Test images to read.", min=1)]
Out = Annotated[
    Path | None,
    typer.Option(help="Folder for report.csv, cost.csv and pictures of the chip."),
]
Spice = Annotated[
    Path | None,
    typer.Option(help="Folder for a netlist of every tile, which ngspice runs."),
]


def map_network(
    network: NetworkFile,
    device: DeviceName = "fefet_jerry2017",
    gate: GateName = "nsm_bernoulli",
    settings: Settings = None,
    data: DataName = "digits",
    samples: Samples = 20,
    images: Images = 1000,
    out: Out = None,
    spice: Spice = None,
    data_dir: DataDir = None,
    data_option: DataOptions = None,
    seed: Seed = 0,
    threads: Threads = 2,
) -> None:
    """Program one chip with a network, test it, and report how well it was programmed."""
    from nsm.sweeps.networks import check_network, images_for, load_network

    checked = check_network(network)
    source = DataChoice(data, data_dir, tuple(data_option or ()))
    hardware = hardware_from(device, gate, settings)

    from nsm.chips.map import map_to_crossbar
    from nsm.chips.netlists import write_netlists
    from nsm.nn.inference import error_rate
    from nsm.sweeps.data import few_of

    use_threads(threads)
    model = load_network(checked)
    test = source.load()
    x = images_for({network: model}, test, data)[:images]
    chip = map_to_crossbar(model, hardware, rng=seed, example=few_of(x))
    y = test.y_test[:images]
    with console().status(f"reading {len(x)} images, {samples} samples each"):
        sampling = "exact" if chip.has_memory else "moments"
        error = chip.error_rate(x, y, samples, rng=seed, sampling=sampling)
    report = chip.report()
    _show(report, f"{network} on {device}")
    software = error_rate(model, x, y, samples, rng=seed)
    console().print(
        f"test error {error:.2%} on {len(x)} images, {samples} samples; in software: {software:.2%}"
    )
    if out is not None:
        _write(chip, model, report, x, out)
        console().print(f"report, cost and pictures are in {out}")
    if spice is not None:
        console().print(f"{len(write_netlists(chip, spice))} netlists are in {spice}")


def _text(value: Any) -> str:
    """Return a value of the report as a cell of the table; NaN is empty."""
    if isinstance(value, float):
        return "" if value != value else f"{value:.3g}"
    return str(value)


def _show(report: pd.DataFrame, title: str) -> None:
    """Print the report as a table, and its warnings."""
    from rich.table import Table

    table = Table(title=title)
    for name in _SHOWN:
        table.add_column(name.replace("_", " "), justify="left" if name == "layer" else "right")
    for _, row in report[list(_SHOWN)].iterrows():
        table.add_row(*(_text(v) for v in row))
    console().print(table)
    warned = report.loc[report.warning != "", ["layer", "warning"]]
    for layer, warning in warned.itertuples(index=False):
        console().print(f"warning, {layer}: {warning}")


def _write(chip: MappedNetwork, model: Any, report: pd.DataFrame, x: Any, folder: Path) -> None:
    """Write report.csv, cost.csv and pictures of the chip into a folder."""
    from nsm.plots import draw_chip

    folder.mkdir(parents=True, exist_ok=True)
    report.to_csv(folder / "report.csv", index=False)
    chip.cost().to_csv(folder / "cost.csv", index=False)
    draw_chip(chip, model, x, folder)
