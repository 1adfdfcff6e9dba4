"""Set/reset variability: laws of both states, variances that add up, memory over cycles."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import kstest, norm

from devices import SetResetVariability, preset
from tests.helpers.statistics import (
    assert_covariance,
    assert_frequency,
    assert_mean,
    assert_variance,
)

CELLS = 100_000
FREE = 1 - 1e-9  # a clip that no draw in these tests reaches
CELL = SetResetVariability(
    r_lrs_median=5e3,
    r_lrs_c2c=200.0,
    r_lrs_d2d=150.0,
    r_hrs_median=8e4,
    sigma_ln_hrs_c2c=0.4,
    sigma_ln_hrs_d2d=0.3,
    clip=FREE,
)
SET, RESET = 1 / 5e3, 1 / 8e4


def of_set(n=CELLS):
    return np.full(n, SET)


def of_reset(n=CELLS):
    return np.full(n, RESET)


def test_the_set_state_is_normal_and_the_reset_state_lognormal(rng):
    lrs, hrs = (CELL.cycles(target, 1, rng=rng)[0] for target in (of_set(), of_reset()))
    # total² = c2c² + d2d²: 250 Ω and 0.5; E R = e^{μ + s²/2}.
    assert kstest(lrs, "norm", args=(5e3, 250)).pvalue > 1e-4
    assert kstest(np.log(hrs), "norm", args=(math.log(8e4), 0.5)).pvalue > 1e-4
    assert_variance(lrs, 250**2, 5e3)
    assert_variance(np.log(hrs), 0.25, math.log(8e4))
    assert_mean(hrs, 8e4 * math.exp(0.125))


@pytest.mark.parametrize(("state", "c2c", "d2d"), [("set", 200.0, 150.0), ("reset", 0.4, 0.3)])
def test_variance_is_that_within_devices_and_that_between_them(state, c2c, d2d, rng):
    n = 40
    x = (
        CELL.cycles(of_set(4_000), n, rng=rng)
        if state == "set"
        else np.log(CELL.cycles(of_reset(4_000), n, rng=rng))
    )
    # Without memory: E of a device's sample variance is c2c², and the means of n cycles have d2d² +
    # c2c²/n.
    assert_mean(x.var(axis=0, ddof=1), c2c**2)
    assert_variance(x.mean(axis=0), d2d**2 + c2c**2 / n)


@pytest.mark.parametrize("share", [1.0, 0.4])
def test_memory_is_autoregressive_over_cycles(share, rng):
    cell = replace(CELL, rho_lrs=0.45, rho_hrs=0.8, share_lrs=share, share_hrs=share)
    lrs, hrs = cell.cycles(of_set(), 7, rng=rng), np.log(cell.cycles(of_reset(), 7, rng=rng))
    for k in (1, 2, 6):
        # Cov = d2d² + c2c² share ρ^k, from the first cycle on and later.
        assert_covariance(lrs[0], lrs[k], 150**2 + 200**2 * share * 0.45**k)
        assert_covariance(hrs[6 - k], hrs[6], 0.3**2 + 0.4**2 * share * 0.8**k)
    assert_variance(lrs[6], 250**2, 5e3)
    assert_variance(hrs[6], 0.25, math.log(8e4))


def test_a_target_is_set_or_reset_by_its_side_of_the_geometric_mean(rng):
    middle = math.sqrt(SET * RESET)
    r = replace(CELL, sigma_ln_hrs_c2c=0.1, sigma_ln_hrs_d2d=0.1).cycles(
        np.array([[SET, 2 * SET, middle * 1.001], [RESET, 0.0, middle * 0.999]]), 50, rng=rng
    )
    assert r.shape == (50, 2, 3)
    assert (r[:, 0] < 2e4).all()
    assert (r[:, 1] > 2e4).all()


def test_programming_is_one_cycle_of_new_cells(rng):
    target = np.tile([SET, RESET], (CELLS, 1))
    g = CELL.program(target, rng=rng)
    assert g.shape == target.shape
    assert (g > 0).all()
    np.testing.assert_array_equal(target[0], [SET, RESET])
    # 1/R of the reset state is lognormal too: median RESET, s = 0.5.
    assert kstest(np.log(g[:, 1] / RESET), "norm", args=(0, 0.5)).pvalue > 1e-4
    assert_covariance(g[:, 0] * 1e4, g[:, 1] * 1e4, 0)
    np.testing.assert_array_equal(
        CELL.program(target, rng=np.random.default_rng(1)),
        CELL.program(target, rng=np.random.default_rng(1)),
    )


@pytest.mark.parametrize("clip", [0.8, 0.9999, FREE])
def test_error_and_bias_are_those_of_the_clipped_conductances(clip, rng):
    cell = replace(CELL, clip=clip)
    z = norm.ppf(clip)
    s = 0.5
    target = np.array([0.9 * RESET, SET])  # the error counts from the target, not from the median

    def moment(k):  # E e^{k s Z} with Z held within ±z: the normal part, and an atom at either end
        inside = math.exp((k * s) ** 2 / 2) * (norm.cdf(z - k * s) - norm.cdf(-z - k * s))
        return inside + (1 - clip) * (math.exp(k * s * z) + math.exp(-k * s * z))

    hrs = RESET * math.sqrt(moment(2) - moment(1) ** 2)
    first, second = (
        quad(lambda x, k=k: norm.pdf(x) / (5e3 + 250 * x) ** k, -z, z, epsabs=0, epsrel=1e-12)[0]
        + (1 - clip) * ((5e3 + 250 * z) ** -k + (5e3 - 250 * z) ** -k)
        for k in (1, 2)
    )
    std = np.array([hrs, math.sqrt(second - first**2)])
    bias = np.array([RESET * moment(1), first]) - target
    np.testing.assert_allclose(cell.bias(target), bias, rtol=1e-8)
    np.testing.assert_allclose(cell.sigma(target), np.hypot(std, bias), rtol=1e-8)
    g = cell.program(np.tile(target, (CELLS, 1)), rng=rng)
    assert_variance(g * 1e5, (std * 1e5) ** 2)
    for of_state, expected in zip(g.T, target + bias, strict=True):
        assert_mean(of_state * 1e5, expected * 1e5)


def test_a_device_tells_the_mean_error_of_lognormal_states():
    device = preset("rram_hennen2024")
    low = np.array([device.g_min])
    bias, variance = device.programming_moments(low)
    # A lognormal variable of s² = 0.435² + 0.165²: its mean is e^{s²/2} medians, and its variance
    # (e^{s²} − 1) e^{s²}; the clip at the quantile 0.9999 changes both by less than 1 %.
    s2 = 0.435**2 + 0.165**2
    assert math.isclose(bias[0] / low[0], math.expm1(s2 / 2), rel_tol=0.01)
    assert math.isclose(variance[0] / low[0] ** 2, math.expm1(s2) * math.exp(s2), rel_tol=0.01)


def test_resistances_are_clipped_to_their_quantiles(rng):
    cell = replace(CELL, clip=0.99)
    z = norm.ppf(0.99)
    for target, low, high in (
        (of_set(), 5e3 - 250 * z, 5e3 + 250 * z),
        (of_reset(), 8e4 * math.exp(-0.5 * z), 8e4 * math.exp(0.5 * z)),
    ):
        r = cell.cycles(target, 1, rng=rng)[0]
        assert math.isclose(r.min(), low, rel_tol=1e-12)
        assert math.isclose(r.max(), high, rel_tol=1e-12)
        assert_frequency((r >= high * (1 - 1e-12)).sum(), CELLS, 0.01)
        assert_frequency((r <= low * (1 + 1e-12)).sum(), CELLS, 0.01)


def test_hennen2024_has_the_measured_statistics(rng):
    cell = SetResetVariability.hennen2024()
    # Totals 263 Ω and 0.465, on/off ratio of the medians 16.7: half a unit of the last printed
    # digit.
    assert abs(math.hypot(cell.r_lrs_c2c, cell.r_lrs_d2d) - 263) < 0.5
    assert abs(math.hypot(cell.sigma_ln_hrs_c2c, cell.sigma_ln_hrs_d2d) - 0.465) < 0.0005
    assert abs(cell.r_hrs_median / cell.r_lrs_median - 16.7) < 0.05
    # Autocorrelations at 1, 5, 20, 40 cycles, printed to 0.01; the two-number fit misses by 0.032
    # at most.
    k = np.array([1, 5, 20, 40])
    assert (np.abs(cell.share_lrs * cell.rho_lrs**k - [0.45, 0.36, 0.17, 0.03]) < 0.035).all()
    assert (np.abs(cell.share_hrs * cell.rho_hrs**k - [0.12, 0.09, 0.01, -0.01]) < 0.015).all()
    r = cell.cycles(np.full(20_000, 1 / cell.r_lrs_median), 21, rng=rng)
    assert_covariance(r[0], r[20], 190**2 + 182**2 * 0.474 * 0.95**20)


def test_compliance_sets_the_resistance_and_narrows_its_spread():
    four = CELL.with_compliance(400e-6, i_ref=100e-6)
    # R = V_c/I_c, σ/R ∝ I_c^−½: at four times the current a quarter of R and half the relative
    # spread.
    np.testing.assert_allclose(
        [four.r_lrs_median, four.r_lrs_c2c, four.r_lrs_d2d], [1250, 25, 18.75], rtol=1e-12
    )
    assert replace(four, r_lrs_median=5e3, r_lrs_c2c=200.0, r_lrs_d2d=150.0) == CELL
    assert CELL.with_compliance(1e-4, i_ref=1e-4) == CELL


@settings(max_examples=20)
@given(shape=st.lists(st.integers(0, 4), max_size=3).map(tuple), n=st.integers(1, 3))
def test_any_shape_of_cells_and_number_of_cycles(shape, n):
    target = np.full(shape, SET)
    assert CELL.cycles(target, n, rng=np.random.default_rng(0)).shape == (n, *shape)
    assert (
        CELL.program(target, rng=np.random.default_rng(0)).shape
        == CELL.sigma(target).shape
        == shape
    )


def test_the_same_seed_gives_the_same_cycles(rng):
    first, again, other = (
        CELL.cycles(of_set(5), 3, rng=np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).all()


BAD = [
    (
        {"r_lrs_median": 0},
        r"SetResetVariability\.r_lrs_median = 0 is not allowed; .* \(0, inf\) Ω",
    ),
    (
        {"r_hrs_median": 5e3},
        r"SetResetVariability\.r_hrs_median = 5000\.0 is not allowed; .* \(5000, inf\) Ω",
    ),
    (
        {"r_lrs_c2c": -1},
        r"SetResetVariability\.r_lrs_c2c = -1 is not allowed; give a finite number in \[0, inf\) Ω",
    ),
    ({"r_lrs_d2d": "x"}, r"SetResetVariability\.r_lrs_d2d = 'x' is not a number"),
    (
        {"sigma_ln_hrs_c2c": -1},
        r"SetResetVariability\.sigma_ln_hrs_c2c = -1 is not allowed; .* \[0, inf\)",
    ),
    (
        {"sigma_ln_hrs_d2d": float("nan")},
        r"SetResetVariability\.sigma_ln_hrs_d2d = nan is not allowed",
    ),
    (
        {"rho_lrs": 1},
        r"SetResetVariability\.rho_lrs = 1 is not allowed; give a finite number in \[0, 1\)",
    ),
    ({"rho_hrs": -0.1}, r"SetResetVariability\.rho_hrs = -0\.1 is not allowed"),
    (
        {"share_lrs": 1.1},
        r"SetResetVariability\.share_lrs = 1\.1 is not allowed; give a finite number in \[0, 1\]",
    ),
    ({"share_hrs": -1}, r"SetResetVariability\.share_hrs = -1 is not allowed"),
    (
        {"clip": 0.5},
        r"SetResetVariability\.clip = 0\.5 is not allowed; give a finite number in \(0\.5, 1\)",
    ),
    (
        {"clip": 0.9, "r_lrs_c2c": 4e3},
        r"at clip = 0\.9 the resistance of the set state falls to -129\.\d+ Ω",
    ),
]


@pytest.mark.parametrize(("changes", "message"), BAD)
def test_bad_variability_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        replace(CELL, **changes)


def test_bad_cycles_and_currents_are_refused(rng):
    with pytest.raises(
        ValueError, match=r"n_cycles = 0 is not allowed; give a whole number of at least 1"
    ):
        CELL.cycles(of_set(1), 0, rng=rng)
    with pytest.raises(
        ValueError, match=r"i_c = 0 is not allowed; give a finite number in \(0, inf\) A"
    ):
        CELL.with_compliance(0, i_ref=1e-4)
    with pytest.raises(
        ValueError, match=r"i_ref = -1 is not allowed; give a finite number in \(0, inf\) A"
    ):
        CELL.with_compliance(1e-4, i_ref=-1)
