"""Thermal and shot noise: limits, sums over a column, and the effect of a common-mode gain."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes
from scipy.stats import kstest, norm

from devices import GaussianNoise, OperatingPoint, ProductNoise, ThermalShotNoise
from devices.read_noise.thermal import (
    BOLTZMANN,
    ELEMENTARY_CHARGE,
    current_noise_psd,
    split_current_noise,
)
from tests.helpers.statistics import assert_mean, assert_variance

READS = 40_000
G = np.array([[1e-6, 1e-5], [1e-4, 3e-6]])


def noise_at(shot=0.0, **conditions):
    """Return the noise under some conditions, at 100 MHz if no bandwidth is given."""
    return ThermalShotNoise(shot=shot).at(OperatingPoint(**{"bandwidth": 1e8} | conditions))


NOISE = noise_at(voltage=0.2)


def test_constants_are_those_of_the_si():
    assert (BOLTZMANN, ELEMENTARY_CHARGE) == (1.380649e-23, 1.602176634e-19)


@pytest.mark.parametrize("shot", [0.0, 0.3, 1.0])
def test_without_voltage_noise_is_thermal_whatever_the_barrier(shot):
    expected = 4 * 1.380649e-23 * 300 * G
    np.testing.assert_allclose(current_noise_psd(G, 0.0, shot=shot), expected, rtol=1e-12)
    np.testing.assert_allclose(current_noise_psd(G, 1e-6, shot=shot), expected, rtol=1e-6)


def test_far_above_the_thermal_voltage_a_barrier_gives_poisson_shot_noise():
    # 2 q |I| for V ≫ 2kT/q = 51.7 mV.
    assert pytest.approx(51.7e-3, abs=5e-5) == 2 * BOLTZMANN * 300 / ELEMENTARY_CHARGE
    for voltage in (1.0, -1.0):
        np.testing.assert_allclose(
            current_noise_psd(G, voltage, shot=1.0), 2 * 1.602176634e-19 * G, rtol=1e-12
        )
    np.testing.assert_allclose(
        current_noise_psd(G, 500.0, shot=0.4, temperature=1e-3), 200 * 2 * 1.602176634e-19 * G
    )


def test_spectrum_is_the_sum_of_its_thermal_and_its_shot_part():
    t = 350.0
    v = 0.08
    f = 0.3
    coth = 1 / np.tanh(1.602176634e-19 * v / (2 * 1.380649e-23 * t))
    expected = 4 * 1.380649e-23 * t * G * (1 - f) + 2 * 1.602176634e-19 * G * v * f * coth
    np.testing.assert_allclose(current_noise_psd(G, v, temperature=t, shot=f), expected, rtol=1e-12)


def test_adding_thermal_and_full_shot_noise_would_count_a_quarter_twice():
    g = np.array(1e-5)
    both = current_noise_psd(g, 0.2) + 2 * ELEMENTARY_CHARGE * g * 0.2
    # At 0.2 V and 300 K the variance would be 25.7 % too large.
    assert both / current_noise_psd(g, 0.2, shot=1.0) - 1 == pytest.approx(0.257, abs=5e-4)


def test_relative_noise_of_a_read_has_its_known_values():
    g = np.array([1e-6, 1e-5, 1e-4])
    thermal, barrier = (
        np.sqrt(noise_at(voltage=0.2, shot=f).moments(g)[1]) * 100 for f in (0.0, 1.0)
    )
    # σ_I/I in % at 0.2 V, 100 MHz, 300 K; half a unit of the last digit.
    assert (np.abs(thermal - [0.644, 0.204, 0.064]) <= 0.0005).all()
    assert (np.abs(barrier - [1.27, 0.400, 0.127]) <= [0.005, 0.0005, 0.0005]).all()


@pytest.mark.parametrize("shot", [0.0, 1.0])
def test_sampled_factors_are_normal_with_the_variance_of_the_formula(shot, rng):
    noise = noise_at(bandwidth=1e9, temperature=400.0, voltage=0.05, shot=shot)
    xi, state = noise.sample(G, None, READS, rng=rng, period=1e-6)
    variance = current_noise_psd(G, 0.05, temperature=400.0, shot=shot) * 1e9 / (G * 0.05) ** 2
    assert state is None
    assert_mean(xi, 1)
    assert_variance(xi, variance, 1)
    assert_mean((xi[1:] - 1) * (xi[:-1] - 1), 0)
    assert kstest((xi[:, 0, 0] - 1) / np.sqrt(variance[0, 0]), "norm").pvalue > 1e-4
    assert noise.is_gaussian
    assert not noise.has_memory


@given(bandwidth=st.floats(1e3, 1e10), shot=st.floats(0, 1), voltage=st.floats(1e-3, 2))
def test_twice_the_bandwidth_is_twice_the_variance(bandwidth, shot, voltage):
    once, twice = (
        noise_at(bandwidth=b, shot=shot, voltage=voltage) for b in (bandwidth, 2 * bandwidth)
    )
    np.testing.assert_allclose(twice.moments(G)[1], 2 * once.moments(G)[1], rtol=1e-12)


@given(shape=array_shapes(max_dims=2, max_side=30), shot=st.floats(0, 1), seed=st.integers(0, 99))
def test_a_column_of_cells_is_as_noisy_as_one_cell_of_their_sum(shape, shot, seed):
    g = np.random.default_rng(seed).uniform(0, 1e-4, shape)
    noise = noise_at(shot=shot)
    column = np.sum(noise.moments(g)[1] * g**2)
    np.testing.assert_allclose(column, noise.moments(np.sum(g))[1] * np.sum(g) ** 2, rtol=1e-12)


def test_only_the_voltage_raises_the_signal_above_thermal_noise():
    low, high = (noise_at(voltage=v).moments(G)[1] for v in (0.1, 0.3))
    np.testing.assert_allclose(low, 9 * high, rtol=1e-12)


def test_exponent_is_one_half():
    for shot in (0.0, 0.5, 1.0):
        noise = noise_at(shot=shot)
        np.testing.assert_allclose(noise.exponent(np.geomspace(1e-7, 1e-3, 5)), 0.5, atol=1e-9)


def test_a_cell_without_conductance_is_read_without_noise(rng):
    g = np.array([0.0, 1e-6])
    xi, _ = NOISE.sample(g, None, 100, rng=rng, period=1e-6)
    assert NOISE.moments(g)[1][0] == 0 < NOISE.moments(g)[1][1]
    assert np.ptp(xi[:, 0]) == 0 < np.ptp(xi[:, 1])


@pytest.mark.parametrize("alpha", [0.1, 1.0])
def test_a_gain_of_alpha_changes_a_neurons_argument_by_its_root(alpha, rng):
    # u = Σ ξ g z under a common gain α: P(u > 0) = Φ(α^{1−γ} x), γ = ½. Signals of ±1 leave a mean
    # of x = −1 standard deviations: Φ(−√0.1) = .3759 at α = 0.1.
    n = 300
    g = rng.uniform(1e-6, 1e-5, n)
    spread = np.sqrt(np.sum(NOISE.moments(g)[1] * g**2))
    z = np.where(np.arange(n) % 2, 1.0, -1.0)
    # Of the order of one cell: sets the mean to one standard deviation below threshold.
    g[1] += -spread - z @ g
    assert g.min() > 0
    x = z @ g / np.sqrt(np.sum(NOISE.moments(g)[1] * g**2))
    xi, _ = NOISE.sample(alpha * g, None, READS, rng=rng, period=1e-6)
    fired = xi @ (alpha * g * z) > 0
    assert_mean(fired.astype(float), norm.cdf(alpha**0.5 * x))
    assert x == pytest.approx(-1, abs=0.02)


BAD = [
    ({"measured_at": 0.1}, r"ThermalShotNoise\.measured_at = 0\.1 is not an OperatingPoint"),
    ({"shot": 1.5}, r"ThermalShotNoise\.shot = 1\.5 is not allowed; .* \[0, 1\]"),
    ({"shot": "half"}, r"ThermalShotNoise\.shot = 'half' is not a number"),
]


@pytest.mark.parametrize(("changes", "message"), BAD)
def test_bad_thermal_noise_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        ThermalShotNoise(**changes)


@pytest.mark.parametrize("shot", [0.0, 0.4])
def test_a_cell_that_is_not_driven_has_thermal_noise(shot):
    noise = noise_at(shot, voltage=0.2, temperature=77.0)
    # Var u = Σ h(x_j) G_j in units of the current of one volt per unit: h = B S_I/(G V²).
    for x, volts in ((0.0, 0.2), (1.0, 0.2), (-3.0, 0.2), (0.5, 0.05)):
        psd = current_noise_psd(1.0, x * volts, temperature=77.0, shot=shot)
        np.testing.assert_allclose(
            noise.variance_per_siemens(x, volts), 1e8 * psd / volts**2, rtol=1e-12
        )
    idle = 4 * 1.380649e-23 * 77 * 1e8 / 0.2**2
    np.testing.assert_allclose(noise.variance_per_siemens(np.zeros(3)), idle, rtol=1e-12)


def test_what_adds_to_a_current_comes_apart_from_what_multiplies_it():
    gaussian, thermal = GaussianNoise(0.1), ThermalShotNoise(shot=0.2)
    assert split_current_noise(gaussian) == (gaussian, None)
    assert split_current_noise(ProductNoise(gaussian, thermal)) == (gaussian, thermal)
    two = ProductNoise(gaussian, GaussianNoise(0.2), thermal)
    assert split_current_noise(two) == (ProductNoise(*two.factors[:2]), thermal)
    with pytest.raises(ValueError, match=r"has 2 factors ThermalShotNoise; a cell has one"):
        split_current_noise(ProductNoise(thermal, gaussian, ThermalShotNoise()))
