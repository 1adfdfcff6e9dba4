"""Clipped and rectified normal variables: quadrature, limits, and samples."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import multivariate_normal, norm

from devices.clipped import clipped_deviation, rectified_covariance, rectified_moments
from tests.helpers.statistics import assert_mean


def expected(f):
    """Return E f(Z) for a standard normal Z."""
    kinks = np.linspace(-12, 12, 97)
    return sum(
        quad(lambda z: f(z) * norm.pdf(z), a, b, epsabs=1e-14)[0] for a, b in pairwise(kinks)
    )


@pytest.mark.parametrize("mean", [-1.0, 0.2, 3.0])
@pytest.mark.parametrize("sigma", [0.05, 0.7, 4.0])
def test_deviations_of_a_clipped_normal_are_those_of_quadrature(mean, sigma):
    def off(z):
        return np.clip(mean + sigma * z, 0, 1) - 0.3

    found = clipped_deviation(mean, sigma, 0, 1, reference=0.3)
    np.testing.assert_allclose(found.mean, expected(off), atol=1e-7)
    np.testing.assert_allclose(found.square, expected(lambda z: off(z) ** 2), atol=1e-7)


def test_without_spread_a_clipped_variable_is_its_clipped_mean():
    found = clipped_deviation(np.array([-1, 0, 0.4, 1, 2]), 0.0, 0, 1, reference=0.1)
    np.testing.assert_allclose(found.mean, [-0.1, -0.1, 0.3, 0.9, 0.9], atol=1e-15)
    np.testing.assert_allclose(found.square, found.mean**2, atol=1e-15)


@pytest.mark.parametrize("sigma", [0.01, 0.3, 0.84, 3.0])
def test_moments_of_a_rectified_normal_are_those_of_quadrature(sigma):
    mean, variance = rectified_moments(sigma)
    by_hand = expected(lambda z: max(1 + sigma * z, 0))
    np.testing.assert_allclose(mean, by_hand, atol=1e-7)
    square = expected(lambda z: (max(1 + sigma * z, 0) - by_hand) ** 2)
    np.testing.assert_allclose(variance, square, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("sigma", [0.0, 0.01, 0.84, 3.0])
def test_covariance_of_rectified_normals_at_its_limits(sigma):
    _, variance = rectified_moments(sigma)
    np.testing.assert_allclose(rectified_covariance(sigma, 1.0), variance, rtol=1e-9, atol=1e-15)
    np.testing.assert_allclose(rectified_covariance(sigma, 0.0), 0, atol=1e-12)
    assert rectified_covariance(np.array([sigma] * 3), 0.5).shape == (3,)


@pytest.mark.parametrize("correlation", [0.1, 0.5, 0.95])
def test_covariance_of_rectified_normals_is_that_of_samples(correlation, rng):
    x, y = multivariate_normal([0, 0], [[1, correlation], [correlation, 1]]).rvs(200_000, rng).T
    for sigma in (0.3, 0.84, 2.0):
        mean, _ = rectified_moments(sigma)
        a, b = (np.maximum(1 + sigma * z, 0) - mean for z in (x, y))
        assert_mean(a * b, rectified_covariance(sigma, correlation))
