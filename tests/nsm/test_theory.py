"""Closed forms of nsm.theory against samples, autograd, other formulas and published numbers."""

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from scipy.special import ndtri
from scipy.stats import norm, skew

from nsm import theory
from tests.helpers.statistics import (
    assert_covariance,
    assert_frequency,
    assert_mean,
    assert_variance,
)

FAN_IN, READS = 300, 20_000
TABLE = {  # R of normal weights cut at 3 sigma: one-sided, balanced, reference column
    2: (23.9, 41.2, 164),
    4.5: (3.85, 11.7, 45.7),
    10: (1.758, 7.26, 28.1),
    45: (1.119, 5.45, 20.8),
    100: (1.050, 5.21, 19.8),
}
MAPPINGS = ("differential_pair", "balanced_pair", "reference_column")


def normal_weights(n=100_001):
    """The quantiles of a normal law, cut at 3 sigma: weights without sampling error."""
    return np.clip(ndtri((np.arange(n) + 0.5) / n), -3, 3)


def sums(w, z, xi, a=0.0, b=0.0):
    """u of one neuron for given factors xi (reads, inputs)."""
    return ((xi + a) * w * z).sum(axis=1) + b


def inputs(kind, rng):
    return {
        "signs": rng.choice([-1.0, 1.0], FAN_IN),
        "bits": rng.choice([0.0, 1.0], FAN_IN),
        "real": rng.uniform(-1, 1, FAN_IN),
    }[kind]


@pytest.mark.parametrize("kind", ["signs", "bits", "real"])
@pytest.mark.parametrize("noise", ["bernoulli", "gaussian"])
def test_firing_probability_is_the_frequency_of_a_positive_sum(kind, noise, rng):
    w, z, a, b, floor = rng.standard_normal(FAN_IN), inputs(kind, rng), 0.2, 1.5, 4.0
    shape = (READS, FAN_IN)
    xi, mean, variance = (
        (rng.random(shape) < 0.5, 0.5, 0.25)
        if noise == "bernoulli"
        else (rng.normal(1, 0.8, shape), 1.0, 0.64)
    )
    # By definition: u = Σ (ξ + a) w z + b, with additive noise of variance `floor` (comparator).
    u = sums(w, z, xi, a, b) + math.sqrt(floor) * rng.standard_normal(READS)
    p = theory.firing_probability(w[None], z, mean=mean, variance=variance, a=a, b=b, floor=floor)
    assert p.shape == (1,)
    assert_frequency((u >= 0).sum(), READS, p[0])


def test_firing_probability_broadcasts_over_inputs_and_outputs(rng):
    w, z = rng.standard_normal((3, 20)), rng.standard_normal((4, 5, 20))
    a, b = rng.standard_normal(3), rng.standard_normal(3)
    together = theory.firing_probability(w, z, mean=0.5, variance=0.25, a=a, b=b)
    assert together.shape == (4, 5, 3)
    for i in range(3):
        one = theory.firing_probability(
            w[i : i + 1], z[2, 1], mean=0.5, variance=0.25, a=a[i], b=b[i]
        )
        np.testing.assert_allclose(together[2, 1, i], one[0], rtol=1e-12)


@pytest.mark.parametrize(
    ("beta", "mean", "variance", "a"),
    # β = 1 at the paper's noises, then at read noise of 1, 5 and 20 %.
    [
        (1, 0.5, 0.25, 0.2071),
        (1, 0.25, 0.1875, 0.3624),
        (1, 1.0, 1.0, 0.4142),
        (1, 1.0, 0.01**2, -0.986),
        (1, 1.0, 0.05**2, -0.929),
        (1, 1.0, 0.2**2, -0.717),
    ],
)
def test_a_from_beta_gives_the_published_values(beta, mean, variance, a):
    got = theory.a_from_beta(beta, mean=mean, variance=variance)
    assert round(float(got), len(str(abs(a))) - 2) == a
    np.testing.assert_allclose(
        theory.beta_from_a(got, mean=mean, variance=variance), beta, rtol=1e-12
    )


def test_remapping_to_another_noise_leaves_every_firing_probability(rng):
    w = rng.standard_normal((4, 50))
    z = rng.choice([-1.0, 1.0], (6, 50))
    b = rng.standard_normal(4)
    beta = 1.3
    a = theory.a_from_beta(beta, mean=0.5, variance=0.25)
    new_a, new_b = theory.remapped(beta, b, variance=0.25, new_mean=1.0, new_variance=0.04)
    before = theory.firing_probability(w, z, mean=0.5, variance=0.25, a=a, b=b)
    after = theory.firing_probability(w, z, mean=1.0, variance=0.04, a=new_a, b=new_b)
    np.testing.assert_allclose(after, before, rtol=1e-12)


@pytest.mark.parametrize("kind", ["signs", "real"])
def test_argument_gradients_are_those_of_autograd(kind, rng):
    w, z, beta, b, variance = rng.standard_normal(FAN_IN), inputs(kind, rng), 0.9, 0.7, 0.25
    leaves = {
        k: torch.tensor(v, dtype=torch.float64, requires_grad=True)
        for k, v in {"w": w, "beta": beta, "b": b}.items()
    }
    x = torch.tensor(z)
    size = (leaves["w"] * x).norm()
    v = leaves["beta"] * (leaves["w"] @ x) / size + leaves["b"] / (math.sqrt(2 * variance) * size)
    v.backward()
    closed = theory.argument_gradients(w, z, beta, b, variance=variance)
    for name, leaf in leaves.items():
        np.testing.assert_allclose(closed[name], leaf.grad.numpy(), rtol=1e-10, err_msg=name)


def test_data_dependent_initialization_normalizes_the_erf_argument(rng):
    w, z, variance = rng.standard_normal((7, 30)), rng.choice([-1.0, 1.0], (200, 30)), 0.25
    size = np.linalg.norm(w, axis=1)
    t = z @ w.T / size
    beta, b = theory.data_dependent_init(t, size, variance=variance)
    # Eq. 8: v = β t + b/(s ‖w‖) has mean 0 and standard deviation 1 over the batch.
    v = beta * t + b / (math.sqrt(2 * variance) * size)
    np.testing.assert_allclose(v.std(axis=0), 1, rtol=1e-12)
    np.testing.assert_allclose(1 + v.mean(axis=0), 1, rtol=1e-12)


@pytest.mark.parametrize(("gamma", "published"), [(1, 0.1587), (0.5, 0.3759), (0, 0.4602)])
def test_a_common_gain_moves_the_probability_by_alpha_to_the_one_minus_gamma(gamma, published, rng):
    # At x = −1, α = 0.1; and by sampling u → α u with noise that goes as α^γ.
    p = theory.scaled_probability(norm.cdf(-1), 0.1, gamma)
    assert round(float(p), 4) == published
    u = 0.1 * -1 + 0.1**gamma * rng.standard_normal(READS)
    assert_frequency((u >= 0).sum(), READS, p)


@pytest.mark.parametrize("mapping", MAPPINGS)
@pytest.mark.parametrize("on_off", TABLE)
def test_pair_ratio_is_the_table_of_physics(on_off, mapping):
    # rtol: the table's three digits, and it was sampled.
    ratio = theory.pair_ratio(normal_weights()[None], on_off, mapping)
    np.testing.assert_allclose(ratio, TABLE[on_off][MAPPINGS.index(mapping)], rtol=4e-3)


@pytest.mark.parametrize(
    ("on_off", "mapping", "published"),
    [
        (10, "differential_pair", 0.7743),
        (45, "differential_pair", 0.8277),
        (10, "balanced_pair", 0.6413),
    ],
)
def test_pair_ratio_corrects_equation_4(on_off, mapping, published):
    # End to end at N = 300, x = 1: Φ(1/√R), against .8413 of eq. 4 alone.
    # rtol: 300 weights were drawn there, and the largest of them set the range.
    p = norm.cdf(1 / np.sqrt(theory.pair_ratio(normal_weights()[None], on_off, mapping)))
    np.testing.assert_allclose(p, published, rtol=6e-3)


def test_pair_ratio_goes_to_one_for_a_large_on_off_ratio():
    np.testing.assert_allclose(theory.pair_ratio(normal_weights()[None], 1e9), 1, rtol=1e-6)


def test_pair_ratio_refuses_what_it_does_not_know():
    with pytest.raises(ValueError, match=r"on_off_ratio = 1 is not allowed.*\(1, inf\)"):
        theory.pair_ratio([[1.0]], 1)
    with pytest.raises(
        ValueError,
        match="unknown mapping 'pair'",
    ):
        theory.pair_ratio([[1.0]], 10, "pair")


@pytest.mark.parametrize("shared", [True, False])
def test_pair_variance_is_that_of_gated_noisy_cells(shared, rng):
    g_pos, g_neg, p, sigma, n = 5.0, 2.0, 0.3, 0.4, 200_000
    gates = (rng.random((2, n)) < p).astype(float)
    cells = rng.normal(1, sigma, (2, n))
    second = gates[0] if shared else gates[1]
    current = gates[0] * cells[0] * g_pos - second * cells[1] * g_neg
    expected = theory.pair_variance(
        g_pos, g_neg, gate=(p, p * (1 - p)), cell=(1.0, sigma**2), shared=shared
    )
    assert_variance(current, expected, mean=p * (g_pos - g_neg))


def test_product_moments_are_those_of_independent_factors(rng):
    n = 400_000
    xi = (rng.random(n) < 0.4) * rng.normal(1, 0.3, n) * rng.exponential(2.0, n)
    mean, variance = theory.product_moments((0.4, 0.24), (1.0, 0.09), (2.0, 4.0))
    assert_mean(xi, mean)
    assert_variance(xi, variance, mean)


def test_leaky_gate_moments_are_those_of_a_gate_that_leaks(rng):
    xi = np.where(rng.random(100_000) < 0.3, 1.0, 0.2)
    mean, variance = theory.leaky_gate_moments(0.3, 0.2)
    assert_mean(xi, mean)
    assert_variance(xi, variance, mean)


def test_telegraph_moments_are_those_of_a_trap(rng):
    xi = 1 - 0.25 * (rng.random(100_000) < 0.7)
    mean, variance = theory.telegraph_moments(0.25, 0.7)
    assert_mean(xi, mean)
    assert_variance(xi, variance, mean)


def test_spread_gate_moments_are_those_of_synapses_with_their_own_p(rng):
    w, z, p = rng.standard_normal((2, 40)), rng.standard_normal(40), rng.random((2, 40))
    u = ((rng.random((READS, 2, 40)) < p) * w * z).sum(axis=2)
    mean, variance = theory.spread_gate_moments(w, z, p)
    assert_mean(u, mean)
    assert_variance(u, variance, mean)


def test_word_line_covariance_is_that_of_noise_shared_by_a_line(rng):
    w, z = rng.standard_normal((3, 40)), rng.standard_normal(40)
    u = rng.normal(1, 0.6, (READS, 40)) * z @ w.T
    covariance = theory.word_line_covariance(w, z, variance=0.36)
    for i, k in [(0, 1), (0, 2), (1, 2)]:
        assert_covariance(u[:, i], u[:, k], covariance[i, k])
    assert_variance(u, np.diag(covariance))


def test_equicorrelated_noise_saturates_the_argument(rng):
    w, z, sigma, r = rng.standard_normal(40) + 0.3, rng.choice([-1.0, 1.0], 40), 0.5, 0.3
    own, common = rng.standard_normal((READS, 40)), rng.standard_normal((READS, 1))
    u = sums(w, z, 1 + sigma * (np.sqrt(1 - r) * own + np.sqrt(r) * common))
    variance = theory.equicorrelated_variance(w[None], z, variance=sigma**2, correlation=r)
    assert_variance(u, variance[0], mean=w @ z)
    # E u/√(2 Var u) → 1/(σ √(2 r)) from below, for a row that agrees with its input, however long.
    ones, limit = np.ones((1, 10_000)), 1 / (sigma * np.sqrt(2 * r))
    v = theory.equicorrelated_variance(ones, ones[0], variance=sigma**2, correlation=r)
    argument = 10_000 / np.sqrt(2 * v[0])
    assert argument < limit
    np.testing.assert_allclose(argument, limit, rtol=3e-4)  # (1 − r)/(r N)/2 = 1.2e-4 below it


@pytest.mark.parametrize(("u", "expected"), [(3.0, 1.0), (0.0, 1.0), (-3.0, 0.7)])
def test_a_factor_common_to_the_sum_fires_only_through_zero(u, expected, rng):
    p = 0.3
    fired = np.where((rng.random(READS) < p) * u >= 0, 1, -1) == 1
    assert theory.common_factor_probability(u, p) == pytest.approx(expected, rel=1e-12)
    if expected == 1.0:
        assert fired.all()
    else:
        assert_frequency(fired.sum(), READS, expected)


@pytest.mark.parametrize(("samples", "rho"), [(50, 0.8), (7, -0.4), (1, 0.9), (20, 0.0)])
def test_variance_of_a_mean_is_the_double_sum_of_correlations(samples, rho):
    k = np.arange(samples)
    double_sum = (float(rho) ** np.abs(k[:, None] - k)).sum() / samples**2
    assert theory.mean_variance(samples, rho) == pytest.approx(double_sum, rel=1e-12)
    assert theory.effective_samples(samples, rho) == pytest.approx(1 / double_sum, rel=1e-12)


def exact_variance_of_a_mean(samples, rho):
    """(1/S²) Σ_ij ρ^|i−j| in integers, by Horner's rule for ρ = m/d (every float is a fraction)."""
    m, d = rho.as_integer_ratio()
    total, scale = 0, 1
    for k in reversed(range(samples)):
        total, scale = total * m + (2 * (samples - k) if k else samples) * scale, scale * d
    return float(Fraction(total * d, scale * samples**2))


@pytest.mark.parametrize("samples", [1, 2, 3, 16, 17, 1000])
@pytest.mark.parametrize(
    "rho", [0.0, 5e-324, 1e-9, 0.5, 0.999, 1 - 1e-6, 1 - 1e-10, 1 - 2**-53, 1.0]
)
def test_variance_of_a_mean_keeps_its_digits_at_every_correlation(samples, rho):
    for signed in {rho, -rho}:
        exact = exact_variance_of_a_mean(samples, signed)
        assert theory.mean_variance(samples, signed) == pytest.approx(exact, rel=1e-13)
        expected = 1 / exact if exact else np.inf
        assert theory.effective_samples(samples, signed) == pytest.approx(expected, rel=1e-13)


def test_reads_that_hardly_forget_are_worth_one():
    # S_eff → 1 + (1 − ρ)(S² − 1)/(3 S) for ρ → 1.
    for samples in (16, 10**3, 10**6):
        expected = 1 + 1e-10 * (samples**2 - 1) / (3 * samples)
        assert theory.effective_samples(samples, 1 - 1e-10) == pytest.approx(expected, rel=1e-8)


BAD_MEANS = [
    ((0, 0.5), r"samples = 0 is not allowed"),
    ((2.5, 0.5), r"samples = 2\.5 is not allowed"),
    ((3, 1.01), r"correlation = 1\.01 is not allowed.*\[-1, 1\]"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD_MEANS)
def test_means_of_no_reads_or_impossible_correlations_are_refused(arguments, message):
    for quantity in (theory.mean_variance, theory.effective_samples):
        with pytest.raises(ValueError, match=message):
            quantity(*arguments)


def test_fifty_reads_at_correlation_08_are_worth_six():
    # ρ = .8, S = 50 → 6.10; S (1 − ρ)/(1 + ρ) for large S.
    assert round(theory.effective_samples(50, 0.8), 2) == 6.10
    assert theory.effective_samples(10**6, 0.8) == pytest.approx(10**6 / 9, rel=1e-5)


def test_variance_of_a_mean_is_that_of_an_autoregressive_process(rng):
    rho, samples, chains = 0.8, 50, 4000
    x = np.empty((chains, samples))
    x[:, 0] = rng.standard_normal(chains)
    for k in range(1, samples):
        x[:, k] = rho * x[:, k - 1] + np.sqrt(1 - rho**2) * rng.standard_normal(chains)
    assert_variance(x.mean(axis=1), theory.mean_variance(samples, rho), mean=0.0)


def test_static_to_noise_ratio_is_24_for_five_percent_error_and_one_percent_noise(rng):
    # And by sampling: u_static = a Σ w z ε, ε ~ N(0, σ_p²), over Var ξ ‖w‖².
    a = theory.a_from_beta(1.0, mean=1.0, variance=1e-4)
    ratio = theory.static_to_noise_ratio(a, 0.05, 1e-4)
    assert round(float(ratio)) == 24
    w = rng.standard_normal(FAN_IN)
    static = a * (0.05 * rng.standard_normal((READS, FAN_IN))) @ w
    assert_variance(static / np.sqrt(1e-4 * w @ w), ratio, mean=0.0)


@pytest.mark.parametrize("p", [0.1, 0.25, 0.5])
def test_blank_out_skewness_is_the_third_cumulant(p, rng):
    w, z = rng.standard_normal(20) + 1, np.ones(20)
    n = 400_000
    u = (rng.random((n, 20)) < p) @ w
    expected = theory.blank_out_skewness(w[None], z, p)[0]
    # The standard error of a sample skewness is √(6/n) for a normal law, and these are nearly so.
    assert abs(skew(u) - expected) < 5 * np.sqrt(6 / n) * 1.5
    assert (expected == 0) == (p == 0.5)
