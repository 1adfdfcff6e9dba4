"""Whether a loss of accuracy is decided to be below or above a limit, at a stated confidence."""

import math
from collections.abc import Sequence
from enum import Enum

import numpy as np
from scipy.special import stdtrit


class Decision(Enum):
    """What the blocks of images that were read so far say about a value of an axis."""

    TOLERATED = "tolerated"
    BROKEN = "broken"
    UNRESOLVED = "not resolved"


#: After which share of the blocks a loss is looked at, and which part of the error probability
#: each look has. Early looks decide what is far from the limit, and leave most of it to the last.
LOOKS = ((0.4, 0.2), (0.7, 0.2), (1.0, 0.6))


def looks(blocks: int) -> dict[int, float]:
    """Return after how many blocks a loss is looked at, and each look's part of the error.

    Args:
        blocks: Number of blocks of images, at least 2.
    """
    found: dict[int, float] = {}
    for share, part in LOOKS:
        when = max(2, round(share * blocks))
        found[when] = found.get(when, 0.0) + part
    return found


def interval(losses: Sequence[float], size: int, tail: float) -> tuple[float, float]:
    """Return the one-sided lower and upper bounds of the mean loss of independent blocks.

    The loss of block k is d_k = (errors with the value − errors without it)/n on the same n images
    and the same chip. Every block has images and a chip of its own, so that the d_k of K blocks
    are independent, and their mean has a standard error s/√K with K − 1 degrees of freedom which
    holds the spread of images and of chips together (Student 1908). Where nearly all images are
    decided alike, s says little; the variance of the sum Σ n d_k is then taken to be at least
    Σ n |d_k| + 2, that of as many images whose decision changes (Agresti, Min 2005,
    doi:10.1002/sim.1781, who add half an image to each of four counts).

    Args:
        losses: d_k of the blocks read so far, at least two.
        size: Images n of a block.
        tail: Probability that each of the two bounds is on the wrong side.
    """
    d = np.asarray(losses, dtype=np.float64)
    count = len(d)
    variance = d.var(ddof=1) / count
    floor = (np.abs(d).sum() * size + 2) / (count * size) ** 2
    margin = float(stdtrit(count - 1, 1 - tail)) * math.sqrt(max(variance, floor))
    return float(d.mean()) - margin, float(d.mean()) + margin


def decide(
    losses: Sequence[float], size: int, *, loss: float, confidence: float, blocks: int
) -> Decision | None:
    """Return the decision after some blocks; None if the next block is needed first.

    The error probability 1 − confidence is shared by the looks (Bonferroni), so that the chance of
    a wrong decision at any of them is at most 1 − confidence.

    Args:
        losses: Losses of the blocks read so far, in their order; see `interval`.
        size: Images of a block.
        loss: Largest tolerated loss, as a share of the images.
        confidence: Confidence of the decision.
        blocks: Number of all blocks.
    """
    part = looks(blocks).get(len(losses))
    if part is None:
        return None
    low, high = interval(losses, size, (1 - confidence) * part)
    if high < loss:
        return Decision.TOLERATED
    if low >= loss:
        return Decision.BROKEN
    return Decision.UNRESOLVED if len(losses) == blocks else None
