"""Whether fits to synthetic data are without bias, and their intervals hold the truth."""

import numpy as np

# Share of intervals that may hold the truth: 95 % within this many standard errors of the count.
COVERAGE = 0.95
STANDARD_ERRORS = 4.0


def assert_covered(fits, true, *, bias=2.0):
    """Assert that estimates have no bias and that their 95 % intervals hold the truth.

    The mean error may be 2 standard errors of a single fit over √n, times two for the number of
    names that are tested; the share of intervals that hold the truth lies within four standard
    errors of 95 %, by a binomial law, over all names together.

    Args:
        fits: Fits to independent measurements of the same truth.
        true: True numbers by the name of the estimate.
        bias: Bound on the mean error in standard errors of the mean; doubled.
    """
    held = []
    for name, truth in true.items():
        estimates = [fit.estimates[name] for fit in fits]
        value = np.array([e.value for e in estimates])
        error = np.array([e.error for e in estimates])
        off = abs(value.mean() - truth) / max(value.std(ddof=1), error.mean()) * np.sqrt(len(fits))
        assert off < 2 * bias, f"{name}: {value.mean():.4g}, not {truth:.4g} ({off:.1f} errors)"
        held += [low <= truth <= high for low, high in (e.interval() for e in estimates)]
    count = len(held)
    slack = STANDARD_ERRORS * np.sqrt(COVERAGE * (1 - COVERAGE) / count)
    assert COVERAGE - slack <= np.mean(held), f"{np.mean(held):.3f} of {count} intervals hold"
