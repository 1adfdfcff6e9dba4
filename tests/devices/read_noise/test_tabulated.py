"""Tabulated read noise: the table at its knots, normal reads, 1/f noise of a tabulated size."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.interpolate import PchipInterpolator

from devices import (
    Device,
    FlickerNoise,
    PowerLawNoise,
    ReadNoise,
    TabulatedFlicker,
    TabulatedNoise,
    TabulatedSpectrum,
)
from tests.helpers.statistics import assert_mean, assert_variance

G = (1e-6, 4e-6, 1e-5, 2e-5)
SIGMA = (2e-8, 5e-8, 4e-8, 1e-7)
NOISE = TabulatedNoise(conductances=G, sigma=SIGMA)
SPECTRUM = TabulatedSpectrum(
    conductances=G, sigma=SIGMA, frequencies=(1.0, 10.0), density=(1.0, 0.1)
)
SIZE = (0.02, 0.01, 0.012, 0.004)
FLICKER = TabulatedFlicker(conductances=G, size=SIZE)


def test_the_deviation_is_the_monotone_cubic_through_the_table():
    g = np.linspace(G[0], G[-1], 57)
    sigma = g * np.sqrt(NOISE.moments(g)[1])
    np.testing.assert_allclose(sigma, PchipInterpolator(G, SIGMA)(g), rtol=1e-9)
    np.testing.assert_array_equal(NOISE.moments(g)[0], 1)
    assert NOISE.is_gaussian
    assert not NOISE.has_memory


def test_beyond_the_table_the_absolute_noise_is_constant():
    g = np.array([1e-9, 5e-7, 1e-4])
    np.testing.assert_allclose(NOISE.relative_sigma(g) * g, [2e-8, 2e-8, 1e-7], rtol=1e-12)
    # γ of additive noise. A cell without conductance has none, as with `PowerLawNoise`.
    np.testing.assert_array_equal(NOISE.exponent(g), 0)
    np.testing.assert_array_equal(NOISE.relative_sigma(np.zeros(2)), 0)
    np.testing.assert_array_equal(PowerLawNoise(0.1, 0.0, 1e-6).relative_sigma(np.zeros(2)), 0)


def test_a_table_of_multiplicative_noise_has_the_exponent_one():
    straight = TabulatedNoise(conductances=(1e-6, 1e-5), sigma=(1e-8, 1e-7))
    device = Device(g_min=1e-6, g_max=1e-5, read_noise=straight)
    # Also at the ends of the table, where the slope is that of the table.
    np.testing.assert_allclose(device.gamma(np.linspace(1e-6, 1e-5, 9)), 1, rtol=1e-12)


@pytest.mark.parametrize("noise", [NOISE, SPECTRUM], ids=["white", "spectrum"])
def test_the_exponent_is_the_derivative_of_the_logarithms(noise):
    g = np.linspace(1.1e-6, 1.9e-5, 17)
    np.testing.assert_allclose(noise.exponent(g), ReadNoise.exponent(noise, g), atol=1e-3)
    assert np.isnan(replace(noise, sigma=(0.0,) * 4).exponent(g)).all()
    assert np.isnan(noise.exponent(np.zeros(2))).all()


def test_reads_are_normal_with_the_deviation_of_the_table(rng):
    g = np.tile(G, (20_000, 1))
    xi, state = NOISE.sample(g, None, 2, rng=rng)
    assert state is None
    for one in xi:
        assert_mean(one, 1)
        assert_variance(one, (np.array(SIGMA) / G) ** 2, 1)
    assert_mean((xi[0] - 1) * (xi[1] - 1), 0)


def test_the_factor_scales_the_noise():
    g = np.array([2e-6, 1e-5])
    double = replace(NOISE, noise_factor=2.0)
    np.testing.assert_allclose(double.relative_sigma(g), 2 * NOISE.relative_sigma(g), rtol=1e-12)
    np.testing.assert_allclose(replace(FLICKER, noise_factor=2.0)(g), 2 * FLICKER(g), rtol=1e-12)


def test_flicker_noise_takes_its_size_from_the_table():
    g = np.array([5e-7, 1e-6, 7e-6, 1e-5, 1e-4])
    size = FLICKER(g)
    np.testing.assert_allclose(size[[0, 1, 3, 4]], [0.02, 0.02, 0.012, 0.004], rtol=1e-12)
    np.testing.assert_allclose(size[2], PchipInterpolator(G, SIZE)(7e-6), rtol=1e-9)
    noise = FlickerNoise(q=FLICKER, f_low=1.0, f_high=1e4)
    np.testing.assert_allclose(noise.moments(g)[1], size**2 * np.log(1e4), rtol=1e-12)


def test_lists_tuples_and_arrays_are_the_same_table():
    for table, name, values in ((NOISE, "sigma", SIGMA), (FLICKER, "size", SIZE)):
        for kind in (list, np.array):
            other = type(table)(**{"conductances": kind(G), name: kind(values)})
            assert (other, hash(other), repr(other)) == (table, hash(table), repr(table))


BAD = [
    ({"sigma": (1e-8,)}, r"TabulatedNoise\.sigma is of length 1 for 4 conductances"),
    (
        {"sigma": (0, 0, -1e-8, 0)},
        r"TabulatedNoise\.sigma\[2\] = -1e-08 is not allowed.*\[0, inf\) S",
    ),
    ({"sigma": (0, 0, float("nan"), 0)}, r"TabulatedNoise\.sigma\[2\] = nan is not allowed"),
    (
        {"conductances": (1e-6, 1e-6, 2e-6, 3e-6)},
        r"conductances must rise, but \[1\] = 1e-06 follows",
    ),
    ({"noise_factor": -1}, r"TabulatedNoise\.noise_factor = -1 is not allowed"),
]


@pytest.mark.parametrize(("changes", "message"), BAD)
def test_a_bad_table_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        replace(NOISE, **changes)


def test_a_bad_table_of_flicker_noise_is_refused():
    with pytest.raises(
        ValueError, match=r"TabulatedFlicker\.size is of length 1 for 4 conductances"
    ):
        replace(FLICKER, size=(0.1,))
    with pytest.raises(ValueError, match=r"TabulatedFlicker\.size\[0\] = -0\.1 is not allowed"):
        replace(FLICKER, size=(-0.1, 0.1, 0.1, 0.1))
