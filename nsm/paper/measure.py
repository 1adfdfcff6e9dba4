"""What the experiments measure: test errors, percentiles of sums over updates, angles between gradients."""

import copy
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from devices.seeding import RNG, child, seed_sequence, stream
from nsm.datasets.files import Data
from nsm.nn import architectures as networks
from nsm.nn.checkpoint import save
from nsm.nn.inference import error_rate
from nsm.nn.neural_sampling import NeuralSampling
from nsm.nn.nsm_linear import NSMLinear
from nsm.nn.rules import BinConcreteLinear, StraightThroughLinear
from nsm.nn.sigmoid import SigmoidLinear
from nsm.nn.stochastic import reseed
from nsm.nn.transforms import scale_weights
from nsm.paper.table import Experiment
from nsm.training.fit import fit

UPDATES = 200
PERCENTILES = (15, 50, 85)
DRAWS = 30  # of the noise, over which a gradient is averaged
_BATCH = 100


def _trained(
    experiment: Experiment,
    seed: int,
    data: Data,
    folder: Path,
    measure: Callable[[nn.Sequential], Mapping[str, float]] = lambda model: {},
) -> tuple[nn.Sequential, Any]:
    """Return the trained network and its history; kept in `folder`, and taken up where it was left."""
    last = [time.process_time()]

    def timed(model: Any) -> Mapping[str, float]:
        now, before = time.process_time(), last[0]
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


def at_neurons(model: nn.Sequential) -> nn.Sequential:
    """Return a copy of the network whose noise is one mask per input line."""
    out = copy.deepcopy(model)
    for layer in out:
        if isinstance(layer, NeuralSampling):
            layer.site = "neuron"
    return out


def _percent(model: nn.Module, data: Data, samples: int, seed: int) -> float:
    return 100 * error_rate(
        model, data.x_test, data.y_test, samples, rng=child(seed_sequence(seed), 1)
    )


def _last_hidden(model: nn.Sequential) -> nn.Module:
    """Return the last hidden layer."""
    return [m for m in model if isinstance(m, (NeuralSampling, SigmoidLinear))][-1]


def _weight(layer: nn.Module) -> Tensor:
    weight = layer.weight
    assert isinstance(weight, Tensor)
    return weight.detach()


def error(experiment: Experiment, seed: int, data: Data, folder: Path) -> dict[str, Any]:
    """Train and test: error [%] over all test images."""
    model, history = _trained(experiment, seed, data, folder)
    history = {name: history[name].tolist() for name in ("loss", "seconds")}
    return {"error": _percent(model, data, experiment.samples, seed), **history}


def perceptron(experiment: Experiment, seed: int, data: Data, folder: Path) -> dict[str, Any]:
    """As `error`, and: weights times 0.1, with and without biases; one sample; noise by input line; drift of weights."""
    torch.manual_seed(seed)
    start = _weight(_last_hidden(experiment.build())).clone()

    def drift(model: nn.Sequential) -> Mapping[str, float]:
        weight = _weight(_last_hidden(model))
        return {
            "variance_gained": float(weight.var() - start.var()),
            "mean_shift": float(weight.mean() - start.mean()),
        }

    model, history = _trained(experiment, seed, data, folder, measure=drift)
    variants = {"error": (model, experiment.samples), "error_one_sample": (model, 1)}
    for name, biases in (("error_weights_scaled", False), ("error_all_scaled", True)):
        variants[name] = (scale_weights(model, 0.1, biases=biases), experiment.samples)
    if isinstance(_last_hidden(model), NeuralSampling):
        lines = at_neurons(model)
        variants |= {
            "error_by_line": (lines, experiment.samples),
            "error_by_line_one_sample": (lines, 1),
        }
    found: dict[str, Any] = {
        name: _percent(net, data, samples, seed) for name, (net, samples) in variants.items()
    }
    return found | {
        name: history[name].tolist()
        for name in ("loss", "seconds", "variance_gained", "mean_shift")
    }


def _sums(layer: nn.Module, z: Tensor) -> Tensor:
    """Return what the neurons of a hidden layer compare with their threshold: noisy in an NSM, w·z in an StNN."""
    if isinstance(layer, NeuralSampling):
        return layer.noisy_sum(z)
    return nn.functional.linear(z, _weight(layer))


def sums_over_updates(
    model: nn.Sequential,
    x: ArrayLike,
    y: ArrayLike,
    *,
    updates: int = UPDATES,
    lr: float = 3.1e-4,
    rng: RNG,
) -> list[list[float]]:
    """Train `model` in place with Adam; return percentiles 15, 50, 85 of its last hidden layer's sums before every update.

    One row more than updates: the last is after them. Sums are of the training batch, 100 images, drawn from x (n, inputs)
    and y (n,) in an order that `rng` decides; noisy in an NSM, w·z in an StNN.
    """
    seed = seed_sequence(rng)
    reseed(model, child(seed, 0))
    images, labels = np.asarray(x, dtype=np.float32), np.asarray(y)
    optimizer, curve = torch.optim.Adam(model.parameters(), lr=lr), []

    def watch(module: nn.Module, inputs: Any) -> None:
        with torch.no_grad():
            curve.append(
                [float(q) for q in np.percentile(_sums(module, inputs[0]).numpy(), PERCENTILES)]
            )

    handle = _last_hidden(model).register_forward_pre_hook(watch)
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


def percentiles(experiment: Experiment, seed: int, data: Data, folder: Path) -> dict[str, Any]:
    """Percentiles of the last hidden layer's sums over the first 200 updates (Figure 2), default initialisation.

    "StNN, small" starts from a tenth of the default weights, where the poster's curves start.
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


def _gradients(model: nn.Sequential, x: Tensor, y: Tensor, seed: int) -> list[Tensor]:
    """Return the gradient of every hidden weight matrix, mean over the draws of the noise."""
    model.zero_grad()
    for draw in range(DRAWS):
        reseed(model, child(seed_sequence(seed), draw))
        (nn.functional.cross_entropy(model(x), y) / DRAWS).backward()
    return [layer.weight.grad.clone() for layer in model if isinstance(layer, NSMLinear)]  # type: ignore[union-attr]


def angle(a: Tensor, b: Tensor) -> float:
    """Return the angle [degrees] between two tensors taken as vectors; NaN where one is zero."""
    one, other = (t.double() / t.double().norm() for t in (a, b))
    return math.degrees(
        2 * math.atan2(float((one - other).norm()), float((one + other).norm()))
    )  # exact near 0 too


def angles(experiment: Experiment, seed: int, data: Data, folder: Path) -> dict[str, Any]:
    """Angles [degrees] of the NSM's mean gradient to other estimators', per layer, on one batch of 100.

    Each is a mean over 30 draws of the noise. floor: to another such mean of the NSM itself, so what is left to noise
    alone; only an estimator with less noise of its own can come nearer. At the start, and after training.
    """
    torch.manual_seed(seed)
    start = experiment.build()
    after, _ = _trained(experiment, seed, data, folder)
    x, y = torch.as_tensor(data.x_train[:_BATCH]), torch.as_tensor(data.y_train[:_BATCH])
    found: dict[str, dict[str, list[float]]] = {}
    for moment, model in (("start", start), ("trained", after)):
        own = _gradients(model, x, y, seed)
        estimators: dict[str, type[NSMLinear]] = {
            "floor": NSMLinear,
            "BinConcrete": BinConcreteLinear,
            "STE": StraightThroughLinear,
        }
        found[moment] = {}
        for number, (name, kind) in enumerate(estimators.items(), start=1):
            other = copy.deepcopy(model)
            for layer in other:
                if isinstance(layer, NSMLinear):
                    layer.__class__ = kind
            theirs = _gradients(other, x, y, seed + 1000 * number)
            found[moment][name] = [angle(a, b) for a, b in zip(own, theirs, strict=True)]
    return found


KINDS: dict[str, Callable[[Experiment, int, Data, Path], dict[str, Any]]] = {
    "error": error,
    "perceptron": perceptron,
    "percentiles": percentiles,
    "angles": angles,
}
