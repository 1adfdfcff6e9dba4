"""Measurements of test errors: of any network, and of a perceptron and its variants."""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from devices.seeding import child, seed_sequence
from nsm.datasets.files import Data
from nsm.nn.inference import error_rate, predict_proba
from nsm.nn.neural_sampling import NeuralSampling
from nsm.nn.transforms import scale_weights
from nsm.paper.experiment import Experiment
from nsm.paper.outcomes import wrong_key
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
        "error": error over all test images [%]; "wrong": numbers of the images it errs on; "loss"
        and "seconds" of every epoch.
    """
    model, history = trained(experiment, seed, data, folder)
    curves = {name: history[name].tolist() for name in ("loss", "seconds")}
    return tested({"error": (model, experiment.samples)}, data, seed) | curves


def convergence(experiment: Experiment, seed: int, data: Data, folder: Path) -> dict[str, Any]:
    """Train a network, and test it after every epoch.

    Returns:
        As `error`, and "errors": the error [%] after every epoch, with one sample.
    """

    def measure(model: nn.Module) -> Mapping[str, float]:
        return {"error": 100 * error_rate(model, data.x_test, data.y_test, 1, rng=seed)}

    model, history = trained(experiment, seed, data, folder, measure=measure)
    curves = {name: history[name].tolist() for name in ("loss", "seconds")}
    found = tested({"error": (model, experiment.samples)}, data, seed)
    return found | curves | {"errors": history.error.tolist()}


def perceptron(experiment: Experiment, seed: int, data: Data, folder: Path) -> dict[str, Any]:
    """Train a perceptron, and test it and its variants.

    Returns:
        As `error`, and the errors [%] of the network with "error_weights_scaled": weights × 0.1;
        "error_all_scaled": weights and biases × 0.1; "error_one_sample": one sample per image;
        "error_neuron_noise", "error_neuron_noise_one_sample": neuron noise, if it is an NSM.
        Each has its "wrong..." images. "variance_gained" and "mean_shift" after every epoch:
        variance and mean of the last hidden layer's weights, minus those at the start.
    """
    torch.manual_seed(seed)
    start = weight_of(last_hidden(experiment.build())).clone()

    def drift(model: nn.Sequential) -> Mapping[str, float]:
        weight = weight_of(last_hidden(model))
        return {
            "variance_gained": float(weight.var()) - float(start.var()),
            "mean_shift": float(weight.mean()) - float(start.mean()),
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
    found = tested(variants, data, seed)
    curves = ("loss", "seconds", "variance_gained", "mean_shift")
    return found | {name: history[name].tolist() for name in curves}


def tested(networks: Mapping[str, tuple[nn.Module, int]], data: Data, seed: int) -> dict[str, Any]:
    """Return the error over all test images [%] of each network, and which images are wrong.

    Args:
        networks: Network and samples per image, by the name of the error.
        data: The images.
        seed: Seed of the noise.
    """
    found: dict[str, Any] = {}
    for name, (model, samples) in networks.items():
        rng = child(seed_sequence(seed), 1)
        p = predict_proba(model, data.x_test, samples, rng=rng)
        wrong = np.flatnonzero(p.argmax(axis=1) != np.asarray(data.y_test))
        found[name] = 100 * (len(wrong) / len(data.y_test))
        found[wrong_key(name)] = wrong.tolist()
    return found
