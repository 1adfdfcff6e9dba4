"""Telegraph noise: one trap is a two-state Markov chain, whatever the read times."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import chisquare, ks_2samp

from devices import BlankOut, TelegraphNoise
from devices.read_noise._trap_kernels import (
    boxcar_variance,
    captured_share,
    refresh_dense,
    refresh_sparse,
)
from tests.helpers.statistics import (
    assert_covariance,
    assert_frequency,
    assert_mean,
    assert_variance,
)

CELLS = 40_000
G = np.full(CELLS, 2e-5)

# τ_c = 3 ms, τ_e = 1 ms: π₁ = 1/4, λ = 4000/3 per second.
TAU_C = 3e-3
TAU_E = 1e-3
P1 = 0.25
RATE = 4000 / 3
TRAP = TelegraphNoise(0.4, TAU_C, TAU_E)


def read(noise, rng, n, period, g=G):
    return noise.sample(g, noise.init(g, rng=rng), n, rng=rng, period=period)[0]


# Moments and reads of identical traps


def test_moments_of_one_trap_are_those_of_the_two_state_process():
    mean, variance = TRAP.moments(np.ones((2, 3)))
    # 1 − δ π₁ and δ² π₁ π₀.
    np.testing.assert_allclose(mean, np.full((2, 3), 1 - 0.4 * 0.25), rtol=1e-12)
    np.testing.assert_allclose(variance, np.full((2, 3), 0.16 * 0.25 * 0.75), rtol=1e-12)
    assert TRAP.has_memory
    assert not TRAP.is_gaussian


@pytest.mark.parametrize("traps", [2, 5])
def test_moments_of_several_traps_are_products(traps):
    mean, variance = TelegraphNoise(0.4, TAU_C, TAU_E, traps).moments(np.array(1e-5))
    # Π (1 − δ π₁); E ξ² = Π (1 − π₁ (2 δ − δ²)).
    np.testing.assert_allclose(mean, 0.9**traps, rtol=1e-12)
    np.testing.assert_allclose(
        variance, (1 - 0.25 * (0.8 - 0.16)) ** traps - 0.9 ** (2 * traps), rtol=1e-12
    )


def test_covariance_decays_with_both_rates_added():
    lags = np.array([1e-5, 1e-3, 1e-2])
    found = [float(TRAP.covariance(np.array(1e-5), lag)) for lag in lags]
    np.testing.assert_allclose(found, 0.16 * 0.25 * 0.75 * np.exp(-RATE * lags), rtol=1e-12)


@pytest.mark.parametrize("traps", [1, 3])
@pytest.mark.parametrize(
    "period", [2e-5, 3e-4, 2e-3], ids=["sparse", "dense", "nearly independent"]
)
def test_reads_have_the_promised_mean_variance_and_covariance(traps, period, rng):
    noise = TelegraphNoise(0.4, TAU_C, TAU_E, traps)
    xi = read(noise, rng, 4, period)
    mean, variance = noise.moments(G)
    assert xi.shape == (4, CELLS)
    for one in xi:  # stationary: the first read as the last
        assert_mean(one, mean[0])
        assert_variance(one, variance[0], mean[0])
    for k in (1, 3):
        assert_covariance(xi[0], xi[k], noise.covariance(G, k * period)[0])
    assert_covariance(xi[0, 1:], xi[0, :-1], 0)  # cells are independent


@pytest.mark.parametrize("period", [2e-5, 1e-3], ids=["sparse", "dense"])
def test_transition_probabilities_are_exact_over_any_gap(period, rng):
    s0, s1 = (one < 1 for one in read(TRAP, rng, 2, period))
    rho = np.exp(-RATE * period)
    # P(0 → 1) = π₁ (1 − ρ), P(1 → 0) = π₀ (1 − ρ).
    assert_frequency(np.sum(s1[~s0]), np.sum(~s0), P1 * (1 - rho))
    assert_frequency(np.sum(~s1[s0]), np.sum(s0), (1 - P1) * (1 - rho))
    assert_frequency(s0.sum(), CELLS, P1)


def test_one_long_gap_is_two_short_ones(rng):
    twice = TRAP.sample(G, np.zeros((1, CELLS), bool), 2, rng=rng, period=4e-4)[0][1] < 1
    once = TRAP.sample(G, np.zeros((1, CELLS), bool), 1, rng=rng, period=8e-4)[0][0] < 1
    expected = P1 * (1 - np.exp(-RATE * 8e-4))
    assert_frequency([twice.sum(), once.sum()], CELLS, expected)


def test_dwell_times_are_exponential_with_the_two_means(rng):
    period = 1e-5
    dwells = []
    captured = []
    for s in (
        read(TRAP, rng, 62_500, period, g=np.full(16, 1e-5)) < 1
    ).T:  # each 200 times the pair of means
        edges = np.flatnonzero(np.diff(s)) + 1
        dwells.append(np.diff(edges) * period)
        captured.append(s[edges[:-1]])
    dwells = np.concatenate(dwells)
    captured = np.concatenate(captured)
    for tau, own in ((TAU_E, dwells[captured]), (TAU_C, dwells[~captured])):
        assert len(own) > 2000
        # Reads every 10 µs, 1 % of a mean dwell, round the dwells and miss short ones. Therefore
        # the exact probability to leave the state per step replaces e^{−t/τ}: π₀ (1 − ρ) or
        # π₁ (1 − ρ).
        leave = (1 - np.exp(-RATE * period)) * (TAU_C if tau == TAU_E else TAU_E) / (TAU_C + TAU_E)
        assert leave == pytest.approx(period / tau, rel=0.01)
        for t in (0.5 * tau, tau, 2 * tau):
            steps = round(t / period)
            assert_frequency(np.sum(own > (steps + 0.5) * period), len(own), (1 - leave) ** steps)


def test_spectrum_is_a_lorentzian_with_its_corner_at_one_over_two_pi_tau(rng):
    tau = 1 / RATE
    cells = 64
    n = 1 << 15
    period = tau / 40
    xi = read(TRAP, rng, n, period, g=np.full(cells, 1e-5))
    f = np.fft.rfftfreq(n, period)[1:]
    periodogram = 2 * period / n * np.abs(np.fft.rfft(xi - 0.9, axis=0)[1:]) ** 2
    corner = 1 / (2 * np.pi * tau)
    for low, high in ((0.05, 0.2), (0.9, 1.1), (2, 3)):
        band = (f > low * corner) & (f < high * corner)
        lorentzian = 4 * 0.16 * P1 * (1 - P1) * tau / (1 + (f[band] / corner) ** 2)
        # Periodogram over spectrum, one mean per cell: cells are independent. Aliases and leakage,
        # 0.3 %, are well within the standard error, 1 to 3 %.
        assert_mean((periodogram[band] / lorentzian[:, None]).mean(axis=0), 1)


def test_a_full_amplitude_read_far_apart_is_blank_out(rng):
    noise = TelegraphNoise(1.0, TAU_C, TAU_E)
    for mine, bernoulli in zip(noise.moments(G), BlankOut(0.75).moments(G), strict=True):
        np.testing.assert_allclose(mine, bernoulli, rtol=1e-12)
    xi = read(noise, rng, 2, 1.0)
    assert set(np.unique(xi)) == {0.0, 1.0}
    assert_frequency(xi[0].sum(), CELLS, 0.75)
    assert_covariance(xi[0], xi[1], 0)


def test_a_mean_over_correlated_reads_counts_fewer(rng):
    s = 50
    rho = 0.8
    xi = read(TRAP, rng, s, -np.log(rho) / RATE, g=G[:10_000])
    # Var of the mean = v/S [(1+ρ)/(1−ρ) − 2ρ(1−ρ^S)/(S(1−ρ)²)]: 50 reads at ρ = 0.8 count as 6.1.
    counted = s / ((1 + rho) / (1 - rho) - 2 * rho * (1 - rho**s) / (s * (1 - rho) ** 2))
    assert counted == pytest.approx(6.10, abs=0.005)
    assert_variance(xi.mean(axis=0), TRAP.moments(np.array(1.0))[1] / counted)


def test_relative_amplitude_makes_noise_multiplicative():
    np.testing.assert_allclose(TRAP.exponent(np.geomspace(1e-7, 1e-4, 5)), 1, atol=1e-9)


# Windows


def test_window_variance_factor_has_its_known_values_and_is_the_double_integral():
    assert boxcar_variance(1.0) == pytest.approx(0.736, abs=5e-4)
    assert boxcar_variance(10.0) == pytest.approx(0.180, abs=5e-4)
    assert boxcar_variance(0.0) == 1
    a = np.array([1e-8, 1e-3, 9.99e-3, 1.001e-2, 0.5, 30])
    expected = [2 * quad(lambda u, x=x: (1 - u) * np.exp(-x * u), 0, 1, epsabs=1e-14)[0] for x in a]
    np.testing.assert_allclose(boxcar_variance(a), expected, rtol=1e-12)


@pytest.mark.parametrize("a", [0.1, 1.0, 10.0])
@pytest.mark.parametrize("traps", [1, 2])
def test_windowed_reads_have_the_promised_mean_variance_and_covariance(a, traps, rng):
    window = a / RATE
    noise = TelegraphNoise(0.4, TAU_C, TAU_E, traps, window=window)
    mean, variance = (m[0] for m in noise.moments(G))
    f = 2 / a * (1 - (1 - np.exp(-a)) / a)
    one = 0.16 * P1 * (1 - P1)
    np.testing.assert_allclose(mean, 0.9**traps, rtol=1e-12)
    np.testing.assert_allclose(variance, (0.81 + one * f) ** traps - 0.81**traps, rtol=1e-12)
    for period in (window, 1.5 * window):
        xi = read(noise, rng, 2, period)
        for x in xi:
            assert_mean(x, mean)
            assert_variance(x, variance, mean)
        # Var ((1 − e^{−a})/a)² e^{−(D − T)/τ} of each factor.
        c = one * ((1 - np.exp(-a)) / a) ** 2 * np.exp(-RATE * (period - window))
        expected = (0.81 + c) ** traps - 0.81**traps
        np.testing.assert_allclose(noise.covariance(G, period)[0], expected, rtol=1e-12, atol=1e-15)
        assert_covariance(xi[0], xi[1], expected)


def dwell_by_dwell(s, a, p1, rng):
    """Captured share and end state of a window, drawn dwell by dwell.

    The window has `a` correlation times; τ_e = 1/(1 − p1) and τ_c = 1/p1.
    """
    left = a
    captured = 0.0
    while True:
        dwell = rng.exponential(1 / (1 - p1) if s else 1 / p1)
        captured += s * min(dwell, left)
        if dwell > left:
            return captured / a, s
        left -= dwell
        s = not s


@pytest.mark.parametrize("a", [0.5, 4.0])
@pytest.mark.parametrize("start", [False, True])
def test_window_and_end_state_have_the_law_of_a_walk_through_the_dwells(a, start, rng):
    p1 = 0.3
    n = 100_000
    share, end = captured_share(np.full(n, start), p1, a, random=rng)
    walked = np.array([dwell_by_dwell(start, a, p1, rng) for _ in range(20_000)])
    assert_frequency(end.sum(), n, p1 + (start - p1) * np.exp(-a))
    assert_mean(share, p1 + (start - p1) * (1 - np.exp(-a)) / a)
    # Never left: the exponential law of the first dwell.
    assert_frequency(np.sum(share == start), n, np.exp(-a * (1 - p1 if start else p1)))
    # The law of the share given the end state, three tests in each case, p > 1e-4.
    for state in (
        False,
        True,
    ):
        assert ks_2samp(share[end == state], walked[walked[:, 1] == state, 0]).pvalue > 1e-4


def test_windows_of_a_million_correlation_times_are_sampled_at_once(rng):
    share, end = captured_share(np.zeros(CELLS, bool), P1, 1e6, random=rng)
    assert_variance(share, 2 * P1 * (1 - P1) / 1e6, P1)  # f(a) → 2/a
    assert_frequency(end.sum(), CELLS, P1)


def test_reads_closer_than_the_window_are_refused(rng):
    noise = TelegraphNoise(0.4, TAU_C, TAU_E, window=1e-3)
    state = noise.init(np.ones(2), rng=rng)
    with pytest.raises(
        ValueError,
        match=r"period = 0\.0005 is not allowed; give .* \[0\.001, inf\) s .*the read's window",
    ):
        noise.sample(np.ones(2), state, 1, rng=rng, period=5e-4)
    with pytest.raises(
        ValueError,
        match=r"lag = 0\.0005 is not allowed; give .* \[0\.001, inf\) s .*the read's window",
    ):
        noise.covariance(np.ones(2), 5e-4)
    with pytest.raises(ValueError, match=r"period = -1 is not allowed"):
        TRAP.sample(np.ones(2), np.zeros((1, 2), bool), 1, rng=rng, period=-1)


# The two ways to refresh

WAYS = pytest.mark.parametrize("way", [refresh_dense, refresh_sparse])


@WAYS
@pytest.mark.parametrize("q", [0.01, 0.15, 0.6])
def test_refreshed_traps_follow_the_transition_law(way, q, rng):
    start = rng.random(CELLS) < 0.5
    s = start.copy()
    way(s, 0.3, q, random=rng)
    for state in (False, True):
        n = np.sum(start == state)
        assert_frequency(s[start == state].sum(), n, 0.3 + (state - 0.3) * (1 - q))


@WAYS
def test_traps_follow_their_individual_rates_and_occupancies(way, rng):
    kinds = np.array([(p1, q) for p1 in (0.1, 0.7) for q in (0.002, 0.05, 0.19)])
    kind = rng.integers(len(kinds), size=20 * CELLS)
    for state in (False, True):
        s = np.full(kind.size, state)
        way(s, kinds[kind, 0], kinds[kind, 1], random=rng)
        p = kinds[:, 0] + (state - kinds[:, 0]) * (1 - kinds[:, 1])
        for k, expected in enumerate(p):
            assert_frequency(s[kind == k].sum(), np.sum(kind == k), expected)


@WAYS
@pytest.mark.parametrize("each", [False, True])
def test_number_of_refreshed_traps_is_binomial_and_their_places_are_even_and_independent(
    way, each, rng
):
    n = 200
    q = 0.1
    runs = 5000
    chances = np.full(n, q) if each else q
    hits = np.zeros((runs, n), bool)
    for row in hits:
        way(row, 1.0, chances, random=rng)  # p1 = 1: every refreshed trap is captured
    counts = hits.sum(axis=1)
    assert_mean(counts, n * q)
    # With replacement it would be less than binomial.
    assert_variance(counts, n * q * (1 - q), n * q)
    assert chisquare(hits.sum(axis=0)).pvalue > 1e-4
    assert_frequency(np.sum(hits[:, 1:] & hits[:, :-1]), runs * (n - 1), q * q)


class FewAtATime:
    """A generator that returns few numbers per call, so that the gaps need several calls."""

    def __init__(self, rng):
        self.rng = rng
        self.random = rng.random

    def standard_exponential(self, size):
        return self.rng.standard_exponential(max(size // 10, 1))


def test_gaps_are_drawn_until_they_reach_the_last_trap(rng):
    s = np.zeros(10 * CELLS, bool)
    refresh_sparse(s, 1.0, 0.1, random=FewAtATime(rng))
    for part in np.split(s, 10):
        assert_frequency(part.sum(), CELLS, 0.1)


@WAYS
def test_nothing_happens_in_no_time_and_almost_nothing_in_almost_none(way, rng):
    s = rng.random(1000) < 0.5
    before = s.copy()
    for q in (0.0, 1e-300, 1e-18, np.zeros(1000)):
        way(s, 0.5, q, random=rng)
    np.testing.assert_array_equal(s, before)
    way(np.empty(0, bool), np.empty(0), np.empty(0), random=rng)


def test_slow_traps_switch_as_rarely_as_they_should(rng):
    # λΔ = 1e-4: 1 − e^{−λΔ}, computed as a difference, would lose four digits. 20 reads of
    # 200,000 traps switch 150 times.
    noise = TelegraphNoise(0.4, 3 * TAU_C, 3 * TAU_E)
    n = 200_000
    xi = read(noise, rng, 20, 1e-4 * 3 / RATE, g=np.full(n, 1e-5))
    assert_frequency(np.sum(xi[1:] != xi[:-1]), 19 * n, 2 * P1 * (1 - P1) * 1e-4)
