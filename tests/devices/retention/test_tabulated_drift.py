"""A table of drift: its moments at and between its times, and one path per cell."""

from dataclasses import replace

import numpy as np
import pytest

from devices import TabulatedDrift
from tests.helpers.statistics import assert_covariance, assert_mean, assert_variance

CELLS = 40_000
TIMES = (1.0, 30.0, 1e4)
G = (5e-6, 1e-5, 4e-5)
STD = ((1e-7, 2e-7, 1e-7), (3e-7, 2e-7, 4e-7), (3e-7, 6e-7, 5e-7))
MEAN = ((1e-8, 0.0, -1e-8), (3e-8, 0.0, -5e-8), (4e-8, -1e-8, -2e-7))
DRIFT = TabulatedDrift(times=TIMES, conductances=G, std=STD, mean=MEAN)


def aged(model, g, seconds, seed=0):
    return model.age(g, seconds, rng=np.random.default_rng(seed))


def test_moments_are_those_of_the_table_at_its_times_and_conductances():
    for k, t in enumerate(TIMES):
        np.testing.assert_allclose(DRIFT.spread(np.array(G), t), STD[k], rtol=1e-12)
        np.testing.assert_allclose((DRIFT.common(np.array(G), t) - 1) * G, MEAN[k], atol=1e-20)


def test_between_times_mean_and_variance_are_linear_in_the_logarithm_of_time():
    t = np.sqrt(30.0 * 1e4)
    g = np.array(G)
    variance = (np.array(STD[1]) ** 2 + np.array(STD[2]) ** 2) / 2
    np.testing.assert_allclose(DRIFT.spread(g, t) ** 2, variance, rtol=1e-9)
    mean = (np.array(MEAN[1]) + MEAN[2]) / 2
    np.testing.assert_allclose((DRIFT.common(g, t) - 1) * g, mean, rtol=1e-6, atol=1e-20)


def test_before_the_first_time_it_grows_in_proportion_and_after_the_last_it_stays():
    g = np.array(G)
    np.testing.assert_allclose(DRIFT.spread(g, 0.25), np.array(STD[0]) / 2, rtol=1e-12)
    np.testing.assert_allclose((DRIFT.common(g, 0.25) - 1) * g, np.array(MEAN[0]) / 4, atol=1e-20)
    np.testing.assert_array_equal(DRIFT.spread(g, 0.0), 0)
    np.testing.assert_array_equal(aged(DRIFT, g, 0.0), g)
    np.testing.assert_array_equal(DRIFT.spread(g, 1e9), DRIFT.spread(g, 1e4))
    np.testing.assert_array_equal(aged(DRIFT, g, 1e9), aged(DRIFT, g, 1e4))


def test_between_conductances_it_is_linear_and_constant_beyond():
    g = np.array([0.0, 5e-6, 7.5e-6, 1e-3])
    np.testing.assert_allclose(DRIFT.spread(g, 30.0), [3e-7, 3e-7, 2.5e-7, 4e-7], rtol=1e-12)


def test_the_spread_never_shrinks_with_time():
    g = np.linspace(0, 5e-5, 101)
    spreads = [DRIFT.spread(g, t) for t in np.geomspace(1e-2, 1e6, 60)]
    assert np.diff(spreads, axis=0).min() >= -1e-20


@pytest.mark.parametrize("seconds", [0.3, 1.0, 10.0, 30.0, 5e3, 1e7])
def test_aged_cells_have_these_moments(seconds):
    g = np.tile(G, (CELLS, 1))
    got = aged(DRIFT, g, seconds)
    mean = DRIFT.common(g[0], seconds) * G
    assert_mean(got, mean)
    assert_variance(got, DRIFT.spread(g[0], seconds) ** 2, mean)
    assert_covariance(got[:, 0], got[:, 2], 0)


def test_changes_of_separate_times_are_independent_and_one_cell_has_one_path():
    g = np.full(CELLS, 1e-5)
    walk = replace(DRIFT, mean=())
    one, later, last = (aged(walk, g, t, seed=3) - g for t in (1.0, 100.0, 1e4))
    assert_covariance(one, later, 4e-14)  # Cov(W(s), W(t)) = Var W(s)
    assert_covariance(later - one, last - later, 0)
    np.testing.assert_array_equal(aged(walk, g, 1e4, seed=3) - g, last)


def test_the_factors_act_on_their_own_part():
    g = np.array(G)
    only_mean = replace(DRIFT, spread_factor=0.0, common_factor=2.0)
    np.testing.assert_allclose(aged(only_mean, g, 30.0) - g, 2 * np.array(MEAN[1]), atol=1e-19)
    only_spread = replace(DRIFT, common_factor=0.0)
    np.testing.assert_array_equal(only_spread.common(g, 30.0), 1)
    double = replace(only_spread, spread_factor=2.0)
    np.testing.assert_allclose(
        aged(double, g, 30.0) - g, 2 * (aged(only_spread, g, 30.0) - g), rtol=1e-9
    )


def test_no_cell_falls_below_zero():
    wide = replace(DRIFT, std=np.array(STD) * 100)
    assert aged(wide, np.full(1000, 5e-6), 1e4).min() == 0


def test_lists_tuples_and_arrays_are_the_same_table():
    other = TabulatedDrift(
        times=list(TIMES), conductances=np.array(G), std=np.array(STD), mean=[list(r) for r in MEAN]
    )
    assert (other, hash(other), repr(other)) == (DRIFT, hash(DRIFT), repr(DRIFT))


BAD = [
    ({"times": (1.0, 1.0, 2.0)}, r"TabulatedDrift\.times must rise, but \[1\] = 1 follows"),
    ({"times": (0.0, 1.0, 2.0)}, r"TabulatedDrift\.times\[0\] = 0\.0 is not allowed.*\(0, inf\) s"),
    ({"std": STD[:2]}, r"TabulatedDrift\.std is of length 2 for 3 times; give one for each"),
    ({"std": ((1e-7, 2e-7),) * 3}, r"TabulatedDrift\.std\[0\] is of length 2 for 3 conductances"),
    ({"std": 1e-7}, r"std = 1e-07 is not a list of rows; give one row for each of the 3 times"),
    ({"std": ((-1e-7, 0, 0),) * 3}, r"TabulatedDrift\.std\[0\]\[0\] = -1e-07 is not allowed"),
    ({"mean": ((0, 0, float("nan")),) * 3}, r"TabulatedDrift\.mean\[0\]\[2\] = nan is not allowed"),
    ({"mean": 0.0}, r"TabulatedDrift\.mean = 0\.0 is not a list of rows"),
    (
        {"std": (STD[0], STD[2], STD[1])},
        r"std shrinks from 6e-07 S at 30 s to 2e-07 S at 10000 s for cells of 1e-05 S; .* largest",
    ),
    ({"spread_factor": -1}, r"TabulatedDrift\.spread_factor = -1 is not allowed"),
    ({"common_factor": -1}, r"TabulatedDrift\.common_factor = -1 is not allowed"),
]


@pytest.mark.parametrize(("changes", "message"), BAD)
def test_a_bad_table_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        replace(DRIFT, **changes)
