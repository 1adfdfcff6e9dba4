"""Bounds in standard errors: how far a sample may be from theory."""

import numpy as np

# P(|Z| > 5) = 6e-7, so of a thousand such bounds one fails by chance in one of 1,700 seeds.
STANDARD_ERRORS = 5.0


def assert_mean(sample, expected):
    """Assert that the mean over axis 0 is within 5 standard errors of theory.

    A sample that does not vary must equal theory to 1e-12.
    """
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
    """Assert that the variance over axis 0 is within 5 standard errors of theory.

    It is tested as the mean of (x − mean)², which holds for any distribution of x.
    """
    sample = np.asarray(sample, dtype=float)
    center = sample.mean(axis=0) if mean is None else mean
    assert_mean((sample - center) ** 2, expected)


def assert_covariance(a, b, expected):
    """Assert that the covariance of two samples is within 5 standard errors of theory."""
    assert_mean((a - a.mean(axis=0)) * (b - b.mean(axis=0)), expected)


def assert_frequency(hits, n, p):
    """Assert that `hits` in `n` independent trials are within 5 standard errors of n p."""
    assert 0 < p < 1
    z = (np.asarray(hits) - n * p) / np.sqrt(n * p * (1 - p))
    assert (np.abs(z) <= STANDARD_ERRORS).all(), (
        f"{hits} of {n} is {np.max(np.abs(z)):.1f} standard errors from p = {p:.4f}"
    )


def row_with_margin(rng, z, margin):
    """Return a random row of weights w with w·z/‖w‖ = margin.

    The argument of the error function in eq. 4 is then margin · β. Weights are normal, clipped at ±
    2.5 so that they fit into a range of about ± 3.
    """
    n = len(z)
    w = np.clip(rng.standard_normal(n), -2.5, 2.5)
    w -= (w @ z) / n * z
    return w + margin * np.linalg.norm(w) / np.sqrt(n * (n - margin**2)) * z
