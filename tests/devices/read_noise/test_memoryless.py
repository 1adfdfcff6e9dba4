"""Memoryless read noise: samples have the moments of `moments`, and these are those of theory."""

import numpy as np
import pytest
from scipy.stats import kstest

from devices import (
    BlankOut,
    GaussianNoise,
    LogConductanceNoise,
    LognormalNoise,
    NoNoise,
    PowerLawNoise,
    ProductNoise,
)
from tests.helpers.statistics import assert_covariance, assert_mean, assert_variance

READS = 40_000  # SE of a variance is √(2/n) = 0.7 %: a bias of 5 % fails
G = np.array([[1e-6, 4e-6], [2e-5, 1e-4]])

# Noise, and E ξ and Var ξ for a cell of g [S] as theory gives them, written out by hand.
NOISES = {
    "none": (NoNoise(), lambda g: (1, 0)),
    "blank-out": (BlankOut(0.3), lambda g: (0.3, 0.21)),
    "gaussian": (GaussianNoise(0.4), lambda g: (1, 0.16)),
    "lognormal": (LognormalNoise(0.4), lambda g: (1, 0.16)),
    "power 1": (PowerLawNoise(0.1, 1.0, 2e-5), lambda g: (1, 0.01)),
    "power 1/2": (PowerLawNoise(0.1, 0.5, 2e-5), lambda g: (1, 0.01 * 2e-5 / g)),
    "power 0": (PowerLawNoise(0.1, 0.0, 2e-5), lambda g: (1, 0.01 * (2e-5 / g) ** 2)),
    "product": (
        ProductNoise(BlankOut(0.5), GaussianNoise(0.4)),
        lambda g: (0.5, 0.5 * 1.16 - 0.25),
    ),
    "no factors": (ProductNoise(), lambda g: (1, 0)),
}
noises = pytest.mark.parametrize(("noise", "theory"), NOISES.values(), ids=NOISES)


def draw(noise, rng, n=READS, g=G):
    xi, _ = noise.sample(g, noise.init(g, rng=rng), n, rng=rng, period=1e-6)
    return xi


@noises
def test_moments_are_those_of_theory(noise, theory):
    mean, variance = noise.moments(G)
    expected = np.array([theory(g) for g in G.flat])
    np.testing.assert_allclose(mean, expected[:, 0].reshape(G.shape), rtol=1e-12)
    np.testing.assert_allclose(variance, expected[:, 1].reshape(G.shape), rtol=1e-12)


@noises
def test_samples_have_mean_variance_and_no_memory(noise, theory, rng):
    xi = draw(noise, rng)
    assert xi.shape == (READS, *G.shape)
    mean, variance = np.array([theory(g) for g in G.flat]).T.reshape(2, *G.shape)
    assert_mean(xi, mean)
    assert_variance(xi, variance, mean)
    # Memoryless, independent cells: no covariance with the next read, nor with the neighbour.
    assert_covariance(xi[:-1], xi[1:], 0)
    assert_covariance(xi[:, 0], xi[:, 1], 0)


@noises
def test_same_seed_same_factors_and_another_seed_others(noise, theory):
    first, again, other = (draw(noise, np.random.default_rng(seed), n=5) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    random = np.any([theory(g)[1] > 0 for g in G.flat])
    assert np.array_equal(first, other) == (not random)


def test_gaussian_factor_is_normal_and_goes_negative_with_probability_phi(rng):
    xi = draw(GaussianNoise(1.0), rng, g=np.array(1e-6))
    # P(ξ < 0) = Φ(−1/σ) = 15.9 % at σ = 1; the whole law by Kolmogorov-Smirnov, one test, p > 1e-4.
    assert kstest(xi, "norm", args=(1, 1)).pvalue > 1e-4
    assert_mean((xi < 0).astype(float), 0.15865525393145707)


def test_lognormal_factor_is_lognormal_and_positive(rng):
    xi = draw(LognormalNoise(1.0), rng, g=np.array(1e-6))
    # A coefficient of variation of 1 needs s = √ln 2 = 0.8326; ln ξ ~ N(−s²/2, s²).
    s = 0.8325546111576977
    assert (xi > 0).all()
    assert kstest(np.log(xi), "norm", args=(-(s**2) / 2, s)).pvalue > 1e-4


def test_blank_out_factor_is_zero_or_one(rng):
    assert set(np.unique(draw(BlankOut(0.3), rng))) == {0.0, 1.0}


@pytest.mark.parametrize("gamma", [0.0, 0.35, 0.5, 1.0, 1.5])
def test_power_law_exponent_is_the_slope_of_ln_sigma_g(gamma):
    g = np.geomspace(1e-7, 1e-4, 7)
    sigma_g = g * np.sqrt(PowerLawNoise(0.2, gamma, 1e-5).moments(g)[1])
    # γ = d ln σ_G / d ln G, everywhere.
    np.testing.assert_allclose(
        np.diff(np.log(sigma_g)) / np.diff(np.log(g)), gamma, rtol=1e-9, atol=1e-12
    )


@pytest.mark.parametrize("gamma", [0.0, 1.0])
def test_power_law_cell_without_conductance_is_read_without_noise(gamma, rng):
    noise = PowerLawNoise(0.2, gamma, 1e-5)
    g = np.array([0.0, 1e-6])
    xi = draw(noise, rng, n=100, g=g)
    assert noise.moments(g)[1][0] == 0 < noise.moments(g)[1][1]
    assert np.ptp(xi[:, 0]) == 0 < np.ptp(xi[:, 1])


def test_log_conductance_noise_has_the_published_values():
    noise = LogConductanceNoise(coefficient=2.77316483e-8)
    g = np.array([9e-6, 30e-6, 60e-6, 88e-6])
    sigma = g * np.sqrt(noise.moments(g)[1])
    # CMO/HfOx at t = 1 s: 0.096/0.148/0.179/0.195 µS; half a unit of the last printed digit.
    assert (np.abs(sigma * 1e6 - [0.096, 0.148, 0.179, 0.195]) <= 0.0005).all()


def test_log_conductance_noise_keeps_its_relative_size_below_the_range_of_the_logarithm(rng):
    noise = LogConductanceNoise(coefficient=5e-7, t=10.0)
    edge = np.e * 1e-6
    g = np.array([0.0, 1e-9, 1e-6, 2e-6, edge, 5e-6, 8e-5])
    xi = draw(noise, rng, g=g)
    (mean, variance) = noise.moments(g)
    window = np.log((10 + 1e-6) / 2e-6)
    # Up to e g_unit σ/g = c log10(e)/(e g_unit), the largest that the law has; above, c
    # log10(g/g_unit)/g.
    relative = np.append(np.full(5, np.log10(np.e) / edge), np.log10(g[5:] * 1e6) / g[5:])
    np.testing.assert_allclose(variance, window * (5e-7 * relative) ** 2, rtol=1e-12)
    assert (np.diff(variance[4:]) < 0).all()
    np.testing.assert_allclose(noise.exponent(np.array([1e-7, 2e-6, 0.999 * edge])), 1, rtol=1e-6)
    np.testing.assert_allclose(
        noise.exponent(np.array([1.001 * edge, 5e-6])), 1 / np.log([1.001 * np.e, 5]), rtol=1e-6
    )
    assert_mean(xi, mean)
    assert_variance(xi, variance, mean)


BAD = [
    (lambda: BlankOut(0.0), r"BlankOut\.p = 0\.0 is not allowed; give a finite number in \(0, 1\)"),
    (lambda: BlankOut(1.0), r"BlankOut\.p = 1\.0 is not allowed"),
    (lambda: BlankOut(-0.2), r"BlankOut\.p = -0\.2 is not allowed"),
    (lambda: BlankOut("half"), r"BlankOut\.p = 'half' is not a number; give one in \(0, 1\)"),
    (lambda: BlankOut(True), r"BlankOut\.p = True is not a number"),
    (lambda: BlankOut(float("nan")), r"BlankOut\.p = nan is not allowed"),
    (
        lambda: GaussianNoise(-1),
        r"GaussianNoise\.sigma = -1 is not allowed; give a finite number in \[0, inf\)",
    ),
    (lambda: GaussianNoise(1j), r"GaussianNoise\.sigma = 1j is not a number"),
    (lambda: LognormalNoise(-1), r"LognormalNoise\.sigma = -1 is not allowed"),
    (lambda: LognormalNoise(float("inf")), r"LognormalNoise\.sigma = inf is not allowed"),
    (lambda: PowerLawNoise(-0.1, 1, 1e-6), r"PowerLawNoise\.coefficient = -0\.1"),
    (lambda: PowerLawNoise(0.1, None, 1e-6), r"PowerLawNoise\.gamma = None is not a number"),
    (lambda: PowerLawNoise(0.1, float("nan"), 1e-6), r"PowerLawNoise\.gamma = nan"),
    (
        lambda: PowerLawNoise(0.1, 1, 0),
        r"PowerLawNoise\.g_ref = 0 is not allowed; give a finite number in \(0, inf\) S",
    ),
    (lambda: LogConductanceNoise(coefficient=-1), r"LogConductanceNoise\.coefficient = -1"),
    (lambda: LogConductanceNoise(coefficient=1e-8, g_unit=0), r"LogConductanceNoise\.g_unit = 0"),
    (lambda: LogConductanceNoise(coefficient=1e-8, t_r=0), r"LogConductanceNoise\.t_r = 0"),
    (
        lambda: LogConductanceNoise(coefficient=1e-8, t=1e-9),
        r"LogConductanceNoise\.t = 1e-09 .*\[1e-06, inf\) s",
    ),
    (
        lambda: ProductNoise(BlankOut(), 0.5),
        r"ProductNoise .* 0\.5 is not a ReadNoise",
    ),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_noise_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
