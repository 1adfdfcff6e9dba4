"""z-tests: how far a sample may be from theory, in standard errors."""

import numpy as np

STANDARD_ERRORS = 5.0  # P(|Z| > 5) = 6e-7: a thousand such bounds fail by chance once in 1,700 choices of the seed


def assert_mean(sample, expected):
    """Mean over axis 0 within 5 standard errors of theory; a sample that does not vary must equal it to 1e-12."""
    sample = np.asarray(sample, dtype=float)
    spread = sample.std(axis=0)
    fixed = spread <= 1e-12 * np.abs(sample).max(initial=0)
    bound = np.where(
        fixed, 1e-12 * np.abs(expected), STANDARD_ERRORS * spread / np.sqrt(len(sample))
    )
    off = np.abs(sample.mean(axis=0) - expected)
    assert (off <= bound).all(), (
        f"off by {np.max(off / np.maximum(bound, 1e-300)) * STANDARD_ERRORS:.1f} standard errors"
    )


def assert_variance(sample, expected, mean=None):
    """Variance over axis 0 within 5 standard errors of theory: the mean of (x - mean)^2, whatever the law of x."""
    sample = np.asarray(sample, dtype=float)
    centre = sample.mean(axis=0) if mean is None else mean
    assert_mean((sample - centre) ** 2, expected)


def assert_covariance(a, b, expected):
    """Covariance of two samples within 5 standard errors of theory."""
    assert_mean((a - a.mean(axis=0)) * (b - b.mean(axis=0)), expected)


def assert_frequency(hits, n, p):
    """A count of `hits` in `n` independent trials within 5 standard errors of n p."""
    assert 0 < p < 1
    z = (np.asarray(hits) - n * p) / np.sqrt(n * p * (1 - p))
    assert (np.abs(z) <= STANDARD_ERRORS).all(), (
        f"{hits} of {n} is {np.max(np.abs(z)):.1f} standard errors from p = {p:.4f}"
    )


def row_with_margin(rng, z, margin):
    """A normal row of weights w, cut at 3, with w·z/‖w‖ = margin: eq. 4 gives it the argument margin · β."""
    n = len(z)
    w = np.clip(rng.standard_normal(n), -2.5, 2.5)
    w -= (w @ z) / n * z
    return w + margin * np.linalg.norm(w) / np.sqrt(n * (n - margin**2)) * z
