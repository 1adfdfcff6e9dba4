"""The work of `nsm train`: options that are checked before torch is imported, then the training."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nsm.cli.coding import CodingChoice, check_tells_apart
from nsm.cli.data import DataChoice
from nsm.cli.options import hardware_from

if TYPE_CHECKING:
    from torch import nn

    from crossbar import Hardware
    from nsm.chips.hardware_table import HardwareTable
    from nsm.cli.networks import NetworkChoice
    from nsm.datasets.files import Data
    from nsm.training.augment import ShiftAndMirror

#: Names of `nsm.training.recipe.SCHEDULES`, the default first; a copy that needs no torch.
LR_SCHEDULES = ("cosine", "halving", "constant")

#: Images that `--init` takes its means over.
_INIT_IMAGES = 1000


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a network is trained: the options of `nsm train` with the meaning they have in `nsm.fit`.

    Attributes:
        epochs: passes over the training images.
        lr: learning rate of Adam at the start.
        lr_schedule: one of `LR_SCHEDULES`.
        batch_size: images per step.
        label_smoothing: share of the target given to the other classes.
        ema_decay: decay of the weight averaging (EMA).
        shift: most pixels by which training images are shifted.
        mirror: whether half of the training images are mirrored.
        init: whether β and b are initialized from the first training images.
        checkpoint: file that is written after every epoch; None: no file.
        torch_device: "cpu" or "cuda".
        coding: coding of the images; None: the network's.
        hardware: chips for which the network is trained; None: in software alone.
        wires_every: steps for which attenuations by their wires hold; None: the default.
        weight_bound: c of the bounds ±c/√(fan-in) of all weights; None: free weights.

    Raises:
        ValueError: a value that is not allowed, or `wires_every` where there are no wires.
    """

    epochs: int
    lr: float
    lr_schedule: str
    batch_size: int
    label_smoothing: float
    ema_decay: float
    shift: int
    mirror: bool
    init: bool
    checkpoint: Path | None
    torch_device: str
    coding: CodingChoice | None = None
    hardware: Hardware | HardwareTable | None = None
    wires_every: int | None = None
    weight_bound: float | None = None

    def __post_init__(self) -> None:
        from devices.validation import choice, number

        number("lr", self.lr, above=0)
        choice("lr_schedule", self.lr_schedule, LR_SCHEDULES)
        number("label_smoothing", self.label_smoothing, at_least=0, below=1)
        number("ema_decay", self.ema_decay, at_least=0, below=1)
        choice("torch device", self.torch_device, ("cpu", "cuda"))
        if self.weight_bound is not None:
            number("weight_bound", self.weight_bound, above=0)
        if self.wires_every is not None:
            self._check_wires()

    def _check_wires(self) -> None:
        """Raise ValueError if no chip of the training has wires."""
        option = f"--wires-every {self.wires_every} has no effect"
        if self.hardware is None:
            raise ValueError(
                f"{option} without --device; name the device whose chips the network is trained "
                "for, or leave it out"
            )
        if not _has_wires(self.hardware):
            raise ValueError(
                f"{option}: the chips have no wires; give them some (--set wires.r_row=1 --set "
                "wires.r_col=1), or leave it out"
            )

    def check_fits(self, network: NetworkChoice) -> None:
        """Raise ValueError if the network cannot be trained with these options."""
        if self.init and not network.can_initialize:
            raise ValueError(
                f"--init sets β and b of neural sampling layers, and --network {network.name} "
                "has none; leave it out"
            )


@dataclass(frozen=True)
class TestSet:
    """A trained network as it was written, with the images to test it on.

    Attributes:
        model: the network, read back from its file.
        data: the data set it was trained on.
    """

    __test__ = False  # no test class of pytest

    model: nn.Module
    data: Data

    def error_rate(self, samples: int, seed: int) -> float:
        """Return the error on the test images, with `samples` noisy passes per image."""
        from nsm.nn.inference import error_rate

        return error_rate(self.model, self.data.x_test, self.data.y_test, samples, rng=seed)

    def chip_error_rate(self, hardware: Hardware | HardwareTable, samples: int, seed: int) -> float:
        """Return the error of one chip on the test images; its seed is that of no training step."""
        from nsm.chips.map import map_to_crossbar

        chip = map_to_crossbar(self.model.cpu(), hardware, rng=seed)
        return chip.error_rate(self.data.x_test, self.data.y_test, samples, rng=seed)


def training_hardware(
    device: str | None, gate: str | None, settings: list[str] | None
) -> Hardware | HardwareTable | None:
    """Return the hardware to train for; None without a device.

    Args:
        device: name of a device preset, or a device file; None if it is not given.
        gate: name of a gate preset, or a gate file; None for the default.
        settings: texts of `--set`, see `nsm.cli.options.hardware_from`.

    Raises:
        ValueError: a gate or a setting without a device, a DAC without a range, or what
            `hardware_from` refuses.
    """
    if device is not None:
        found = hardware_from(device, gate or "nsm_bernoulli", settings)
        _check_ranges(found)
        return found
    for name, given in (("--gate", gate), ("--set", settings)):
        if given:
            text = given if isinstance(given, str) else given[0]
            raise ValueError(
                f"{name} {text} has no effect without --device; name the device whose chips the "
                "network is trained for, or leave it out"
            )
    return None


def _check_ranges(hardware: Hardware | HardwareTable) -> None:
    """Raise ValueError if a DAC gets its range from the calibration of a finished chip."""
    from nsm.chips.hardware_table import as_table

    for layer, of_layer in as_table(hardware).items():
        if of_layer is not None and of_layer.dac is not None and of_layer.dac.range is None:
            where = "" if layer == "*" else f"{layer}:"
            raise ValueError(
                f"{where}dac.bits={of_layer.dac.bits} needs a range, and there is no finished chip "
                f"to calibrate; add the largest input, such as --set {where}dac.range=1, or train "
                "in Python with the ranges of a calibrated chip (nsm.calibrated_hardware)"
            )


def _has_wires(hardware: Hardware | HardwareTable) -> bool:
    """Return whether the tiles of any layer have wires."""
    from nsm.chips.hardware_table import as_table

    return any(h is not None and h.wires is not None for h in as_table(hardware).values())


def train_network(
    network: NetworkChoice,
    recipe: Recipe,
    *,
    source: DataChoice,
    seed: int,
    out: Path,
    half: bool,
) -> TestSet:
    """Train a network, write it with this command, and return it as written, with test images.

    Args:
        network: the network.
        recipe: how it is trained.
        source: the data set.
        seed: seed of the weights, the noise, and the order of images.
        out: file to write.
        half: whether the weights are written as float16.

    Raises:
        ValueError: no GPU where one is asked for, or images that do not fit the network.
    """
    import torch

    from nsm.nn.files.checkpoint import load, save
    from nsm.training.fit import fit
    from nsm.training.initialize import initialize

    if recipe.torch_device == "cuda" and not torch.cuda.is_available():
        raise ValueError(
            "--torch-device cuda: torch finds no GPU here; leave it out to train on the processor"
        )
    data = source.load()
    model = build(network, recipe.coding, data, seed)
    _check_room(model, out, recipe.checkpoint)
    model.to(recipe.torch_device)
    if recipe.init:
        initialize(model, data.x_train[:_INIT_IMAGES], rng=seed)
    fit(
        model,
        data.x_train,
        data.y_train,
        epochs=recipe.epochs,
        lr=recipe.lr,
        lr_schedule=recipe.lr_schedule,
        batch_size=recipe.batch_size,
        label_smoothing=recipe.label_smoothing,
        ema_decay=recipe.ema_decay,
        augment=_changes(recipe, data),
        checkpoint=recipe.checkpoint,
        hardware=recipe.hardware,
        wires_every=recipe.wires_every,
        weight_bound=recipe.weight_bound,
        rng=seed,
    )
    note = " ".join(["nsm", *sys.argv[1:]])
    if not source.is_published:
        note = f"{note}\n{data}\nclasses: {', '.join(data.class_names)}"
    save(model, out, dtype=torch.float16 if half else None, note=note)
    return TestSet(load(out).to(recipe.torch_device), data)


def _check_room(model: nn.Module, out: Path, checkpoint: Path | None) -> None:
    """Raise ValueError if the disk has too little room for a network or its checkpoint."""
    from nsm.places import check_room

    size = sum(t.numel() * t.element_size() for t in model.state_dict().values())
    check_room(out, size)
    if checkpoint is not None:
        check_room(checkpoint, 4 * size)  # weights, their average, and two moments of each


def _changes(recipe: Recipe, data: Data) -> ShiftAndMirror | None:
    """Return what changes training images; None leaves them as they are."""
    from nsm.training.augment import ShiftAndMirror

    if not (recipe.shift or recipe.mirror):
        return None
    return ShiftAndMirror(data.image_shape, recipe.shift, recipe.mirror)


def build(
    network: NetworkChoice, coding: CodingChoice | None, data: Data, seed: int
) -> nn.Sequential:
    """Return the untrained network for the images and classes of a data set.

    Args:
        network: the network.
        coding: coding of the images; None: the network's.
        data: the data set.
        seed: seed of the weights.

    Raises:
        ValueError: there are no training images, they do not fit the network, or the coding makes
            all of them alike.
    """
    import torch

    if not len(data.x_train):
        raise ValueError(f"{network.data} holds test images only; give training images, too")
    torch.manual_seed(seed)
    channels, rows, columns = data.image_shape
    classes = len(data.class_names)
    if coding is None:
        model = network.build(data.image_shape, classes)
    else:
        shape = (coding.levels * channels, rows, columns)
        model = coding.apply(network.build(shape, classes, coding.text), data.x_train)
    check_tells_apart(model, data.x_train)
    return model
