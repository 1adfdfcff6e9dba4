"""Variances of a mean error: what images, chips and trainings add to it, and intervals of it.

The error rate p(t, c) of training t on chip c is a mean over test images. Its mean over T trainings
and C chips has three parts of variance: the images are a sample of all images, the chips one of all
chips, the trainings one of all trainings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaincinv, stdtrit

from devices.validation import Floats


@dataclass(frozen=True, kw_only=True)
class Components:
    """What chips and trainings add to the variance of a mean.

    Attributes:
        mean: The mean over trainings of the means over their chips.
        variance: Variance of the mean from chips and trainings, of which there are a few.
        freedom: Its degrees of freedom; infinite if the variance is 0.
        sd_chips: Standard deviation from chip to chip of one training; NaN for one chip each.
        sd_trainings: Standard deviation from training to training, without that of chips; NaN for
            one training.
    """

    mean: float
    variance: float
    freedom: float
    sd_chips: float
    sd_trainings: float


def components(values: Floats) -> Components:
    """Return what chips and trainings add to the variance of a mean, from an analysis of variance.

    The model has random effects of trainings, of chips, and of each chip for each training,

        p(t, c) = μ + a(t) + b(c) + (ab)(t, c),

    since chip c has the same seed in every training. Its variances come from mean squares (method
    of moments; Searle, Casella & McCulloch 1992, Variance Components, ch. 4): with M_t, M_c and
    M_tc those of trainings, chips and the rest, the mean has the variance

        (M_t + max(0, M_c − M_tc))/(T C).

    Where chips of different trainings have nothing in common, the second part is 0 on average, and
    what is left is the nested analysis, the variance between the trainings' means over T. One
    training leaves s²(chips)/C, one chip each s²(trainings)/T. If a chip is missing for some
    training, the nested analysis of the trainings' means is made.

    Args:
        values: p of every training (rows) and chip (columns); NaN where there is none.
    """
    means = np.nanmean(values, axis=1)
    mean = float(means.mean())
    trainings, chips = values.shape
    counts = np.isfinite(values).sum(axis=1)
    inside = float(np.nansum((values - means[:, None]) ** 2))
    freedom_inside = int((counts - 1).sum())
    within = inside / freedom_inside if freedom_inside else np.nan
    if trainings == 1:
        parts = [(within / chips, chips - 1.0)] if chips > 1 else []
        between = np.nan
    else:
        of_means = float(means.var(ddof=1))
        lost = within * float((1 / counts).mean()) if freedom_inside else 0.0
        between = float(np.sqrt(max(0.0, of_means - lost)))
        parts = [(of_means / trainings, trainings - 1.0)]
        if chips > 1 and (counts == chips).all():
            shared, rest = _of_chips(values, means)
            parts.append((max(0.0, shared - rest) / (trainings * chips), chips - 1.0))
    return Components(
        mean=mean,
        variance=sum(v for v, _ in parts),
        freedom=satterthwaite(parts),
        sd_chips=float(np.sqrt(within)),
        sd_trainings=between,
    )


def _of_chips(values: Floats, means: Floats) -> tuple[float, float]:
    """Return the mean squares of chips, and of the rest, of a full table."""
    trainings, chips = values.shape
    of_chips = values.mean(axis=0)
    shared = trainings * float(of_chips.var(ddof=1))
    rest = values - means[:, None] - of_chips + values.mean()
    return shared, float((rest**2).sum()) / ((trainings - 1) * (chips - 1))


def satterthwaite(parts: Sequence[tuple[float, float]]) -> float:
    """Return the degrees of freedom of a sum of variances (Welch 1947, Satterthwaite 1946).

    Satterthwaite 1946, Biometrics Bulletin 2, 110, doi:10.2307/3002019, eq. 17.

    Args:
        parts: Variance and degrees of freedom of each.

    Returns:
        Infinity if all variances are 0.
    """
    total = sum(v for v, _ in parts)
    if total == 0:
        return float("inf")
    return total**2 / sum(v**2 / f for v, f in parts if v > 0)


def quantile(parts: Sequence[tuple[float, float]], confidence: float) -> float:
    """Return the two-sided quantile of Student's t for a sum of variances.

    It is the mean of those of the parts, weighted by their variances: t = Σ V_i t(ν_i)/Σ V_i
    (Cochran 1964, Biometrics 20, 191, doi:10.2307/2528405). With two or three chips, intervals by
    Satterthwaite's degrees of freedom would cover less than they say, since a variance of few
    chips that is small by chance would count as one that is well known.

    Args:
        parts: Variance and degrees of freedom of each.
        confidence: Probability between minus and plus the quantile.
    """
    total = sum(v for v, _ in parts)
    return sum(v / total * float(stdtrit(f, (1 + confidence) / 2)) for v, f in parts if v > 0)


def effective_images(images: ArrayLike) -> float:
    """Return of how many images the mean of several error rates is worth, at least.

    All chips read the images in the same order, so that the first n of them are common to all that
    read n or more. If chips err on the same images, the variance of the mean is p (1 − p) times the
    mean over pairs of chips of 1/max(n_i, n_j). Anything else makes it smaller.

    Args:
        images: Images that each chip read.
    """
    n = np.asarray(images, dtype=float)
    return 1 / float((1 / np.maximum(n[:, None], n[None, :])).mean())


def bounds(
    p: float, images: float, variance: float, freedom: float, confidence: float
) -> tuple[float, float]:
    """Return the two-sided confidence interval of an error rate.

    It is the interval of Clopper and Pearson (1934, Biometrika 26, 404,
    doi:10.1093/biomet/26.4.404) for as many independent images as the standard error s is worth,
    n* = p (1 − p)/s², less a factor for the few degrees of freedom of s² (Korn & Graubard 1998,
    Survey Methodology 24, 193):

        n* ← n* (t_images/t)²,  low = B(α/2; p n*, n* − p n* + 1),
        high = B(1 − α/2; p n* + 1, n* − p n*)

    with B the quantile of the beta distribution, and t that of Student's distribution, see
    `quantile`. Without any variance from chips and trainings it is the interval of Clopper and
    Pearson for the images. Without an error it is 0 to 1 − (α/2)^(1/n), about 3.7/n at 95 %.

    Args:
        p: The error rate.
        images: Images n that it is worth.
        variance: Variance of the rate from chips and trainings.
        freedom: Degrees of freedom of this variance.
        confidence: Probability that the interval covers the true rate.
    """
    tail = (1 - confidence) / 2
    worth = images
    of_images = p * (1 - p) / images
    if of_images > 0 and variance > 0:
        of_many = max(images - 1, 1.0)
        few = quantile([(of_images, of_many), (variance, freedom)], confidence)
        worth = p * (1 - p) / (of_images + variance)
        worth *= (float(stdtrit(of_many, 1 - tail)) / few) ** 2
    wrong, right = p * worth, (1 - p) * worth
    low = 0.0 if wrong == 0 else float(betaincinv(wrong, right + 1, tail))
    high = 1.0 if right == 0 else float(betaincinv(wrong + 1, right, 1 - tail))
    return low, high
