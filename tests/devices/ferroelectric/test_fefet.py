"""Ferroelectric transistor: conduction, threshold noise with γ = 1 and 0, one-pulse writing."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import kstest, norm

from devices import FEFET_DENG2020, Device, DomainWrite, FeFet, ThresholdNoise
from tests.helpers.statistics import (
    assert_covariance,
    assert_frequency,
    assert_mean,
    assert_variance,
)

READS = 40_000
K = 1e-4
SWING = 0.09
WINDOW = 1.2
P_R = 0.25
CELL = FeFet(vth0=0.8, window=WINDOW, p_r=P_R, transconductance=K, swing=SWING)
NU = SWING / np.log(10)
# Gate biases [V]: 0.5 V below the lowest threshold, 1.1 V above the highest.
SUBTHRESHOLD, TRIODE = (
    -0.3,
    2.5,
)


def sample(noise, g, rng, n=READS):
    return noise.sample(g, noise.init(g, rng=rng), n, rng=rng, period=1e-6)[0]


# --- the transistor


def test_polarization_moves_the_threshold_by_half_the_window_each_way():
    np.testing.assert_allclose(CELL.threshold([-P_R, 0, P_R]), [1.4, 0.8, 0.2], rtol=1e-12)


def test_conductance_is_linear_in_overdrive_far_above_threshold():
    # G → k (V_G − V_th), with a rest of k ν e^(−x/ν).
    v = np.array([2.0, 2.5, 3.0])
    np.testing.assert_allclose(CELL.conductance(v, 0.0), K * (v - 0.8), rtol=1e-12)


def test_conductance_falls_by_a_decade_per_swing_far_below_threshold():
    # G → k ν 10^((V_G − V_th)/SS).
    v = 0.8 - SWING * np.array([8.0, 9.0, 12.0])
    np.testing.assert_allclose(
        CELL.conductance(v, 0.0), K * NU * np.array([1e-8, 1e-9, 1e-12]), rtol=1e-7
    )


def test_conductance_is_smooth_and_rises_through_threshold():
    v = np.linspace(0, 2, 2001)
    g = CELL.conductance(v, 0.0)
    np.testing.assert_allclose(CELL.conductance(0.8, 0.0), K * NU * np.log(2), rtol=1e-12)
    # dG/dV is a logistic function between 0 and k.
    np.testing.assert_allclose(
        np.gradient(g, v)[1:-1], (K / (1 + np.exp(-(v - 0.8) / NU)))[1:-1], rtol=1e-3
    )


@given(st.floats(-1.5, 3.0))
def test_overdrive_inverts_conductance(v):
    np.testing.assert_allclose(
        CELL.overdrive(CELL.conductance(v, 0.0)), v - 0.8, rtol=1e-9, atol=1e-12
    )


def test_the_gate_bias_sets_the_range_of_conductances():
    low, high = CELL.conductance_range(SUBTHRESHOLD)
    # The window in decades: 1.2 V / 90 mV, less what the upper end has left the exponential; and a
    # linear one in triode.
    assert abs(np.log10(high / low) - WINDOW / SWING) < 1e-5
    low, high = CELL.conductance_range(TRIODE)
    np.testing.assert_allclose([low, high], [K * 1.1, K * 2.3], rtol=1e-9)


# --- threshold noise


def test_noise_below_threshold_is_lognormal_and_multiplicative(rng):
    # 30 mV at 90 mV per decade: s = ln10 · σ/SS = 0.77, CV √(e^(s²) − 1) = 0.90 about a mean of
    # e^(s²/2).
    noise = ThresholdNoise(sigma_vth=0.03, transistor=CELL)
    s = np.log(10) * 0.03 / SWING
    assert abs(s - 0.77) < 0.005
    assert abs(np.sqrt(np.expm1(s**2)) - 0.90) < 0.005
    g = np.array(CELL.conductance_range(SUBTHRESHOLD)) * [1, 1e-3]
    mean, variance = noise.moments(g)
    np.testing.assert_allclose(mean, np.exp(s**2 / 2), rtol=1e-5)
    np.testing.assert_allclose(variance, np.exp(s**2) * np.expm1(s**2), rtol=1e-4)
    xi = sample(noise, g, rng)
    for column in np.log(xi).T:
        assert kstest(column, "norm", args=(0, s)).pvalue > 1e-4
    np.testing.assert_allclose(noise.exponent(g), 1, atol=1e-4)


def test_noise_in_triode_is_normal_and_additive(rng):
    # σ_G = k σ whatever the state: ξ ~ N(1, (k σ/g)²), γ = 0.
    noise = ThresholdNoise(sigma_vth=0.03, transistor=CELL)
    g = np.array(CELL.conductance_range(TRIODE))
    mean, variance = noise.moments(g)
    np.testing.assert_allclose(mean, 1, rtol=1e-9)
    np.testing.assert_allclose(g * np.sqrt(variance), K * 0.03, rtol=1e-9)
    xi = sample(noise, g, rng)
    for column, cell in zip(xi.T, g, strict=True):
        assert kstest(column, "norm", args=(1, K * 0.03 / cell)).pvalue > 1e-4
    np.testing.assert_allclose(noise.exponent(g), 0, atol=1e-6)


def test_one_device_has_either_exponent_by_its_gate_bias():
    noise = ThresholdNoise(sigma_vth=0.01, transistor=CELL)
    for v_gate, gamma in ((SUBTHRESHOLD, 1), (TRIODE, 0)):
        low, high = CELL.conductance_range(v_gate)
        device = Device(g_min=low, g_max=high, read_noise=noise)
        np.testing.assert_allclose(device.gamma(np.array([low, high])), gamma, atol=1e-3)
    # Between, for weak noise: σ_G = k L(x) σ with L = 1/(1 + e^−x), so γ = d ln L/d ln g = (1 − L)
    # ln(1 + e^x)/L.
    weak = ThresholdNoise(sigma_vth=1e-6, transistor=CELL)
    x = np.array([-2.0, 0.0, 2.0])
    logistic = 1 / (1 + np.exp(-x))
    u = np.logaddexp(0, x)
    np.testing.assert_allclose(weak.exponent(K * NU * u), (1 - logistic) * u / logistic, rtol=1e-5)


@pytest.mark.parametrize("sigma", [1e-3, 0.03, SWING])
def test_moments_are_those_of_the_integral_and_of_the_samples(sigma, rng):
    noise = ThresholdNoise(sigma_vth=sigma, transistor=CELL)
    overdrive = np.array([-0.4, -0.05, 0.05, 0.5])
    g = K * NU * np.logaddexp(0, overdrive / NU)
    mean, variance = noise.moments(g)
    for i, x in enumerate(overdrive):

        def power(z, k, centre=0.0, x=x, cell=g[i]):
            return (K * NU * np.logaddexp(0, (x + sigma * z) / NU) / cell - centre) ** k * norm.pdf(
                z
            )

        exact = quad(power, -12, 12, args=(1,), epsabs=1e-14, epsrel=1e-12, limit=200)[0]
        np.testing.assert_allclose(mean[i], exact, rtol=1e-8)
        spread = quad(power, -12, 12, args=(2, exact), epsabs=1e-16, epsrel=1e-12, limit=200)[0]
        np.testing.assert_allclose(variance[i], spread, rtol=1e-7)
    # The sample variance of a lognormal with s = ln 10 has no useful standard error.
    if sigma < SWING:
        xi = sample(noise, g, rng)
        assert xi.shape == (READS, 4)
        assert_mean(xi, mean)
        assert_variance(xi, variance, mean)
        assert_covariance(xi[:-1], xi[1:], 0)
        assert_covariance(xi[:, 0], xi[:, 1], 0)


def test_no_noise_reads_the_cell_and_an_empty_cell_has_the_subthreshold_factor(rng):
    g = np.array([[0.0, 1e-9], [1e-6, 1e-4]])
    silent = ThresholdNoise(sigma_vth=0.0, transistor=CELL)
    np.testing.assert_allclose(sample(silent, g, rng, n=3), 1, rtol=1e-12)
    np.testing.assert_allclose(silent.moments(g), [np.ones((2, 2)), np.zeros((2, 2))], atol=1e-12)
    s = 0.03 / NU
    mean, variance = ThresholdNoise(sigma_vth=0.03, transistor=CELL).moments(np.array([0.0]))
    np.testing.assert_allclose(
        [mean[0], variance[0]], [np.exp(s**2 / 2), np.exp(s**2) * np.expm1(s**2)], rtol=1e-9
    )


def test_same_seed_same_reads_and_no_memory():
    noise = ThresholdNoise(sigma_vth=0.03, transistor=CELL)
    g = np.full(3, 1e-7)
    first, again, other = (sample(noise, g, np.random.default_rng(seed), n=5) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert not noise.has_memory
    assert not noise.is_gaussian


# --- writing by one pulse

WRITE = DomainWrite(transistor=CELL, domains=FEFET_DENG2020, v_gate=TRIODE, pulse_width=1e-6)
LOW, HIGH = CELL.conductance_range(TRIODE)


def states(write):
    """The N + 1 conductances of a cell, by the number of its domains that are up."""
    p = P_R * (2 * np.arange(21) / 20 - 1)
    return write.transistor.conductance(write.v_gate, p)


def test_programmed_cells_are_binomial_in_their_domains(rng):
    # In triode G is linear in P: q = (G − G_min)/(G_max − G_min) of the domains, n ~ binomial(20,
    # q).
    target = np.tile(LOW + (HIGH - LOW) * np.array([0.1, 0.5, 0.9]), (READS, 1))
    g = WRITE.program(target, rng=rng)
    n = (g - LOW) / (HIGH - LOW) * 20
    np.testing.assert_allclose(n, np.rint(n), atol=1e-6)
    q = np.array([0.1, 0.5, 0.9])
    assert_mean(n, 20 * q)
    assert_variance(n, 20 * q * (1 - q), 20 * q)
    for i in range(3):
        assert_frequency(
            (np.rint(n[:, i]) == 20 * q[i]).sum(), READS, [0.2851798, 0.1761971, 0.2851798][i]
        )
    assert_covariance(g[:, 0], g[:, 1], 0)


def test_programming_error_in_triode_is_that_of_binomial_fractions():
    target = LOW + (HIGH - LOW) * np.array([[0.0, 0.25], [0.5, 1.0]])
    expected = (HIGH - LOW) * np.sqrt(np.array([[0, 0.1875], [0.25, 0]]) / 20)
    np.testing.assert_allclose(WRITE.sigma(target), expected, rtol=1e-9, atol=1e-12 * HIGH)


def test_below_threshold_the_error_counts_the_bias_of_the_mean_cell(rng):
    write = replace(WRITE, v_gate=SUBTHRESHOLD, transistor=replace(CELL, window=0.3))
    low, high = write.transistor.conductance_range(SUBTHRESHOLD)
    target = np.full(READS, np.sqrt(low * high))
    g = write.program(target, rng=rng)
    assert_mean((g - target) ** 2, write.sigma(target[:1])[0] ** 2)
    # ln G is linear in P: the geometric mean is met, the mean is above the target.
    assert_mean(np.log(g), np.log(target[0]))
    assert g.mean() > 1.05 * target[0]


@pytest.mark.parametrize("v_gate", [0.3, TRIODE])
def test_programming_equals_erasing_and_pulsing_the_domains(v_gate, rng):
    # The domains themselves, nucleating under the pulse, against the binomial law: same mean square
    # error, same states.
    write = replace(WRITE, v_gate=v_gate)
    low, high = write.transistor.conductance_range(v_gate)
    for target in (0.9 * low + 0.1 * high, (low + high) / 2):
        f = write.amplitude(target)
        state = FEFET_DENG2020.pulse(FEFET_DENG2020.init((10_000,), rng=rng), f, 1e-6, rng=rng)
        g = CELL.conductance(v_gate, FEFET_DENG2020.polarization(state))
        assert_mean((g - target) ** 2, write.sigma(np.array([target]))[0] ** 2)
        np.testing.assert_allclose(
            np.abs(g[:, None] - states(write)).min(axis=1), 0, atol=1e-9 * high
        )


def test_programmed_cells_are_states_and_the_ends_of_the_range_are_exact(rng):
    g = WRITE.program(np.array([[LOW, HIGH], [LOW, HIGH]]), rng=rng)
    np.testing.assert_allclose(g, [[LOW, HIGH], [LOW, HIGH]], rtol=1e-12)


def test_sigma_of_conductances_beyond_the_range_is_the_distance_to_its_end():
    np.testing.assert_allclose(
        WRITE.sigma(np.array([LOW / 2, 2 * HIGH])), [LOW / 2, HIGH], rtol=1e-9
    )


def test_more_domains_are_more_precise():
    few, many = (replace(WRITE, domains=replace(FEFET_DENG2020, n_domains=n)) for n in (5, 500))
    middle = np.array([(LOW + HIGH) / 2])
    np.testing.assert_allclose(few.sigma(middle) / many.sigma(middle), 10, rtol=1e-9)


def test_a_device_is_programmed_by_its_domains():
    device = Device(g_min=LOW, g_max=HIGH, levels=8, write=WRITE)
    g = device.program(np.full((4, 5), (LOW + HIGH) / 2), rng=1)
    np.testing.assert_array_equal(g, device.program(np.full((4, 5), (LOW + HIGH) / 2), rng=1))
    assert len(np.unique(g)) > 1


# --- bad arguments

BAD = [
    (lambda: replace(CELL, vth0=float("nan")), r"FeFet\.vth0 = nan is not allowed"),
    (
        lambda: replace(CELL, window=0),
        r"FeFet\.window = 0 is not allowed; give a finite number in \(0, inf\) V",
    ),
    (lambda: replace(CELL, p_r=-1), r"FeFet\.p_r = -1 is not allowed"),
    (
        lambda: replace(CELL, transconductance=0),
        r"FeFet\.transconductance = 0 is not allowed; .* S/V",
    ),
    (lambda: replace(CELL, swing=0), r"FeFet\.swing = 0 is not allowed; .* V/decade"),
    (lambda: CELL.overdrive([0.0, 1e-6]), r"g = 0 S has no overdrive; give conductances above 0 S"),
    (
        lambda: ThresholdNoise(sigma_vth=-1, transistor=CELL),
        r"ThresholdNoise\.sigma_vth = -1 is not allowed",
    ),
    (
        lambda: ThresholdNoise(sigma_vth=0.1, transistor=3),
        r"ThresholdNoise\.transistor = 3 is not a FeFet",
    ),
    (lambda: replace(WRITE, transistor=1), r"DomainWrite\.transistor = 1 is not a FeFet"),
    (lambda: replace(WRITE, domains=1), r"DomainWrite\.domains = 1 is not a DomainSwitching"),
    (lambda: replace(WRITE, v_gate=None), r"DomainWrite\.v_gate = None is not a number"),
    (lambda: replace(WRITE, pulse_width=0), r"DomainWrite\.pulse_width = 0 is not allowed; .* s"),
    (
        lambda: replace(WRITE, domains=replace(FEFET_DENG2020, weight_std=0.27)),
        r"DomainWrite\.domains has weight_std = 0\.27; give domains of equal area",
    ),
    (
        lambda: WRITE.program(np.array([1e-6, 1e-4]), rng=np.random.default_rng(0)),
        r"target conductances range from 1e-06 to 0\.0001 S; this transistor at a gate bias "
        r"of 2\.5 V has 0\.00011 to 0\.00023 S",
    ),
    (lambda: WRITE.amplitude(HIGH), r"fraction ranges from 1 to 1; a pulse of 1e-06 s"),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_transistors_noises_and_writes_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
