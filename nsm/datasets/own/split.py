"""Images kept for test where the data does not say which."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


def stratified(
    labels: NDArray[np.int64], names: Sequence[str], fraction: float, seed: int
) -> tuple[Indices, Indices]:
    """Return the indices of training and test images, each in ascending order.

    Of every class with n images, round(`fraction` · n) are drawn for test without replacement: at
    least one, and at least one is left for training.

    Args:
        labels: (n,), from 0.
        names: names of the classes.
        fraction: Share of the images that is kept for test, in (0, 1).
        seed: The same seed draws the same images.

    Raises:
        ValueError: A class has fewer than two images.
    """
    rng = np.random.default_rng(seed)
    is_test = np.zeros(len(labels), bool)
    for number, name in enumerate(names):
        members = np.flatnonzero(labels == number)
        if len(members) < 2:
            raise ValueError(
                f"class {name!r} has {len(members)} images, too few to keep one for test; "
                "add images, or give a test set"
            )
        count = min(max(round(fraction * len(members)), 1), len(members) - 1)
        is_test[rng.permutation(members)[:count]] = True
    return np.flatnonzero(~is_test), np.flatnonzero(is_test)
