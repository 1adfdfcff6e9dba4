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
    calibrate: Calibrate = None,
    calibrate_method: CalibrateMethod = None,
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
    _check_method(calibrate, calibrate_method)

    from nsm.chips.map import map_to_crossbar
    from nsm.chips.netlists import write_netlists
    from nsm.nn.inference import error_rate
    from nsm.sweeps.data import few_of
    from nsm.sweeps.networks import training_images

    use_threads(threads)
    model = load_network(checked)
    test = source.load()
    x = images_for({network: model}, test, data)[:images]
    chip = map_to_crossbar(model, hardware, rng=seed, example=few_of(x))
    _check_ranges(chip, calibrate)
    if calibrate is not None:
        seen = training_images(test, x, calibrate)
        chip.calibrate(seen, method=calibrate_method or "max", rng=seed)
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
        _write(chip, model, report, x, out, samples=samples, seed=seed)
        console().print(f"report, cost and pictures are in {out}")
    if spice is not None:
        console().print(f"{len(write_netlists(chip, spice))} netlists are in {spice}")


def _check_method(calibrate: int | None, method: str | None) -> None:
    """Raise ValueError for an unknown way to calibrate, or one without calibration."""
    if method is None:
        return
    from nsm.sweeps.calibration import checked_options

    checked_options({"method": method})
    if calibrate is None:
        raise ValueError(
            f"--calibrate-method {method} has no effect without --calibrate; add the number of "
            "training images, such as --calibrate 200"
        )


def _check_ranges(chip: MappedNetwork, calibrate: int | None) -> None:
    """Raise ValueError if a DAC of a chip needs a calibration, or nothing takes the given one."""
    from nsm.chips.calibration import has_open_converters

    if calibrate is not None and not has_open_converters(chip.layers):
        raise ValueError(
            f"--calibrate {calibrate} has no effect: no converter of this chip has an open range; "
            "leave it out, or add converters, such as --set adc.bits=8"
        )
    for layer in chip.layers:
        dac = layer.neurons.drivers.dac
        if calibrate is None and dac is not None and dac.range is None:
            raise ValueError(
                f"the DAC of {layer.name} has no range; add --calibrate 200, which sets it from "
                "200 training images, or --set dac.range=1, the largest input"
            )


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
    console().print(table)
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
    chip: MappedNetwork,
    model: Any,
    report: pd.DataFrame,
    x: Any,
    folder: Path,
    *,
    samples: int,
    seed: int,
) -> None:
    """Write report, costs and pictures of the chip into a folder.

    The cost is that of the images x with all samples; its inputs are recorded last, in a pass that
    changes no picture.
    """
    from nsm.plots import draw_chip

    folder.mkdir(parents=True, exist_ok=True)
    report.to_csv(folder / "report.csv", index=False)
    chip.write_cost().to_csv(folder / "write_cost.csv", index=False)
    draw_chip(chip, model, x, folder)
    cost = chip.cost(x, samples=samples, rng=seed)
    cost.to_csv(folder / "cost.csv", index=False)
