"""`nsm learn`: chips of one or several devices that learn from a data set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nsm.cli.data import DataChoice
from nsm.cli.interrupts import keeping, keeping_checkpoint
from nsm.cli.learn_tables import show_devices, show_learned
from nsm.cli.networks import PERCEPTRONS, NetworkChoice
from nsm.cli.options import (
    DataDir,
    DataName,
    DataOptions,
    Samples,
    Seed,
    hardware_from,
    say,
)
from nsm.cli.training import LR_SCHEDULES, build

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn

    from nsm.learning.rules import LearningRule

#: Rules by the names of the command line, and their classes in `nsm.learning`.
RULES = {
    "mixed-precision": "MixedPrecision",
    "coincidences": "Coincidences",
    "tiki-taka": "TikiTaka",
    "rounding": "Rounding",
}

DeviceNames = Annotated[
    list[str],
    typer.Option(
        "--device",
        help="Device preset or device file with a pulse response; several for a table; all: every "
        "preset that has one.",
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        help="Of one device: chip file to write; of several: table (CSV), row by row; the same "
        "command resumes."
    ),
]
FigureFile = Annotated[
    Path | None, typer.Option(help="Of several devices: figure of their errors (PNG, PDF, SVG).")
]
NetworkName = Annotated[str, typer.Option(help=f"Perceptron: {', '.join(PERCEPTRONS)}.")]
Hidden = Annotated[str, typer.Option(help="Widths of the hidden layers.")]
RuleName = Annotated[str, typer.Option(help=f"Rule: {', '.join(RULES)}.")]
Lr = Annotated[
    float | None,
    typer.Option(help="Learning rate at the start (default: that of the rule; of relu: 0.01)."),
]
LrSchedule = Annotated[
    str,
    typer.Option(help="How the learning rate falls: cosine (to 0), halving, constant."),
]
Epochs = Annotated[float, typer.Option(help="Passes over the images; need not be whole.")]
Images = Annotated[
    int | None, typer.Option(help="Training images to learn from (default: all).", min=1)
]
Gate = Annotated[str, typer.Option(help="Gate preset or gate file of neural sampling layers.")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", help="Field of the hardware, as PATH=VALUE.")
]
Scale = Annotated[
    float | None,
    typer.Option(
        help="Weights at the start, as a fraction of the largest that cells hold "
        "(default: 0.1; of relu: 0.25)."
    ),
]
LeaveOut = Annotated[
    float | None,
    typer.Option(help="Leave out input lines that change in at most this share of the images."),
]
Checkpoint = Annotated[
    Path | None,
    typer.Option(help="Written at every measurement; the same command resumes it. One device."),
]
Every = Annotated[
    int | None, typer.Option(help="Images between two measurements (default: an epoch).", min=1)
]


@dataclass(frozen=True)
class _Beginning:
    """What all chips begin with.

    Attributes:
        model: The untrained network.
        x: Images to learn from.
        y: Their class numbers.
        scale: Largest weight at the start, over the largest that a cell holds.
        seed: Seed of chips and learning.
    """

    model: nn.Module
    x: Any
    y: Any
    scale: float
    seed: int


def learn(
    device: DeviceNames,
    out: Out = None,
    figure: FigureFile = None,
    data: DataName = "digits",
    network: NetworkName = "nsm",
    hidden: Hidden = "100,100",
    rule: RuleName = "mixed-precision",
    lr: Lr = None,
    lr_schedule: LrSchedule = LR_SCHEDULES[0],
    epochs: Epochs = 2.0,
    images: Images = None,
    gate: Gate = "nsm_bernoulli",
    settings: Settings = None,
    scale: Scale = None,
    leave_out: LeaveOut = 0.01,
    measure_every: Every = None,
    checkpoint: Checkpoint = None,
    samples: Samples = 10,
    data_dir: DataDir = None,
    data_option: DataOptions = None,
    seed: Seed = 0,
) -> None:
    """Let a chip learn from scratch, with pulses on its cells; or compare devices that learn."""
    from devices.validation import choice, number
    from nsm.sweeps.networks import first_images

    source = DataChoice(data, data_dir, tuple(data_option or ()))
    choice("network", network, PERCEPTRONS)
    choice("rule", rule, RULES)
    choice("lr_schedule", lr_schedule, LR_SCHEDULES)
    start = (0.25 if network == "relu" else 0.1) if scale is None else scale
    number("scale", start, above=0, at_most=1)
    device = _checked_devices(device, out, figure, checkpoint)
    hardware = _hardware_of(device, gate, settings)
    options = {
        "epochs": epochs,
        "rule": _rule(rule, lr, lr_schedule, network),
        "leave_out": leave_out,
        "measure_every": measure_every,
        "validation_samples": samples,
    }
    loaded = source.load()
    x = first_images("--images", images, loaded.x_train, source.source, kind="training")
    chosen = NetworkChoice(name=network, data=data, hidden=hidden, options={})
    model = _with_room(build(chosen, None, loaded, seed), network, start)
    options["validation"] = (loaded.x_test, loaded.y_test)
    beginning = _Beginning(model, x, loaded.y_train[: len(x)], start, seed)
    if len(device) > 1:
        with keeping(lambda: _kept(out)):
            rows = _compare(hardware, beginning, options, out)
        if figure is not None:
            _draw(rows, figure)
    else:
        options["checkpoint"] = checkpoint
        with keeping_checkpoint(checkpoint):
            _learn_one(hardware, beginning, options, out)


def _kept(out: Path | None) -> str:
    """Return what a comparison of devices leaves when it is stopped, for the message."""
    if out is None:
        return "nothing is kept: with --out FILE a comparison goes on where it was stopped"
    return f"finished devices are in {out}; the same command goes on from there"


def _checked_devices(
    names: list[str], out: Path | None, figure: Path | None, checkpoint: Path | None
) -> list[str]:
    """Return the names of the devices; refuse files that have no use, or cannot be written."""
    from nsm.learning.on_devices import devices_that_pulse
    from nsm.places import check_files

    check_files((out, figure, checkpoint), "mine.safetensors")
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"--device {name} is given {names.count(name)} times; give it once")
    if names == ["all"]:
        names = devices_that_pulse()
    if "all" in names:
        raise ValueError(
            "--device all is every preset with a pulse response, and stands alone; leave it out, "
            f"or leave out the others: {', '.join(name for name in names if name != 'all')}"
        )
    if len(names) == 1 and figure is not None:
        raise ValueError(
            f"--figure {figure} compares devices, and one --device is given; give several, or "
            "leave it out"
        )
    ending = ".safetensors" if len(names) == 1 else ".csv"
    if out is not None and out.suffix != ending:
        what = "the chip" if len(names) == 1 else "the rows of several devices"
        raise ValueError(f"--out {out} is to hold {what}; give a name that ends in {ending}")
    if len(names) > 1 and checkpoint is not None:
        raise ValueError(
            f"--checkpoint {checkpoint} is of one run, and {len(names)} devices are given; "
            "give one --device, or leave it out: --out resumes by itself"
        )
    return names


def _hardware_of(names: list[str], gate: str, settings: list[str] | None) -> dict[str, Any]:
    """Return the hardware of every device; refuse hardware by layer of several devices."""
    from crossbar import Hardware

    found = {name: hardware_from(name, gate, _fields(settings)) for name in names}
    if len(names) > 1 and not all(isinstance(each, Hardware) for each in found.values()):
        by_layer = next(text for text in settings or [] if ":" in text.partition("=")[0])
        raise ValueError(
            f"--set {by_layer} is for some layers, and a comparison of devices has one hardware "
            "for all layers; give one --device, or leave out the name of the layer"
        )
    return found


def _fields(settings: list[str] | None) -> list[str]:
    """Return the settings of the hardware, with what learning needs unless it is given."""
    given = settings or []
    names = {text.partition("=")[0] for text in given}
    defaults = {"mapping": "balanced_pair", "bias": "reference"}
    return [f"{name}={v}" for name, v in defaults.items() if name not in names] + given


def _with_room(model: nn.Module, network: str, start: float) -> nn.Module:
    """Return a network whose cells hold its weights at a fraction of the range; see `widened`."""
    from nsm.learning.room import widened

    return widened(model, 1 / start) if network == "relu" else model


def _learn_one(
    hardware: dict[str, Any], beginning: _Beginning, options: dict[str, Any], out: Path | None
) -> None:
    """Let a chip of one device learn, show what came out, and write it."""
    from nsm.chips.map import map_to_crossbar
    from nsm.learning.learn import learn as learn_on
    from nsm.places import check_room

    ((name, of_device),) = hardware.items()
    seed = beginning.seed
    chip = map_to_crossbar(beginning.model, of_device, rng=seed, reprogrammed_scale=beginning.scale)
    if out is not None:
        parts = (part for layer in chip.layers for part in layer.neurons.parts())
        check_room(out, sum(g.nbytes for part in parts for g in part.array.conductances()))
    learned = learn_on(chip, beginning.x, beginning.y, rng=seed, **options)
    show_learned(name, learned)
    if out is not None:
        chip.save(out, note=f"nsm learn on {name}")
        say(f"wrote {out}", soft_wrap=True)


def _rule(name: str, lr: float | None, lr_schedule: str, network: str) -> LearningRule:
    """Return a rule; the learning rate of rectifiers is that of each weight, as in software."""
    from nsm.learning import rules

    given: dict[str, Any] = {} if lr is None else {"lr": lr}
    if network == "relu":
        given = {"lr": 0.01, **given, "lr_per": "weight"}
    made: LearningRule = getattr(rules, RULES[name])(lr_schedule=lr_schedule, **given)
    return made


def _compare(
    hardware: dict[str, Any], beginning: _Beginning, options: dict[str, Any], out: Path | None
) -> pd.DataFrame:
    """Let chips of several devices learn, and show them side by side; return their rows."""
    from nsm.learning.on_devices import learn_on_devices

    first = next(iter(hardware.values()))
    devices = {name: of_device.device for name, of_device in hardware.items()}
    rows = learn_on_devices(
        beginning.model,
        first,
        devices,
        beginning.x,
        beginning.y,
        rng=beginning.seed,
        reprogrammed_scale=beginning.scale,
        save_to=out,
        **options,
    )
    show_devices(rows, devices)
    if out is not None:
        say(f"wrote {out}", soft_wrap=True)
    return rows


def _draw(rows: pd.DataFrame, figure: Path) -> None:
    """Write the figure of several devices."""
    from nsm.plots import plot_devices, save_figure

    save_figure(plot_devices(rows), figure)
    say(f"wrote {figure}", soft_wrap=True)
