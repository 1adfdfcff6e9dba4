"""Input lines that hardly ever change: together they act as one large bias."""

import numpy as np
from numpy.typing import NDArray

from nsm.learning.gradient import Singles


def changing_lines(x: Singles, share: float) -> NDArray[np.bool_]:
    """Return which input lines differ from their most frequent value in more than a share of x.

    On the other lines, such as the margins of images coded ±1, every sample asks for the same
    change of an output's weights. Together they act as one bias, whose learning rate is that of a
    weight times the number of these lines.

    Args:
        x: Inputs of the first layer, (images, inputs).
        share: Share of the images, in [0, 1); at 0 only lines that never change are left out.
    """
    ordered = np.sort(x, axis=0)
    # The longest run of equal values in a sorted column is its most frequent value.
    changing = np.empty(x.shape[1], dtype=bool)
    for j in range(x.shape[1]):
        starts = np.flatnonzero(np.diff(ordered[:, j], prepend=np.nan) != 0)
        runs = np.diff(np.append(starts, len(x)))
        changing[j] = len(x) - runs.max() > share * len(x)
    return changing
