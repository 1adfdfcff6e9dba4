"""`nsm train`: a network, trained on a data set and written to a file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nsm.cli.coding import CodingChoice
from nsm.cli.data import DataChoice
from nsm.cli.interrupts import keeping_checkpoint
from nsm.cli.networks import CONVOLUTIONAL, RULE_OPTIONS, NetworkChoice
from nsm.cli.options import (
    DataDir,
    DataName,
    DataOptions,
    Samples,
    Seed,
    Threads,
    console,
    use_threads,
)
from nsm.cli.training import (
    LR_SCHEDULES,
    Recipe,
    TestSet,
    train_network,
    training_hardware,
)
from nsm.places import check_files

if TYPE_CHECKING:
    from nsm.datasets.files import Data

Out = Annotated[Path, typer.Option(help="Network file to write (safetensors).")]
NetworkName = Annotated[
    str,
    typer.Option(
        help="Perceptrons: nsm, relu, stnn (stochastic, without weight normalization), bd "
        "(deterministic signs). The paper's convolutional networks: conv, all_conv (CIFAR), "
        "gesture (DVS)."
    ),
]
Rule = Annotated[
    str | None,
    typer.Option(
        help=f"Training rule of {', '.join(CONVOLUTIONAL)}: {', '.join(RULE_OPTIONS)} "
        "(default: bNSM)."
    ),
]
Hidden = Annotated[
    str | None,
    typer.Option(help="Widths of the hidden layers (default: 300,300,300; of conv: 512)."),
]
Beta = Annotated[
    str | None,
    typer.Option(help="NSM: learned (default), or native (a = 0: no deterministic path)."),
]
Site = Annotated[
    str | None,
    typer.Option(
        help="NSM: synapse (default; DropConnect-style noise), or neuron (one factor per input, "
        "shared by all outputs; dropout-style)."
    ),
]
Coding = Annotated[
    str | None,
    typer.Option(
        help="How images are coded, kept in the network's file: threshold=T (±1), median (±1, a "
        "threshold per pixel), thermometer=LEVELS (±1, several per pixel), none. Default: the "
        "network's, which is threshold=0.5 if it takes ±1."
    ),
]
Epochs = Annotated[int, typer.Option(help="Passes over the training images.", min=1)]
Lr = Annotated[float, typer.Option(help="Learning rate of Adam at the start.")]
LrSchedule = Annotated[
    str,
    typer.Option(
        help="How the learning rate falls: cosine (to 0), halving (after every quarter), constant."
    ),
]
BatchSize = Annotated[int, typer.Option(help="Images per step.", min=1)]
LabelSmoothing = Annotated[
    float, typer.Option(help="Share of the target given to the other classes.")
]
Flip = Annotated[
    float | None, typer.Option(help="Inputs coded ±1: chance that one changes sign in training.")
]
EmaDecay = Annotated[
    float,
    typer.Option(help="Weight averaging (EMA) over steps: decay, e.g. 0.999; 0: last weights."),
]
Shift = Annotated[
    int, typer.Option(help="Training images are shifted by up to so many pixels.", min=0)
]
Mirror = Annotated[
    bool, typer.Option("--mirror/--no-mirror", help="Mirror half of the training images.")
]
Init = Annotated[
    bool, typer.Option("--init/--no-init", help="NSM: data-dependent initialization (eq. 8).")
]
Half = Annotated[bool, typer.Option("--half/--full", help="Write weights as float16.")]
Checkpoint = Annotated[
    Path | None, typer.Option(help="Written after every epoch; the same command resumes it.")
]
DeviceName = Annotated[
    str | None,
    typer.Option(
        help="Train for the chips of a device: a preset, see `nsm presets`, or a device file."
    ),
]
GateName = Annotated[
    str | None,
    typer.Option(help="With --device: gate of the stochastic layers (default: nsm_bernoulli)."),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="With --device: a field of the hardware, as PATH=VALUE or LAYER:PATH=VALUE, e.g. "
        "--set weight_range=least_squares.",
    ),
]
WiresEvery = Annotated[
    int | None,
    typer.Option(
        help="With --device and wires: steps for which attenuations by the wires hold "
        "(default: 50).",
        min=1,
    ),
]
WeightBound = Annotated[
    float | None,
    typer.Option(help="Keep all weights within ±C/√(fan-in), as cells of a fixed range do."),
]
TorchDevice = Annotated[str, typer.Option(help="Where to train and test: cpu, or cuda for a GPU.")]


def train(
    out: Out,
    data: DataName = "digits",
    network: NetworkName = "nsm",
    rule: Rule = None,
    hidden: Hidden = None,
    beta: Beta = None,
    site: Site = None,
    coding: Coding = None,
    epochs: Epochs = 30,
    lr: Lr = 1e-3,
    lr_schedule: LrSchedule = LR_SCHEDULES[0],
    batch_size: BatchSize = 100,
    label_smoothing: LabelSmoothing = 0.0,
    flip: Flip = None,
    ema_decay: EmaDecay = 0.0,
    shift: Shift = 0,
    mirror: Mirror = False,
    init: Init = False,
    half: Half = False,
    checkpoint: Checkpoint = None,
    device: DeviceName = None,
    gate: GateName = None,
    settings: Settings = None,
    wires_every: WiresEvery = None,
    weight_bound: WeightBound = None,
    samples: Samples = 20,
    data_dir: DataDir = None,
    data_option: DataOptions = None,
    torch_device: TorchDevice = "cpu",
    seed: Seed = 0,
    threads: Threads = 2,
) -> None:
    """Train a network and write it to a file."""
    source = DataChoice(data, data_dir, tuple(data_option or ()))
    options = _given(rule=rule, beta=beta, site=site, flip=flip)
    chosen = NetworkChoice(name=network, data=data, hidden=hidden, options=options)
    recipe = Recipe(
        epochs=epochs,
        lr=lr,
        lr_schedule=lr_schedule,
        batch_size=batch_size,
        label_smoothing=label_smoothing,
        ema_decay=ema_decay,
        shift=shift,
        mirror=mirror,
        init=init,
        checkpoint=checkpoint,
        torch_device=torch_device,
        coding=None if coding is None else CodingChoice(coding),
        hardware=training_hardware(device, gate, settings),
        wires_every=wires_every,
        weight_bound=weight_bound,
    )
    recipe.check_fits(chosen)
    check_files((out, checkpoint), "mine.safetensors")
    use_threads(threads)
    with keeping_checkpoint(checkpoint):
        test = train_network(chosen, recipe, source=source, seed=seed, out=out, half=half)
    _report(source, test, recipe, out, samples, seed)


def _given(**options: str | float | None) -> dict[str, Any]:
    """Return the options of a network that were given."""
    return {name: value for name, value in options.items() if value is not None}


def _report(
    source: DataChoice, test: TestSet, recipe: Recipe, out: Path, samples: int, seed: int
) -> None:
    """Print what the data are, and the error in software and on a chip that was trained for."""
    _describe(source, test.data)
    images = len(test.data.y_test)
    with console().status(f"testing on {images} images, {samples} samples each"):
        error = test.error_rate(samples, seed)
    console().print(
        f"{out}: test error {error:.2%} on {images} images, {samples} samples, in software"
    )
    if recipe.hardware is not None:
        with console().status("testing on a chip"):
            error = test.chip_error_rate(recipe.hardware, samples, seed)
        console().print(f"{out}: test error {error:.2%} on a chip of that hardware")


def _describe(source: DataChoice, data: "Data") -> None:
    """Print what data of your own was found to be, above all how it was split."""
    if not source.is_published:
        console().print(f"{source.source}: {data}", highlight=False)
