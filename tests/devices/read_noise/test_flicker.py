"""1/f noise: variance, spectrum and memory of the sum of processes, exact at any read times."""

import tomllib
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes
from scipy.integrate import quad
from scipy.stats import kstest

from devices import (
    Device,
    FlickerNoise,
    NoNoise,
    OperatingPoint,
    PcmFlicker,
    PcmReadNoise,
    StochasticSelector,
    TelegraphNoise,
)
from devices.tables import as_toml, device_from
from tests.helpers.statistics import assert_covariance, assert_mean, assert_variance

CELLS = 40_000
G = np.full(CELLS, 1e-5)
NOISE = FlickerNoise(q=0.02, f_low=1.0, f_high=1e4)


def read(noise, rng, n, period, g=G):
    return noise.sample(g, noise.init(g, rng=rng), n, rng=rng, period=period)[0]


def test_variance_is_q_squared_times_the_logarithm_of_the_band():
    mean, variance = NOISE.moments(np.ones((2, 3)))
    np.testing.assert_array_equal(mean, np.ones((2, 3)))
    np.testing.assert_allclose(variance, np.full((2, 3), 0.02**2 * 4 * np.log(10)), rtol=1e-12)
    assert NOISE.has_memory
    assert not NOISE.is_gaussian


@pytest.mark.parametrize(
    ("f_high", "per_decade", "processes"), [(1e4, 2, 8), (1e3, 1, 3), (2.0, 1, 1), (3e4, 2, 9)]
)
def test_processes_are_spread_evenly_over_the_band(f_high, per_decade, processes):
    taus = FlickerNoise(q=1, f_low=1, f_high=f_high, per_decade=per_decade).taus
    # Each stands in the middle of its share of ln τ between 1/(2π f_high) and 1/(2π f_low).
    assert taus.size == processes
    edges = np.geomspace(1 / (2 * np.pi * f_high), 1 / (2 * np.pi), processes + 1)
    np.testing.assert_allclose(taus, np.sqrt(edges[1:] * edges[:-1]), rtol=1e-12)


@pytest.mark.parametrize("period", [1e-5, 1e-3, 1.0])
def test_reads_are_stationary_and_remember_each_other_as_promised(period, rng):
    xi = read(NOISE, rng, 4, period)
    variance = 0.02**2 * np.log(1e4)
    assert xi.shape == (4, CELLS)
    for one in xi:
        assert_mean(one, 1)
        assert_variance(one, variance, 1)
    for k in (1, 3):
        # Σ_k v e^{−lag/τ_k} with v = q² L/K.
        expected = variance * np.mean(np.exp(-k * period / NOISE.taus))
        np.testing.assert_allclose(
            NOISE.covariance(G, k * period), np.full(CELLS, expected), rtol=1e-12
        )
        assert_covariance(xi[0], xi[k], expected)
    assert_covariance(xi[0, 1:], xi[0, :-1], 0)  # cells are independent


def test_factors_are_normal(rng):
    xi = read(NOISE, rng, 1, 1e-3)[0]
    assert kstest(xi, "norm", args=(1, 0.02 * np.sqrt(np.log(1e4)))).pvalue > 1e-4


def test_one_long_gap_is_two_short_ones(rng):
    # From all x_k = 1: mean Σ e^{−t/τ_k}, variance Σ (1 − e^{−2 t/τ_k}), in units of q √(L/K),
    # whatever the steps.
    start = np.ones((NOISE.taus.size, CELLS))
    taus = NOISE.taus
    unit = 0.02 * np.sqrt(np.log(1e4) / taus.size)
    for n in (1, 2, 5):
        xi, _ = NOISE.sample(G, start, n, rng=rng, period=1e-3 / n)
        assert_mean(xi[-1], 1 + unit * np.exp(-1e-3 / taus).sum())
        assert_variance(xi[-1], unit**2 * (1 - np.exp(-2e-3 / taus)).sum())


def test_spectrum_holds_the_whole_variance_and_is_the_transform_of_the_covariance():
    g = np.array(1e-5)
    f = np.geomspace(1e-4, 1e9, 200_001)
    total = np.trapezoid(NOISE.psd(g, f) * f, np.log(f))
    assert total == pytest.approx(0.02**2 * np.log(1e4), rel=1e-3)
    # S(f) = 4 ∫ Cov(t) cos(2π f t) dt over t > 0.
    for f in (3.0, 200.0):
        parts = [
            quad(
                lambda t: float(NOISE.covariance(g, t)),
                a,
                b,
                weight="cos",
                wvar=2 * np.pi * f,
                limit=500,
            )[0]
            for a, b in pairwise([0, 1e-4, 1e-3, 1e-2, 1e-1, 3])
        ]
        found = 4 * sum(parts)
        assert NOISE.psd(g, np.array(f)) == pytest.approx(found, rel=1e-5)


@pytest.mark.parametrize(("per_decade", "low", "high"), [(1, 0.1145, 0.1155), (2, 0, 0.01)])
def test_spectrum_ripples_about_q_squared_over_f(per_decade, low, high):
    noise = FlickerNoise(q=1, f_low=1e-4, f_high=1e4, per_decade=per_decade)
    f = np.geomspace(1e-2, 1e2, 2001)
    ripple = noise.psd(np.array(1e-5), f) * f
    # The middle four of eight decades: 11.5 % from peak to peak with one process per decade, below
    # 1 % with two.
    assert low <= np.ptp(ripple) <= high
    assert ripple.mean() == pytest.approx(1, abs=0.005)


def test_ripple_far_from_the_ends_is_that_of_equidistant_lorentzians():
    for per_decade in (1, 2):
        noise = FlickerNoise(q=1, f_low=1e-9, f_high=1e9, per_decade=per_decade)
        f = np.geomspace(0.1, 10, 2001)
        # Σ_n sech(x − n h) has the relative Fourier coefficients 2 sech(π² m/h): 4 sech(π²/h) from
        # peak to peak.
        expected = 4 / np.cosh(np.pi**2 * per_decade / np.log(10))
        assert np.ptp(noise.psd(np.array(1e-5), f) * f) == pytest.approx(expected, rel=2e-2)


def test_periodogram_falls_as_one_over_f(rng):
    noise = FlickerNoise(q=0.02, f_low=1.0, f_high=1e4)
    period = 2e-5
    n = 1 << 16
    cells = 48
    xi = read(noise, rng, n, period, g=np.full(cells, 1e-5))
    f = np.fft.rfftfreq(n, period)[1:]
    # A Hann window: without one, leakage of the slow processes would lift the fall.
    taper = np.hanning(n)
    periodogram = (
        2
        * period
        / np.sum(taper**2)
        * np.abs(np.fft.rfft((xi - 1) * taper[:, None], axis=0)[1:]) ** 2
    )
    edges = np.geomspace(10, 1e3, 11)  # the middle two of the four decades
    bins = [(f >= a) & (f < b) for a, b in pairwise(edges)]
    for own in bins:
        # One mean per cell; the ripple and what the ends lack stand in psd itself.
        assert_mean((periodogram[own] / noise.psd(np.array(1e-5), f[own])[:, None]).mean(axis=0), 1)
    mean = [periodogram[own].mean() for own in bins]
    centre = [f[own].mean() for own in bins]
    slope = np.polyfit(np.log(centre), np.log(mean), 1)[0]
    assert slope == pytest.approx(-1, abs=0.05)


def test_slow_processes_are_a_static_error_to_a_few_reads(rng):
    # What S reads see is v less the variance of their mean: about q² ln(S Δ/(2 T)), T = 1/(2
    # f_high); for ideal 1/f noise ∫ (1 − sinc²(f S Δ)) df/f adds γ_E + ln 2π − 3/2 = 0.915 to the
    # logarithm.
    reads = 64
    period = 1e-3
    xi = read(NOISE, rng, reads, period, g=G[:10_000])
    covariance = [
        0.02**2 * np.log(1e4),
        *(float(NOISE.covariance(np.array(1.0), k * period)) for k in range(1, reads)),
    ]
    weights = np.array([reads, *(2 * (reads - k) for k in range(1, reads))]) / reads**2
    seen = covariance[0] - weights @ covariance
    assert_mean(xi.var(axis=0), seen)
    assert seen / 0.02**2 == pytest.approx(np.log(reads * period * 1e4) + 0.915, abs=0.2)
    assert seen < 0.8 * covariance[0]


def test_strength_may_depend_on_the_state(rng):
    noise = FlickerNoise(
        q=PcmFlicker(g_max=25e-6), f_low=1 / (20 + 250e-9), f_high=1 / (2 * 250e-9)
    )
    g = np.array([1e-6, 5e-6, 12.5e-6, 25e-6])
    # The band that reads of 250 ns see 20 s after programming: the variance of the published
    # memoryless noise.
    np.testing.assert_allclose(
        noise.moments(g)[1], PcmReadNoise(g_max=25e-6).moments(g)[1], rtol=1e-12
    )
    np.testing.assert_allclose(noise.exponent(g), 0.35, atol=1e-6)
    xi = read(noise, rng, 2, 1e-6, g=np.tile(g, (CELLS // 2, 1)))
    assert_variance(xi[0], noise.moments(g)[1], 1)
    assert_covariance(xi[0], xi[1], noise.covariance(g, 1e-6))
    psd = noise.psd(g, np.array([1.0, 10.0]))
    assert psd.shape == (2, 4)
    np.testing.assert_allclose(psd[:, 0] / psd[:, 3], (1 / 25) ** -1.3, rtol=1e-9)


def test_reads_do_not_depend_on_how_they_are_split_and_leave_the_state_given_alone():
    g = np.full((5, 4), 1e-5)
    state = NOISE.init(g, rng=np.random.default_rng(3))
    one, two = np.random.default_rng(4), np.random.default_rng(4)
    whole, after = NOISE.sample(g, state, 5, rng=one, period=1e-3)
    first, middle = NOISE.sample(g, state, 2, rng=two, period=1e-3)
    rest, end = NOISE.sample(g, middle, 3, rng=two, period=1e-3)
    np.testing.assert_array_equal(np.concatenate([first, rest]), whole)
    np.testing.assert_array_equal(after, end)
    np.testing.assert_array_equal(state, NOISE.init(g, rng=np.random.default_rng(3)))
    assert not np.array_equal(
        NOISE.sample(g, state, 5, rng=np.random.default_rng(5), period=1e-3)[0], whole
    )


@settings(max_examples=30, deadline=None)
@given(
    shape=array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
    n=st.integers(0, 3),
    decades=st.floats(0.1, 12),
    per_decade=st.integers(1, 3),
)
def test_cells_of_any_shape_over_any_band(shape, n, decades, per_decade):
    noise = FlickerNoise(q=0.1, f_low=1e-3, f_high=1e-3 * 10**decades, per_decade=per_decade)
    rng = np.random.default_rng(0)
    g = np.full(shape, 1e-5)
    state = noise.init(g, rng=rng)
    xi, after = noise.sample(g, state, n, rng=rng, period=1e-2)
    assert xi.shape == (n, *shape)
    assert after.shape == state.shape == (noise.taus.size, *shape)
    assert per_decade * decades <= noise.taus.size + 1e-6 < per_decade * decades + 1.1
    assert {
        np.shape(m)
        for m in (*noise.moments(g), *noise.moments_given(g, after), noise.covariance(g, 1.0))
    } == {shape}


def test_a_law_of_the_state_is_the_same_in_every_process():
    # What a sweep's task is known by, and what a file holds.
    noise = FlickerNoise(q=PcmFlicker(g_max=1e-5), f_low=1.0, f_high=1e3)
    again = eval(repr(noise), {"FlickerNoise": FlickerNoise, "PcmFlicker": PcmFlicker})
    assert again == noise
    assert " at 0x" not in repr(noise)
    device = Device(g_min=1e-6, g_max=1e-5, read_noise=noise)
    assert device_from(tomllib.loads(as_toml(device, {})), "mine") == device


BAD = [
    ({"q": -1}, r"FlickerNoise\.q = -1 is not allowed; give a finite number in \[0, inf\)"),
    ({"q": "much"}, r"FlickerNoise\.q = 'much' is not a number"),
    (
        {"q": lambda g: 0.1},
        r"FlickerNoise\.q = <function .* give a number, or an instance .* such as PcmFlicker\(\)",
    ),
    ({"q": PcmFlicker}, r"FlickerNoise\.q = <class .*PcmFlicker'> cannot be written"),
    ({"f_low": 0}, r"FlickerNoise\.f_low = 0 is not allowed; .* \(0, inf\) Hz"),
    ({"f_high": 1.0}, r"FlickerNoise\.f_high = 1\.0 is not allowed; .* \(1, inf\) Hz"),
    (
        {"per_decade": 0},
        r"FlickerNoise\.per_decade = 0 is not allowed; give a whole number of at least 1",
    ),
    ({"per_decade": 1.5}, r"FlickerNoise\.per_decade = 1\.5 is not allowed"),
]


@pytest.mark.parametrize(("changes", "message"), BAD)
def test_bad_flicker_noise_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        FlickerNoise(**{"q": 0.1, "f_low": 1.0, "f_high": 1e3} | changes)


def test_reads_of_a_smaller_bandwidth_average_fast_parts_away():
    noise = FlickerNoise(q=0.01, f_low=1.0, f_high=1e6)
    g = np.array([1e-6])
    for bandwidth, expected in ((1e7, noise), (1e4, replace(noise, f_high=1e4))):
        assert noise.at(OperatingPoint(bandwidth=bandwidth)) == expected
    # Var = q² ln(B/f_low).
    seen = noise.at(OperatingPoint(read_period=5e-5)).moments(g)[1]
    np.testing.assert_allclose(seen, 1e-4 * np.log(1e4), rtol=1e-12)
    assert isinstance(noise.at(OperatingPoint(bandwidth=0.5)), NoNoise)


@pytest.mark.parametrize(
    "noise",
    [
        FlickerNoise(q=0.1, f_low=1.0, f_high=1e5),
        StochasticSelector(correlation=0.5),
        TelegraphNoise(0.5, 1e-6, 1e-6),
    ],
)
def test_time_does_not_run_backwards(noise):
    g = np.array([1e-5])
    with pytest.raises(ValueError, match=r"lag = -1 is not allowed; .* s"):
        noise.covariance(g, -1)
    with pytest.raises(ValueError, match=r"(period|seconds) = -1 is not allowed; .* s"):
        noise.advance(g, noise.init(g, rng=0), -1, rng=0)


def test_a_one_sided_spectrum_has_no_negative_frequencies():
    with pytest.raises(ValueError, match=r"f holds -1 Hz; give frequencies of at least 0"):
        FlickerNoise(q=0.1, f_low=1.0, f_high=1e5).psd(np.array([1e-5]), np.array([1.0, -1.0]))
