"""What a network says about its own errors: entropies, calibration, scores, rotated images, and Monte-Carlo dropout.

p: class probabilities (..., classes), each in [0, 1] with Σ p = 1. samples: such probabilities (samples, batch, classes) of
noisy passes, from logits by `nsm.nn.inference.softmax`. Entropies are in nats.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import rotate
from scipy.special import entr
from torch import nn

from devices.seeding import RNG, child, generator, seed_number, seed_sequence
from devices.validation import array, integer, number
from nsm.nn.inference import Floats, Labels, check_labels, evaluating, passes, softmax
from nsm.nn.stochastic import reseed

BINS = 15  # as in Guo et al. 2017
_ROUNDING = 1e-5  # of Σ p, for probabilities that were float32 once
_DROPOUTS = (
    nn.Dropout,
    nn.Dropout1d,
    nn.Dropout2d,
    nn.Dropout3d,
    nn.AlphaDropout,
    nn.FeatureAlphaDropout,
)


def _probabilities(name: str, p: ArrayLike, ndim: int | None = None) -> Floats:
    values = array(name, p, ndim=ndim)
    if values.ndim == 0 or values.size == 0:
        raise ValueError(
            f"{name} has shape {values.shape}; give (..., classes), at least one number"
        )
    low, high, off = values.min(), values.max(), np.abs(values.sum(axis=-1) - 1).max()
    if low < 0 or high > 1 + _ROUNDING or off > _ROUNDING:
        raise ValueError(
            f"{name} holds numbers from {low:g} to {high:g} whose sums over classes are off 1 by up to {off:g}; "
            "give probabilities (nsm.nn.inference.softmax makes them of logits)"
        )
    return values


def entropy(p: ArrayLike) -> Floats:
    """Return H = −Σ_c p_c ln p_c [nat] over the last axis, (...): 0 for a certain class, ln n for n equal ones."""
    return np.asarray(entr(np.minimum(_probabilities("p", p), 1)).sum(axis=-1))


def predictive_entropy(samples: ArrayLike) -> Floats:
    """Return the entropy [nat] of the mean over samples, (batch,): all the uncertainty, of data and of the network."""
    return entropy(_probabilities("samples", samples, 3).mean(axis=0))


def expected_entropy(samples: ArrayLike) -> Floats:
    """Return the mean over samples of each sample's entropy [nat], (batch,): what every single pass is unsure of."""
    return np.asarray(entropy(_probabilities("samples", samples, 3)).mean(axis=0))


def mutual_information(samples: ArrayLike) -> Floats:
    """Return I = H[mean p] − mean H[p] ≥ 0 [nat], (batch,): how far the passes contradict each other.

    BALD (Houlsby et al. 2011, arXiv 1112.5745, eq. 2). Few samples make it too low: to first order by at most
    (classes − 1)/(2 · samples).
    """
    return np.maximum(
        predictive_entropy(samples) - expected_entropy(samples), 0
    )  # below 0 by rounding alone


def negative_log_likelihood(p: ArrayLike, y: ArrayLike) -> float:
    """Return the mean of −ln p_y [nat] over the images; infinite where a label was given no probability at all."""
    values, labels = _labelled(p, y)
    with np.errstate(divide="ignore"):
        return float(-np.log(values[np.arange(len(values)), labels]).mean())


def brier_score(p: ArrayLike, y: ArrayLike) -> float:
    """Return the mean of Σ_c (p_c − [c = y])² over the images, in [0, 2] (Brier 1950, Mon. Weather Rev. 78, 1)."""
    values, labels = _labelled(p, y)
    return float(((values - np.eye(values.shape[1])[labels]) ** 2).sum(axis=1).mean())


def _labelled(p: ArrayLike, y: ArrayLike) -> tuple[Floats, Labels]:
    values = _probabilities("p", p, 2)
    labels = check_labels(y, *values.shape)
    return values, labels


@dataclass(frozen=True)
class _Binned:
    """The bin, confidence and correctness (0 or 1) of every image, (n,) each."""

    index: NDArray[np.intp]
    confidence: Floats
    correct: Floats
    bins: int

    def error(self, weight: Floats | float, correct: Floats) -> float:
        """Return Σ_m |Σ_{i in m} weight_i (correct_i − confidence_i)|/n: the ECE for a weight of 1."""
        gaps = np.bincount(self.index, weight * (correct - self.confidence), self.bins)
        return float(np.abs(gaps).sum() / len(self.index))


def _binned(p: ArrayLike, y: ArrayLike, bins: int) -> _Binned:
    values, labels = _labelled(p, y)
    edges = np.linspace(0, 1, integer("bins", bins, at_least=1) + 1)
    confidence = np.minimum(values.max(axis=1), 1)
    index = np.searchsorted(edges, confidence) - 1  # the first bin whose upper edge is not below
    return _Binned(index, confidence, (values.argmax(axis=1) == labels).astype(float), bins)


def reliability_table(p: ArrayLike, y: ArrayLike, *, bins: int = BINS) -> pd.DataFrame:
    """Return a row for every bin (low, high] of equal width that holds an image: images, confidence, accuracy, gap.

    p: (batch, classes); y: (batch,) class numbers. confidence: mean of max_c p_c; accuracy: fraction of right classes;
    gap: accuracy − confidence, negative where the network is too sure of itself (Guo et al. 2017, arXiv 1706.04599).
    """
    b = _binned(p, y, bins)
    images = np.bincount(b.index, minlength=bins)
    used = np.flatnonzero(images)
    confidence, accuracy = (
        np.bincount(b.index, v, bins)[used] / images[used] for v in (b.confidence, b.correct)
    )
    columns = {"low": used / bins, "high": (used + 1) / bins, "images": images[used]}
    return pd.DataFrame(
        {**columns, "confidence": confidence, "accuracy": accuracy, "gap": accuracy - confidence}
    )


def expected_calibration_error(p: ArrayLike, y: ArrayLike, *, bins: int = BINS) -> float:
    """Return ECE = Σ_m n_m/n |accuracy_m − confidence_m| (Guo et al. 2017, eq. 3), in [0, 1]; see `calibration`."""
    b = _binned(p, y, bins)
    return b.error(1.0, b.correct)


class Calibration(NamedTuple):
    """An expected calibration error, and what it would be by chance. All in [0, 1].

    standard_error: by bootstrap over images. if_calibrated: the mean ECE of calibrated networks with these confidences on as
    many images, which is not 0, as every bin is off by its own counting error. p_value: how many of those err as much.
    """

    ece: float
    standard_error: float
    if_calibrated: float
    p_value: float


def calibration(
    p: ArrayLike, y: ArrayLike, *, bins: int = BINS, resamples: int = 1000, rng: RNG = None
) -> Calibration:
    """Return the ECE of p (batch, classes) on labels y (batch,) with its bootstrap standard error and its value by chance.

    Bootstrap: images drawn with replacement. By chance: image i is right with probability confidence_i (consistency
    resampling, Bröcker and Smith 2007, doi:10.1175/WAF993.1). An ECE near `if_calibrated` says nothing against a network.
    """
    b = _binned(p, y, bins)
    n, draw = len(b.index), generator(rng)
    repeats = range(integer("resamples", resamples, at_least=2))
    again = [
        b.error(np.bincount(draw.integers(n, size=n), minlength=n).astype(float), b.correct)
        for _ in repeats
    ]
    by_chance = np.array(
        [b.error(1.0, (draw.random(n) < b.confidence).astype(float)) for _ in repeats]
    )
    ece = b.error(1.0, b.correct)
    p_value = (1 + int((by_chance >= ece).sum())) / (
        1 + resamples
    )  # the observed one is one of them
    return Calibration(ece, float(np.std(again, ddof=1)), float(by_chance.mean()), p_value)


def rotated(x: ArrayLike, degrees: float) -> Floats:
    """Return flat square images x (batch, side²), pixels in [0, 1], turned anticlockwise about their centre.

    Linear interpolation; what comes in from outside is 0, what leaves is lost. Same shape, in [0, 1].
    """
    images = array("x", x, ndim=2)
    side = round(images.shape[1] ** 0.5)
    if side == 0 or side**2 != images.shape[1]:
        raise ValueError(
            f"x has {images.shape[1]} pixels an image, which is no square; give flat images of side × side"
        )
    if images.size and (images.min() < 0 or images.max() > 1):
        raise ValueError(
            f"x holds pixels from {images.min():g} to {images.max():g}; scale them to [0, 1] first"
        )
    angle = number("degrees", degrees, unit="degrees")
    turned = rotate(images.reshape(-1, side, side), angle, axes=(2, 1), reshape=False, order=1)
    return np.clip(turned, 0, 1).reshape(images.shape)


def mc_dropout(model: nn.Module, x: ArrayLike, samples: int, *, rng: RNG = None) -> Floats:
    """Return logits (samples, batch, classes) of passes with dropout on and every other layer in `eval()`.

    The mean softmax over such passes is the prediction of a network taken as approximately Bayesian (Gal and Ghahramani 2016,
    arXiv 1506.02142, eq. 6). x: (batch, inputs), finite. Every pass and image has masks of its own; same `rng`, same draws;
    torch's own stream and the mode of every layer are left as they were. Raises ValueError without dropout.
    """
    integer("samples", samples, at_least=1)
    images = torch.as_tensor(array("x", x), dtype=next(model.parameters()).dtype)
    dropouts = [m for m in model.modules() if isinstance(m, _DROPOUTS) and m.p > 0]
    if not dropouts:
        raise ValueError(
            "the model has no dropout layer with p > 0, so that every pass would be the same; give one, such as "
            "nsm.relu_mlp(dropout=0.5), or sample a stochastic network by nsm.nn.inference.sample"
        )
    seed = seed_sequence(rng)
    reseed(model, child(seed, 0))
    with evaluating(model), torch.random.fork_rng():
        for layer in dropouts:
            layer.train()
        torch.manual_seed(seed_number(child(seed, 1)))  # nn.Dropout knows only torch's own stream
        return passes(model, images, samples)


def over_rotation(
    draw: Callable[[Floats], Floats], x: ArrayLike, y: ArrayLike, degrees: Iterable[float]
) -> pd.DataFrame:
    """Return a row for every angle by which the images x (batch, side²) are turned.

    draw: images → logits (samples, batch, classes), such as `lambda x: chip.sample(x, 50, rng=0)`. Columns: degrees, images,
    errors; means over images [nat] and their standard errors: entropy (predictive), entropy_se, mutual_information,
    mutual_information_se; ece, the expected calibration error.
    """
    rows = []
    for angle in degrees:
        samples = softmax(draw(rotated(x, angle)))
        p, labels = _labelled(samples.mean(axis=0), y)
        n = len(labels)
        row = {
            "degrees": float(angle),
            "images": n,
            "errors": int((p.argmax(axis=1) != labels).sum()),
        }
        entropies = {
            "entropy": predictive_entropy(samples),
            "mutual_information": mutual_information(samples),
        }
        for name, values in entropies.items():
            error = float(values.std(ddof=1)) / n**0.5 if n > 1 else np.nan
            row |= {name: float(values.mean()), f"{name}_se": error}
        rows.append(row | {"ece": expected_calibration_error(p, labels)})
    return pd.DataFrame(rows)
