"""Experiments on uncertainty: NSM, dropout and ensembles, one recipe for each data set."""

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import nn

from nsm.nn import architectures as networks
from nsm.nn.activations import Binarize
from nsm.nn.residual import residual_net
from nsm.paper.experiment import PLAIN, Experiment
from nsm.paper.uncertainty_protocol import Protocol

UNCERTAINTY = "Uncertainty, MNIST 784-300-300-300-10"
UNCERTAINTY_CIFAR = "Uncertainty, CIFAR-10 as JPEG, a small residual network"

#: Probability of dropout: that of the NSM's blank-out noise.
_DROPOUT = 0.5
_CIFAR_SHAPE = (3, 32, 32)


def _dropout_on_signs() -> nn.Sequential:
    """Return the network with dropout whose inputs are ±1, as the NSM's are."""
    return nn.Sequential(Binarize(), *networks.relu_mlp(dropout=_DROPOUT))


def _residual_with_dropout() -> nn.Sequential:
    """Return the residual network with dropout before its classifier."""
    *layers, classifier = residual_net("ReLU, batch norm", _CIFAR_SHAPE)
    return nn.Sequential(*layers, nn.Dropout(_DROPOUT), classifier)


def _mnist(
    name: str, label: str, measures: str, build: Callable[[], nn.Sequential], samples: int
) -> Experiment:
    return Experiment(
        name=f"uncertainty_{name}",
        section=UNCERTAINTY,
        label=label,
        measures=measures,
        build=build,
        epochs=15,
        seeds=(0, 1, 2),
        recipe=PLAIN,
        samples=samples,
        protocol=Protocol(),
    )


def _cifar(
    name: str, label: str, measures: str, build: Callable[[], nn.Sequential], samples: int
) -> Experiment:
    recipe: dict[str, Any] = {"lr": 3e-3, "batch_size": 100}
    return Experiment(
        name=f"uncertainty_cifar_{name}",
        section=UNCERTAINTY_CIFAR,
        label=label,
        measures=measures,
        data="cifar10-jpeg",
        build=build,
        epochs=8,
        seeds=(0, 1, 2),
        recipe=recipe,
        samples=samples,
        images=(7_000, 2_000),
        # Convolutions read a thousand windows for each image.
        protocol=Protocol(on_chips=300),
    )


#: Name behind "uncertainty_", label, measurement, network, samples of a test image.
UNCERTAIN: tuple[Experiment, ...] = (
    _mnist("NSM", "NSM", "sampled", networks.nsm_mlp, 20),
    _mnist("dropout", "dropout", "dropout", partial(networks.relu_mlp, dropout=_DROPOUT), 20),
    _mnist("dropout_signs", "dropout, ±1 inputs", "dropout", _dropout_on_signs, 20),
    _mnist("ReLU", "ReLU, ensemble of 5", "ensemble", networks.relu_mlp, 1),
    _cifar("NSM", "NSM", "sampled", partial(residual_net, "NSM", _CIFAR_SHAPE), 10),
    _cifar("dropout", "dropout, batch norm", "dropout", _residual_with_dropout, 10),
    _cifar("ReLU", "ReLU, batch norm, ensemble of 5", "ensemble",
        partial(residual_net, "ReLU, batch norm", _CIFAR_SHAPE), 1),
)  # fmt: skip
