"""Least squares: scipy as the oracle, standard errors between cells."""

import numpy as np
import pytest
from scipy import optimize

from devices.fitting.least_squares import fit_cells, minimized

X = np.linspace(0, 4, 200)


def residuals(theta):
    return theta[0] * np.exp(-theta[1] * X) + theta[2] - Y


Y = 2 * np.exp(-1.3 * X) + 0.5 + 0.05 * np.sin(17 * X)


@pytest.mark.parametrize("high", [[9.0, 9.0, 9.0], [1.5, 9.0, 9.0], [9.0, 9.0, 0.3]])
def test_the_minimum_is_that_of_scipy(high):
    start, low = np.array([1.0, 0.2, 0.0]), np.array([0.0, 0.1, -1.0])
    oracle = optimize.least_squares(residuals, start, bounds=(low, high), xtol=1e-14, ftol=1e-14)
    found, jacobian = minimized(residuals, start, low, np.array(high))
    np.testing.assert_allclose(found, oracle.x, rtol=1e-3)
    assert np.sum(residuals(found) ** 2) <= 2 * oracle.cost * (1 + 1e-6)
    np.testing.assert_allclose(jacobian[:, 0], np.exp(-found[1] * X), rtol=1e-4)


def test_standard_errors_are_those_between_cells(rng):
    # Each cell has its own slope: the error of the common one is their spread over √cells.
    x = np.linspace(-1, 1, 9)[:, None]
    y = (2 + 0.5 * rng.standard_normal(200)) * x + 0.01 * rng.standard_normal((9, 200))
    y[3, ::7] = np.nan
    fit = fit_cells(
        lambda theta: y - theta[0] * x, np.zeros(1), np.array([-9.0]), np.array([9.0]), 1600
    )
    assert fit.theta[0] == pytest.approx(2, abs=5 * 0.5 / np.sqrt(200))
    assert np.sqrt(fit.covariance[0, 0]) == pytest.approx(0.5 / np.sqrt(200), rel=0.2)
    assert fit.effective > 3  # the values of a cell count as few
