"""Calibration: how often a network is right that says it is p % sure."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from devices.seeding import RNG, generator
from devices.validation import integer
from nsm.nn.inference import Floats
from nsm.uncertainty.checks import with_labels

# pandas is imported in the function that uses it: `import nsm` stays fast.
if TYPE_CHECKING:
    import pandas as pd

CALIBRATION_BINS = 15  # as in Guo et al. 2017


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
    values, labels = with_labels(p, y)
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
