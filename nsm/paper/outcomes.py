"""Which test images were wrong, in the results of `nsm.paper.run`."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nsm.statistics import Runs


def wrong_key(key: str) -> str:
    """Return the name under which results hold the wrong images of an error."""
    return key.replace("error", "wrong", 1)


def runs_of(results: Sequence[Mapping[str, Any]], key: str = "error") -> Runs:
    """Return the test errors of all trainings of one network.

    Args:
        results: One per training. Under `wrong_key(key)` they hold the numbers of the images that
            were wrong; results of earlier versions do not.
        key: Name of the error.
    """
    images = int(results[0]["images"][1])
    wrong = None
    if all(wrong_key(key) in r for r in results):
        wrong = np.zeros((len(results), images))
        for row, r in zip(wrong, results, strict=True):
            row[r[wrong_key(key)]] = 1
    return Runs([float(r[key]) for r in results], images, wrong)
