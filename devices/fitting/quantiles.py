"""Quantiles of measured values beside those of a normal law, for Q–Q figures."""

import numpy as np

from devices.special import ndtri
from devices.validation import Floats

_PROBABILITIES = np.arange(1, 100) / 100


def normal_quantiles() -> Floats:
    """Return the standard normal quantiles of the probabilities 0.01, 0.02, …, 0.99."""
    return np.asarray(ndtri(_PROBABILITIES))


def own_quantiles(values: Floats) -> Floats:
    """Return the quantiles of values in their standard deviations, at `normal_quantiles`.

    Args:
        values: Measured values; NaN where one is missing.
    """
    known = values[np.isfinite(values)]
    return np.asarray(np.quantile((known - known.mean()) / known.std(), _PROBABILITIES))
