"""`nsm tolerance`: how much of each non-ideality a network tolerates on a device."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nsm.cli.data import DataChoice
from nsm.cli.interrupts import keeping
from nsm.cli.map import DeviceName, GateName, NetworkFile, Settings
from nsm.cli.options import (
    DataDir,
    DataName,
    DataOptions,
    Seed,
    console,
    hardware_from,
    show_table,
    use_threads,
)

if TYPE_CHECKING:
    from nsm.verdict.result import Tolerances
    from nsm.verdict.search import Base, Found

#: Training images on which open ranges of converters are set.
_CALIBRATED_ON = 200
#: Blocks of images with a chip each, and ratio of neighboring values: a verdict in minutes.
_BLOCKS, _STEP = 6, 2.0


def tolerance(
    network: NetworkFile,
    device: DeviceName = "fefet_jerry2017",
    gate: GateName = "nsm_bernoulli",
    settings: Settings = None,
    baseline: Annotated[
        list[str] | None,
        typer.Option(help="A network to compare with, as NAME=FILE; may be given several times."),
    ] = None,
    data: DataName = "digits",
    images: Annotated[
        int, typer.Option(help="Test images, at most; each is read until a loss is decided.", min=1)
    ] = 3000,
    samples: Annotated[int, typer.Option(help="Noisy passes per test image.", min=1)] = 10,
    loss: Annotated[float, typer.Option(help="Largest tolerated loss [percentage points].")] = 1.0,
    confidence: Annotated[float, typer.Option(help="Confidence of each decision [%].")] = 95.0,
    axes: Annotated[
        str | None,
        typer.Option(help='Axes, separated by semicolons, e.g. "levels;gain, falling".'),
    ] = None,
    sampling: Annotated[str, typer.Option(help="exact, or moments: one normal per output.")] = (
        "exact"
    ),
    workers: Annotated[int, typer.Option(help="Processes.", min=1)] = 2,
    out: Annotated[
        Path, typer.Option(help="CSV of the table; a TOML file and a chart are written beside it.")
    ] = Path("tolerances.csv"),
    data_dir: DataDir = None,
    data_option: DataOptions = None,
    seed: Seed = 0,
) -> None:
    """Find the largest value of each non-ideality with less than a point of loss; a verdict."""
    from devices.validation import choice, number
    from nsm.sweeps.networks import check_network

    named = _networks(network, baseline)
    checked = {name: check_network(source) for name, source in named.items()}
    source = DataChoice(data, data_dir, tuple(data_option or ()))
    hardware = hardware_from(device, gate, settings)
    number("--loss", loss, above=0, below=100, unit="percentage points")
    number("--confidence", confidence, above=50, below=100, unit="%")
    choice("--sampling", sampling, ("exact", "moments"))
    _check_out(out)
    chosen = None if axes is None else [name.strip() for name in axes.split(";")]
    options = {
        "loss": loss / 100,
        "confidence": confidence / 100,
        "samples": samples,
        "axes": chosen,
        "rng": seed,
        "sampling": sampling,
        "workers": workers,
    }
    with keeping(lambda: f"{out} is not written: a tolerance run begins anew"):
        _run(checked, source, hardware, device, images, out, options)


def _check_out(out: Path) -> None:
    """Raise ValueError unless the table, and the files beside it, can be written."""
    from nsm.places import check_file
    from nsm.verdict.saving import check_saving

    if out.suffix != ".csv":
        raise ValueError(f"--out {out} is not allowed; give a file that ends in .csv")
    check_saving(out)
    check_file(out.with_suffix(".png"))


def _run(
    checked: dict[str, str],
    source: DataChoice,
    hardware: Any,
    device: str,
    images: int,
    out: Path,
    options: dict[str, Any],
) -> None:
    """Measure, write and print the tolerances; all names are checked but those of axes."""
    from nsm.cli.tolerance_time import expected_seconds, expected_text
    from nsm.plots import plot_tolerances, save_figure
    from nsm.sweeps.networks import images_for, load_network, training_images
    from nsm.verdict.axes import chosen_axes
    from nsm.verdict.tolerances import tolerances

    axes = len(chosen_axes(options["axes"]))
    _check_images(images, f"--images {images}")
    use_threads(1)
    start = time.perf_counter()
    models = {name: load_network(path) for name, path in checked.items()}
    test = source.load()
    x = images_for(models, test, source.source)[:images]
    _check_images(len(x), f"{len(x)} images of {source.source}")

    def tell(result: Base | Found) -> None:
        console().print(
            f"{time.perf_counter() - start:4.0f} s  {result_line(result)}", soft_wrap=True
        )

    console().print(f"{', '.join(models)} on {device}, {images_text(len(x), source.source)}")
    y = test.y_test[: len(x)]
    few = training_images(test, x, min(_CALIBRATED_ON, len(test.x_train)))
    reads = {name: options[name] for name in ("samples", "sampling", "workers")}
    seconds, compiles = expected_seconds(
        models, hardware, x, y, axes=axes, blocks=_BLOCKS, calibrate=few, **reads
    )
    console().print(expected_text(seconds, options["sampling"], compiles=compiles), soft_wrap=True)
    found = tolerances(
        models,
        hardware,
        x,
        y,
        blocks=_BLOCKS,
        step=_STEP,
        calibrate=few,
        on_result=tell,
        **options,
    )
    found.save(out)
    picture = out.with_suffix(".png")
    save_figure(plot_tolerances(found), picture)
    _show(found)
    console().print(found.sentence, soft_wrap=True)
    console().print(found.fix_first, soft_wrap=True)
    console().print(f"table: {out}; settings: {out.with_suffix('.toml')}; chart: {picture}")


def _check_images(given: int, name: str) -> None:
    """Raise ValueError unless there are enough images to read."""
    from nsm.verdict.tolerances import SMALLEST_BLOCK

    fewest = _BLOCKS * SMALLEST_BLOCK
    if given < fewest:
        raise ValueError(f"{name}: too few for {_BLOCKS} blocks; give at least {fewest} images")


def images_text(given: int, source: str) -> str:
    """Return how many images are read: as many as fill equal blocks."""
    read = given - given % _BLOCKS
    rest = "" if read == given else f" (of {given}: {_BLOCKS} equal blocks)"
    return f"{read} images of {source}{rest}"


def _networks(network: str, baseline: list[str] | None) -> dict[str, str]:
    """Return the networks by name, the one of the command first.

    Raises:
        ValueError: A baseline has no name, or two have the same.
    """
    from nsm.sweeps.networks import network_name

    named = {network_name(network): network}
    for text in baseline or []:
        name, equals, file = text.partition("=")
        if not equals or not name or not file:
            raise ValueError(
                f"--baseline {text!r} has no name; write --baseline NAME=FILE, e.g. "
                "--baseline ReLU=relu.safetensors"
            )
        if name in named:
            raise ValueError(f"--baseline {text!r}: there is a network {name!r} already")
        named[name] = file
    return named


def result_line(result: Any) -> str:
    """Return one line about a result as soon as it is there."""
    from nsm.quantities import counted
    from nsm.verdict.search import Base

    if isinstance(result, Base):
        return (
            f"{result.network}: {sum(result.given)} wrong on this hardware, "
            f"{sum(result.software)} in software"
        )
    text = result.reason
    if result.ratio == result.ratio:
        text = f"{counted(result.tolerated, result.unit)} tolerated"
        if result.reason:
            text += f" ({result.reason})"
    return f"{result.network}, {result.axis}: {text}"


def _show(found: Tolerances) -> None:
    """Print the table of all axes with a result, and lines for the others."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from nsm.quantities import counted
    from nsm.verdict.sentence import rows_of

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("axis", "network", "tolerated", "broken at", "given", "ratio", "unit of"):
        table.add_column(heading, justify="left" if heading in ("axis", "network") else "right")
    for row in rows_of(found.table):
        if row.ratio != row.ratio:
            continue
        none = row.high in (0.0, float("inf"))
        table.add_row(
            row.axis,
            row.network,
            counted(row.tolerated, row.unit),
            "" if none else f"{row.high:.3g}",
            counted(row.given, ""),
            f"{row.ratio:.3g}" if row.decided else f"{row.ratio:.3g} (not resolved)",
            row.reference,
        )
    show_table(table)
    silent = found.table[found.table["ratio"].isna()]
    for row in rows_of(silent):
        console().print(f"{row.network}, {row.axis}: {row.reason}", soft_wrap=True)
