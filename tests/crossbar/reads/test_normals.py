"""Normals from a counter: their law, and that no number depends on how a run is cut."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, kstest, norm

from crossbar.reads.normals import add_noise, normals
from crossbar.reads.span import Span
from crossbar.threads import threads
from tests.helpers import reference

SEED = np.random.SeedSequence(20240607)
N = 1 << 21


@pytest.fixture(scope="module")
def sample():
    """Return 2²¹ normals in the order of their numbers."""
    return normals(Span(0, N // 16), 16, SEED).ravel().astype(float)


def test_numbers_equal_their_slow_twin():
    key = SEED.generate_state(2, np.uint64)
    ours = normals(Span(2, 4), 1024, SEED)
    twin = [reference.box_muller_normals(key, block) for block in (2, 3)]
    np.testing.assert_allclose(ours, twin, rtol=0, atol=3e-6)


def test_moments_are_those_of_a_normal(sample):
    # The k-th moment of a normal is (k − 1)!!, and its square has the mean (2k − 1)!!.
    double_factorial = {k: float(np.prod(np.arange(k, 0, -2))) for k in range(-1, 16)}
    for k in range(1, 9):
        expected = double_factorial[k - 1] if k % 2 == 0 else 0.0
        error = np.sqrt((double_factorial[2 * k - 1] - expected**2) / N)
        assert abs((sample**k).mean() - expected) < 5 * error, k


def test_the_distribution_is_normal(sample):
    assert kstest(sample, "norm").pvalue > 1e-3
    # Box and Muller: radii and angles of the points (i, i + 512) of every block.
    x, y = sample.reshape(-1, 2, 512).transpose(1, 0, 2).reshape(2, -1)
    assert kstest(np.exp(-(x**2 + y**2) / 2), "uniform").pvalue > 1e-3
    assert kstest(np.arctan2(y, x) / (2 * np.pi) + 0.5, "uniform").pvalue > 1e-3


@pytest.mark.parametrize("sigma", [1.0, 2.0, 3.0, 3.5, 4.0, 4.5])
def test_tails_have_the_weight_of_a_normal(sample, sigma):
    for side in (sample, -sample):
        assert binomtest(int((side > sigma).sum()), N, norm.sf(sigma)).pvalue > 1e-5


@pytest.mark.parametrize("lag", [1, 2, 15, 16, 17, 511, 512, 513, 1023, 1024, 8192])
def test_neighboring_numbers_are_independent(sample, lag):
    a, b = sample[:-lag], sample[lag:]
    for f in (np.asarray, np.square, np.abs, np.sign, lambda x: x**3):
        x, y = f(a), f(b)
        assert abs(np.corrcoef(x, y)[0, 1]) < 5 / np.sqrt(len(x))


def test_seeds_and_columns_have_their_own_numbers():
    ours = normals(Span(0, 50_000), 2, SEED).T
    other = normals(Span(0, 50_000), 2, np.random.SeedSequence(1)).T
    assert np.abs(np.corrcoef([*ours, *other]) - np.eye(4)).max() < 5 / np.sqrt(50_000)


@settings(deadline=None)
@given(
    st.integers(0, 5000),
    st.integers(1, 700),
    st.integers(1, 40),
    st.floats(0, 1),
    st.integers(1, 3),
)
def test_a_number_depends_on_seed_read_and_column_alone(first, reads, columns, cut, n):
    last = first + reads
    middle = first + int(cut * (reads - 1))
    with threads(n):
        every = normals(Span(0, last), columns, SEED)
        parts = [normals(Span(a, b), columns, SEED) for a, b in ((first, middle), (middle, last))]
    np.testing.assert_array_equal(np.concatenate(parts), every[first:])


@pytest.mark.parametrize("n", [1, 2])
def test_large_runs_do_not_depend_on_threads(n, sample):
    with threads(n):
        np.testing.assert_array_equal(normals(Span(0, N // 16), 16, SEED).ravel(), sample)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_noise_is_a_standard_deviation_times_a_normal(dtype, rng):
    span = Span(37, 1237)
    u = rng.standard_normal((1200, 7)).astype(dtype)
    variance = rng.uniform(-1, 2, (1200, 7)).astype(dtype)
    expected = u + np.sqrt(np.maximum(variance, 0)) * normals(span, 7, SEED)
    add_noise(u, variance, span, SEED)
    np.testing.assert_allclose(u, expected, rtol=1e-5 if dtype == np.float32 else 1e-14, atol=1e-6)


def test_arrays_that_do_not_fit_are_refused():
    u = np.zeros((4, 3))
    with pytest.raises(ValueError, match=r"u has shape \(4, 3\) and variance \(4, 2\)"):
        add_noise(u, np.zeros((4, 2)), Span(0, 4), SEED)
    with pytest.raises(ValueError, match=r"u has shape \(4, 3\).*both need 5 reads"):
        add_noise(u, np.zeros((4, 3)), Span(0, 5), SEED)
    with pytest.raises(ValueError, match="C order"):
        add_noise(u.T, np.zeros((3, 4)), Span(0, 3), SEED)
