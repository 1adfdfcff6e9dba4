"""Measurements of test errors: of any network, and of a perceptron and its variants."""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from devices.seeding import child, seed_sequence
from nsm.datasets.files import Data
from nsm.nn.inference import error_rate
from nsm.nn.neural_sampling import NeuralSampling
from nsm.nn.transforms import scale_weights
from nsm.paper.table import Experiment
from nsm.paper.training import last_hidden, trained, weight_of


def with_neuron_noise(model: nn.Sequential) -> nn.Sequential:
    """Return a copy of a network whose layers draw neuron noise instead of synaptic noise.

    Neuron noise is one sample per input, shared by all outputs (dropout-style).
    """
    out = copy.deepcopy(model)
    for layer in out:
        if isinstance(layer, NeuralSampling):
            layer.site = "neuron"
    return out


def error(experiment: Experiment, seed: int, data: Data, folder: Path) -> dict[str, Any]:
    """Train and test a network.

    Returns:
        "error": error over all test images [%]; "loss" and "seconds" of every epoch.
    """
    model, history = trained(experiment, seed, data, folder)
    curves = {name: history[name].tolist() for name in ("loss", "seconds")}
    return {"error": _percent(model, data, experiment.samples, seed), **curves}


def perceptron(experiment: Experiment, seed: int, data: Data, folder: Path) -> dict[str, Any]:
    """Train a perceptron, and test it and its variants.

    Returns:
        As `error`, and the errors [%] of the network with "error_weights_scaled": weights × 0.1;
        "error_all_scaled": weights and biases × 0.1; "error_one_sample": one sample per image;
        "error_neuron_noise", "error_neuron_noise_one_sample": neuron noise, if it is an NSM.
        "variance_gained" and "mean_shift" after every epoch: variance and mean of the last hidden
        layer's weights, minus those at the start.
    """
    torch.manual_seed(seed)
    start = weight_of(last_hidden(experiment.build())).clone()

    def drift(model: nn.Sequential) -> Mapping[str, float]:
        weight = weight_of(last_hidden(model))
        return {
            "variance_gained": float(weight.var() - start.var()),
            "mean_shift": float(weight.mean() - start.mean()),
        }

    model, history = trained(experiment, seed, data, folder, measure=drift)
    samples = experiment.samples
    variants = {
        "error": (model, samples),
        "error_one_sample": (model, 1),
        "error_weights_scaled": (scale_weights(model, 0.1, biases=False), samples),
        "error_all_scaled": (scale_weights(model, 0.1, biases=True), samples),
    }
    if isinstance(last_hidden(model), NeuralSampling):
        shared = with_neuron_noise(model)
        variants["error_neuron_noise"] = (shared, samples)
        variants["error_neuron_noise_one_sample"] = (shared, 1)
    found: dict[str, Any] = {
        name: _percent(network, data, n, seed) for name, (network, n) in variants.items()
    }
    curves = ("loss", "seconds", "variance_gained", "mean_shift")
    return found | {name: history[name].tolist() for name in curves}


def _percent(model: nn.Module, data: Data, samples: int, seed: int) -> float:
    """Return the error over all test images [%]."""
    rng = child(seed_sequence(seed), 1)
    return 100 * error_rate(model, data.x_test, data.y_test, samples, rng=rng)
