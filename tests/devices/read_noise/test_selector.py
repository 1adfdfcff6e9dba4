"""Stochastic selector: p = Φ(z), the arcsine law in time, and the spread of p over devices."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import kstest, multivariate_normal, norm

from devices import BlankOut, OperatingPoint, StochasticSelector
from tests.helpers.statistics import (
    assert_covariance,
    assert_frequency,
    assert_mean,
    assert_variance,
)

G = np.full((2, 3), 1e-5)
CELLS = 200_000
MANY = np.full(CELLS, 1e-5)


def draw(selector, rng, n, g=MANY, period=1e-6):
    xi, _ = selector.sample(g, selector.init(g, rng=rng), n, rng=rng, period=period)
    return xi


def bivariate(h, k, rho):
    return float(multivariate_normal.cdf([h, k], cov=[[1, rho], [rho, 1]]))


@given(
    p=st.floats(1e-6, 1 - 1e-6),
    mean=st.floats(-2, 2),
    sigma=st.floats(1e-3, 10),
    fields=st.sampled_from([{}, {"leak": 0.1}]),
)
def test_voltage_and_probability_are_inverse(p, mean, sigma, fields):
    selector = StochasticSelector.with_threshold(mean, sigma, **fields)
    volts = mean + sigma * norm.ppf(p)
    assume(volts > 0)
    # V is rounded at |mean|/sigma ≤ 2000 times 1e-16.
    assert math.isclose(selector.at(OperatingPoint(voltage=volts)).p, p, rel_tol=1e-7)
    assert math.isclose(StochasticSelector.with_p(p).p, p, rel_tol=1e-12)
    assert math.isclose(selector.mean, mean, rel_tol=1e-9, abs_tol=1e-12)
    assert selector.leak == fields.get("leak", 0.0)


def test_probability_is_that_of_the_normal_distribution_and_its_slope_its_density():
    for z in (-2.0, 0.0, 0.7):
        v = 0.3 + 0.05 * z
        step = 1e-6
        selector, above, below = (
            StochasticSelector.with_threshold(0.3, 0.05).at(OperatingPoint(voltage=x))
            for x in (v, v + step, v - step)
        )
        assert math.isclose(selector.p, 0.5 * math.erfc(-z / math.sqrt(2)), rel_tol=1e-12)
        # dp/dV = φ(z)/s; a central difference of step h errs by h²/6 times the third derivative,
        # 1e-9 relative.
        slope = (above.p - below.p) / (2 * step)
        assert math.isclose(
            slope, math.exp(-(z**2) / 2) / math.sqrt(2 * math.pi) / 0.05, rel_tol=1e-7
        )
    # At p = ½ an error of the voltage of one sigma moves p by 0.34.
    assert round(StochasticSelector(z=1.0).p - 0.5, 2) == 0.34


@pytest.mark.parametrize("correlation", [0.0, 0.6])
@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_reads_conduct_with_probability_p(p, correlation, rng):
    xi = draw(StochasticSelector.with_p(p, correlation=correlation), rng, 2)
    assert set(np.unique(xi)) == {0.0, 1.0}
    for read in xi:  # of independent cells
        assert_frequency(read.sum(), CELLS, p)


def test_without_correlation_reads_and_cells_are_independent(rng):
    xi = draw(StochasticSelector.with_p(0.3), rng, 40_000, G)
    assert_mean(xi, 0.3)
    assert_variance(xi, 0.21, 0.3)
    assert_covariance(xi[:-1], xi[1:], 0)
    assert_covariance(xi[:, 0, 0], xi[:, 1, 1], 0)


def test_at_one_half_the_autocorrelation_is_the_arcsine_law(rng):
    selector = StochasticSelector(correlation=0.8)
    rho = 0.8
    lags = np.array([1, 2, 5, 10])
    # Corr = (2/π) arcsin ρ^k, Var = 1/4.
    theory = np.arcsin(rho**lags) / (2 * np.pi)
    np.testing.assert_allclose(selector.autocovariance(lags), theory, rtol=1e-12)
    xi = draw(selector, rng, 11)
    for k, expected in zip(lags, theory, strict=True):
        assert_covariance(xi[0], xi[k], expected)
    assert_variance(xi[-1], 0.25)


@pytest.mark.parametrize("z", [-1.5, 0.4, 2.0])
def test_autocovariance_is_that_of_two_normals_below_a_threshold(z, rng):
    selector = StochasticSelector(z=z, correlation=0.7, leak=0.2)
    p = norm.cdf(z)
    for k in (1, 2, 2.5, 6):
        # (1 − ε)² [Φ₂(z, z; ρ^k) − p²]; scipy's Φ₂ is good to 1e-8.
        assert math.isclose(
            float(selector.autocovariance(k)),
            0.64 * (bivariate(z, z, 0.7**k) - p**2),
            rel_tol=1e-5,
            abs_tol=1e-8,
        )
    assert math.isclose(float(selector.autocovariance(0)), 0.64 * p * (1 - p), rel_tol=1e-12)
    xi = draw(selector, rng, 3)
    assert_covariance(xi[0], xi[2], float(selector.autocovariance(2)))


@pytest.mark.parametrize(("z", "b"), [(0.0, 1.0), (0.8, 0.5), (-1.2, 2.0)])
def test_moments_over_devices_are_those_of_quadrature(z, b):
    selector = StochasticSelector(z=z, spread=b, correlation=0.6, leak=0.1)
    x, w = np.polynomial.hermite_e.hermegauss(60)
    w = w / w.sum()
    p = norm.cdf(z - b * x)
    mean, variance = selector.moments(G)
    assert mean.shape == variance.shape == G.shape
    # 60 Gauss-Hermite nodes resolve Φ of slope b ≤ 2 to 1e-6.
    np.testing.assert_allclose(mean, w @ (p + 0.1 * (1 - p)), rtol=1e-5)
    np.testing.assert_allclose(variance, 0.81 * (w @ (p * (1 - p))), rtol=1e-5)
    joint = np.array([bivariate(h, h, 0.6**3) for h in z - b * x])
    expected = 0.81 * (w @ (joint - p**2))
    np.testing.assert_allclose(selector.autocovariance(3), expected, rtol=1e-4)
    np.testing.assert_allclose(selector.covariance(G, 3e-6), np.full(G.shape, expected), rtol=1e-4)


def test_a_spread_equal_to_sigma_makes_p_uniform(rng):
    selector = StochasticSelector(spread=1.0)
    p, variance = selector.moments_given(MANY, selector.init(MANY, rng=rng))
    # At p = ½ by design and b = 1, p_ij ~ U(0, 1): sd 0.289, E p(1 − p) = 1/6, E p² = 1/3.
    assert kstest(p, "uniform").pvalue > 1e-4
    assert_mean(p, 0.5)
    assert_variance(p, 1 / 12, 0.5)
    assert_mean(variance, 1 / 6)
    np.testing.assert_allclose(variance, p * (1 - p), rtol=1e-9)
    mean, within = selector.moments(np.array(1e-5))
    assert mean.shape == ()
    assert math.isclose(within, 1 / 6, rel_tol=1e-12)
    # β at a = 0, E ξ/√(2 Var ξ): 0.866 where it was 0.707.
    assert round(float(mean / np.sqrt(2 * within)), 3) == 0.866


@pytest.mark.parametrize("b", [0.3, 1.0, 3.0])
def test_second_moment_of_p_between_devices(b, rng):
    selector = StochasticSelector(spread=b)
    p, _ = selector.moments_given(MANY, selector.init(MANY, rng=rng))
    second = 0.25 + math.asin(b**2 / (1 + b**2)) / (2 * math.pi)
    assert_mean(p**2, second)
    assert math.isclose(float(selector.moments(np.array(1.0))[1]), 0.5 - second, rel_tol=1e-12)


@pytest.mark.parametrize("correlation", [0.0, 0.9])
def test_devices_differ_as_their_state_says(correlation, rng):
    selector = StochasticSelector(z=0.4, spread=0.8, leak=0.05, correlation=correlation)
    g = np.full(50, 1e-5)
    state = selector.init(g, rng=rng)
    mean, variance = selector.moments_given(g, state)
    assert np.ptp(mean) > 0.3
    # Reads 200 cycles apart: independent but for ρ^200 = 7e-10.
    xi, after = selector.sample(g, state, 20_000, rng=rng, period=2e-4)
    assert_mean(xi, mean)
    assert_variance(xi, variance, mean)
    # A device's offset does not change.
    np.testing.assert_array_equal(selector.moments_given(g, after)[0], mean)


def test_leak_gives_two_levels_and_their_moments(rng):
    selector = StochasticSelector.with_p(0.3, leak=0.1)
    xi = draw(selector, rng, 1)[0]
    assert set(np.unique(xi)) == {0.1, 1.0}
    # Mean p + (1 − p) ε, variance p (1 − p)(1 − ε)².
    mean, variance = selector.moments(np.array(1e-5))
    np.testing.assert_allclose([mean, variance], [0.37, 0.21 * 0.81], rtol=1e-12)
    assert_mean(xi, 0.37)
    assert_variance(xi, 0.21 * 0.81, 0.37)


def test_correlation_falls_with_the_time_between_reads(rng):
    selector = StochasticSelector(correlation=0.5, period=1e-6)
    # ρ(Δt) = ½^(Δt/1 µs): √½ at half a period, ¼ at two.
    for period, rho in ((5e-7, math.sqrt(0.5)), (2e-6, 0.25)):
        xi = draw(selector, rng, 2, period=period)
        expected = math.asin(rho) / (2 * math.pi)
        assert_covariance(xi[0], xi[1], expected)
        np.testing.assert_allclose(
            selector.covariance(G, period), np.full(G.shape, expected), rtol=1e-12
        )


def test_thresholds_are_an_ornstein_uhlenbeck_process(rng):
    selector = StochasticSelector(correlation=0.9)
    first = selector.init(MANY, rng=rng)
    _, last = selector.sample(MANY, first, 4, rng=rng, period=1e-6)
    for state in (first, last):
        assert kstest(state.threshold, "norm").pvalue > 1e-4
    # V_n = ρ^n V_0 + √(1 − ρ^{2n}) Z.
    assert_covariance(first.threshold, last.threshold, 0.9**4)
    assert_variance(last.threshold - 0.9**4 * first.threshold, 1 - 0.9**8)


def test_variance_of_a_mean_over_reads_follows_from_the_autocovariance(rng):
    selector = StochasticSelector(z=0.5, correlation=0.8)
    reads = 20
    averages = draw(selector, rng, reads).mean(axis=0)
    lags = np.arange(1, reads)
    c = selector.autocovariance(np.arange(reads))
    assert_variance(averages, (c[0] + 2 * ((1 - lags / reads) @ c[1:])) / reads)


@pytest.mark.parametrize(
    "selector",
    [
        StochasticSelector(),
        StochasticSelector(spread=0.5, leak=0.1),
        StochasticSelector(correlation=0.7),
        StochasticSelector(correlation=0.7, spread=0.5, leak=0.1),
    ],
)
def test_reads_continue_from_the_state_of_the_last_ones(selector):
    state = selector.init(G, rng=np.random.default_rng(1))
    whole, after = selector.sample(G, state, 7, rng=np.random.default_rng(2), period=1e-6)
    rng = np.random.default_rng(2)
    first, between = selector.sample(G, state, 3, rng=rng, period=1e-6)
    second, end = selector.sample(G, between, 4, rng=rng, period=1e-6)
    np.testing.assert_array_equal(np.concatenate([first, second]), whole)
    assert selector.has_memory == (selector.correlation > 0)
    if state is not None:
        np.testing.assert_array_equal(end.threshold, after.threshold)
        # The state handed in is not written to.
        np.testing.assert_array_equal(
            state.threshold, selector.init(G, rng=np.random.default_rng(1)).threshold
        )


@settings(max_examples=25)
@given(
    shape=st.lists(st.integers(0, 4), max_size=3).map(tuple),
    n=st.integers(0, 4),
    correlation=st.sampled_from([0.0, 0.5]),
    spread=st.sampled_from([0.0, 1.0]),
)
def test_any_shape_of_cells_and_number_of_reads(shape, n, correlation, spread):
    selector = StochasticSelector(correlation=correlation, spread=spread)
    g = np.ones(shape)
    rng = np.random.default_rng(0)
    xi, _ = selector.sample(g, selector.init(g, rng=rng), n, rng=rng, period=1e-6)
    assert xi.shape == (n, *shape)
    assert ((xi == 0) | (xi == 1)).all()


def test_only_a_memoryless_gate_without_spread_is_bernoulli():
    gate = StochasticSelector.with_p(0.3, sigma=0.1, on_conductance=1e-4)
    p, low = gate.bernoulli
    assert math.isclose(p, 0.3, rel_tol=1e-12)
    assert low == 0
    np.testing.assert_allclose(gate.moments(G), BlankOut(p).moments(G), rtol=1e-12)
    for change in (
        {"correlation": 0.1},
        {"spread": 0.1},
        {"z": 40.0},
        {"z": -40.0},
    ):
        assert StochasticSelector(**change).bernoulli is None
    assert StochasticSelector(leak=0.1).bernoulli == (0.5, 0.1)


def test_a_gate_is_multiplicative():
    np.testing.assert_allclose(
        StochasticSelector(leak=0.1, spread=1.0).exponent(np.geomspace(1e-7, 1e-4, 4)), 1, rtol=1e-9
    )


def test_a_closed_switch_stands_in_series_with_the_cell():
    assert StochasticSelector(on_conductance=1e-4).series_resistance == 1e4
    assert StochasticSelector().series_resistance == BlankOut().series_resistance == 0


def test_a_threshold_in_volts_follows_the_operating_point():
    selector = StochasticSelector.with_threshold(0.3, 0.05, leak=0.1)
    for volts in (0.1, 0.25, 0.4):
        there = selector.at(OperatingPoint(voltage=volts, temperature=77.0))
        assert math.isclose(there.z, (volts - 0.3) / 0.05, abs_tol=1e-12)
        assert math.isclose(there.mean, 0.3, rel_tol=1e-12)
        assert there.leak == 0.1
        assert there.at(OperatingPoint()) == selector.at(OperatingPoint())
    unknown = StochasticSelector(z=0.4)
    assert unknown.at(OperatingPoint(voltage=2.0)) == unknown
    assert unknown.mean is None


def test_a_design_without_a_state_has_the_moments_of_a_new_chip():
    selector = StochasticSelector(z=0.3, spread=1.0)
    np.testing.assert_array_equal(selector.moments_given(G, None), selector.moments(G))


BAD = [
    (
        {"z": float("inf")},
        r"StochasticSelector\.z = inf is not allowed; .* \(-inf, inf\)",
    ),
    ({"measured_at": 1}, r"StochasticSelector\.measured_at = 1 is not an OperatingPoint"),
    (
        {"sigma": 0},
        r"StochasticSelector\.sigma = 0 is not allowed; give a finite number in \(0, inf\) V",
    ),
    (
        {"correlation": 1},
        r"StochasticSelector\.correlation = 1 is not allowed; give a finite number in \[0, 1\)",
    ),
    ({"correlation": -0.1}, r"StochasticSelector\.correlation = -0\.1 is not allowed"),
    ({"spread": -1}, r"StochasticSelector\.spread = -1 is not allowed"),
    ({"leak": 1}, r"StochasticSelector\.leak = 1 is not allowed; give a finite number in \[0, 1\)"),
    (
        {"on_conductance": 0},
        r"StochasticSelector\.on_conductance = 0 is not allowed; .* \(0, inf\) S",
    ),
    (
        {"period": 0},
        r"StochasticSelector\.period = 0 is not allowed; give a finite number in \(0, inf\) s",
    ),
]


@pytest.mark.parametrize(("fields", "message"), BAD)
def test_bad_selector_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        StochasticSelector(**fields)


def test_bad_probabilities_and_missing_states_are_refused(rng):
    with pytest.raises(
        ValueError, match=r"p = 1\.0 is not allowed; give a finite number in \(0, 1\)"
    ):
        StochasticSelector.with_p(1.0)
    with pytest.raises(ValueError, match=r"with_p sets z from p; give only one of the two"):
        StochasticSelector.with_p(0.5, z=0.1)
    with pytest.raises(ValueError, match=r"with_threshold sets z from mean; give one of them"):
        StochasticSelector.with_threshold(0.3, 0.05, z=0.1)
    with pytest.raises(ValueError, match=r"mean = 'x' is not a number"):
        StochasticSelector.with_threshold("x", 0.05)
    for fields in ({"correlation": 0.5}, {"spread": 0.5}):
        with pytest.raises(
            ValueError,
            match=r"StochasticSelector with correlation or spread needs a state",
        ):
            StochasticSelector(**fields).sample(G, None, 1, rng=rng, period=1e-6)
