"""Experiments beyond the paper: learning in a fixed range, on few levels, residual networks."""

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

from torch import nn

from crossbar import BalancedPair, Hardware
from devices import BlankOut, Device
from nsm.nn import architectures as networks
from nsm.nn.residual import RESIDUAL_RULES, residual_net
from nsm.nn.weight_norm import RowNormLinear
from nsm.paper.experiment import PERCEPTRON, Experiment

RANGE = "Learning in a fixed range of weights, MNIST 784-100-100-10"
LEVELS = "Learning on few levels, MNIST 784-100-100-10"
RESIDUAL = "A residual network without batch normalization, digits of 8 × 8 pixels"
RESIDUAL_CIFAR = "A residual network without batch normalization, CIFAR-10 as JPEG"


def _relu_with_gains(widths: tuple[int, ...]) -> nn.Sequential:
    """Return the ReLU network whose hidden neurons have a digital gain each (weight norm)."""
    *sizes, classes = widths
    layers: list[nn.Module] = []
    for n, m in pairwise(sizes):
        layers += [RowNormLinear(n, m), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(sizes[-1], classes))


_RANGED_WIDTHS = (784, 100, 100, 10)
#: Networks of the experiment on ranges: label, network, samples of a test image.
RANGED: dict[str, tuple[Callable[[], nn.Sequential], int]] = {
    "NSM": (partial(networks.nsm_mlp, _RANGED_WIDTHS), 20),
    "StNN": (partial(networks.stnn_mlp, _RANGED_WIDTHS), 20),
    "BD": (partial(networks.bd_mlp, _RANGED_WIDTHS), 1),
    "ReLU": (partial(networks.relu_mlp, _RANGED_WIDTHS), 1),
    "ReLU, gain per neuron": (partial(_relu_with_gains, _RANGED_WIDTHS), 1),
}
#: Bounds of the weights in units of 1/√(fan-in); None: free weights.
BOUNDS = (None, 4.0, 2.0, 1.0, 0.5, 0.25)
#: Levels of the weights in the experiment on levels; None: weights that are not rounded.
LEVEL_COUNTS = (None, 2, 3, 4, 8, 16)
#: Programming a chip costs more than a step in software, so that batches are three times as large;
#: the average reaches back as many images.
_ON_LEVELS: dict[str, Any] = {
    "lr": 2e-3,
    "batch_size": 300,
    "ema_decay": 0.997,
    "label_smoothing": 0.1,
    "weight_bound": 1.0,
}


def _ranged_name(label: str) -> str:
    """Return a network's part in the names of experiments on ranges and levels."""
    return label.split(",")[0] + ("_gains" if "," in label else "")


def _on_levels(label: str, levels: int) -> Hardware:
    """Return ideal cells with so many levels, whose range is the largest weight of a layer.

    Weights that are clipped to a bound make this range the bound. Of a network with a digital gain
    per neuron it is that of a row, because the gains are multiplied behind the cells.
    """
    return Hardware(
        device=Device(g_min=1e-7, g_max=1e-5, levels=levels),
        gate=BlankOut(p=0.5),
        mapping=BalancedPair(),
        bias="reference",
        deterministic_path="ideal",
        tile_shape=_RANGED_WIDTHS[:2],  # one tile for each layer is programmed fastest
        weight_scale="row" if "gain" in label else "layer",
    )


class ResidualRecipe(NamedTuple):
    """How residual networks are trained with batches of one size.

    Attributes:
        lr: Learning rate.
        epochs: Epochs on digits.
        epochs_cifar: Epochs on CIFAR.
        images_cifar: Numbers of training and test images of CIFAR.
    """

    lr: float
    epochs: int
    epochs_cifar: int
    images_cifar: tuple[int, int]


#: Batch sizes of the experiments on residual networks.
RESIDUAL_BATCHES = {
    100: ResidualRecipe(3e-3, 40, 8, (5_000, 2_000)),
    1: ResidualRecipe(3e-4, 4, 4, (2_000, 2_000)),
}


def _residual(rule: str, batch: int, cifar: bool) -> Experiment:
    of_batch = RESIDUAL_BATCHES[batch]
    name = rule.replace(", ", "_").replace(" ", "_")
    return Experiment(
        name=f"residual_{'cifar_' if cifar else ''}{name}_{batch}",
        section=RESIDUAL_CIFAR if cifar else RESIDUAL,
        label=f"{rule}, batches of {batch}",
        measures="convergence",
        data="cifar10-jpeg" if cifar else "digits",
        build=partial(residual_net, rule, (3, 32, 32)) if cifar else partial(residual_net, rule),
        epochs=of_batch.epochs_cifar if cifar else of_batch.epochs,
        seeds=(0, 1, 2),
        recipe={"lr": of_batch.lr, "batch_size": batch},
        samples=20 if rule == "NSM" else 1,
        images=of_batch.images_cifar if cifar else None,
    )


OWN: tuple[Experiment, ...] = (
    *(
        Experiment(
            name=f"range_{_ranged_name(label)}_{bound or 'free'}",
            section=RANGE,
            label=label if bound is None else f"{label}, c = {bound:g}",
            measures="range",
            build=build,
            epochs=3,
            seeds=(0, 1, 2),
            recipe=PERCEPTRON if bound is None else {**PERCEPTRON, "weight_bound": bound},
            samples=samples,
        )
        for label, (build, samples) in RANGED.items()
        for bound in BOUNDS
    ),
    *(
        Experiment(
            name=f"levels_{_ranged_name(label)}_{levels or 'free'}",
            section=LEVELS,
            label=f"{label}, {levels} levels" if levels else label,
            measures="levels",
            build=build,
            epochs=3,
            seeds=(0, 1, 2),
            recipe=_ON_LEVELS | ({"hardware": _on_levels(label, levels)} if levels else {}),
            samples=samples,
        )
        for levels in LEVEL_COUNTS
        for label, (build, samples) in RANGED.items()
    ),
    *(
        _residual(rule, batch, cifar)
        for cifar in (False, True)
        for batch in RESIDUAL_BATCHES
        for rule in RESIDUAL_RULES
    ),
)
