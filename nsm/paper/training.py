"""The training of one experiment and seed, which resumes where it was interrupted."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nsm.datasets.files import Data
from nsm.nn.files.checkpoint import save
from nsm.nn.neural_sampling import NeuralSampling
from nsm.nn.sigmoid import SigmoidLinear
from nsm.paper.table import Experiment
from nsm.training.fit import fit


def trained(
    experiment: Experiment,
    seed: int,
    data: Data,
    folder: Path,
    measure: Callable[[nn.Sequential], Mapping[str, float]] = lambda model: {},
) -> tuple[nn.Sequential, Any]:
    """Train the network of an experiment and save it in `folder`.

    Args:
        experiment: Row of the table.
        seed: Seed of the initial weights and of the training.
        data: Training and test images.
        folder: Where the network is saved and the unfinished training is kept, to be resumed.
        measure: Called after every epoch; what it returns is added to the history. Default:
            nothing.

    Returns:
        The trained network, and its history with one row per epoch, "seconds" of processor time
        included.
    """
    last = [time.process_time()]

    def timed(model: Any) -> Mapping[str, float]:
        now = time.process_time()
        before = last[0]
        last[0] = now
        return {"seconds": now - before, **measure(model)}

    torch.manual_seed(seed)
    model = experiment.build()
    if experiment.gpu and torch.cuda.is_available():
        model.to("cuda")
    name = f"{experiment.name}_{seed}"
    history = fit(
        model,
        data.x_train,
        data.y_train,
        epochs=experiment.epochs,
        rng=seed,
        progress=False,
        checkpoint=folder / f"{name}.training",
        **experiment.recipe,
        measure=timed,
    )
    save(model, folder / f"{name}.safetensors", note=f"nsm.paper: {experiment.name}, seed {seed}")
    return model, history


def last_hidden(model: nn.Sequential) -> nn.Module:
    """Return the last hidden layer of a network."""
    return [m for m in model if isinstance(m, (NeuralSampling, SigmoidLinear))][-1]


def weight_of(layer: nn.Module) -> Tensor:
    """Return the weights of a layer without their gradient."""
    weight = layer.weight
    assert isinstance(weight, Tensor)
    return weight.detach()
