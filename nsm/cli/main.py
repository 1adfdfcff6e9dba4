"""The `nsm` command: train, map, sweep, plot, demo, presets."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from crossbar.paths import build_hardware
from crossbar.threads import set_threads
from devices.validation import choice
from nsm.chips.map import map_to_crossbar
from nsm.chips.netlists import write_netlists
from nsm.cli import demo as demonstration
from nsm.cli import presets as cli_presets
from nsm.cli.networks import build_network
from nsm.datasets.registry import LOADERS, image_shape, load_data
from nsm.disk import check_folder_of
from nsm.nn.architectures import RULES
from nsm.nn.checkpoint import load, save
from nsm.nn.inference import error_rate
from nsm.nn.neural_sampling import NeuralSampling
from nsm.plots.chips import draw_chip
from nsm.plots.style import save_figure
from nsm.plots.sweeps import plot_error_rate
from nsm.sweeps.run import collect, read_rows, worker_pool
from nsm.sweeps.sweep_file import SAMPLE, read_sweep
from nsm.training.augment import ShiftAndMirror
from nsm.training.fit import fit, initialize

app = typer.Typer(
    help="Can my noisy memory device compute? Train, map to crossbars, sweep non-idealities, plot robustness curves.",
    no_args_is_help=True,
    epilog="Example: nsm demo",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(cli_presets.app, name="presets")
console = Console()

Seed = Annotated[
    int, typer.Option(help="Seed of everything random: same seed, same result.", min=0)
]
Threads = Annotated[int, typer.Option(help="Threads of the numerical libraries.", min=1)]
DataDir = Annotated[
    Path | None,
    typer.Option(help="Folder of the data set's files (default: NSM_DATA_DIR, else download)."),
]
DataName = Annotated[str, typer.Option(help=f"Data set: {', '.join(LOADERS)}.")]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", help="A field of the hardware, as PATH=VALUE, e.g. --set device.levels=16."
    ),
]


def _use_threads(threads: int) -> None:
    torch.set_num_threads(threads)
    threadpool_limits(threads)
    set_threads(threads)


def _value(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return [_value(t) for t in text.split(",")] if "," in text else text


def _hardware(device: str, gate: str, settings: list[str] | None) -> Any:
    pairs = [s.partition("=") for s in settings or []]
    for name, equals, _ in pairs:
        if not equals:
            raise ValueError(
                f"--set {name!r} has no value; write --set PATH=VALUE, e.g. --set device.levels=16"
            )
    return build_hardware(
        {"device": device, "gate": gate, **{name: _value(v) for name, _, v in pairs}}
    )


@app.command(epilog="Example: nsm train --data mnist --epochs 30 --out mine.safetensors")
def train(
    out: Annotated[Path, typer.Option(help="Network file to write (safetensors).")],
    data: DataName = "digits",
    network: Annotated[
        str,
        typer.Option(
            help="Perceptrons: nsm, relu, stnn (stochastic, without weight normalisation), bd (deterministic signs). "
            "The paper's convolutional networks: conv, all_conv (CIFAR), gesture (DVS)."
        ),
    ] = "nsm",
    rule: Annotated[
        str | None,
        typer.Option(
            help=f"Convolutional networks: {', '.join(RULES)}; bNSM unless said otherwise."
        ),
    ] = None,
    hidden: Annotated[
        str | None,
        typer.Option(
            help="Widths of the hidden layers: 300,300,300 unless said otherwise; conv: 512."
        ),
    ] = None,
    beta: Annotated[
        str | None,
        typer.Option(help="NSM: learned (default), or native (a = 0: no second path on the chip)."),
    ] = None,
    site: Annotated[
        str | None,
        typer.Option(help="NSM: noise per synapse (default), or per neuron (input line)."),
    ] = None,
    epochs: Annotated[int, typer.Option(help="Passes over the training images.", min=1)] = 30,
    lr: Annotated[float, typer.Option(help="Adam's rate at the start.")] = 1e-3,
    lr_schedule: Annotated[
        str,
        typer.Option(help="How it falls: cosine (to 0), halving (after every quarter), constant."),
    ] = "cosine",
    label_smoothing: Annotated[
        float, typer.Option(help="Share of the target given to the other classes.")
    ] = 0.0,
    flip: Annotated[
        float | None,
        typer.Option(help="Inputs coded ±1: chance that one changes sign in training."),
    ] = None,
    ema_decay: Annotated[
        float, typer.Option(help="Running mean of the weights over steps, e.g. 0.999.")
    ] = 0.0,
    shift: Annotated[
        int, typer.Option(help="Training images are shifted by up to so many pixels.", min=0)
    ] = 0,
    mirror: Annotated[
        bool, typer.Option("--mirror/--no-mirror", help="Half of the training images mirrored.")
    ] = False,
    init: Annotated[
        bool, typer.Option("--init/--no-init", help="NSM: data-dependent initialisation (eq. 8).")
    ] = False,
    half: Annotated[bool, typer.Option("--half/--full", help="Write weights as float16.")] = False,
    checkpoint: Annotated[
        Path | None, typer.Option(help="Written after every epoch; the same command resumes it.")
    ] = None,
    samples: Annotated[int, typer.Option(help="Noisy passes per test image.", min=1)] = 20,
    data_dir: DataDir = None,
    torch_device: Annotated[
        str, typer.Option(help="Where to train and test: cpu, or cuda for a GPU.")
    ] = "cpu",
    seed: Seed = 0,
    threads: Threads = 2,
) -> None:
    """Train a network and write it to a file."""
    _use_threads(threads)
    if (
        choice("torch device", torch_device, ("cpu", "cuda")) == "cuda"
        and not torch.cuda.is_available()
    ):
        raise ValueError(
            "--torch-device cuda: torch finds no GPU here; leave it out to train on the processor"
        )
    own = {"rule": rule, "beta": beta, "site": site, "flip": flip}
    given = {name: value for name, value in own.items() if value is not None}
    torch.manual_seed(seed)
    model = build_network(
        network, data, hidden, given
    )  # what is wrong with the options is said first
    for file in (out, *([] if checkpoint is None else [checkpoint])):
        if file.is_dir() or not os.access(file.parent, os.W_OK):
            what = (
                "it is a folder"
                if file.is_dir()
                else f"the folder {file.parent} does not exist, or is not writable"
            )
            raise ValueError(
                f"cannot write {file}: {what}; name another file, or create the folder first"
            )
    images = load_data(data, data_dir)
    model.to(torch_device)
    if init:
        if not any(isinstance(layer, NeuralSampling) for layer in model):
            raise ValueError(
                f"--init sets β and b of neural sampling layers, and --network {network} has none; leave it out"
            )
        initialize(model, images.x_train[:1000], rng=seed)
    fit(
        model,
        images.x_train,
        images.y_train,
        epochs=epochs,
        lr=lr,
        lr_schedule=lr_schedule,
        label_smoothing=label_smoothing,
        ema_decay=ema_decay,
        augment=ShiftAndMirror(image_shape(data), shift, mirror) if shift or mirror else None,
        checkpoint=checkpoint,
        rng=seed,
    )
    command = " ".join(["nsm", *sys.argv[1:]])
    save(model, out, dtype=torch.float16 if half else None, note=command)
    with console.status(f"testing on {len(images.y_test)} images, {samples} samples each"):
        error = error_rate(
            load(out).to(torch_device), images.x_test, images.y_test, samples, rng=seed
        )
    console.print(
        f"{out}: test error {error:.2%} on {len(images.y_test)} images, {samples} samples, in software"
    )


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return "" if value != value else f"{value:.3g}"
    return str(value)


@app.command(
    "map", epilog="Example: nsm map mnist_mlp --data mnist --set device.levels=16 --out chip"
)
def map_command(
    network: Annotated[str, typer.Argument(help="Network file, or the name of a shipped one.")],
    device: Annotated[
        str, typer.Option(help="Device preset, see `nsm presets`, or a device file.")
    ] = "fefet_jerry2017",
    gate: Annotated[str, typer.Option(help="Gate of the stochastic layers.")] = "nsm_bernoulli",
    settings: Settings = None,
    data: DataName = "digits",
    samples: Annotated[int, typer.Option(help="Noisy passes per image.", min=1)] = 20,
    images: Annotated[int, typer.Option(help="Test images to read.", min=1)] = 1000,
    out: Annotated[
        Path | None, typer.Option(help="Folder for report.csv, cost.csv and the chip's ")
    ] = None,
    spice: Annotated[
        Path | None, typer.Option(help="Folder for a netlist of every tile, which ngspice runs.")
    ] = None,
    data_dir: DataDir = None,
    seed: Seed = 0,
    threads: Threads = 2,
) -> None:
    """Program one chip with a network, test it, and report how well it was programmed."""
    _use_threads(threads)
    model, hardware = load(network), _hardware(device, gate, settings)
    chip = map_to_crossbar(model, hardware, rng=seed)
    test = load_data(data, data_dir)
    wanted, pixels = chip.in_shape, test.x_test.shape[1]
    if wanted is not None and len(wanted) == 1 and wanted[0] != pixels:
        raise ValueError(
            f"{network} takes images of {wanted[0]} values, but those of {data} have {pixels}; choose --data"
        )
    x, y = test.x_test[:images], test.y_test[:images]
    with console.status(f"reading {len(x)} images, {samples} samples each"):
        sampling = "exact" if chip.has_memory else "moments"
        error = chip.error_rate(x, y, samples, rng=seed, sampling=sampling)
    report = chip.report()
    table = Table(title=f"{network} on {device}")
    shown = [
        "layer",
        "tiles",
        "siemens_per_weight",
        "weight_error_rms",
        "clipped",
        "static_to_noise_ratio",
    ]
    for name in shown:
        table.add_column(name.replace("_", " "), justify="left" if name == "layer" else "right")
    for _, row in report[shown].iterrows():
        table.add_row(*(_shown(v) for v in row))
    console.print(table)
    for layer, warning in report.loc[report.warning != "", ["layer", "warning"]].itertuples(
        index=False
    ):
        console.print(f"warning, {layer}: {warning}")
    console.print(
        f"test error {error:.2%} on {len(x)} images, {samples} samples; in software: "
        f"{error_rate(model, x, y, samples, rng=seed):.2%}"
    )
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        report.to_csv(out / "report.csv", index=False)
        chip.cost().to_csv(out / "cost.csv", index=False)
        draw_chip(chip, model, x, out)
        console.print(f"report, cost and pictures are in {out}")
    if spice is not None:
        console.print(f"{len(write_netlists(chip, spice))} netlists are in {spice}")


@app.command(
    epilog="Example: nsm sweep --example > levels.toml; nsm sweep levels.toml --out levels.csv --workers 2"
)
def sweep(
    spec: Annotated[Path | None, typer.Argument(help="Sweep file (TOML).")] = None,
    out: Annotated[
        Path | None, typer.Option(help="CSV of the rows; the same command resumes it.")
    ] = None,
    workers: Annotated[int, typer.Option(help="Processes.", min=1)] = 1,
    example: Annotated[
        bool, typer.Option("--example", help="Print a sweep file to start from.")
    ] = False,
    data_dir: DataDir = None,
    seed: Annotated[int | None, typer.Option(help="Instead of the file's seed.", min=0)] = None,
    threads: Threads = 2,
) -> None:
    """Run the sweep of a file: one row per point and chip, written as it finishes."""
    if example:
        typer.echo(SAMPLE, nl=False)
        return
    if spec is None:
        raise ValueError("which sweep? give a file; `nsm sweep --example` prints one to start from")
    _use_threads(threads)
    described = read_sweep(spec)
    tasks, images = described.tasks(), load_data(described.data, data_dir)
    x, y = images.x_test[: described.images], images.y_test[: described.images]
    with nullcontext() if workers == 1 else worker_pool(workers) as pool:
        rows = collect(
            tasks,
            x,
            y,
            chips=described.chips,
            samples=described.samples,
            rng=described.seed if seed is None else seed,
            save_to=out or spec.with_suffix(".csv"),
            executor=pool,
            sampling=described.sampling,
        )
    console.print(f"{len(rows)} rows in {out or spec.with_suffix('.csv')}")


@app.command(
    epilog="Example: nsm plot levels.csv --x device.levels --group network --out levels.png"
)
def plot(
    rows: Annotated[Path, typer.Argument(help="CSV of a sweep.")],
    x: Annotated[str, typer.Option(help="Column along the axis.")],
    out: Annotated[Path, typer.Option(help="Figure to write: .png, .pdf or .svg.")],
    group: Annotated[str | None, typer.Option(help="Column that tells lines apart.")] = None,
) -> None:
    """Draw the robustness curves of a sweep's rows."""
    check_folder_of(out)
    choice("figure format", out.suffix, (".png", ".pdf", ".svg"))
    save_figure(plot_error_rate(read_rows(rows), x=x, group=group), out)
    console.print(f"drawn: {out}")


@app.command(epilog="Example: nsm demo --out results")
def demo(
    out: Annotated[Path, typer.Option(help="Folder for rows, figures and index.html.")] = Path(
        "results"
    ),
    workers: Annotated[int, typer.Option(help="Processes.", min=1)] = 2,
    seed: Seed = 0,
    threads: Threads = 1,
) -> None:
    """Train three networks on digits, map them to a FeFET crossbar, sweep five non-idealities, draw and show it."""
    _use_threads(threads)
    page = demonstration.run(out, workers=workers, seed=seed)
    console.print(f"done: open {page}")


@contextmanager
def clear_errors() -> Iterator[None]:
    """End an expected problem in one clear line and exit status 2."""
    try:
        yield
    except (ValueError, OSError, FloatingPointError, ImportError) as problem:
        Console(stderr=True).print(
            f"nsm: {problem}", style="bold red", highlight=False, soft_wrap=True, markup=False
        )
        raise SystemExit(2) from None


def main() -> None:
    """Run the command."""
    with clear_errors():
        app()
