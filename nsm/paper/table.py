"""The table of experiments: a row for each, and the groups by which the command names them."""

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import nn

from nsm.nn import architectures as networks
from nsm.nn.activations import Binarize
from nsm.paper.experiment import PERCEPTRON, PLAIN, Experiment
from nsm.paper.own_experiments import LEVELS, OWN, RANGE, RESIDUAL, RESIDUAL_CIFAR
from nsm.paper.uncertainty_experiments import UNCERTAIN, UNCERTAINTY, UNCERTAINTY_CIFAR
from nsm.training.augment import ShiftAndMirror

#: The recipe of the authors' code ("coded" in names of experiments), which halves the rate every 50
#: of 200 epochs and keeps the final weights instead of an average.
_AUTHORS: dict[str, Any] = {"lr": 3e-4, "lr_schedule": "halving"}
_CIFAR = {**PLAIN, "augment": ShiftAndMirror((3, 32, 32))}
#: An epoch has ten steps here, so an average over 1,000 steps would reach back to the initial
#: weights.
_FEW_STEPS = {**PLAIN, "ema_decay": 0.9}
#: Options of the layers in the authors' code: their deterministic networks are narrower, and their
#: stochastic layers draw neuron noise and train one β per location.
_THEIR_WIDTH: dict[str, Any] = {"hidden": 150}
_THEIR_LAYERS: dict[str, Any] = {"site": "neuron", "per_location": True}

ONE = "Table 1. Permutation-invariant MNIST, 784-300-300-300-10"
TOP = "Table 2, top. Convolutional networks"
BOTTOM = "Table 2, bottom. Training rules, MNIST 32c5-p2-64c5-p2-512-10"
CODED = "Table 2 with the recipe and the layers of the authors' code"
CIFAR = "Table 3. CIFAR, all-convolutional"
JPEG = "CIFAR-10 as JPEG, all-convolutional, short trainings (not the paper's)"
DVS = "Table 4. DVS128 Gesture"

#: Short names of groups of experiments, and the section of the report that shows them.
GROUPS = {
    "table1": ONE,
    "table2": TOP,
    "rules": BOTTOM,
    "authors": CODED,
    "table3": CIFAR,
    "jpeg": JPEG,
    "table4": DVS,
    "figure2": "Figure 2",
    "gradients": "Gradients",
    "ranges": RANGE,
    "levels": LEVELS,
    "residual": RESIDUAL,
    "residual_cifar": RESIDUAL_CIFAR,
    "uncertainty": UNCERTAINTY,
    "uncertainty_cifar": UNCERTAINTY_CIFAR,
}


def _row(
    section: str,
    name: str,
    label: str,
    build: Callable[[], nn.Sequential],
    epochs: int,
    samples: int,
    paper: float | None = None,
    **more: Any,
) -> Experiment:
    return Experiment(
        section=section, name=name, label=label, build=build, epochs=epochs, samples=samples,
        paper=paper, **more,
    )  # fmt: skip


def _conv(rule: str, **options: Any) -> Callable[[], nn.Sequential]:
    return partial(networks.conv_net, rule, **options)


def _all_conv(rule: str, classes: int = 10, **options: Any) -> Callable[[], nn.Sequential]:
    return partial(networks.all_conv_net, rule, classes, **options)


def _dcnn_on_signs() -> nn.Sequential:
    """Return the ReLU network with the NSM's input coding: the two differ only in their neurons."""
    return nn.Sequential(Binarize(), *networks.conv_net("dCNN"))


#: Three trainings of everything that takes less than 30 minutes of a core.
_THREE = (0, 1, 2)
_perceptron = partial(_row, ONE, measures="perceptron", recipe=PERCEPTRON, seeds=_THREE)
_top = partial(_row, TOP, seeds=_THREE)
_rule = partial(_row, BOTTOM, seeds=_THREE)
_authors = partial(_row, CODED, recipe=_AUTHORS, seeds=_THREE)
_nmnist = partial(_row, TOP, data="nmnist-small", recipe=_FEW_STEPS, seeds=_THREE)
_emnist = partial(_row, TOP, data="emnist", seeds=_THREE)
_cifar = partial(_row, CIFAR, data="cifar10", recipe=_CIFAR, gpu=True)
_cifar100 = partial(_row, CIFAR, data="cifar100", recipe=_CIFAR, gpu=True)
_dvs = partial(_row, DVS, data="dvs_gesture", gpu=True)
_jpeg = partial(_row, JPEG, data="cifar10-jpeg", recipe=_CIFAR, gpu=True)
_half_from = partial(_jpeg, start="jpeg_half_dCNN")
_full_from = partial(_jpeg, start="jpeg_full_dCNN")
_curves = partial(_row, "Figure 2", measures="percentiles", seeds=_THREE)
_angles = partial(_row, "Gradients", measures="angles", seeds=_THREE)
#: Perceptrons of which 5 % of the inputs change sign in every step of the training.
_nsm_flipped = partial(networks.nsm_mlp, flip=0.05)
_stnn_flipped = partial(networks.stnn_mlp, flip=0.05)
_nmnist_conv = partial(_conv, shape=(10, 34, 34), hidden=150)
_emnist_conv = partial(_conv, hidden=150, classes=26)
_half = partial(_all_conv, width=0.5)

# fmt: off
#: Name, label, network, epochs, samples of a test image, published error [%].
PUBLISHED: tuple[Experiment, ...] = (
    _perceptron("mlp_nsm", "NSM", _nsm_flipped, 100, 100, 1.36),
    _perceptron("mlp_stnn", "StNN", _stnn_flipped, 100, 100, 1.47),

    _top("conv_bNSM", "bNSM, MNIST", _conv("bNSM"), 12, 100, 0.775, also=BOTTOM),
    _top("conv_gNSM", "gNSM, MNIST", _conv("gNSM"), 12, 100, 0.805, also=BOTTOM),
    _top("conv_dCNN", "dCNN, MNIST", _conv("dCNN"), 12, 1, 0.880),
    _top("conv_bNSM_longer", "bNSM, MNIST, twice as long", _conv("bNSM"), 24, 100, 0.775),
    _top("conv_dCNN_signs", "dCNN on inputs coded ±1, MNIST", _dcnn_on_signs, 12, 1),
    _top("conv_dCNN_narrow", "dCNN with 150 hidden units, MNIST", _conv("dCNN", hidden=150), 12, 1),

    _rule("conv_BN", "BN", _conv("BN"), 12, 1, 1.10),
    _rule("conv_SN", "SN", _conv("SN"), 12, 1, 2.05),
    _rule("conv_STE", "STE", _conv("STE"), 12, 20, 2.13),
    _rule("conv_wBD", "wBD", _conv("wBD"), 12, 1, 2.72),
    _rule("conv_BD", "BD", _conv("BD"), 12, 1, 3.11),
    _rule("conv_BinConcrete", "BinConcrete", _conv("BinConcrete"), 12, 20, 0.78),

    _authors("coded_bNSM", "bNSM", _conv("bNSM", **_THEIR_LAYERS), 12, 100, 0.775),
    # One training: it takes 42 minutes of a core, without its test.
    _authors("coded_bNSM_longer", "bNSM, longer", _conv("bNSM", **_THEIR_LAYERS), 40, 100, 0.775,
        seeds=(0,)),
    _authors("coded_dCNN", "dCNN", _conv("dCNN", **_THEIR_WIDTH), 12, 1, 0.880),
    _authors("coded_dCNN_longer", "dCNN, longer", _conv("dCNN", **_THEIR_WIDTH), 40, 1, 0.880),
    # BN has no noise site: its only noise is in the gradient.
    _authors("coded_BN", "BN", _conv("BN", per_location=True), 12, 1, 1.10),
    _authors("coded_SN", "SN", _conv("SN", **_THEIR_WIDTH), 12, 1, 2.05),
    _authors("coded_STE", "STE", _conv("STE", **_THEIR_LAYERS), 12, 20, 2.13),
    _authors("coded_wBD", "wBD", _conv("wBD", **_THEIR_WIDTH), 12, 1, 2.72),
    _authors("coded_BD", "BD", _conv("BD", **_THEIR_WIDTH), 12, 1, 3.11),

    _nmnist("nmnist_bNSM", "bNSM, N-MNIST, 1,000 + 100 recordings", _nmnist_conv("bNSM"), 60, 100),
    _nmnist("nmnist_gNSM", "gNSM, N-MNIST, 1,000 + 100 recordings", _nmnist_conv("gNSM"), 60, 100),
    _nmnist("nmnist_dCNN", "dCNN, N-MNIST, 1,000 + 100 recordings", _nmnist_conv("dCNN"), 60, 1),

    _emnist("emnist_bNSM", "bNSM, EMNIST letters", _emnist_conv("bNSM"), 12, 100, 6.185),
    _emnist("emnist_gNSM", "gNSM, EMNIST letters", _emnist_conv("gNSM"), 12, 100, 6.256),
    _emnist("emnist_dCNN", "dCNN, EMNIST letters", _emnist_conv("dCNN"), 12, 1, 6.938),

    _cifar("cifar10_bNSM", "bNSM, cifar10", _all_conv("bNSM"), 200, 100, 9.98),
    _cifar("cifar10_gNSM", "gNSM, cifar10", _all_conv("gNSM"), 200, 100, 10.35),
    _cifar("cifar10_dCNN", "dCNN, cifar10", _all_conv("dCNN"), 200, 1, 10.47),
    _cifar100("cifar100_bNSM", "bNSM, cifar100", _all_conv("bNSM", 100), 200, 100, 34.85),
    _cifar100("cifar100_gNSM", "gNSM, cifar100", _all_conv("gNSM", 100), 200, 100, 34.84),
    _cifar100("cifar100_dCNN", "dCNN, cifar100", _all_conv("dCNN", 100), 200, 1, 34.37),

    _jpeg("jpeg_half_dCNN", "dCNN, half width", _half("dCNN"), 20, 1),
    _jpeg("jpeg_half_bNSM", "bNSM, half width", _half("bNSM"), 20, 20),
    _jpeg("jpeg_half_gNSM", "gNSM, half width", _half("gNSM"), 20, 20),
    _half_from("jpeg_half_bNSM_from_dCNN", "bNSM, half width, starts from dCNN",
        _half("bNSM"), 20, 20),
    _half_from("jpeg_half_gNSM_from_dCNN", "gNSM, half width, starts from dCNN",
        _half("gNSM"), 20, 20),
    _jpeg("jpeg_full_dCNN", "dCNN, full width", _all_conv("dCNN"), 30, 1),
    _jpeg("jpeg_full_bNSM", "bNSM, full width", _all_conv("bNSM"), 30, 20),
    _jpeg("jpeg_full_gNSM", "gNSM, full width", _all_conv("gNSM"), 30, 20),
    _full_from("jpeg_full_bNSM_from_dCNN", "bNSM, full width, starts from dCNN",
        _all_conv("bNSM"), 30, 20),
    _full_from("jpeg_full_gNSM_from_dCNN", "gNSM, full width, starts from dCNN",
        _all_conv("gNSM"), 30, 20),

    _dvs("dvs_bNSM", "bNSM", partial(networks.gesture_net, "bNSM"), 200, 100, 8.56),
    _dvs("dvs_gNSM", "gNSM", partial(networks.gesture_net, "gNSM"), 200, 100, 8.83),
    _dvs("dvs_dCNN", "dCNN", partial(networks.gesture_net, "dCNN"), 200, 1, 9.16),

    _curves("figure2", "percentiles over 200 updates", networks.nsm_mlp, 0, 100),
    _angles("angles", "angle to other estimators", networks.nsm_mlp, 5, 100),
)
# fmt: on

EXPERIMENTS: tuple[Experiment, ...] = (*PUBLISHED, *OWN, *UNCERTAIN)
