"""Networks that the examples compare with: trained once on MNIST, kept in a file, then loaded."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

import nsm


def trained(
    path: Path, build: Callable[[], nn.Sequential], data: "nsm.datasets.Data"
) -> nn.Sequential:
    """Return the network in a file; if there is none, train a new one and write it there.

    Args:
        path: file (.safetensors).
        build: makes an untrained network.
        data: MNIST.
    """
    if not path.exists():
        torch.manual_seed(0)
        model = build()
        nsm.fit(model, data.x_train, data.y_train, epochs=30, rng=0, ema_decay=0.999)
        nsm.save(model, path)
    return nsm.load(path)
