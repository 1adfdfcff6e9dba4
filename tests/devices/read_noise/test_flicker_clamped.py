"""1/f noise whose negative reads are 0: moments, covariance, effective samples, sizes."""

from dataclasses import replace

import numpy as np
import pytest

import devices
from crossbar import Hardware
from devices import FlickerNoise, LogConductanceFlicker
from nsm import map_to_crossbar, nsm_mlp
from tests.helpers.statistics import assert_mean

CELLS = 40_000
BIG = FlickerNoise(q=0.25, f_low=1.0, f_high=1e5, clamped=True)


@pytest.mark.parametrize("q", [0.05, 0.25, 0.6])
def test_mean_variance_and_covariance_are_those_of_the_clamped_reads(q, rng):
    noise = replace(BIG, q=q)
    g = np.full(CELLS, 1e-5)
    xi, _ = noise.sample(g, noise.init(g, rng=rng), 3, rng=rng, period=1e-3)
    assert (xi >= 0).all()
    mean, variance = (float(m[0]) for m in noise.moments(g))
    for reads in xi:
        assert_mean(reads, mean)
        assert_mean((reads - mean) ** 2, variance)
    for lag in (1, 2):
        product = (xi[0] - mean) * (xi[lag] - mean)
        assert_mean(product, noise.covariance(g, lag * 1e-3)[0])
    if q > 0.2:
        assert (xi == 0).any()
        assert mean > 1.01


def test_clamping_changes_nothing_where_noise_is_small(rng):
    g = np.full(50, 1e-5)
    for noise in (FlickerNoise(q=0.01, f_low=1.0, f_high=1e5),):
        clamped = replace(noise, clamped=True)
        state = noise.init(g, rng=3)
        a, b = (n.sample(g, state, 4, rng=4, period=1.0)[0] for n in (noise, clamped))
        np.testing.assert_array_equal(a, b)
        np.testing.assert_allclose(clamped.moments(g), noise.moments(g), rtol=1e-12)
        np.testing.assert_allclose(
            clamped.covariance(g, 1e-3), noise.covariance(g, 1e-3), rtol=1e-9
        )


def test_published_size_of_cmo_hfox():
    q = LogConductanceFlicker(coefficient=2.77316e-8)
    # K log10(g)/g: 0.0277 µS · 1/10 µS at 10 µS.
    np.testing.assert_allclose(q(np.array([1e-5])), 2.77316e-3, rtol=1e-12)
    low = q(np.array([0.0, 1e-7, np.e * 1e-6]))
    np.testing.assert_allclose(low, low[0])  # held below e · g_unit


def test_ten_reads_of_phase_change_cells_are_worth_little_more_than_one():
    hardware = Hardware(device=devices.preset("pcm_nandakumar2019"), gate=devices.NoNoise())
    chip = map_to_crossbar(nsm_mlp((6, 5, 3)), hardware, rng=0)
    worth = chip.effective_samples(10)["median"].dropna()
    assert len(worth)
    # An independent calculation for one cell: variance of the mean of 10 reads, 10 periods.
    noise, g = hardware.device.read_noise, np.array([1e-5])
    lags = np.arange(1, 10)
    covariance = np.array([noise.covariance(g, k * hardware.read_period)[0] for k in lags])
    variance = noise.moments(g)[1][0]
    one_cell = 10 / (1 + 2 * np.sum((1 - lags / 10) * covariance / variance))
    assert 1.1 < one_cell < 1.4
    np.testing.assert_allclose(worth, one_cell, rtol=0.1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: replace(BIG, clamped="yes"), r"FlickerNoise\.clamped = 'yes' is not allowed"),
        (
            lambda: LogConductanceFlicker(coefficient=-1),
            r"LogConductanceFlicker\.coefficient = -1 is not allowed",
        ),
        (
            lambda: LogConductanceFlicker(coefficient=1e-8, g_unit=0),
            r"LogConductanceFlicker\.g_unit = 0 is not allowed",
        ),
    ],
)
def test_bad_sizes_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
