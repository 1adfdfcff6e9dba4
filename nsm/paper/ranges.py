"""Measurements of trainings whose weights have a fixed range, and of those with few levels."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nsm.datasets.files import Data
from nsm.paper.errors import tested
from nsm.paper.experiment import Experiment
from nsm.paper.training import trained
from nsm.training.hardware_aware.network import hardware_aware
from nsm.training.weight_bound import WeightBounds


def weight_range(experiment: Experiment, seed: int, data: Data, folder: Path) -> dict[str, Any]:
    """Train a network in the range of its recipe, and test it.

    Returns:
        As `nsm.paper.errors.error`, and after every epoch "saturated": the share of the weights of
        all layers but the last that are at the bound (0 without a bound), and "growth": their root
        mean square over that at the start.
    """
    torch.manual_seed(seed)
    start = _root_mean_square(experiment.build())
    c = experiment.recipe.get("weight_bound")

    def measure(model: nn.Module) -> Mapping[str, float]:
        shares = {} if c is None else WeightBounds(model, c).saturated()
        hidden = _hidden_weights(model)
        counts = {name: weight.numel() for name, weight in hidden.items()}
        saturated = sum(shares.get(name, 0.0) * count for name, count in counts.items())
        return {
            "saturated": saturated / sum(counts.values()),
            "growth": _root_mean_square(model) / start,
        }

    model, history = trained(experiment, seed, data, folder, measure=measure)
    curves = ("loss", "seconds", "saturated", "growth")
    found = tested({"error": (model, experiment.samples)}, data, seed)
    return found | {name: history[name].tolist() for name in curves}


def on_levels(experiment: Experiment, seed: int, data: Data, folder: Path) -> dict[str, Any]:
    """Train a network on the levels of the hardware of its recipe, and test it on them.

    Weights that are not rounded take the steps, and the rounded ones compute: the straight-through
    estimator of `nsm.hardware_aware`. Without hardware no weight is rounded.

    Returns:
        As `nsm.paper.errors.error`, with the errors of the rounded network.
    """
    model, history = trained(experiment, seed, data, folder)
    hardware = experiment.recipe.get("hardware")
    computing = model if hardware is None else hardware_aware(model, hardware, rng=seed).eval()
    curves = {name: history[name].tolist() for name in ("loss", "seconds")}
    return tested({"error": (computing, experiment.samples)}, data, seed) | curves


def _hidden_weights(model: nn.Module) -> dict[str, Tensor]:
    """Return the matrices of all layers but the last, by the names of their layers."""
    weights = {
        name.removesuffix(".weight"): weight.detach()
        for name, weight in model.named_parameters()
        if name.endswith("weight") and weight.ndim > 1
    }
    return dict(list(weights.items())[:-1])


def _root_mean_square(model: nn.Module) -> float:
    parts = torch.cat([weight.flatten() for weight in _hidden_weights(model).values()])
    return float(parts.square().mean().sqrt())
