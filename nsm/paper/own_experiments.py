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


class RangedNetwork(NamedTuple):
    """A network of the experiments on ranges and levels.

    Attributes:
        name: Its part in the names of experiments.
        build: Returns the untrained network.
        samples: Samples of the noise for each test image; default 1.
        weight_scale: Weights that fill the range of the cells, as of `crossbar.Hardware`: those of
            a "layer" (default) or of each "row", where a digital gain per neuron follows the cells.
    """

    name: str
    build: Callable[[], nn.Sequential]
    samples: int = 1
    weight_scale: str = "layer"


#: Networks of the experiments on ranges and levels, by their label.
RANGED = {
    "NSM": RangedNetwork("NSM", partial(networks.nsm_mlp, _RANGED_WIDTHS), samples=20),
    "StNN": RangedNetwork("StNN", partial(networks.stnn_mlp, _RANGED_WIDTHS), samples=20),
    "BD": RangedNetwork("BD", partial(networks.bd_mlp, _RANGED_WIDTHS)),
    "ReLU": RangedNetwork("ReLU", partial(networks.relu_mlp, _RANGED_WIDTHS)),
    "ReLU, gain per neuron": RangedNetwork(
        "ReLU_gains", partial(_relu_with_gains, _RANGED_WIDTHS), weight_scale="row"
    ),
}
#: Bounds of the weights in units of 1/√(fan-in); None: free weights.
BOUNDS = (None, 4.0, 2.0, 1.0, 0.5, 0.25)
#: Levels of the weights in the experiment on levels; None: weights that are not rounded.
LEVEL_COUNTS = (None, 2, 3, 4, 8, 16)
#: Programming a chip costs more than a step in software, so that batches are three times as large;
#: the average reaches back as many images.
_LEVELS_RECIPE: dict[str, Any] = {
    "lr": 2e-3,
    "batch_size": 300,
    "ema_decay": 0.997,
    "label_smoothing": 0.1,
    "weight_bound": 1.0,
}


def _hardware(levels: int, weight_scale: str) -> Hardware:
    """Return ideal cells with so many levels, whose range is the largest weight of a layer or row.

    Weights that are clipped to a bound make this range the bound.
    """
    return Hardware(
        device=Device(g_min=1e-7, g_max=1e-5, levels=levels),
        gate=BlankOut(p=0.5),
        mapping=BalancedPair(),
        bias="reference",
        deterministic_path="ideal",
        tile_shape=_RANGED_WIDTHS[:2],  # one tile for each layer is programmed fastest
        weight_scale=weight_scale,
    )


def _in_range(label: str, bound: float | None) -> Experiment:
    """Return the experiment of a network and a bound, such as range_NSM_0.5 or range_BD_free."""
    network = RANGED[label]
    return Experiment(
        name=f"range_{network.name}_{bound or 'free'}",
        section=RANGE,
        label=label if bound is None else f"{label}, c = {bound:g}",
        measures="range",
        build=network.build,
        epochs=3,
        seeds=(0, 1, 2),
        recipe=PERCEPTRON if bound is None else {**PERCEPTRON, "weight_bound": bound},
        samples=network.samples,
    )


def _on_levels(label: str, levels: int | None) -> Experiment:
    """Return the experiment of a network on levels, such as levels_NSM_2 or levels_BD_free."""
    network = RANGED[label]
    recipe = dict(_LEVELS_RECIPE)
    if levels is not None:
        recipe["hardware"] = _hardware(levels, network.weight_scale)
    return Experiment(
        name=f"levels_{network.name}_{levels or 'free'}",
        section=LEVELS,
        label=label if levels is None else f"{label}, {levels} levels",
        measures="levels",
        build=network.build,
        epochs=3,
        seeds=(0, 1, 2),
        recipe=recipe,
        samples=network.samples,
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
    """Return the experiment of a residual network, such as residual_cifar_ReLU_batch_norm_100."""
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


#: `python -m nsm.paper --list` prints their names.
OWN: tuple[Experiment, ...] = (
    *(_in_range(label, bound) for label in RANGED for bound in BOUNDS),
    *(_on_levels(label, levels) for levels in LEVEL_COUNTS for label in RANGED),
    *(
        _residual(rule, batch, cifar)
        for cifar in (False, True)
        for batch in RESIDUAL_BATCHES
        for rule in RESIDUAL_RULES
    ),
)
