"""How well a network knows its own errors: entropies, calibration, scores, Monte-Carlo dropout.

Arguments that several functions share: `p`, class probabilities (..., classes), each in [0, 1] with
Σ p = 1; `samples`, such probabilities (samples, batch, classes) of noisy passes, made from logits
by `nsm.nn.inference.softmax`; `y`, class numbers (batch,). Entropies are in nats.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import nn

from devices.arguments import listed
from devices.seeding import RNG, child, generator, seed_number, seed_sequence
from devices.validation import array, integer, number, shortened
from nsm.nn.inference import (
    Floats,
    Labels,
    check_labels,
    check_model,
    evaluating,
    output_shape,
    passes,
    softmax,
    some_images,
)
from nsm.nn.stochastic import reseed, seed_torch

# pandas and scipy are imported in the functions that use them: `import nsm` stays fast.
if TYPE_CHECKING:
    import pandas as pd

CALIBRATION_BINS = 15  # as in Guo et al. 2017
_ROUNDING = 1e-5  # largest error of Σ p, for probabilities that were computed in float32
_DROPOUTS = (
    nn.Dropout,
    nn.Dropout1d,
    nn.Dropout2d,
    nn.Dropout3d,
    nn.AlphaDropout,
    nn.FeatureAlphaDropout,
)


class Stream(IntEnum):
    """The random streams of Monte-Carlo dropout."""

    NOISE = 0
    DROPOUT = 1


def _probabilities(name: str, p: ArrayLike, ndim: int | None = None) -> Floats:
    """Return probabilities as an array, or raise ValueError."""
    values = array(name, p, ndim=ndim)
    if values.ndim == 0 or values.size == 0:
        raise ValueError(
            f"{name} has shape {values.shape}; give (..., classes), at least one number"
        )
    low = values.min()
    high = values.max()
    off = np.abs(values.sum(axis=-1) - 1).max()
    if low < 0 or high > 1 + _ROUNDING or off > _ROUNDING:
        raise ValueError(
            f"{name} holds numbers from {low:g} to {high:g} whose sums over classes are off 1 by "
            f"up to {off:g}; give probabilities (nsm.nn.inference.softmax makes them of logits)"
        )
    return values


def entropy(p: ArrayLike) -> Floats:
    """Return H = −Σ_c p_c ln p_c [nat] over the last axis.

    It is 0 for a certain class, and ln n for n equally probable ones.
    """
    from scipy.special import entr

    return np.asarray(entr(np.minimum(_probabilities("p", p), 1)).sum(axis=-1))


def predictive_entropy(samples: ArrayLike) -> Floats:
    """Return the entropy [nat] of the mean over samples, (batch,).

    It is the total uncertainty: that of the data and that of the network.
    """
    return entropy(_probabilities("samples", samples, 3).mean(axis=0))


def expected_entropy(samples: ArrayLike) -> Floats:
    """Return the mean over samples of each sample's entropy [nat], (batch,).

    It is the uncertainty within a single pass.
    """
    return np.asarray(entropy(_probabilities("samples", samples, 3)).mean(axis=0))


def mutual_information(samples: ArrayLike) -> Floats:
    """Return I = H[mean p] − mean H[p] ≥ 0 [nat], (batch,): the disagreement between passes.

    It is known as BALD (Houlsby et al. 2011, arXiv 1112.5745, eq. 2). Few samples make it too low,
    to first order by at most (classes − 1)/(2 · samples).
    """
    difference = predictive_entropy(samples) - expected_entropy(samples)
    return np.maximum(difference, 0)  # only rounding makes it negative


def negative_log_likelihood(p: ArrayLike, y: ArrayLike) -> float:
    """Return the mean of −ln p_y [nat] over the images; infinite if a label has probability 0."""
    values, labels = _with_labels(p, y)
    with np.errstate(divide="ignore"):
        return float(-np.log(values[np.arange(len(values)), labels]).mean())


def brier_score(p: ArrayLike, y: ArrayLike) -> float:
    """Return the mean of Σ_c (p_c − [c = y])² over the images, in [0, 2].

    Brier 1950, Mon. Weather Rev. 78, 1.
    """
    values, labels = _with_labels(p, y)
    return float(((values - np.eye(values.shape[1])[labels]) ** 2).sum(axis=1).mean())


def _with_labels(p: ArrayLike, y: ArrayLike) -> tuple[Floats, Labels]:
    """Return probabilities (batch, classes) and their labels, or raise ValueError."""
    values = _probabilities("p", p, 2)
    labels = check_labels(y, *values.shape)
    return values, labels


@dataclass(frozen=True)
class _Binned:
    """Images sorted into bins of confidence.

    Attributes:
        index: Bin of every image, (n,).
        confidence: Probability of its most probable class, (n,).
        correct: 1 where this class is right, else 0, (n,).
        bins: Number of bins.
    """

    index: NDArray[np.intp]
    confidence: Floats
    correct: Floats
    bins: int

    def error(self, weight: Floats | float, correct: Floats) -> float:
        """Return Σ_m |Σ_{i in m} weight_i (correct_i − confidence_i)|/n: the ECE if all are 1."""
        gaps = np.bincount(self.index, weight * (correct - self.confidence), self.bins)
        return float(np.abs(gaps).sum() / len(self.index))


def _binned(p: ArrayLike, y: ArrayLike, bins: int) -> _Binned:
    """Sort images into bins (low, high] of equal width."""
    values, labels = _with_labels(p, y)
    edges = np.linspace(0, 1, integer("bins", bins, at_least=1) + 1)
    confidence = np.minimum(values.max(axis=1), 1)
    index = np.searchsorted(edges, confidence) - 1  # first bin whose upper edge is not below
    correct = (values.argmax(axis=1) == labels).astype(float)
    return _Binned(index, confidence, correct, bins)


def reliability_table(
    p: ArrayLike, y: ArrayLike, *, bins: int = CALIBRATION_BINS
) -> "pd.DataFrame":
    """Return the reliability diagram as a table (Guo et al. 2017, arXiv 1706.04599).

    Args:
        p: (batch, classes).
        y: Class numbers, (batch,).
        bins: Number of bins (low, high] of equal width.

    Returns:
        A row for every bin that holds an image. Columns: low and high, the edges; images;
        confidence, the mean of max_c p_c; accuracy, the fraction of right classes; gap, accuracy −
        confidence, which is negative where the network is overconfident.
    """
    import pandas as pd

    b = _binned(p, y, bins)
    images = np.bincount(b.index, minlength=bins)
    used = np.flatnonzero(images)
    confidence = np.bincount(b.index, b.confidence, bins)[used] / images[used]
    accuracy = np.bincount(b.index, b.correct, bins)[used] / images[used]
    return pd.DataFrame(
        {
            "low": used / bins,
            "high": (used + 1) / bins,
            "images": images[used],
            "confidence": confidence,
            "accuracy": accuracy,
            "gap": accuracy - confidence,
        }
    )


def expected_calibration_error(
    p: ArrayLike, y: ArrayLike, *, bins: int = CALIBRATION_BINS
) -> float:
    """Return ECE = Σ_m n_m/n |accuracy_m − confidence_m|, in [0, 1] (Guo et al. 2017, eq. 3).

    `calibration` adds its standard error and the value that a calibrated network would have.

    Args:
        p: Class probabilities, (batch, classes).
        y: Class numbers, (batch,).
        bins: Number of bins m of the confidence; default 15.
    """
    b = _binned(p, y, bins)
    return b.error(1.0, b.correct)


class Calibration(NamedTuple):
    """An expected calibration error beside the one that a calibrated network would show by chance.

    Attributes:
        ece: Expected calibration error, in [0, 1].
        standard_error: Its standard error, by bootstrap over images.
        if_calibrated: Mean ECE of calibrated networks with these confidences on as many images. It
            is not 0, because every bin has a counting error.
        p_value: Fraction of such calibrated networks with at least this ECE.
    """

    ece: float
    standard_error: float
    if_calibrated: float
    p_value: float


def calibration(
    p: ArrayLike,
    y: ArrayLike,
    *,
    bins: int = CALIBRATION_BINS,
    resamples: int = 1000,
    rng: RNG = None,
) -> Calibration:
    """Return the expected calibration error with its standard error and its value by chance.

    The bootstrap draws images with replacement. By chance, image i is right with probability
    confidence_i (consistency resampling, Bröcker and Smith 2007, doi:10.1175/WAF993.1). An ECE near
    `if_calibrated` is compatible with a calibrated network.

    Args:
        p: (batch, classes).
        y: Class numbers, (batch,).
        bins: Number of bins of equal width.
        resamples: Resamples for either estimate, at least 2.
        rng: A seed, a Generator or None.
    """
    b = _binned(p, y, bins)
    n = len(b.index)
    draw = generator(rng)
    repeats = range(integer("resamples", resamples, at_least=2))
    again = [
        b.error(np.bincount(draw.integers(n, size=n), minlength=n).astype(float), b.correct)
        for _ in repeats
    ]
    by_chance = np.array(
        [b.error(1.0, (draw.random(n) < b.confidence).astype(float)) for _ in repeats]
    )
    ece = b.error(1.0, b.correct)
    # The observed value counts as one of them, so that the p-value is never 0.
    p_value = (1 + int((by_chance >= ece).sum())) / (1 + resamples)
    return Calibration(ece, float(np.std(again, ddof=1)), float(by_chance.mean()), p_value)


def rotated(x: ArrayLike, degrees: float) -> Floats:
    """Return square images turned anticlockwise about their center, with linear interpolation.

    Pixels from outside the image are 0; pixels that leave it are lost.

    Args:
        x: Flat images (batch, side²), pixels in [0, 1].
        degrees: Angle [degrees].

    Returns:
        The same shape, in [0, 1].
    """
    from scipy.ndimage import rotate

    images = array("x", x, ndim=2, truth_values=True)
    side = round(images.shape[1] ** 0.5)
    if side == 0 or side**2 != images.shape[1]:
        raise ValueError(
            f"x has {images.shape[1]} pixels an image, which is no square; "
            "give flat images of side × side"
        )
    if images.size and (images.min() < 0 or images.max() > 1):
        raise ValueError(
            f"x holds pixels from {images.min():g} to {images.max():g}; scale them to [0, 1] first"
        )
    angle = number("degrees", degrees, unit="degrees")
    turned = rotate(images.reshape(-1, side, side), angle, axes=(2, 1), reshape=False, order=1)
    return np.clip(turned, 0, 1).reshape(images.shape)


def mc_dropout(model: nn.Module, x: ArrayLike, samples: int, *, rng: RNG = None) -> Floats:
    """Return logits of passes with dropout on and every other layer in `eval()`.

    The mean softmax over such passes is the prediction of an approximately Bayesian network (Gal
    and Ghahramani 2016, arXiv 1506.02142, eq. 6). Every pass draws a fresh mask for every image.
    Torch's own stream and the mode of every layer are left as they were.

    Args:
        model: A network with dropout.
        x: (batch, inputs), finite.
        samples: Number of passes.
        rng: A seed, a Generator or None; the same seed gives the same draws.

    Returns:
        (samples, batch, classes).

    Raises:
        ValueError: If no layer has dropout with p > 0.
    """
    integer("samples", samples, at_least=1)
    check_model(model)
    checked = some_images("x", x, "to read")
    images = torch.as_tensor(checked, dtype=next(model.parameters()).dtype)
    dropouts = [m for m in model.modules() if isinstance(m, _DROPOUTS) and m.p > 0]
    if not dropouts:
        raise ValueError(
            "the model has no dropout layer with p > 0, so that every pass would be the same; give "
            "one, such as nsm.relu_mlp(dropout=0.5), or sample a stochastic network by "
            "nsm.nn.inference.sample"
        )
    seed = seed_sequence(rng)
    reseed(model, child(seed, Stream.NOISE))
    with evaluating(model), torch.random.fork_rng():
        for layer in dropouts:
            layer.train()
        # nn.Dropout draws from torch's own stream only.
        seed_torch(seed_number(child(seed, Stream.DROPOUT)))
        try:
            return passes(model, images, samples)
        except (RuntimeError, IndexError):
            output_shape(model, checked)  # which says that the network does not take these images
            raise


def over_rotation(
    draw: Callable[[Floats], Floats], x: ArrayLike, y: ArrayLike, degrees: Iterable[float]
) -> "pd.DataFrame":
    """Return uncertainty and errors on images that are turned by several angles.

    Args:
        draw: Takes images and returns logits (samples, batch, classes), such as
            `lambda x: chip.sample(x, 50, rng=0)`.
        x: Flat square images (batch, side²), pixels in [0, 1].
        y: Class numbers, (batch,).
        degrees: Angles [degrees].

    Returns:
        A row for every angle. Columns: degrees; images; errors; means over images [nat] with their
        standard errors: entropy (the predictive one), entropy_se, mutual_information,
        mutual_information_se; ece, the expected calibration error.
    """
    import pandas as pd

    if not callable(draw):
        raise ValueError(
            f"draw = {shortened(draw)} cannot be called; give a function of images that returns "
            "logits (samples, batch, classes)"
        )
    angles = listed("degrees", degrees, "a list of angles")
    if not angles:
        raise ValueError("degrees is empty; give at least one angle")
    rows = []
    for angle in angles:
        samples = softmax(array("result of draw", draw(rotated(x, angle)), ndim=3))
        p, labels = _with_labels(samples.mean(axis=0), y)
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
