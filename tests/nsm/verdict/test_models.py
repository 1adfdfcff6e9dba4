"""Variants of given models: their moments, and the limits in which they are other models."""

from dataclasses import replace

import numpy as np
import pytest

from devices import (
    Device,
    GaussianNoise,
    IdealWrite,
    LognormalNoise,
    StateDependentError,
    TelegraphNoise,
    preset,
)
from nsm.verdict.models import FrozenTraps, ScaledError, ScaledNoise, scaled_noise
from tests.helpers.tabulated_device import ERROR, NOISE, SPECTRUM

G = np.full(200_000, 5e-6)
TRAPS = TelegraphNoise(0.4, 1e-6, 3e-6)


def test_scaled_noise_has_the_moments_of_what_it_draws():
    noise = ScaledNoise(LognormalNoise(0.3), 2.0)
    xi, _ = noise.sample(G, None, 1, rng=0)
    mean, variance = noise.moments(G[:1])
    assert mean == pytest.approx(1)
    assert variance == pytest.approx(0.36)
    assert xi.mean() == pytest.approx(1, abs=4 * 0.6 / np.sqrt(G.size))
    assert xi.var() == pytest.approx(0.36, rel=0.03)


def test_scaled_noise_keeps_the_memory_of_the_given_one():
    noise = ScaledNoise(TRAPS, 0.5)
    assert noise.has_memory
    assert noise.covariance(G[:1], 1e-6) == pytest.approx(0.25 * TRAPS.covariance(G[:1], 1e-6))
    mean, _ = TRAPS.moments(G[:1])
    assert noise.moments(G[:1])[0] == pytest.approx((1 + mean) / 2)
    one, other = (n.sample(G[:9], n.init(G[:9], rng=1), 3, rng=2, period=1e-6)[0]
                  for n in (noise, TRAPS))  # fmt: skip
    np.testing.assert_allclose(one, 1 + 0.5 * (other - 1))


def test_noises_with_a_sigma_stay_of_their_class():
    assert scaled_noise(GaussianNoise(0.2), 3) == GaussianNoise(0.2 * 3)
    assert scaled_noise(LognormalNoise(0.2), 0.5) == LognormalNoise(0.1)
    assert scaled_noise(TRAPS, 0.5) == ScaledNoise(TRAPS, 0.5)


@pytest.mark.parametrize("noise", [NOISE, SPECTRUM], ids=["white", "spectrum"])
def test_tabulated_noise_is_scaled_by_its_own_factor(noise):
    scaled = scaled_noise(replace(noise, noise_factor=2.0), 1.5)
    assert scaled == replace(noise, noise_factor=3.0)
    generic = ScaledNoise(noise, 3.0)
    np.testing.assert_allclose(scaled.moments(G[:9]), generic.moments(G[:9]), rtol=1e-12)
    one, other = (
        n.sample(G[:9], n.init(G[:9], rng=1), 3, rng=2, period=1e-6)[0] for n in (scaled, generic)
    )
    np.testing.assert_allclose(one, other, rtol=1e-12)


def test_a_tabulated_error_is_scaled_with_its_mean():
    scaled = ScaledError(write=ERROR, factor=3.0)
    own = replace(ERROR, error_factor=3.0)
    for name in ("sigma", "bias"):
        np.testing.assert_allclose(getattr(scaled, name)(G[:9]), getattr(own, name)(G[:9]))
    np.testing.assert_allclose(scaled.program(G[:9], rng=0), own.program(G[:9], rng=0), rtol=1e-9)


def test_a_scaled_error_is_the_factor_of_the_model_itself():
    own = StateDependentError(coefficients=(1e-7,))
    scaled = ScaledError(write=own, factor=3.0)
    three = StateDependentError(coefficients=(1e-7,), error_factor=3.0)
    np.testing.assert_allclose(scaled.program(G[:99], rng=0), three.program(G[:99], rng=0))
    np.testing.assert_allclose(scaled.sigma(G[:1]), three.sigma(G[:1]))


def test_a_scaled_error_of_verified_cells_grows_with_the_factor():
    device = preset("rram_wu2018_verify")
    target = np.full(3000, 5e-6)
    errors = [
        ScaledError(write=device.write, factor=f).program(target, rng=0) - target for f in (1, 2)
    ]
    np.testing.assert_allclose(errors[1], 2 * errors[0], atol=1e-18)


@pytest.mark.parametrize("write", [IdealWrite(), StateDependentError(coefficients=(4e-7,))])
def test_frozen_traps_have_the_moments_of_what_they_draw(write):
    traps = FrozenTraps(write=write, amplitude=0.4, g_min=0.0, g_max=1e-4)
    error = traps.program(G, rng=0) - G
    assert error.mean() == pytest.approx(float(traps.bias(G[:1])[0]), rel=0.01)
    assert np.sqrt((error**2).mean()) == pytest.approx(float(traps.sigma(G[:1])[0]), rel=0.01)


def test_frozen_traps_are_telegraph_noise_that_never_changes():
    slow = TelegraphNoise(0.4, 1e3, 1e3)
    xi, _ = slow.sample(G, slow.init(G, rng=0), 1, rng=1, period=1e-6)
    frozen = FrozenTraps(write=IdealWrite(), amplitude=0.4, g_min=0.0, g_max=1e-4)
    share = frozen.program(G, rng=2) / G
    assert set(np.round(share, 12)) == set(np.round(xi.ravel(), 12)) == {0.6, 1.0}
    captured = [float((values < 0.8).mean()) for values in (share, xi)]
    assert captured == pytest.approx([0.5, 0.5], abs=5 * 0.5 / np.sqrt(G.size))


def test_a_captured_trap_takes_a_cell_below_the_range():
    traps = FrozenTraps(write=IdealWrite(), amplitude=0.5, g_min=1e-6, g_max=1e-5)
    device = Device(g_min=1e-6, g_max=1e-5, write=traps)
    g = device.program(np.full(100, 1e-6), rng=0)
    assert set(g) == {5e-7, 1e-6}
