"""`nsm learn`: chips of one or several devices that learn from a data set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nsm.cli.data import DataChoice
from nsm.cli.networks import PERCEPTRONS, NetworkChoice
from nsm.cli.options import (
    DataDir,
    DataName,
    DataOptions,
    Samples,
    Seed,
    console,
    hardware_from,
    show_table,
)
from nsm.cli.training import LR_SCHEDULES, build, check_writable

if TYPE_CHECKING:
    import pandas as pd

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
        "--device", help="Device preset or device file with a pulse response; several for a table."
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(help="Of one device: chip file to write; of several: table (CSV)."),
]
NetworkName = Annotated[str, typer.Option(help=f"Perceptron: {', '.join(PERCEPTRONS)}.")]
Hidden = Annotated[str, typer.Option(help="Widths of the hidden layers.")]
RuleName = Annotated[str, typer.Option(help=f"Rule: {', '.join(RULES)}.")]
Lr = Annotated[
    float | None, typer.Option(help="Learning rate at the start (default: that of the rule).")
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
    float,
    typer.Option(help="Weights at the start, as a fraction of the largest that cells hold."),
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


def learn(
    device: DeviceNames,
    out: Out = None,
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
    scale: Scale = 0.5,
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

    source = DataChoice(data, data_dir, tuple(data_option or ()))
    choice("network", network, PERCEPTRONS)
    choice("rule", rule, RULES)
    choice("lr_schedule", lr_schedule, LR_SCHEDULES)
    number("scale", scale, above=0, at_most=1)
    for file in (out, checkpoint):
        check_writable(file)
    if len(device) > 1 and checkpoint is not None:
        raise ValueError(
            f"--checkpoint {checkpoint} is of one run, and {len(device)} devices are given; "
            "give one --device, or leave it out"
        )
    fields = ["mapping=BalancedPair", "bias=reference", *(settings or [])]
    fields = [f for f in fields if _is_last(f, fields)]
    hardware = [hardware_from(name, gate, fields) for name in device]
    options = {
        "epochs": epochs,
        "rule": _rule(rule, lr, lr_schedule),
        "leave_out": leave_out,
        "measure_every": measure_every,
        "validation_samples": samples,
    }
    loaded = source.load()
    chosen = NetworkChoice(name=network, data=data, hidden=hidden, options={})
    model = build(chosen, None, loaded, seed)
    x, y = loaded.x_train[:images], loaded.y_train[:images]
    options["validation"] = (loaded.x_test, loaded.y_test)
    if len(device) > 1:
        _compare(dict(zip(device, hardware, strict=True)), model, x, y, options, scale, seed, out)
        return
    from nsm.chips.map import map_to_crossbar
    from nsm.learning.learn import learn as learn_on

    chip = map_to_crossbar(model, hardware[0], rng=seed, reprogrammed_scale=scale)
    learned = learn_on(chip, x, y, rng=seed, checkpoint=checkpoint, **options)
    show_table(_table(learned.rows))
    show_table(_table(learned.arrays))
    console().print(f"{device[0]}: {learned}", highlight=False)
    if out is not None:
        chip.save(out, note=f"nsm learn on {device[0]}")
        console().print(f"wrote {out}", highlight=False)


def _is_last(field: str, fields: list[str]) -> bool:
    """Return whether no later text sets the same field."""
    name = field.partition("=")[0]
    return [f for f in fields if f.partition("=")[0] == name][-1] is field


def _rule(name: str, lr: float | None, lr_schedule: str) -> LearningRule:
    from nsm.learning import rules

    given: dict[str, Any] = {} if lr is None else {"lr": lr}
    made: LearningRule = getattr(rules, RULES[name])(lr_schedule=lr_schedule, **given)
    return made


def _compare(
    hardware: dict[str, Any],
    model: Any,
    x: Any,
    y: Any,
    options: dict[str, Any],
    scale: float,
    seed: int,
    out: Path | None,
) -> None:
    """Let chips of several devices learn, and show them side by side."""
    from nsm.learning.on_devices import learn_on_devices

    first = next(iter(hardware.values()))
    rows = learn_on_devices(
        model,
        first,
        {name: of_device.device for name, of_device in hardware.items()},
        x,
        y,
        rng=seed,
        reprogrammed_scale=scale,
        **options,
    )
    show_table(_table(rows))
    if out is not None:
        rows.to_csv(out, index=False)
        console().print(f"wrote {out}", highlight=False)


def _table(rows: pd.DataFrame) -> Any:
    """Return a table of the console; columns without a value are left out."""
    from rich.table import Table

    shown = rows.dropna(axis=1, how="all")
    table = Table()
    for name in shown.columns:
        table.add_column(str(name), justify="right")
    for row in shown.itertuples(index=False):
        table.add_row(*(f"{v:.4g}" if isinstance(v, float) else str(v) for v in row))
    return table
