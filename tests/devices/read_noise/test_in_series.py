"""Noise behind a resistance: divided by 1 + g R, whatever the noise is."""

import numpy as np
import pytest

from devices import (
    GaussianNoise,
    InSeries,
    OperatingPoint,
    ProductNoise,
    SonosReadNoise,
    TelegraphNoise,
    ThermalShotNoise,
)
from tests.helpers.statistics import assert_covariance, assert_mean, assert_variance

G = np.array([1e-6, 1e-5, 1e-4])
R = 1e4


def seen(g, included):
    """Return conductances [S] in series with a resistance [Ω]."""
    return g / (1 + g * included)


@pytest.mark.parametrize("included", [0.0, 0.4 * R, R])
def test_relative_noise_is_divided_wherever_the_resistance_is_counted(included):
    noise = InSeries(GaussianNoise(0.05), included=included, excluded=R - included)
    g = seen(G, included)
    np.testing.assert_allclose(noise.noise_conductance(g), G, rtol=1e-12)
    np.testing.assert_allclose(noise.share(g), 1 / (1 + G * R), rtol=1e-12)
    mean, variance = noise.moments(g)
    np.testing.assert_allclose(mean, 1)
    # 100 µS with 5 % behind 10 kΩ shows 2.5 %.
    np.testing.assert_allclose(np.sqrt(variance), 0.05 / (1 + G * R), rtol=1e-12)
    assert noise.is_gaussian
    assert not noise.has_memory


def test_the_share_is_the_relative_derivative_of_the_branch():
    step = 1e-4
    change = np.log(seen(G * (1 + step), R) / seen(G * (1 - step), R)) / (2 * step)
    np.testing.assert_allclose(
        InSeries(GaussianNoise(), R, 0.0).share(seen(G, R)), change, rtol=1e-7
    )


def test_telegraph_amplitudes_are_divided_and_their_times_stay(rng):
    trap = TelegraphNoise(0.1, 1e-6, 2e-6)
    noise = InSeries(trap, R, 0.0)
    g = np.full(20_000, seen(1e-4, R))
    state = noise.init(g, rng=rng)
    xi, state = noise.sample(g, state, 2, rng=rng, period=1e-6)
    np.testing.assert_allclose(np.unique(xi), [0.95, 1.0], rtol=1e-12)
    mean, variance = noise.moments(g[:1])
    assert_mean(xi[0], mean[0])
    assert_variance(xi[0], variance[0], mean[0])
    assert_covariance(xi[0], xi[1], float(noise.covariance(g[:1], 1e-6)[0]))
    assert noise.has_memory
    later = noise.advance(g, state, 1.0, rng=rng)
    assert later.shape == state.shape


def test_the_noise_follows_the_operating_point():
    product = ProductNoise(GaussianNoise(0.1), SonosReadNoise())
    driven = OperatingPoint(voltage=0.3)
    assert InSeries(product, R, 0.0).at(driven) == InSeries(product.at(driven), R, 0.0)


@pytest.mark.parametrize("other", [GaussianNoise(0.0), TelegraphNoise(1e-9, 1e-6, 1e-6)])
@pytest.mark.parametrize("included", [0.0, 0.4 * R, R])
def test_a_factor_that_follows_the_current_sees_the_branch_in_a_product_too(other, included, rng):
    sonos = SonosReadNoise()
    g = seen(G, included)
    # A branch of g [S] carries I = 0.1 V · g, and σ_I = 12.58037 nA (1 − e^(−I/215.36557 nA)).
    current = 0.1 * seen(G, R)
    sigma = 12.58037e-9 * -np.expm1(-current / 215.36557e-9) / current / (1 + G * R)
    noise = InSeries(ProductNoise(other, sonos), included, R - included)
    np.testing.assert_allclose(np.sqrt(noise.moments(g)[1]), sigma, rtol=1e-6)
    tiled = np.tile(g, (20_000, 1))
    xi, _ = noise.sample(tiled, noise.init(tiled, rng=rng), 1, rng=rng, period=1e-6)
    assert_variance(xi[0], sigma**2, 1.0)


@pytest.mark.parametrize(
    "noise", [ThermalShotNoise(), ProductNoise(GaussianNoise(0.1), ThermalShotNoise(shot=0.5))]
)
def test_noise_of_the_current_is_no_noise_of_a_factor(noise):
    with pytest.raises(ValueError, match=r"InSeries\.noise = .*ThermalShotNoise.*r_access"):
        InSeries(noise, 0.0, R)


def test_something_else_than_a_noise_is_refused():
    with pytest.raises(ValueError, match=r"InSeries\.noise = 3 is not a ReadNoise"):
        InSeries(3, 1.0, 1.0)


@pytest.mark.parametrize("name", ["included", "excluded"])
def test_negative_resistances_are_refused(name):
    with pytest.raises(ValueError, match=rf"InSeries\.{name} = -1 is not allowed; .* Ω"):
        InSeries(GaussianNoise(), **({"included": 0.0, "excluded": 0.0} | {name: -1}))
