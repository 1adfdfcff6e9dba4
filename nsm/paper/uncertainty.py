"""Measurements of what networks know about their own errors, in software and on chips."""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from nsm.chips.map import map_to_crossbar
from nsm.chips.softmax_temperature import best_temperature
from nsm.datasets.files import Data
from nsm.nn.inference import sample, softmax
from nsm.paper.experiment import Experiment
from nsm.paper.letters import letters
from nsm.paper.outcomes import wrong_key
from nsm.paper.training import trained
from nsm.paper.uncertainty_protocol import Protocol
from nsm.uncertainty.calibration import calibration
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
#: Networks whose chips predict together, and passes through each.
OnChips = tuple[Sequence[nn.Module], int]

#: Resamples that tell the calibration error of a calibrated network.
_RESAMPLES = 200


def sampled(experiment: Experiment, seed: int, data: Data, folder: Path) -> dict[str, Any]:
    """Train a stochastic network, and measure what its samples know. See `_measured`."""
    model, history = _trained(experiment, seed, data, folder)
    draws = {"NSM": partial(_passes, [model], experiment.samples, seed)}
    chips: dict[str, OnChips] = {"NSM": ([model], experiment.samples)}
    return _measured(experiment, draws, chips, seed, data) | _curves([history])


def dropout(experiment: Experiment, seed: int, data: Data, folder: Path) -> dict[str, Any]:
    """Train a network with dropout, and measure it with dropout on and off. See `_measured`."""
    model, history = _trained(experiment, seed, data, folder)
    draws: dict[str, Draw] = {
        "MC dropout": lambda x: mc_dropout(model, x, experiment.samples, rng=seed),
        "dropout off": partial(_passes, [model], 1, seed),
    }
    # Layers that are put back into train() are drawn on every read of a chip.
    dropping = copy.deepcopy(model)
    for layer in dropping.modules():
        if isinstance(layer, nn.Dropout):
            layer.train()
    chips: dict[str, OnChips] = {
        "MC dropout": ([dropping], experiment.samples),
        "dropout off": ([model], 1),
    }
    return _measured(experiment, draws, chips, seed, data) | _curves([history])


def ensemble(experiment: Experiment, seed: int, data: Data, folder: Path) -> dict[str, Any]:
    """Train several networks, and measure the first one and all together. See `_measured`."""
    members = protocol_of(experiment).members
    runs = []
    for k in range(members):
        member = replace(experiment, name=f"{experiment.name}_{seed}_member{k}")
        runs.append(_trained(member, members * seed + k, data, folder))
    models = [model for model, _ in runs]
    together = f"ensemble of {members}"
    draws = {
        "ReLU": partial(_passes, models[:1], 1, seed),
        together: partial(_passes, models, 1, seed),
    }
    chips: dict[str, OnChips] = {"ReLU": (models[:1], 1), together: (models, 1)}
    found = _measured(experiment, draws, chips, seed, data)
    return found | _curves([history for _, history in runs])


def protocol_of(experiment: Experiment) -> Protocol:
    """Return how the uncertainty of an experiment's networks is measured."""
    assert isinstance(experiment.protocol, Protocol)
    return experiment.protocol


def _trained(
    experiment: Experiment, seed: int, data: Data, folder: Path
) -> tuple[nn.Sequential, Any]:
    """Train a network on all images but those that are held out; it is on the processor."""
    held_out = protocol_of(experiment).held_out
    kept = replace(data, x_train=data.x_train[:-held_out], y_train=data.y_train[:-held_out])
    model, history = trained(experiment, seed, kept, folder)
    return model.cpu(), history


def _curves(histories: Sequence[Any]) -> dict[str, Any]:
    """Return the loss of the first training over epochs, and the seconds of all of them."""
    return {
        "loss": histories[0]["loss"].tolist(),
        "seconds": [s for history in histories for s in history["seconds"].tolist()],
    }


def _passes(models: Sequence[nn.Module], samples: int, seed: int, x: Floats) -> Floats:
    return np.concatenate([sample(model, x, samples, rng=seed) for model in models])


def _measured(
    experiment: Experiment,
    draws: Mapping[str, Draw],
    chips: Mapping[str, OnChips],
    seed: int,
    data: Data,
) -> dict[str, Any]:
    """Return what each method knows about its errors.

    Args:
        experiment: Tells how it is measured.
        draws: Logits of images, by the name of the method. The first one is the experiment's.
        chips: Networks on chips, by the name of the method.
        seed: Seed of chips and reads.
        data: All images.

    Returns:
        "error" and "wrong" of the first method on the test images, as `nsm.paper.errors.error`;
        "methods": by method, the "temperature" of its softmax (None: no one is the best), "sets",
        the scores of every set of test images, and "ood", those of letters;
        "chips": by method, gain, and calibration, the scores on chips.
    """
    protocol = protocol_of(experiment)
    x_held, y_held = _held_out(data, protocol.held_out)
    sets = test_sets(data, protocol)
    strange = out_of_distribution(data, protocol.letters)
    tests = {name: draw(sets["test"]) for name, draw in draws.items()}
    methods: dict[str, Any] = {}
    for name, draw in draws.items():
        temperature = _temperature(draw(x_held), y_held)
        scored = {"test": scores(tests[name], data.y_test, temperature)}
        for key, x in sets.items():
            if key != "test":
                logits = draw(x)
                apart = {"auroc": _entropies_apart(tests[name], logits)}
                scored[key] = scores(logits, data.y_test, temperature) | apart
        ood = apart_by_scores(tests[name], draw(strange))
        methods[name] = {"temperature": temperature, "sets": scored, "ood": ood}
    first = softmax(next(iter(tests.values()))).mean(axis=0)
    wrong = np.flatnonzero(first.argmax(axis=1) != data.y_test)
    return {
        "error": 100 * (len(wrong) / len(data.y_test)),
        wrong_key("error"): wrong.tolist(),
        "methods": methods,
        "chips": {
            name: on_chips(pair, protocol, seed, data, strange) for name, pair in chips.items()
        },
    }


def _held_out(data: Data, n: int) -> tuple[Floats, Floats]:
    return data.x_train[-n:], data.y_train[-n:]


def _temperature(logits: Floats, y: Floats) -> float | None:
    """Return the temperature with the largest likelihood; None if the likelihood has no maximum."""
    try:
        return best_temperature(logits, y)
    except ValueError:
        return None


def test_sets(data: Data, protocol: Protocol) -> dict[str, Floats]:
    """Return the test images as they are, rotated, and shifted, by name.

    Images with colors are rotated and shifted color by color.
    """
    side = data.image_shape[1]
    planes = np.asarray(data.x_test, float).reshape(-1, side * side)
    sets: dict[str, Floats] = {"test": data.x_test}
    for angle in protocol.angles:
        sets[f"{angle:g}°"] = rotated(planes, angle).reshape(data.x_test.shape)
    for pixels in protocol.shifts:
        sets[f"{pixels} px"] = shifted(planes, pixels).reshape(data.x_test.shape)
    return sets


def out_of_distribution(data: Data, n: int) -> Floats:
    """Return images of no class of the data: printed letters, of the size of its images."""
    channels, side, _ = data.image_shape
    return np.tile(letters(n, side), channels)


def scores(logits: Floats, y: Floats, temperature: float | None) -> dict[str, float]:
    """Return the scores of logits (samples, images, classes) of images with labels.

    Args:
        logits: Of the images.
        y: Their labels.
        temperature: Of the softmax; scores with it end in "_scaled". None: there are none.
    """
    p = softmax(logits)
    mean = p.mean(axis=0)
    right = mean.argmax(axis=1) == y
    entropy = predictive_entropy(p)
    found = {
        "error": 100 * float((~right).mean()),
        "nll": negative_log_likelihood(mean, y),
        "brier": brier_score(mean, y),
        **_calibration(mean, y, ""),
        "entropy": float(entropy.mean()),
        "information": float(mutual_information(p).mean()),
    }
    if temperature is not None:
        scaled = softmax(logits / temperature).mean(axis=0)
        found |= {"nll_scaled": negative_log_likelihood(scaled, y)}
        found |= _calibration(scaled, y, "_scaled")
    if 0 < right.sum() < len(right):
        found["auroc_own_errors"] = auroc(entropy[right], entropy[~right])
    return found


def _calibration(p: Floats, y: Floats, end: str) -> dict[str, float]:
    """Return the calibration error, and that of a calibrated network with these confidences."""
    found = calibration(p, y, resamples=_RESAMPLES, rng=0)
    return {f"ece{end}": found.ece, f"ece_by_chance{end}": found.if_calibrated}


def _entropies_apart(usual: Floats, unusual: Floats) -> float:
    """Return the AUROC by which the predictive entropy tells unusual images from usual ones."""
    return auroc(*(predictive_entropy(softmax(logits)) for logits in (usual, unusual)))


def apart_by_scores(usual: Floats, unusual: Floats) -> dict[str, float]:
    """Return the AUROC of the entropy, and that of the mutual information between passes.

    Args:
        usual: Logits of test images.
        unusual: Those of images out of distribution.
    """
    found = {"auroc": _entropies_apart(usual, unusual)}
    if len(usual) > 1:  # the passes of a single one do not disagree
        information = (mutual_information(softmax(logits)) for logits in (usual, unusual))
        found["auroc_information"] = auroc(*information)
    return found


def on_chips(
    networks: OnChips, protocol: Protocol, seed: int, data: Data, strange: Floats
) -> dict[str, dict[str, Any]]:
    """Return the scores of chips that predict together, by gain and by what is done about it.

    "none": the chips as they are; "temperature": one that is measured on held-out images at the
    gain (None: the likelihood has no maximum); "compensated": one measured factor for each layer
    (`chip.compensate`).

    Args:
        networks: Networks whose chips predict together, and passes through each.
        protocol: How many images are read, at which gains, on which chips.
        seed: Seed of chips and reads.
        data: All images.
        strange: Images out of distribution; at most as many are read as of test images.
    """
    models, passes = networks
    x, y = data.x_test[: protocol.on_chips], data.y_test[: protocol.on_chips]
    x_held, y_held = _held_out(data, min(protocol.on_chips, protocol.held_out))
    strange = strange[: protocol.on_chips]
    found: dict[str, dict[str, Any]] = {}
    for gain in protocol.gains:
        chips = [map_to_crossbar(m, protocol.hardware, rng=seed + k) for k, m in enumerate(models)]
        for chip in chips:
            chip.scale_conductances(gain)

        def draw(images: Floats, chips: Sequence[Any] = chips) -> Floats:
            return np.concatenate([chip.sample(images, passes, rng=seed) for chip in chips])

        logits, of_strange = draw(x), draw(strange)
        t = _temperature(draw(x_held), y_held)
        of_gain: dict[str, Any] = {"none": _of_chip(logits, of_strange, y)}
        of_gain["temperature"] = None if t is None else _of_chip(logits / t, of_strange / t, y)
        for chip in chips:
            chip.compensate("layer", rng=seed)
        of_gain["compensated"] = _of_chip(draw(x), draw(strange), y)
        found[f"{gain:g}"] = of_gain
    return found


def _of_chip(logits: Floats, strange: Floats, y: Floats) -> dict[str, float]:
    p = softmax(logits).mean(axis=0)
    return {
        "error": 100 * float((p.argmax(axis=1) != y).mean()),
        "nll": negative_log_likelihood(p, y),
        **_calibration(p, y, ""),
        "auroc": _entropies_apart(logits, strange),
    }
