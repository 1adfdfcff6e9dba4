"""Measurement of Figure 2: percentiles of the last hidden layer's pre-activations over updates."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from devices.seeding import RNG, child, seed_sequence, stream
from nsm.datasets.files import Data
from nsm.nn import architectures as networks
from nsm.nn.neural_sampling import NeuralSampling
from nsm.nn.stochastic import reseed
from nsm.nn.transforms import scale_weights
from nsm.paper.experiment import Experiment
from nsm.paper.training import last_hidden, weight_of
from nsm.training.adam import Adam

UPDATES = 200
PERCENTILES = (15, 50, 85)
_BATCH = 100


def percentiles(experiment: Experiment, seed: int, data: Data, folder: Path) -> dict[str, Any]:
    """Follow the last hidden layer of three networks over their first 200 updates.

    Returns:
        A curve as of `sums_over_updates` for "NSM" and "StNN", which start from torch's default
        weights, and for "StNN, small", which starts from a tenth of them, where the poster's curves
        start.
    """
    nets: dict[str, Callable[[], nn.Sequential]] = {
        "NSM": networks.nsm_mlp,
        "StNN": networks.stnn_mlp,
        "StNN, small": lambda: scale_weights(networks.stnn_mlp(), 0.1),
    }
    found = {}
    for name, build in nets.items():
        torch.manual_seed(seed)
        found[name] = sums_over_updates(build(), data.x_train, data.y_train, rng=seed)
    return found


def sums_over_updates(
    model: nn.Sequential,
    x: ArrayLike,
    y: ArrayLike,
    *,
    updates: int = UPDATES,
    lr: float = 3.1e-4,
    rng: RNG,
) -> list[list[float]]:
    """Train `model` in place with Adam, and watch the pre-activations of its last hidden layer.

    Pre-activations are those of the training batch of 100 images: with noise in an NSM, w·z in an
    StNN.

    Args:
        model: The network, which is changed.
        x: Images, (n, inputs).
        y: Labels, (n,).
        updates: Number of updates, default 200.
        lr: Learning rate, default 3.1e-4.
        rng: Seed of the order of images and of the noise.

    Returns:
        The 15th, 50th and 85th percentile before every update, and after the last: updates + 1
        rows.
    """
    seed = seed_sequence(rng)
    reseed(model, child(seed, 0))
    images = np.asarray(x, dtype=np.float32)
    labels = np.asarray(y)
    optimizer = Adam(model.parameters(), lr=lr)
    curve: list[list[float]] = []

    def watch(module: nn.Module, inputs: Any) -> None:
        with torch.no_grad():
            sums = _pre_activations(module, inputs[0]).numpy()
            curve.append([float(q) for q in np.percentile(sums, PERCENTILES)])

    handle = last_hidden(model).register_forward_pre_hook(watch)
    order = stream(seed, 1).permutation(len(images))
    for step in range(updates + 1):
        rows = order[np.arange(step * _BATCH, (step + 1) * _BATCH) % len(order)]
        loss = nn.functional.cross_entropy(
            model(torch.as_tensor(images[rows])), torch.as_tensor(labels[rows])
        )
        if step < updates:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    handle.remove()
    return curve


def _pre_activations(layer: nn.Module, z: Tensor) -> Tensor:
    """Return what the neurons of a hidden layer compare with their threshold."""
    if isinstance(layer, NeuralSampling):
        return layer.noisy_sum(z)
    return nn.functional.linear(z, weight_of(layer))
