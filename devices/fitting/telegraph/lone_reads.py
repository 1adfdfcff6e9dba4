"""Reads that stand alone far away from all others: glitches of the instrument, and no level.

A chain with normal noise explains even a single far-off read by a level of its own, or by noise so
wide that the true levels vanish in it. A level of telegraph noise is entered again and again, so
that its reads are near each other.
"""

import numpy as np

from devices.fitting.screening import FAR_OFF, robust_deviation
from devices.validation import Floats

#: Most groups above the others, and below them, as a share of the reads.
_MOST_GROUPS = 1e-3


def are_lone(g: Floats) -> np.ndarray:
    """Return which reads stand alone.

    These are the outermost read on either side, or two that follow each other, if the gap to the
    next one is more than 8 standard deviations of the noise from read to read. What remains is
    looked at again, up to a thousandth of the reads. The noise is that of the differences of
    consecutive reads, most of which cross no level, in the robust way (median absolute deviation).

    Args:
        g: Conductances of consecutive reads [S], (reads,); NaN where one is missing.

    Returns:
        True for each read that stands alone, (reads,); all False if most reads are the same.
    """
    alone = np.zeros(g.shape, dtype=bool)
    known = np.flatnonzero(np.isfinite(g))
    order = known[np.argsort(g[known], kind="stable")]
    noise = float(robust_deviation(np.diff(g[known]))[0]) / np.sqrt(2)
    if noise == 0:
        return alone
    wide = np.diff(g[order]) > FAR_OFF * noise
    groups = max(1, int(_MOST_GROUPS * len(order)))
    below, above = _outer(order, wide, groups), _outer(order[::-1], wide[::-1], groups)
    alone[order[:below]] = True
    alone[order[len(order) - above :]] = True
    return alone


def _outer(order: np.ndarray, wide: np.ndarray, groups: int) -> int:
    """Return how many of the first values stand alone.

    Args:
        order: Their numbers in time, the outermost value first.
        wide: Whether the gap from each to the next is wide.
        groups: Most groups that are looked for.
    """
    first = 0
    for _ in range(groups):
        if wide[first : first + 1].any():
            first += 1
        elif wide[first + 1 : first + 2].any() and abs(order[first] - order[first + 1]) == 1:
            first += 2
        else:
            break
    return first
