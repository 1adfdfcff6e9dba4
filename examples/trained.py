"""The networks of the MNIST figures: one recipe for all, three trainings of each.

    python examples/trained.py FOLDER [NAME ...]

Trains the perceptrons 784-300-300-300-10 (default: NSM, ReLU, StNN and BD, about 25 minutes on one
core), or the convolutional networks bNSM and dCNN if they are named (about an hour), and keeps them
in FOLDER. A network that is already there is not trained again.
"""

import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn
from usage import arguments

import nsm
from nsm.training.augment import FlipInputs
from nsm.training.comparison import Trainings, train_alike

#: The networks, and how each is built.
PERCEPTRONS: dict[str, Callable[[], nn.Sequential]] = {
    "NSM": nsm.nsm_mlp,
    "ReLU": nsm.relu_mlp,
    "StNN": nsm.stnn_mlp,
    "BD": nsm.bd_mlp,
}

CONVOLUTIONAL: dict[str, Callable[[], nn.Sequential]] = {
    rule: partial(nsm.conv_net, rule) for rule in ("bNSM", "dCNN")
}
NETWORKS = PERCEPTRONS | CONVOLUTIONAL

#: Options of `nsm.fit` for every network.
RECIPE: dict[str, Any] = {
    "epochs": 15,
    "label_smoothing": 0.1,
    "ema_decay": 0.999,
    "augment": FlipInputs(0.05),
}

SEEDS = (0, 1, 2)


def trained(folder: Path, data: "nsm.datasets.Data", names: Sequence[str]) -> Trainings:
    """Return the trainings of networks by name and seed; those not in the folder are trained.

    Args:
        folder: keeps one file (.safetensors) for each training.
        data: MNIST.
        names: of networks in NETWORKS.
    """
    torch.set_num_threads(1)
    builders = {name: NETWORKS[name] for name in names}
    return train_alike(builders, data.x_train, data.y_train, seeds=SEEDS, folder=folder, **RECIPE)


if __name__ == "__main__":
    folder, *names = arguments(None) or sys.exit(__doc__)
    if unknown := set(names) - set(NETWORKS):
        sys.exit(f"unknown networks {sorted(unknown)}; known are {list(NETWORKS)}")
    trained(Path(folder), nsm.load_data("mnist"), names or list(PERCEPTRONS))
