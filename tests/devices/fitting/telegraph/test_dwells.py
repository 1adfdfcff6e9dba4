"""Dwell times, their law, and rates from transition matrices."""

import numpy as np
import pytest
from scipy.linalg import expm

from devices.fitting.telegraph.dwells import dwell_reads, dwell_test, shortest_visible
from devices.fitting.telegraph.quantities import rate_matrix, times_of


def test_dwells_leave_out_the_first_and_the_last():
    states = np.array([0, 0, 1, 1, 1, 0, 1, 1, 0, 0, 0], dtype=np.int8)
    high, low = dwell_reads(states, 2)
    np.testing.assert_array_equal(high, [1])
    np.testing.assert_array_equal(low, [3, 2])


@pytest.mark.parametrize(("p", "shortest"), [(0.3, 1), (0.05, 1), (0.05, 8), (0.005, 20)])
def test_geometric_dwells_have_uniform_p_values(p, shortest):
    random = np.random.default_rng(0)
    values = [dwell_test(random.geometric(p, 400), shortest).p_value for _ in range(300)]
    # 30 of 300 are below 0.1 on average, with a standard deviation of 5.2.
    assert 10 <= sum(value < 0.1 for value in values) <= 56
    assert np.mean(values) == pytest.approx(0.5, abs=5 * np.sqrt(1 / 12 / 300))


def test_other_laws_are_told():
    random = np.random.default_rng(0)
    even = random.integers(20, 40, 200)
    mixed = np.where(
        random.random(400) < 0.5, random.geometric(0.3, 400), random.geometric(0.01, 400)
    )
    assert dwell_test(even, 1).p_value < 1e-6
    assert dwell_test(mixed, 1).p_value < 1e-6


def test_few_dwells_tell_nothing():
    test = dwell_test(np.arange(1, 15), 1)
    assert np.isnan(test.p_value)
    assert test.dwells == 14


def test_a_dwell_is_visible_later_if_the_step_is_smaller():
    p = np.array([0.01, 0.01])
    assert shortest_visible(5.0, 1.0, p) < shortest_visible(1.0, 1.0, p)
    assert shortest_visible(0.5, 1.0, p) == pytest.approx(4 * shortest_visible(1.0, 1.0, p), abs=4)


def test_times_and_rates_are_those_of_the_continuous_chain():
    capture, emission, period = 0.03, 0.02, 0.01
    q = np.array([[-1 / capture, 1 / capture], [1 / emission, -1 / emission]])
    p = expm(q * period)
    times = times_of(p[0, 1], p[1, 0], period)
    assert times.capture == pytest.approx(capture, rel=1e-12)
    assert times.emission == pytest.approx(emission, rel=1e-12)
    assert times.memory == pytest.approx(np.exp(-(1 / capture + 1 / emission) * period))
    np.testing.assert_allclose(rate_matrix(p, period), q, rtol=1e-9)
    three = np.array([[-3.0, 2, 1], [0.5, -1, 0.5], [4, 1, -5]])
    np.testing.assert_allclose(rate_matrix(expm(three * 0.05), 0.05), three, rtol=1e-9)


def test_a_matrix_without_generator_gets_rates_that_are_not_negative():
    p = np.array([[0.9, 0.1, 1e-12], [0.05, 0.9, 0.05], [1e-12, 0.1, 0.9]])
    q = rate_matrix(p, 0.1)
    assert (q - np.diag(np.diag(q)) >= 0).all()
    np.testing.assert_allclose(q.sum(axis=1), 0, atol=1e-12)


def test_a_chain_without_memory_has_no_times():
    assert np.isnan(times_of(0.6, 0.5, 0.01).capture)
