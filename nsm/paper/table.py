"""The table of experiments: network, data, recipe, epochs, seeds, and the published error."""

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

from torch import nn

from crossbar import BalancedPair, Hardware
from devices import BlankOut, Device
from nsm.nn import architectures as networks
from nsm.nn.activations import Binarize
from nsm.nn.residual import RESIDUAL_RULES, residual_net
from nsm.nn.weight_norm import RowNormLinear
from nsm.paper.experiment import PLAIN, Experiment
from nsm.training.augment import ShiftAndMirror

_PERCEPTRON = {**PLAIN, "label_smoothing": 0.1}
# The recipe of the authors' code, which halves the rate every 50 of 200 epochs and keeps the final
# weights instead of an average.
_AUTHORS: dict[str, Any] = {"lr": 3e-4, "lr_schedule": "halving"}
_CIFAR = {**PLAIN, "augment": ShiftAndMirror((3, 32, 32))}
# An epoch has ten steps here, so an average over 1,000 steps would reach back to the initial
# weights.
_FEW_STEPS = {**PLAIN, "ema_decay": 0.9}


def _conv(rule: str, **options: Any) -> Callable[[], nn.Sequential]:
    return partial(networks.conv_net, rule, **options)


def _dcnn_on_signs() -> nn.Sequential:
    """Return the ReLU network with the NSM's input coding: the two differ only in their neurons."""
    return nn.Sequential(Binarize(), *networks.conv_net("dCNN"))


def _relu_with_gains(widths: tuple[int, ...]) -> nn.Sequential:
    """Return the ReLU network whose hidden neurons have a digital gain each (weight norm)."""
    *sizes, classes = widths
    layers: list[nn.Module] = []
    for n, m in pairwise(sizes):
        layers += [RowNormLinear(n, m), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(sizes[-1], classes))


ONE = "Table 1. Permutation-invariant MNIST, 784-300-300-300-10"
TOP = "Table 2, top. Convolutional networks"
BOTTOM = "Table 2, bottom. Training rules, MNIST 32c5-p2-64c5-p2-512-10"
JPEG = "CIFAR-10 as JPEG, all-convolutional, short trainings (not the paper's)"
RANGE = "Learning in a fixed range of weights, MNIST 784-100-100-10"
LEVELS = "Learning on few levels, MNIST 784-100-100-10"
RESIDUAL = "A residual network without batch normalization, digits of 8 × 8 pixels"
CODED = "Table 2 with the recipe and the layers of the authors' code"
_RULES = (
    ("BN", 1.10, 1),
    ("SN", 2.05, 1),
    ("STE", 2.13, 20),
    ("wBD", 2.72, 1),
    ("BD", 3.11, 1),
    ("BinConcrete", 0.78, 20),
)
_CONV_EPOCHS = 12
#: Options of the layers in the authors' code: their deterministic networks are narrower, and their
#: stochastic layers draw neuron noise and train one β per location.
_THEIR_WIDTH: dict[str, Any] = {"hidden": 150}
_THEIR_LAYERS: dict[str, Any] = {"site": "neuron", "per_location": True}
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


#: Batch sizes of the experiment on residual networks: rate and epochs of each.
RESIDUAL_BATCHES = {100: (3e-3, 40), 1: (3e-4, 4)}

EXPERIMENTS: tuple[Experiment, ...] = (
    Experiment(
        name="mlp_nsm",
        section=ONE,
        label="NSM",
        measures="perceptron",
        build=partial(networks.nsm_mlp, flip=0.05),
        epochs=100,
        seeds=(0, 1),
        recipe=_PERCEPTRON,
        paper=1.36,
    ),
    Experiment(
        name="mlp_stnn",
        section=ONE,
        label="StNN",
        measures="perceptron",
        build=partial(networks.stnn_mlp, flip=0.05),
        epochs=100,
        recipe=_PERCEPTRON,
        paper=1.47,
    ),
    *(
        Experiment(
            name=f"conv_{rule}",
            section=TOP,
            label=f"{rule}, MNIST",
            build=_conv(rule),
            epochs=_CONV_EPOCHS,
            samples=samples,
            paper=paper,
            also="" if rule == "dCNN" else BOTTOM,
        )
        for rule, paper, samples in (("bNSM", 0.775, 100), ("gNSM", 0.805, 100), ("dCNN", 0.880, 1))
    ),
    Experiment(
        name="conv_bNSM_longer",
        section=TOP,
        label="bNSM, MNIST, twice as long",
        build=_conv("bNSM"),
        epochs=2 * _CONV_EPOCHS,
        paper=0.775,
    ),
    Experiment(
        name="conv_dCNN_signs",
        section=TOP,
        label="dCNN on inputs coded ±1, MNIST",
        build=_dcnn_on_signs,
        epochs=_CONV_EPOCHS,
        samples=1,
    ),
    Experiment(
        name="conv_dCNN_narrow",
        section=TOP,
        label="dCNN with 150 hidden units, MNIST",
        build=_conv("dCNN", **_THEIR_WIDTH),
        epochs=_CONV_EPOCHS,
        samples=1,
    ),
    *(
        Experiment(
            name=f"conv_{rule}",
            section=BOTTOM,
            label=rule,
            build=_conv(rule),
            epochs=_CONV_EPOCHS,
            samples=samples,
            paper=paper,
        )
        for rule, paper, samples in _RULES
    ),
    *(
        Experiment(
            name=f"coded_{rule}" + ("_longer" if epochs > _CONV_EPOCHS else ""),
            section=CODED,
            label=rule + (", longer" if epochs > _CONV_EPOCHS else ""),
            build=_conv(rule, **options),
            epochs=epochs,
            recipe=_AUTHORS,
            samples=samples,
            paper=paper,
        )
        for rule, paper, samples, options, epochs in (
            ("bNSM", 0.775, 100, _THEIR_LAYERS, _CONV_EPOCHS),
            ("bNSM", 0.775, 100, _THEIR_LAYERS, 40),
            ("dCNN", 0.880, 1, _THEIR_WIDTH, _CONV_EPOCHS),
            ("dCNN", 0.880, 1, _THEIR_WIDTH, 40),
            # BN has no noise site: its only noise is in the gradient.
            ("BN", 1.10, 1, {"per_location": True}, _CONV_EPOCHS),
            ("SN", 2.05, 1, _THEIR_WIDTH, _CONV_EPOCHS),
            ("STE", 2.13, 20, _THEIR_LAYERS, _CONV_EPOCHS),
            ("wBD", 2.72, 1, _THEIR_WIDTH, _CONV_EPOCHS),
            ("BD", 3.11, 1, _THEIR_WIDTH, _CONV_EPOCHS),
        )
    ),
    *(
        Experiment(
            name=f"nmnist_{rule}",
            section=TOP,
            label=f"{rule}, N-MNIST, 1,000 + 100 recordings",
            data="nmnist-small",
            build=_conv(rule, shape=(10, 34, 34), hidden=150),
            epochs=60,
            recipe=_FEW_STEPS,
            samples=samples,
            paper=None,
        )
        for rule, samples in (("bNSM", 100), ("gNSM", 100), ("dCNN", 1))
    ),
    *(
        Experiment(
            name=f"emnist_{rule}",
            section=TOP,
            label=f"{rule}, EMNIST letters",
            data="emnist",
            build=_conv(rule, hidden=150, classes=26),
            epochs=_CONV_EPOCHS,
            samples=samples,
            paper=paper,
        )
        for rule, paper, samples in (("bNSM", 6.185, 100), ("gNSM", 6.256, 100), ("dCNN", 6.938, 1))
    ),
    *(
        Experiment(
            name=f"{data}_{rule}",
            section="Table 3. CIFAR, all-convolutional",
            label=f"{rule}, {data}",
            data=data,
            build=partial(networks.all_conv_net, rule, classes),
            epochs=200,
            recipe=_CIFAR,
            samples=samples,
            paper=paper,
            gpu=True,
        )
        for data, classes, values in (
            ("cifar10", 10, (9.98, 10.35, 10.47)),
            ("cifar100", 100, (34.85, 34.84, 34.37)),
        )
        for (rule, samples), paper in zip(
            (("bNSM", 100), ("gNSM", 100), ("dCNN", 1)), values, strict=True
        )
    ),
    *(
        Experiment(
            name=f"jpeg_{size}_{rule}" + ("_from_dCNN" if start else ""),
            section=JPEG,
            label=f"{rule}, {size} width" + (", starts from dCNN" if start else ""),
            data="cifar10-jpeg",
            build=partial(networks.all_conv_net, rule, width=width),
            epochs=epochs,
            recipe=_CIFAR,
            samples=samples,
            gpu=True,
            start=f"jpeg_{size}_dCNN" if start else "",
            width=width,
        )
        for size, width, epochs in (("half", 0.5, 20), ("full", 1.0, 30))
        for rule, samples, start in (
            ("dCNN", 1, False),
            ("bNSM", 20, False),
            ("gNSM", 20, False),
            ("bNSM", 20, True),
            ("gNSM", 20, True),
        )
    ),
    *(
        Experiment(
            name=f"dvs_{rule}",
            section="Table 4. DVS128 Gesture",
            label=rule,
            data="dvs_gesture",
            build=partial(networks.gesture_net, rule),
            epochs=200,
            samples=samples,
            paper=paper,
            gpu=True,
        )
        for rule, paper, samples in (("bNSM", 8.56, 100), ("gNSM", 8.83, 100), ("dCNN", 9.16, 1))
    ),
    Experiment(
        name="figure2",
        section="Figure 2",
        label="percentiles over 200 updates",
        measures="percentiles",
        build=networks.nsm_mlp,
        seeds=(0, 1, 2),
    ),
    Experiment(
        name="angles",
        section="Gradients",
        label="angle to other estimators",
        measures="angles",
        build=networks.nsm_mlp,
        epochs=5,
        seeds=(0, 1, 2),
    ),
    *(
        Experiment(
            name=f"range_{_ranged_name(label)}_{bound or 'free'}",
            section=RANGE,
            label=label if bound is None else f"{label}, c = {bound:g}",
            measures="range",
            build=build,
            epochs=3,
            seeds=(0, 1, 2),
            recipe=_PERCEPTRON if bound is None else {**_PERCEPTRON, "weight_bound": bound},
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
        Experiment(
            name=f"residual_{rule.replace(', ', '_').replace(' ', '_')}_{batch}",
            section=RESIDUAL,
            label=f"{rule}, batches of {batch}",
            measures="convergence",
            data="digits",
            build=partial(residual_net, rule),
            epochs=epochs,
            seeds=(0, 1, 2),
            recipe={"lr": lr, "batch_size": batch},
            samples=20 if rule == "NSM" else 1,
        )
        for batch, (lr, epochs) in RESIDUAL_BATCHES.items()
        for rule in RESIDUAL_RULES
    ),
)
