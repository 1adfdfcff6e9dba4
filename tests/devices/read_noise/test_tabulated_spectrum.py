"""A tabulated spectrum: its shape, the variance of its reads, memory, and what bandwidths cut."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import quad

from devices import OperatingPoint, TabulatedNoise, TabulatedSpectrum, TelegraphNoise
from tests.helpers.statistics import assert_covariance, assert_mean, assert_variance

G = (1e-6, 1e-5)
SIGMA = (2e-8, 5e-8)
F = tuple(np.geomspace(0.1, 1e3, 17))


def spectrum(density, f=F, **changes):
    table = {"conductances": G, "sigma": SIGMA, "frequencies": f, "density": density}
    return TabulatedSpectrum(**table | changes)


PINK = spectrum(tuple(1 / np.array(F)))
STEEP = spectrum(tuple(np.array(F) ** -1.4))


@pytest.mark.parametrize(
    ("power", "within"), [(-0.92, 0.03), (-1.0, 0.02), (-1.07, 0.03), (-1.39, 0.08)]
)
def test_the_spectrum_has_the_shape_of_the_table(power, within):
    # The slopes are those of five levels of a measured RRAM.
    f = np.array(F)
    ratio = spectrum(tuple(3e-7 * f**power)).psd(np.array(1e-5), f) / f**power
    np.testing.assert_allclose(ratio / np.exp(np.log(ratio).mean()), 1, atol=within)
    between = np.geomspace(F[0], F[-1], 200)
    found = spectrum(tuple(f**power)).psd(np.array(1e-5), between) / between**power
    np.testing.assert_allclose(found / np.exp(np.log(found).mean()), 1, atol=2 * within)


def test_below_the_table_it_is_flat_and_above_it_falls_as_one_over_f_squared():
    for noise in (PINK, STEEP):
        low, lower = noise.psd(np.array(1e-5), np.array([1e-3, 1e-4]))
        assert low == pytest.approx(lower, rel=1e-3)
        high, higher = noise.psd(np.array(1e-5), np.array([1e5, 1e6]))
        assert higher == pytest.approx(high / 100, rel=1e-3)


def test_sigma_is_the_deviation_of_the_reads_and_the_integral_of_the_spectrum():
    g = np.array([1e-6, 4e-6, 1e-5, 1e-4])
    variance = PINK.moments(g)[1]
    np.testing.assert_allclose(np.sqrt(variance[[0, 2, 3]]) * g[[0, 2, 3]], [2e-8, 5e-8, 5e-8])
    total = quad(lambda x: float(PINK.psd(g[2], np.exp(x)) * np.exp(x)), -20, 20, limit=400)[0]
    assert total == pytest.approx(variance[2], rel=1e-6)
    np.testing.assert_array_equal(PINK.moments(np.zeros(2))[1], 0)


def test_only_the_shape_of_the_density_counts():
    other = spectrum(tuple(1e-12 / np.array(F)))
    np.testing.assert_allclose(other.taus, PINK.taus)
    np.testing.assert_allclose(other.shares, PINK.shares, rtol=1e-9)


@pytest.mark.parametrize("period", [1e-4, 1e-2, 1.0])
def test_reads_are_stationary_and_remember_each_other_as_promised(period, rng):
    g = np.full(20_000, 1e-5)
    xi, _ = STEEP.sample(g, STEEP.init(g, rng=rng), 4, rng=rng, period=period)
    variance = (5e-8 / 1e-5) ** 2
    for one in xi:
        assert_mean(one, 1)
        assert_variance(one, variance, 1)
    for k in (1, 3):
        expected = variance * (STEEP.shares @ np.exp(-k * period / STEEP.taus))
        np.testing.assert_allclose(STEEP.covariance(g[:1], k * period), expected, rtol=1e-12)
        assert_covariance(xi[0], xi[k], expected)
    assert_covariance(xi[0, 1:], xi[0, :-1], 0)


def test_one_long_gap_is_two_short_ones(rng):
    start = np.ones((STEEP.taus.size, 20_000))
    g = np.full(20_000, 1e-5)
    weights = 5e-3 * np.sqrt(STEEP.shares)
    for n in (1, 3):
        xi, _ = STEEP.sample(g, start, n, rng=rng, period=0.03 / n)
        assert_mean(xi[-1], 1 + weights @ np.exp(-0.03 / STEEP.taus))
        assert_variance(xi[-1], weights**2 @ -np.expm1(-0.06 / STEEP.taus))


def test_the_lorentzian_of_a_telegraph_signal_gives_its_covariance_back():
    # S ∝ 1/(1 + (2π f τ)²) with τ = τ_c τ_e/(τ_c + τ_e) = 0.05 s, on a table that holds its corner.
    traps = TelegraphNoise(0.02, 0.1, 0.1)
    f = np.geomspace(0.03, 300, 17)
    noise = spectrum(tuple(1 / (1 + (2 * np.pi * f * 0.05) ** 2)), tuple(f))
    for lag in (0.01, 0.05, 0.1):
        kept = noise.covariance(np.array(1e-5), lag) / noise.moments(np.array(1e-5))[1]
        wanted = traps.covariance(np.array(1e-5), lag) / traps.moments(np.array(1e-5))[1]
        assert kept == pytest.approx(wanted, abs=0.02)


def test_a_smaller_bandwidth_keeps_the_variance_below_it():
    assert PINK.at(OperatingPoint(bandwidth=1e3)) is PINK
    assert PINK.at(OperatingPoint(bandwidth=1e9)) is PINK
    cut = PINK.at(OperatingPoint(read_period=0.05))  # 10 Hz
    assert cut.frequencies[-1] == 10.0
    assert cut.frequencies[:-1] == F[:8]
    g = np.array(1e-5)
    below = [
        quad(lambda x: float(PINK.psd(g, np.exp(x)) * np.exp(x)), -25, np.log(b))[0]
        for b in (10.0, 1e3)
    ]
    assert cut.moments(g)[1] == pytest.approx(PINK.moments(g)[1] * below[0] / below[1], rel=1e-6)
    # What the spectrum has below the bandwidth keeps its shape. It loses a few percent to the fall
    # of the processes above the bandwidth, because the variance counts all of them.
    f = np.array([0.1, 0.3, 1.0])
    np.testing.assert_allclose(cut.psd(g, f) / PINK.psd(g, f), 0.92, atol=0.02)
    # Slower reads see white noise: what the flat part of the spectrum has below their bandwidth.
    white = PINK.at(OperatingPoint(bandwidth=0.01))
    assert isinstance(white, TabulatedNoise)
    flat = 0.01 * float(PINK.psd(g, np.array(1e-6)))
    assert white.moments(g)[1] == pytest.approx(
        flat * float(PINK.moments(g)[1]) / below[1], rel=0.01
    )


def test_every_bandwidth_cuts_every_table_that_was_accepted(rng):
    accepted = 0
    for _ in range(40):
        f = np.sort(10 ** rng.uniform(-2, 5, rng.integers(2, 30)))
        taus = 1 / (2 * np.pi * 10 ** rng.uniform(-3, 6, rng.integers(1, 6)))
        lines = 4 * taus / (1 + (2 * np.pi * np.outer(f, taus)) ** 2)
        try:
            noise = spectrum(tuple(lines @ rng.exponential(1, taus.size)), tuple(f))
        except ValueError:
            continue  # corners outside the table
        accepted += 1
        cuts = [noise.at(OperatingPoint(bandwidth=b)) for b in np.geomspace(1e-2, 1e5, 9)]
        variances = [float(cut.moments(np.array(1e-5))[1]) for cut in cuts]
        assert np.all(np.diff(variances) >= 0)
        assert variances[-1] == pytest.approx(float(noise.moments(np.array(1e-5))[1]))
    assert accepted > 20


def test_the_factor_scales_the_deviation_also_after_a_cut():
    g = np.array([1e-6, 3e-6])
    double = replace(STEEP, noise_factor=2.0)
    for bandwidth in (1e6, 10.0, 1e-3):
        point = OperatingPoint(bandwidth=bandwidth)
        one, other = (noise.at(point).moments(g)[1] for noise in (STEEP, double))
        np.testing.assert_allclose(other, 4 * one, rtol=1e-9)


def test_lists_and_arrays_are_the_same_table():
    other = TabulatedSpectrum(
        conductances=list(G),
        sigma=np.array(SIGMA),
        frequencies=np.array(F),
        density=list(PINK.density),
    )
    assert (other, hash(other), repr(other)) == (PINK, hash(PINK), repr(PINK))


BAD = [
    ({"density": (1.0, 0.5)}, r"TabulatedSpectrum\.density is of length 2 for 17 frequencies"),
    ({"density": (0.0,) * 17}, r"TabulatedSpectrum\.density\[0\] = 0\.0 is not allowed"),
    ({"frequencies": (0.0, *F[1:])}, r"frequencies\[0\] = 0\.0 is not allowed.*\(0, inf\) Hz"),
    ({"frequencies": F[::-1]}, r"TabulatedSpectrum\.frequencies must rise, but \[1\]"),
    ({"sigma": (1e-8, -1e-8)}, r"TabulatedSpectrum\.sigma\[1\] = -1e-08 is not allowed"),
    ({"sigma": (1e-8,)}, r"TabulatedSpectrum\.sigma is of length 1 for 2 conductances"),
    (
        {"density": tuple(np.array(F) ** -3.0)},
        r"density differs by a factor of .* at 0\.1 Hz from the nearest sum of relaxations",
    ),
    (
        {"density": tuple(np.array(F))},
        r"which falls with the frequency, by 1/f² at most: average the measured spectrum",
    ),
    ({"noise_factor": -1.0}, r"TabulatedSpectrum\.noise_factor = -1\.0 is not allowed"),
]


@pytest.mark.parametrize(("changes", "message"), BAD)
def test_a_bad_spectrum_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        replace(PINK, **changes)
