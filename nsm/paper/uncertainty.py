"""Measurements of what networks know about their own errors, in software and on chips."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from crossbar import Hardware
from devices import BlankOut, preset
from nsm.chips.map import map_to_crossbar
from nsm.chips.softmax_temperature import best_temperature
from nsm.datasets.files import Data
from nsm.nn.inference import sample, softmax
from nsm.paper.experiment import Experiment
from nsm.paper.letters import letters
from nsm.paper.outcomes import wrong_key
from nsm.paper.training import trained
from nsm.uncertainty.calibration import expected_calibration_error
from nsm.uncertainty.dropout import mc_dropout
from nsm.uncertainty.images import rotated, shifted
from nsm.uncertainty.scores import (
    auroc,
    brier_score,
    mutual_information,
    negative_log_likelihood,
    predictive_entropy,
)

Floats = NDArray[Any]
#: Takes flat images and returns logits, (samples, images, classes).
Draw = Callable[[Floats], Floats]

#: Networks of an ensemble (Lakshminarayanan et al. 2017, arXiv 1612.01474).
MEMBERS = 5
#: Training images that nothing is trained on: they decide the temperature.
HELD_OUT = 2000
ANGLES = (15.0, 30.0, 60.0, 90.0)
#: Shifts in units of 1/28 of the side of an image: 2, 4 and 6 pixels of MNIST.
SHIFTS = (2, 4, 6)
LETTERS = 1000
GAINS = (1.0, 0.1, 0.01)
#: What is done on a chip about its gain.
CALIBRATIONS = ("none", "temperature", "compensated")
#: Test images that chips read, by data set. Convolutions read many windows for each image.
ON_CHIPS = {"mnist": 1000, "cifar10-jpeg": 200}
#: FeFETs behind a blank-out gate for each pair. Networks without noise do not use the gate.
HARDWARE = Hardware(
    device=preset("fefet_jerry2017"), gate=BlankOut(0.5), gate_sharing="pair", tile_shape=(128, 128)
)


def sampled(experiment: Experiment, seed: int, data: Data, folder: Path) -> dict[str, Any]:
    """Train a stochastic network, and measure what its samples know. See `_measured`."""
    kept = _without_held_out(data)
    model, history = trained(experiment, seed, kept, folder)
    draws = {"NSM": partial(_passes, [model], experiment.samples, seed)}
    chips = {"NSM": ([model], experiment.samples)}
    return _measured(draws, chips, seed, data, experiment.data) | _curves([history])


def dropout(experiment: Experiment, seed: int, data: Data, folder: Path) -> dict[str, Any]:
    """Train a network with dropout, and measure it with dropout on and off. See `_measured`."""
    model, history = trained(experiment, seed, _without_held_out(data), folder)
    chips = {"dropout off": ([model], 1)}
    draws: dict[str, Draw] = {
        "MC dropout": lambda x: mc_dropout(model, x, experiment.samples, rng=seed),
        "dropout off": partial(_passes, [model], 1, seed),
    }
    return _measured(draws, chips, seed, data, experiment.data) | _curves([history])


def ensemble(experiment: Experiment, seed: int, data: Data, folder: Path) -> dict[str, Any]:
    """Train five networks, and measure the first one and all together. See `_measured`."""
    kept = _without_held_out(data)
    runs = []
    for k in range(MEMBERS):
        member = replace(experiment, name=f"{experiment.name}_{seed}_member{k}")
        runs.append(trained(member, MEMBERS * seed + k, kept, folder))
    models = [model for model, _ in runs]
    draws = {
        "ReLU": partial(_passes, models[:1], 1, seed),
        "ensemble of 5": partial(_passes, models, 1, seed),
    }
    chips = {"ReLU": (models[:1], 1), "ensemble of 5": (models, 1)}
    return _measured(draws, chips, seed, data, experiment.data) | _curves(
        [history for _, history in runs]
    )


def _without_held_out(data: Data) -> Data:
    return replace(data, x_train=data.x_train[:-HELD_OUT], y_train=data.y_train[:-HELD_OUT])


def _curves(histories: Sequence[Any]) -> dict[str, Any]:
    """Return the loss of the first training over epochs, and the seconds of all of them."""
    return {
        "loss": histories[0]["loss"].tolist(),
        "seconds": [s for history in histories for s in history["seconds"].tolist()],
    }


def _passes(models: Sequence[nn.Module], samples: int, seed: int, x: Floats) -> Floats:
    return np.concatenate([sample(model, x, samples, rng=seed) for model in models])


def _measured(
    draws: Mapping[str, Draw],
    chips: Mapping[str, tuple[Sequence[nn.Module], int]],
    seed: int,
    data: Data,
    name_of_data: str,
) -> dict[str, Any]:
    """Return what each way of predicting knows about its errors.

    Args:
        draws: Logits of images, by the name of the way to predict.
        chips: Networks whose chips predict together, and passes through each.
        seed: Seed of chips and reads.
        data: All images; the last `HELD_OUT` training images decide temperatures.
        name_of_data: Its name in `ON_CHIPS`.

    Returns:
        "error" and "wrong" of the first way on the test images, as `nsm.paper.errors.error`;
        "methods": by way, "temperature" and "sets", the scores of every set of images;
        "chips": by way, gain, and calibration, the scores on chips.
    """
    x_held, y_held = data.x_train[-HELD_OUT:], data.y_train[-HELD_OUT:]
    sets = image_sets(data)
    methods: dict[str, Any] = {}
    for name, draw in draws.items():
        temperature = best_temperature(draw(x_held), y_held)
        test = draw(sets["test"])
        scored = {
            key: scores(test if key == "test" else draw(x), data.y_test, temperature, test)
            for key, x in sets.items()
        }
        methods[name] = {"temperature": temperature, "sets": scored}
        methods[name]["unseen"] = _unseen(draw(unseen(data)), test)
        if name == next(iter(draws)):
            wrong = np.flatnonzero(softmax(test).mean(axis=0).argmax(axis=1) != data.y_test)
    images = ON_CHIPS[name_of_data]
    return {
        "error": 100 * (len(wrong) / len(data.y_test)),
        wrong_key("error"): wrong.tolist(),
        "methods": methods,
        "chips": {
            name: on_chips(models, passes, seed, data, images)
            for name, (models, passes) in chips.items()
        },
    }


def image_sets(data: Data) -> dict[str, Floats]:
    """Return the test images, upright, turned and shifted, by name.

    Images with colors are turned and shifted color by color.
    """
    side = data.image_shape[1]
    planes = np.asarray(data.x_test, float).reshape(-1, side * side)
    sets: dict[str, Floats] = {"test": data.x_test}
    for angle in ANGLES:
        sets[f"{angle:g}°"] = rotated(planes, angle).reshape(data.x_test.shape)
    for shift in SHIFTS:
        moved = shifted(planes, round(shift * side / 28))
        sets[f"{shift}/28"] = moved.reshape(data.x_test.shape)
    return sets


def unseen(data: Data) -> Floats:
    """Return images of no class of the data: printed letters, of the size of its images."""
    channels, side, _ = data.image_shape
    return np.tile(letters(LETTERS, side), channels)


def scores(
    logits: Floats, y: Floats, temperature: float, usual: Floats | None = None
) -> dict[str, float]:
    """Return the scores of logits (samples, images, classes) of images with labels.

    Args:
        logits: Of the images.
        y: Their labels.
        temperature: Of the softmax; scores with it end in "_scaled".
        usual: Logits of upright images, from which the entropy shall tell these apart; None: none.
    """
    p = softmax(logits)
    scaled = softmax(logits / temperature).mean(axis=0)
    mean = p.mean(axis=0)
    right = mean.argmax(axis=1) == y
    entropy = predictive_entropy(p)
    found = {
        "error": 100 * float((~right).mean()),
        "nll": negative_log_likelihood(mean, y),
        "nll_scaled": negative_log_likelihood(scaled, y),
        "brier": brier_score(mean, y),
        "ece": expected_calibration_error(mean, y),
        "ece_scaled": expected_calibration_error(scaled, y),
        "entropy": float(entropy.mean()),
        "information": float(mutual_information(p).mean()),
    }
    if 0 < right.sum() < len(right):
        found["auroc_own_errors"] = auroc(entropy[right], entropy[~right])
    if usual is not None and usual is not logits:
        found["auroc"] = auroc(predictive_entropy(softmax(usual)), entropy)
    return found


def _unseen(logits: Floats, usual: Floats) -> dict[str, float]:
    """Return how well entropies tell letters from test images."""
    one, other = softmax(usual), softmax(logits)
    found = {"auroc": auroc(predictive_entropy(one), predictive_entropy(other))}
    if len(one) > 1:  # the passes of a single one do not disagree
        found["auroc_information"] = auroc(mutual_information(one), mutual_information(other))
    return found


def on_chips(
    models: Sequence[nn.Module], passes: int, seed: int, data: Data, images: int
) -> dict[str, dict[str, Any]]:
    """Return the scores of chips that predict together, by gain and by what is done about it.

    A temperature is measured on held-out images at the gain. "compensated" is one measured factor
    for each layer (`chip.compensate`). None where no temperature is the best.
    """
    x, y = data.x_test[:images], data.y_test[:images]
    x_held, y_held = data.x_train[-images:], data.y_train[-images:]
    strange = unseen(data)[:images]
    found: dict[str, dict[str, Any]] = {}
    for gain in GAINS:
        chips = [map_to_crossbar(m, HARDWARE, rng=seed + k) for k, m in enumerate(models)]
        for chip in chips:
            chip.scale_conductances(gain)

        def draw(images: Floats, chips: Sequence[Any] = chips) -> Floats:
            return np.concatenate([chip.sample(images, passes, rng=seed) for chip in chips])

        logits, of_strange = draw(x), draw(strange)
        of_gain: dict[str, Any] = {"none": _of_chip(logits, of_strange, y)}
        found[f"{gain:g}"] = of_gain
        try:
            temperature = best_temperature(draw(x_held), y_held)
        except ValueError:  # the chip's answers have nothing to do with the labels
            of_gain["temperature"] = None
        else:
            of_gain["temperature"] = _of_chip(logits / temperature, of_strange / temperature, y)
        for chip in chips:
            chip.compensate("layer", rng=seed)
        of_gain["compensated"] = _of_chip(draw(x), draw(strange), y)
    return found


def _of_chip(logits: Floats, strange: Floats, y: Floats) -> dict[str, float]:
    found = scores(logits, y, 1.0)
    kept = {name: found[name] for name in ("error", "nll", "ece")}
    return kept | {"auroc": _unseen(strange, logits)["auroc"]}
