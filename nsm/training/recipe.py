"""The settings of a training run, checked, and the identity by which a checkpoint knows its run."""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor, nn

from devices.seeding import law_mark
from devices.validation import LARGEST_SINGLE, choice, integer, number, shortened
from nsm.chips.hardware_table import HardwareTable
from nsm.nn.files.blueprint import describe
from nsm.training.adam import LARGEST_RATE
from nsm.training.hardware_aware.identity import hardware_identity
from nsm.training.mark import mark_of, mark_of_arrays

#: Changes a batch of images (n, pixels) with what the generator draws.
Augmentation = Callable[[Tensor, np.random.Generator], Tensor]


def _cosine(done: float) -> float:
    return 0.5 * (1 + math.cos(math.pi * done))


def _halving(done: float) -> float:
    return 0.5 ** int(4 * done)


def _constant(done: float) -> float:
    return 1.0


#: Learning-rate schedules: Adam's rate over its first value, by the part of training that is done.
SCHEDULES: dict[str, Callable[[float], float]] = {
    "cosine": _cosine,
    "halving": _halving,
    "constant": _constant,
}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The settings of `nsm.fit` that decide what is trained.

    Attributes:
        epochs: Passes over the images.
        lr: Adam's first rate.
        lr_schedule: "cosine" (the rate falls to 0 along a cosine), "halving" (it is halved after
            every quarter of the steps) or "constant".
        batch_size: Images per step.
        weight_decay: Adam's L2 penalty.
        label_smoothing: In [0, 1).
        ema_decay: Weight averaging, in [0, 1): the trained weights are a running mean over steps,
            in which those of k steps before the last weigh ema_decayᵏ. 0 gives the last weights.
            The weights at the start have no part in the mean.
        augment: Changes each batch (images, generator) before it is used, as
            `nsm.training.augment.ShiftAndMirror` does; None leaves the images as they are.
        weight_bound: c, with which the weights of every layer are clipped to ±c/√(fan-in) at the
            start and after every step, as cells of a fixed range clip them; None leaves them free.
        hardware: Chips for which the network is trained, by layer; None trains it in software
            alone. See `nsm.hardware_aware`.
        wires_every: Steps for which attenuations by wires hold; None for the default.
    """

    epochs: int
    lr: float
    lr_schedule: str
    batch_size: int
    weight_decay: float
    label_smoothing: float
    ema_decay: float
    augment: Augmentation | None
    weight_bound: float | None = None
    hardware: HardwareTable | None = None
    wires_every: int | None = None

    def __post_init__(self) -> None:
        integer("epochs", self.epochs, at_least=1)
        integer("batch_size", self.batch_size, at_least=1)
        number("lr", self.lr, above=0, at_most=LARGEST_RATE)
        choice("lr_schedule", self.lr_schedule, SCHEDULES)
        number("weight_decay", self.weight_decay, at_least=0, at_most=LARGEST_SINGLE)
        number("label_smoothing", self.label_smoothing, at_least=0, below=1)
        number("ema_decay", self.ema_decay, at_least=0, below=1)
        if self.augment is not None and not callable(self.augment):
            raise ValueError(
                f"augment = {shortened(self.augment)} cannot be called; give a function of a batch "
                "and a generator, such as nsm.training.augment.ShiftAndMirror()"
            )
        if self.weight_bound is not None:
            number("weight_bound", self.weight_bound, above=0)
        if self.hardware is None and self.wires_every is not None:
            raise ValueError(
                f"wires_every = {self.wires_every!r} has no effect without hardware; leave it out"
            )

    def rate(self, step: int, steps: int) -> float:
        """Return the learning rate of step number `step`, counted from 0, of `steps`."""
        return self.lr * SCHEDULES[self.lr_schedule](step / steps)

    def averaging_share(self, step: int) -> float:
        """Return the share of the weights after step number `step` in their running mean.

        The weights before the first step have no part in the mean: the share is then 1.
        """
        return (1 - self.ema_decay) / (1 - self.ema_decay ** (step + 1))

    def identity(
        self, model: nn.Module, x: Tensor, y: Tensor, seed: np.random.SeedSequence
    ) -> dict[str, Any]:
        """Return what a checkpoint must share with the run that resumes it, as JSON gives it back.

        Architecture, data, seed and all settings: with these the same, so is every later step.
        """
        run = {
            "architecture": _architecture(model),
            "data": mark_of_arrays(x.numpy(), y.numpy()),
            "seed": seed.generate_state(4).tolist(),
            **law_mark(),
        }
        settings = {**vars(self)}
        settings["augment"] = None if self.augment is None else mark_of(self.augment)
        if self.weight_bound is None:  # runs of versions without it go on
            del settings["weight_bound"]
        hardware = settings.pop("hardware")
        wires_every = settings.pop("wires_every")
        if hardware is not None:
            settings["hardware"] = hardware_identity(hardware)
            settings["wires_every"] = wires_every
        as_read_back: dict[str, Any] = json.loads(json.dumps({**run, **settings}))
        return as_read_back


def _architecture(model: nn.Module) -> Any:
    """Return what tells a network from others: how files describe it, or its modules and shapes.

    The latter serves networks that no file can hold, such as those with hooks.
    """
    try:
        return describe(model)
    except ValueError:
        return [
            [
                name,
                f"{type(module).__module__}.{type(module).__qualname__}",
                {n: list(p.shape) for n, p in module.named_parameters(recurse=False)},
            ]
            for name, module in model.named_modules()
        ]
