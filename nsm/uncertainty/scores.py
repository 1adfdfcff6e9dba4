"""Entropies and scores of class probabilities.

Arguments that several functions share: `p`, class probabilities (..., classes), each in [0, 1] with
Σ p = 1; `samples`, such probabilities (samples, batch, classes) of noisy passes, made from logits
by `nsm.nn.inference.softmax`; `y`, class numbers (batch,). Entropies are in nats.
"""

import numpy as np
from numpy.typing import ArrayLike

from devices.validation import array
from nsm.nn.inference import Floats
from nsm.uncertainty.checks import probabilities, with_labels


def entropy(p: ArrayLike) -> Floats:
    """Return H = −Σ_c p_c ln p_c [nat] over the last axis.

    It is 0 for a certain class, and ln n for n equally probable ones.
    """
    from scipy.special import entr

    return np.asarray(entr(np.minimum(probabilities("p", p), 1)).sum(axis=-1))


def predictive_entropy(samples: ArrayLike) -> Floats:
    """Return the entropy [nat] of the mean over samples, (batch,).

    It is the total uncertainty: that of the data and that of the network.
    """
    return entropy(probabilities("samples", samples, 3).mean(axis=0))


def expected_entropy(samples: ArrayLike) -> Floats:
    """Return the mean over samples of each sample's entropy [nat], (batch,).

    It is the uncertainty within a single pass.
    """
    return np.asarray(entropy(probabilities("samples", samples, 3)).mean(axis=0))


def mutual_information(samples: ArrayLike) -> Floats:
    """Return I = H[mean p] − mean H[p] ≥ 0 [nat], (batch,): the disagreement between passes.

    It is known as BALD (Houlsby et al. 2011, arXiv 1112.5745, eq. 2). Few samples make it too low,
    to first order by at most (classes − 1)/(2 · samples).
    """
    difference = predictive_entropy(samples) - expected_entropy(samples)
    return np.maximum(difference, 0)  # only rounding makes it negative


def negative_log_likelihood(p: ArrayLike, y: ArrayLike) -> float:
    """Return the mean of −ln p_y [nat] over the images; infinite if a label has probability 0."""
    values, labels = with_labels(p, y)
    with np.errstate(divide="ignore"):
        return float(-np.log(values[np.arange(len(values)), labels]).mean())


def brier_score(p: ArrayLike, y: ArrayLike) -> float:
    """Return the mean of Σ_c (p_c − [c = y])² over the images, in [0, 2].

    Brier 1950, Mon. Weather Rev. 78, 1.
    """
    values, labels = with_labels(p, y)
    return float(((values - np.eye(values.shape[1])[labels]) ** 2).sum(axis=1).mean())


def auroc(usual: ArrayLike, unusual: ArrayLike) -> float:
    """Return the area under the ROC curve of a score that shall be larger for unusual images.

    It is the probability that a random unusual image has the larger score than a random usual one,
    ties counted half: ½ by chance, 1 for scores that tell them apart (Hanley and McNeil 1982,
    doi:10.1148/radiology.143.1.7063747): (R − m (m + 1)/2)/(n m), R the sum of the unusual images'
    ranks among all.

    Args:
        usual: Scores of usual images, such as their predictive entropies, (n,).
        unusual: Scores of unusual ones, (m,).
    """
    from scipy.stats import rankdata

    one = array("usual", usual, ndim=1)
    other = array("unusual", unusual, ndim=1)
    for name, scores in (("usual", one), ("unusual", other)):
        if not scores.size:
            raise ValueError(f"{name} has no scores; give at least one")
    m = len(other)
    ranks = rankdata(np.concatenate([one, other]))[len(one) :].sum()
    return float((ranks - m * (m + 1) / 2) / (len(one) * m))
