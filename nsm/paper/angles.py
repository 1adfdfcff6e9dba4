"""Measurement of angles between the NSM's gradient and those of other estimators."""

import copy
import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from devices.seeding import child, seed_sequence
from nsm.datasets.files import Data
from nsm.nn.nsm_linear import NSMLinear
from nsm.nn.rules import BinConcreteLinear, StraightThroughLinear
from nsm.nn.stochastic import reseed
from nsm.paper.experiment import Experiment
from nsm.paper.training import trained

DRAWS = 30  # samples of the noise over which a gradient is averaged
_BATCH = 100

#: Layer by which each estimator trains. "floor" is the NSM itself with other draws of the noise:
#: the angle that noise alone leaves. Only an estimator that is less noisy can come nearer.
ESTIMATORS: dict[str, type[NSMLinear]] = {
    "floor": NSMLinear,
    "BinConcrete": BinConcreteLinear,
    "STE": StraightThroughLinear,
}


def angles(experiment: Experiment, seed: int, data: Data, folder: Path) -> dict[str, Any]:
    """Compare gradients on one batch of 100 images, at the start and after training.

    Returns:
        For "start" and "trained", and for each of `ESTIMATORS`: the angle [degrees] between the
        NSM's mean gradient and the estimator's, one for every hidden layer. Each mean is over 30
        draws of the noise.
    """
    torch.manual_seed(seed)
    start = experiment.build()
    after, _ = trained(experiment, seed, data, folder)
    x = torch.as_tensor(data.x_train[:_BATCH])
    y = torch.as_tensor(data.y_train[:_BATCH])
    found: dict[str, dict[str, list[float]]] = {}
    for moment, model in (("start", start), ("trained", after.cpu())):
        own = mean_gradients(model, x, y, seed)
        found[moment] = {}
        for number, (name, layer_class) in enumerate(ESTIMATORS.items(), start=1):
            other = copy.deepcopy(model)
            for layer in other:
                if isinstance(layer, NSMLinear):
                    layer.__class__ = layer_class
            theirs = mean_gradients(other, x, y, seed + 1000 * number)
            found[moment][name] = [angle(a, b) for a, b in zip(own, theirs, strict=True)]
    return found


def mean_gradients(model: nn.Sequential, x: Tensor, y: Tensor, seed: int) -> list[Tensor]:
    """Return the gradient of each hidden weight matrix, averaged over draws of the noise."""
    model.zero_grad()
    for draw in range(DRAWS):
        reseed(model, child(seed_sequence(seed), draw))
        (nn.functional.cross_entropy(model(x), y) / DRAWS).backward()
    gradients = [layer.weight.grad for layer in model if isinstance(layer, NSMLinear)]
    return [gradient.clone() for gradient in gradients if gradient is not None]


def angle(a: Tensor, b: Tensor) -> float:
    """Return the angle [degrees] between two tensors taken as vectors; NaN if one is zero."""
    one, other = (t.double() / t.double().norm() for t in (a, b))
    # Unlike the arc cosine of the scalar product, this is exact near 0 and 180 degrees too.
    return math.degrees(2 * math.atan2(float((one - other).norm()), float((one + other).norm())))
