"""Spectra of known noise: level, slope, and the parts white and power law with their errors."""

import numpy as np
import pytest

from devices import FlickerNoise
from devices.fitting.read_noise.spectrum import (
    Density,
    density,
    frequencies_of,
    segment_length,
    slope,
    white_and_power_law,
)

PERIOD = 0.01


def power_law_noise(n, exponent, rng, size=1.0):
    """Return normal noise of density size/f^exponent [1/Hz], from 1/(8 n period) on."""
    long = 8 * n
    f = np.fft.rfftfreq(long, PERIOD)
    f[0] = np.inf
    amplitude = np.sqrt(size * f**-exponent * long / (4 * PERIOD))
    z = rng.standard_normal((2, len(f)))
    return np.fft.irfft(amplitude * (z[0] + 1j * z[1]), long)[:n]


def test_the_density_of_white_noise_is_its_variance_over_the_band(rng):
    x = 3.0 * rng.standard_normal((4, 50_000))
    found = density(x, PERIOD)
    assert found.frequencies[-1] == pytest.approx(0.5 / PERIOD)
    assert found.values.mean() == pytest.approx(9.0 * 2 * PERIOD, rel=0.02)
    # The scatter of the averages is that of a gamma variable.
    relative = (found.values / found.values.mean(axis=1, keepdims=True)).std()
    assert relative == pytest.approx(1 / np.sqrt(found.averages), rel=0.05)


def test_the_density_is_that_of_scipy(rng):
    from scipy.signal import welch

    x = rng.standard_normal(10_000).cumsum()
    length = segment_length(len(x))
    f, expected = welch(x, 1 / PERIOD, nperseg=length)
    found = density(x[None], PERIOD)
    np.testing.assert_allclose(found.frequencies, f[1:])
    np.testing.assert_allclose(found.values[0], expected[1:], rtol=1e-9)


@pytest.mark.parametrize(("n", "expected"), [(100_000, 16_384), (6 * 1024, 1024), (20, 16)])
def test_segments_are_powers_of_two_and_a_sixth_of_the_trace(n, expected):
    assert segment_length(n) == expected


@pytest.mark.parametrize("exponent", [0.8, 1.0, 1.4])
def test_slopes_have_no_bias_and_honest_errors(exponent, rng):
    found = []
    for _ in range(40):
        one = density(power_law_noise(20_000, exponent, rng)[None], PERIOD)
        inside = (one.frequencies > 0.15) & (one.frequencies < 10)
        found.append(slope(one.frequencies[inside], one.values[0][inside], one.averages))
    z = np.array([(one.value + exponent) / one.error for one in found])
    assert abs(z.mean()) < 5 / np.sqrt(len(z))
    assert 0.6 < z.std() < 1.4


@pytest.mark.parametrize(("exponent", "white"), [(1.0, 1.0), (1.3, 3.0)])
def test_white_noise_and_a_power_law_are_told_apart(exponent, white, rng):
    z = []
    for _ in range(40):
        x = power_law_noise(20_000, exponent, rng, 0.1) + white * rng.standard_normal(20_000)
        one: Density = density(x[None], PERIOD)
        keep = one.frequencies > 2 * one.frequencies[0]
        fit = white_and_power_law(one.frequencies[keep], one.values[0][keep], one.averages)
        errors = np.sqrt(np.diag(fit.covariance))
        size = 0.1 * fit.f_0**-exponent
        z.append(
            [
                np.log(fit.white / (2 * PERIOD * white**2)) / errors[0],
                np.log(fit.size / size) / errors[1],
                (fit.exponent - exponent) / errors[2],
            ]
        )
    z = np.array(z)
    assert (np.abs(z.mean(axis=0)) < 5 / np.sqrt(len(z))).all()
    assert ((z.std(axis=0) > 0.6) & (z.std(axis=0) < 1.5)).all()
    # Of 40 intervals 38 hold the truth on average; fewer than 32 do in 1 of 300 studies.
    assert ((np.abs(z) < 1.96).sum(axis=0) >= 32).all()


@pytest.mark.parametrize(("f_high", "exponent"), [(50.0, 1.06), (5000.0, 1.02)])
def test_sampled_1_f_noise_has_the_exponent_of_its_folded_spectrum(f_high, exponent):
    """Its relaxations end at f_high, and instantaneous reads fold the tails beyond 50 Hz."""
    noise = FlickerNoise(q=0.01, f_low=0.005, f_high=f_high)
    f = frequencies_of(20_000, PERIOD)
    rho = np.exp(-PERIOD / np.asarray(noise.taus))
    folded = (1 - rho**2) / (1 + rho**2 - 2 * rho * np.cos(2 * np.pi * f[:, None] * PERIOD))
    exact = white_and_power_law(f, folded @ np.asarray(noise.shares), 10.0)
    assert exact.exponent == pytest.approx(exponent, abs=0.015)
    cell = np.array([1e-4])
    found = []
    for seed in range(10):
        xi, _ = noise.sample(cell, noise.init(cell, rng=seed), 20_000, rng=seed, period=PERIOD)
        one = density(xi.reshape(1, -1), PERIOD)
        found.append(white_and_power_law(f, one.values[0], one.averages).exponent)
    error = np.std(found, ddof=1) / np.sqrt(len(found))
    assert error < 0.02
    assert abs(np.mean(found) - exact.exponent) < 4 * error


def test_white_noise_alone_has_no_power_law(rng):
    one = density(rng.standard_normal((1, 20_000)), PERIOD)
    fit = white_and_power_law(one.frequencies, one.values[0], one.averages)
    assert fit.white * 0.5 / PERIOD == pytest.approx(1.0, rel=0.05)
    assert fit.power_law_variance(0.005, 50) < 0.05


def test_the_variance_of_a_power_law_is_its_integral():
    for exponent in (0.5, 1.0, 1.7):
        fit = white_and_power_law(*exact(exponent), 10.0)
        f = np.geomspace(0.1, 40, 20_001)
        expected = np.trapezoid(fit.power_law(f), f)
        assert fit.power_law_variance(0.1, 40) == pytest.approx(expected, rel=1e-5)
        assert fit.exponent == pytest.approx(exponent, abs=1e-3)


def exact(exponent):
    """Return frequencies and a density without scatter."""
    f = np.arange(1, 501) * 0.1
    return f, 1e-3 + f**-exponent
