"""Forward-backward passes, their gradient and information, compared with sums over all paths."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.fitting.telegraph.chains import FreeLevels, IndependentTraps
from devices.fitting.telegraph.em import Reads, ascend, at, information, polished
from tests.helpers.hidden_chain import by_all_paths, by_two_passes, trace

STRUCTURES = [
    FreeLevels(2),
    FreeLevels(3),
    FreeLevels(4),
    IndependentTraps(twins=False),
    IndependentTraps(twins=True),
]


def some_parameters(structure, rng):
    if isinstance(structure, FreeLevels):
        odds = rng.uniform(-3, -0.5, structure.size - structure.n - 1)
        return np.concatenate([np.arange(structure.n)[::-1] + 3.0, [-0.5], odds])
    delta = [0.2] if structure.twins else [0.3, 0.1]
    return np.concatenate([[5.0], delta, [-0.5], rng.uniform(-3, -0.5, 2 * structure.kinds)])


@pytest.mark.parametrize("structure", STRUCTURES, ids=repr)
def test_expectations_are_those_of_a_sum_over_all_paths(structure, rng):
    theta = some_parameters(structure, rng)
    levels, sigma, p = structure.unpack(theta)
    y = rng.choice(levels, 6) + sigma * rng.standard_normal(6)
    y[2] = np.nan
    value, in_states, counts, path = by_all_paths(y, levels, sigma, p)
    reads = Reads(y)
    posterior = np.empty((6, structure.states))
    expected = reads.expected(structure, theta, posterior)
    assert expected.log_likelihood == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(expected.reads, in_states, rtol=1e-9)
    np.testing.assert_allclose(expected.transitions, counts, rtol=1e-9)
    np.testing.assert_allclose(posterior.sum(axis=1), 1, rtol=1e-12)
    if structure != IndependentTraps(twins=True):  # whose states with one captured trap are equal
        np.testing.assert_array_equal(reads.path(structure, theta)[0], path)


@pytest.mark.parametrize("n", [1, 2, 8, 9, 511, 512, 513, 1024, 1500])
@pytest.mark.parametrize("states", [2, 3, 4])
@pytest.mark.parametrize("rare", [0.2, 1e-12])
def test_expectations_are_those_of_plain_passes_over_reads(n, states, rare, rng):
    structure = FreeLevels(states)
    p = np.full((states, states), rare) + np.diag(np.full(states, 1 - states * rare))
    odds = np.log(p / np.diag(p)[:, None])[~np.eye(states, dtype=bool)]
    theta = np.concatenate([np.arange(states) * 1.0, [np.log(0.3)], odds])
    levels, sigma, p = structure.unpack(theta)
    y = rng.choice(levels, n) + sigma * rng.standard_normal(n)
    y[rng.random(n) < 0.1] = np.nan
    y[n // 3 : n // 3 + 2] = 7.0  # 13 standard deviations from all levels
    value, in_states, counts = by_two_passes(y, levels, sigma, p)
    posterior = np.empty((n, states))
    expected = Reads(y).expected(structure, theta, posterior)
    assert expected.log_likelihood == pytest.approx(value, rel=1e-10)
    np.testing.assert_allclose(posterior, in_states, rtol=1e-7, atol=1e-12)
    np.testing.assert_allclose(expected.transitions, counts, rtol=1e-7, atol=1e-9)
    known = np.isfinite(y)
    away = np.where(known[:, None], np.nan_to_num(y)[:, None] - levels, 0.0)
    for power, sums in enumerate((expected.reads, expected.first, expected.second)):
        wanted = (in_states[known] * away[known] ** power).sum(axis=0)
        np.testing.assert_allclose(sums, wanted, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("structure", STRUCTURES, ids=repr)
def test_the_score_is_the_gradient_of_the_likelihood(structure, rng):
    theta = some_parameters(structure, rng)
    levels, sigma, _ = structure.unpack(theta)
    reads = Reads(rng.choice(levels, 300) + sigma * rng.standard_normal(300))
    score = structure.score(theta, reads.expected(structure, theta))
    for i in range(structure.size):
        ends = []
        for sign in (1, -1):
            moved = theta.copy()
            moved[i] += sign * 1e-5
            ends.append(reads.expected(structure, moved).log_likelihood)
        assert score[i] == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-4, abs=1e-3)


@pytest.mark.parametrize("structure", STRUCTURES, ids=repr)
def test_no_step_of_em_lowers_the_likelihood(structure, rng):
    theta = some_parameters(structure, rng)
    reads = Reads(rng.choice([2.0, 3.0, 5.0], 300) + 0.7 * rng.standard_normal(300))
    last = -np.inf
    for _ in range(15):
        one = at(reads, structure, theta)
        assert one.log_likelihood > last - 1e-6
        last, theta = one.log_likelihood, structure.maximized(theta, one.expected)


def test_newton_ends_where_the_gradient_vanishes():
    y = trace_in_units(2000, 1)
    structure, reads = FreeLevels(2), Reads(y)
    begun = ascend(
        reads, at(reads, structure, np.array([1.0, 0.0, -1.0, -3.0, -3.0])), iterations=4
    )
    found = polished(reads, begun)
    score = structure.score(found.maximum.theta, found.maximum.expected)
    assert score @ found.covariance @ score < 1e-4
    matrix = information(reads, found.maximum)
    np.testing.assert_allclose(np.linalg.inv(matrix), found.covariance, rtol=0.02, atol=1e-6)


def trace_in_units(n, seed):
    """Return a trace with levels 1 and 0 and white noise of 0.3."""
    from devices import TelegraphNoise

    noise = TelegraphNoise(1.0, 0.1, 0.1)
    return trace(noise, n, period=0.01, sigma=0.3, g=1.0, rng=seed)


@given(seed=st.integers(0, 1000), missing=st.floats(0, 0.5))
@settings(max_examples=20, deadline=None)
def test_reads_without_emission_leave_a_likelihood(seed, missing):
    random = np.random.default_rng(seed)
    y = trace_in_units(100, seed)
    y[random.random(100) < missing] = np.nan
    one = at(Reads(y), FreeLevels(2), np.array([1.0, 0.0, -1.0, -2.0, -2.0]))
    assert one.expected.reads.sum() == pytest.approx(np.isfinite(y).sum())
    assert one.expected.transitions.sum() == pytest.approx(99)


def test_reads_far_from_all_levels_keep_a_finite_likelihood():
    y = np.array([1.0, 0.0, 1e6, -1e6, 1.0])
    one = at(Reads(y), FreeLevels(2), np.array([1.0, 0.0, -5.0, -20.0, -20.0]))
    assert np.isfinite(one.log_likelihood)
    assert np.isfinite(one.expected.transitions).all()
