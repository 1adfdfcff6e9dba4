"""Monotone cubic interpolation: that of scipy between the knots, constant beyond, no overshoot."""

import numpy as np
import pytest
from scipy.interpolate import PchipInterpolator

from devices.interpolation import MonotoneCubic

TABLES = {
    "two knots": ((1.0, 3.0), (2.0, -1.0)),
    "rising": ((0.0, 1.0, 1.5, 4.0), (0.0, 1.0, 1.1, 9.0)),
    "turning": ((0.0, 1.0, 2.0, 5.0, 6.0), (1.0, 4.0, 4.0, 0.0, 2.0)),
    "end overshoots": ((0.0, 1.0, 1.1), (0.0, 1.0, -9.0)),
    "flat": ((0.0, 1.0, 2.0), (3.0, 3.0, 3.0)),
    "siemens": ((1e-6, 3e-6, 1e-5, 5e-5), (1e-8, 9e-8, 2e-8, 3e-8)),
}


@pytest.mark.parametrize(("knots", "values"), TABLES.values(), ids=TABLES)
def test_the_curve_and_its_slope_are_those_of_scipy(knots, values):
    x = np.linspace(knots[0], knots[-1], 301)
    expected = PchipInterpolator(knots, values)
    curve = MonotoneCubic(knots, values)
    size = np.abs(values).max()
    np.testing.assert_allclose(curve(x), expected(x), rtol=1e-12, atol=1e-14 * size)
    steepest = np.abs(expected(x, 1)).max()
    np.testing.assert_allclose(curve.slope(x), expected(x, 1), rtol=1e-11, atol=1e-13 * steepest)


def test_random_tables_agree_with_scipy_and_never_overshoot(rng):
    for _ in range(50):
        knots = np.cumsum(rng.uniform(0.1, 2, 8))
        values = rng.standard_normal(8)
        x = rng.uniform(knots[0], knots[-1], 400)
        found = MonotoneCubic(tuple(knots), tuple(values))(x)
        np.testing.assert_allclose(found, PchipInterpolator(knots, values)(x), atol=1e-13)
        k = np.searchsorted(knots, x) - 1
        low = np.minimum(values[k], values[k + 1])
        high = np.maximum(values[k], values[k + 1])
        assert (found >= low - 1e-14).all()
        assert (found <= high + 1e-14).all()


@pytest.mark.parametrize(("knots", "values"), TABLES.values(), ids=TABLES)
def test_it_is_constant_beyond_the_ends_and_exact_at_the_knots(knots, values):
    curve = MonotoneCubic(knots, values)
    below, above = knots[0] - 1.0, knots[-1] + 1.0
    np.testing.assert_array_equal(curve([below, above]), [values[0], curve(knots[-1])])
    np.testing.assert_array_equal(curve.slope([below, above]), 0)
    np.testing.assert_allclose(curve(knots), values, rtol=1e-14, atol=1e-15 * np.abs(values).max())


def test_the_shape_of_the_argument_is_kept():
    curve = MonotoneCubic((0.0, 1.0, 2.0), (0.0, 1.0, 4.0))
    assert curve(0.5).shape == ()
    assert curve(np.zeros((2, 0, 3))).shape == (2, 0, 3)
    assert curve.slope(np.zeros((4, 5))).shape == (4, 5)
    np.testing.assert_array_equal(curve([0, 1, 2]), [0, 1, 4])
