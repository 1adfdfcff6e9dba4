"""Published read noise, and how its exponent limits the invariance under a common-mode gain."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes
from scipy.stats import norm

from devices import (
    BlankOut,
    LogConductanceNoise,
    LognormalNoise,
    OperatingPoint,
    PcmFlicker,
    PcmReadNoise,
    PowerLawNoise,
    SonosReadNoise,
    ThermalShotNoise,
)
from tests.helpers.statistics import assert_mean, assert_variance

READS = 40_000
PCM = PcmReadNoise()
SONOS = SonosReadNoise().at(OperatingPoint(voltage=0.05))
CMO = LogConductanceNoise(coefficient=2.77316483e-8)


def sigma(noise, g):
    return g * np.sqrt(noise.moments(g)[1])


def test_phase_change_noise_has_the_published_values():
    g = np.array([1e-6, 5e-6, 12.5e-6, 25e-6])
    # σ_G [µS] and σ_G/G [%], 20 s after programming, reads of 250 ns; half a unit of the last
    # digit.
    assert (np.abs(sigma(PCM, g) * 1e6 - [0.298, 0.524, 0.722, 0.920]) <= 0.0005).all()
    assert (np.abs(sigma(PCM, g) / g * 100 - [29.8, 10.5, 5.8, 3.7]) <= 0.05).all()


def test_phase_change_noise_grows_with_the_logarithm_of_time_and_scales_with_the_range():
    g = np.array([2e-6, 2e-5])
    later = PcmReadNoise(t=2e6)
    ratio = np.log((2e6 + 250e-9) / 500e-9) / np.log((20 + 250e-9) / 500e-9)
    np.testing.assert_allclose(later.moments(g)[1] / PCM.moments(g)[1], ratio, rtol=1e-12)
    np.testing.assert_allclose(PcmReadNoise(g_max=1e-4).moments(4 * g), PCM.moments(g), rtol=1e-12)
    assert PcmReadNoise(t=1e-3, t_r=1e-3).moments(g)[1].max() == 0  # a band without width


def test_phase_change_strength_is_bounded_for_small_conductances():
    q = PcmFlicker(g_max=1e-4)
    relative = np.array([0.0, 1e-6, 0.005, 0.5, 1.0])
    np.testing.assert_allclose(q(1e-4 * relative), [0.2, 0.2, 0.2, 0.0088 / 0.5**0.65, 0.0088])
    assert q(np.array(0.0082e-4)) < 0.2  # the bound holds up to 0.008


def test_sonos_noise_has_the_published_law():
    nanoamperes = np.array([10.0, 215.36557, 1600.0])
    found = sigma(SONOS, nanoamperes * 1e-9 / 0.05) * 0.05 * 1e9
    np.testing.assert_allclose(found, 12.58037 * (1 - np.exp(-nanoamperes / 215.36557)), rtol=1e-12)
    # The noise depends on conductance and voltage only through the current.
    np.testing.assert_allclose(
        SONOS.at(OperatingPoint(voltage=0.5)).moments(G / 10), SONOS.moments(G), rtol=1e-12
    )
    np.testing.assert_allclose(
        np.sqrt(SONOS.moments(np.array(0.0))[1]), 12.58037 / 215.36557, rtol=1e-12
    )


# Exponent γ = d ln σ_G / d ln G: bound, half a unit of the last digit.
EXPONENTS = {
    "blank-out": (BlankOut(0.5), [1e-6, 1e-4], [1, 1], 1e-6),
    "lognormal": (LognormalNoise(0.3), [1e-6, 1e-4], [1, 1], 1e-6),
    "thermal": (ThermalShotNoise(), [1e-6, 1e-4], [0.5, 0.5], 1e-6),
    "phase change": (PCM, [0.0082 * 25e-6, 1e-6, 25e-6], [0.35] * 3, 1e-6),
    "phase change, at the bound": (PCM, [0.0081 * 25e-6, 1e-9], [1, 1], 1e-6),
    "CMO/HfOx": (CMO, [9e-6, 88e-6], [0.46, 0.22], 0.005),
    "SONOS": (SONOS, [10e-9 / 0.05, 1.6e-6 / 0.05], [0.98, 0.00], 0.005),
}


@pytest.mark.parametrize(("noise", "g", "gamma", "bound"), EXPONENTS.values(), ids=EXPONENTS)
def test_exponent_has_its_known_values(noise, g, gamma, bound):
    assert (np.abs(noise.exponent(np.array(g)) - gamma) <= bound).all()


def test_sonos_exponent_is_that_of_a_saturating_exponential():
    g = np.geomspace(1e-8, 3e-5, 9)
    x = g * 0.05 / 215.36557e-9
    np.testing.assert_allclose(SONOS.exponent(g), x / np.expm1(x), atol=1e-6)


@pytest.mark.parametrize(("gamma", "expected"), [(1.0, 0.1587), (0.5, 0.3759), (0.0, 0.4602)])
def test_firing_after_a_gain_depends_on_the_exponent(gamma, expected, rng):
    # A neuron at x = −1 fires with Φ(α^{1−γ} x) after a gain α: .1587, .3759, .4602 at α = 0.1.
    n = 100
    alpha = 0.1
    g = rng.uniform(1e-6, 2e-6, n)
    z = np.where(np.arange(n) % 2, 1.0, -1.0)
    noise = PowerLawNoise(0.05, gamma, 1e-6)
    g[1] += -np.sqrt(np.sum(noise.moments(g)[1] * g**2)) - z @ g
    assert g.min() > 0
    x = z @ g / np.sqrt(np.sum(noise.moments(g)[1] * g**2))
    xi, _ = noise.sample(alpha * g, None, 2 * READS, rng=rng, period=1e-6)
    fires = norm.cdf(alpha ** (1 - gamma) * x)
    assert_mean((xi @ (g * z) > 0).astype(float), fires)
    # The argument x is −1 within 4 %, because cell 1 has changed its own noise.
    assert fires == pytest.approx(expected, abs=0.01)


G = np.array([[1e-7, 1e-6], [5e-6, 2e-5]])
noises = pytest.mark.parametrize("noise", [PCM, SONOS], ids=["phase change", "SONOS"])


@noises
def test_sampled_factors_have_the_moments_and_no_memory(noise, rng):
    xi, state = noise.sample(G, None, READS, rng=rng, period=1e-6)
    mean, variance = noise.moments(G)
    assert state is None
    assert_mean(xi, mean)
    assert_variance(xi, variance, 1)
    assert_mean((xi[1:] - 1) * (xi[:-1] - 1), 0)
    assert noise.is_gaussian
    assert not noise.has_memory


@noises
@given(shape=array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4), low=st.floats(0, 2.5e-5))
def test_cells_of_any_shape_and_state_have_finite_noise(noise, shape, low):
    g = np.full(shape, low)
    xi, _ = noise.sample(g, None, 2, rng=np.random.default_rng(0), period=1e-6)
    assert xi.shape == (2, *shape)
    assert np.isfinite(xi).all()
    assert all(m.shape == shape for m in noise.moments(g))
    assert (noise.moments(g)[1] > 0).all()


BAD = [
    (lambda: PcmFlicker(g_max=0), r"PcmFlicker\.g_max = 0 is not allowed; .* \(0, inf\) S"),
    (lambda: PcmReadNoise(g_max=0), r"PcmReadNoise\.g_max = 0 is not allowed; .* \(0, inf\) S"),
    (lambda: PcmReadNoise(t_r=0), r"PcmReadNoise\.t_r = 0 is not allowed; .* \(0, inf\) s"),
    (
        lambda: PcmReadNoise(t=1e-8),
        r"PcmReadNoise\.t = 1e-08 is not allowed; .* \[2\.5e-07, inf\) s",
    ),
    (
        lambda: SonosReadNoise(measured_at=0),
        r"SonosReadNoise\.measured_at = 0 is not an OperatingPoint",
    ),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_published_noise_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
