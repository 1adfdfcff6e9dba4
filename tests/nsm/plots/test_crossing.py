"""How much of a non-ideality a network tolerates: interpolation along the axis as it is drawn."""

import math

import pandas as pd
import pytest

from nsm.plots.crossing import crossing, tolerated


def rows(values, errors):
    """Rows of one chip with 1000 images, of which `errors` are wrong: 10 errors are one point."""
    return pd.DataFrame({"x": values, "errors": errors, "images": 1000, "chip": 0})


@pytest.mark.parametrize(
    ("scale", "expected"),
    [("linear", 55.0), ("log", 10 * math.sqrt(10)), ("symlog", 10 * math.sqrt(10))],
)
def test_the_crossing_is_interpolated_as_the_axis_is_drawn(scale, expected):
    found = crossing([1.0, 10.0, 100.0], [0.0, 0.0, 2.0], 1.0, scale=scale)
    assert found == pytest.approx(expected, rel=1e-12)


def test_a_symmetric_logarithmic_axis_is_linear_below_its_smallest_positive_value():
    assert crossing([0.0, 0.1, 1.0], [0.0, 4.0, 4.0], 1.0, scale="symlog") == pytest.approx(0.025)


def test_the_first_crossing_counts():
    # The error is below the limit again at 4, but a user can rely on values up to 1.5 only.
    found = crossing([1.0, 2.0, 3.0, 4.0], [0.0, 2.0, 2.0, 0.0], 1.0, scale="linear")
    assert found == pytest.approx(1.5)


def test_a_rise_of_exactly_the_limit_is_tolerated():
    assert crossing([1.0, 2.0], [0.0, 1.0], 1.0, scale="linear") == math.inf


def test_each_side_of_the_nominal_value_has_its_tolerance():
    data = rows([1.0, 2.0, 3.0, 4.0, 5.0], [70, 50, 50, 55, 65])
    # One point above 5 %: half-way from 4 to 5, and half-way from 2 down to 1.
    assert tolerated(data, "x", nominal=3.0, rising=True) == pytest.approx(4.5)
    assert tolerated(data, "x", nominal=3.0, rising=False) == pytest.approx(1.5)
    assert tolerated(data, "x", nominal=3.0, rising=True, allowed=2) == math.inf


def test_the_mean_over_chips_decides():
    chips = [rows([1.0, 2.0], [50, 50]), rows([1.0, 2.0], [50, 90]).assign(chip=1)]
    # The mean rises by 2 points over the step, a single chip by 0 or 4.
    assert tolerated(pd.concat(chips), "x", nominal=1.0, rising=True) == pytest.approx(1.5)


def test_a_sweep_without_the_nominal_value_is_refused():
    with pytest.raises(ValueError, match=r"x = 7"):
        tolerated(rows([1.0, 2.0], [50, 50]), "x", nominal=7, rising=True)
