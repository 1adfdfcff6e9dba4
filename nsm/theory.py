"""Closed forms: what a neural sampling layer does under multiplicative noise, and what a crossbar adds to it.

w: weights (outputs, inputs). z: inputs (…, inputs), ±1 or real. mean, variance: E ξ and Var ξ of one read's factor.
s = √(2 Var ξ). Results broadcast. Sources: Detorakis et al. 2019 (equation numbers), or derived and checked by sampling.
"""

from math import expm1, inf, log

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import erf, ndtr, ndtri

from devices.validation import integer, number
from nsm.nn.inference import Floats


def _f(x: ArrayLike) -> Floats:
    return np.asarray(x, dtype=np.float64)


def firing_probability(
    w: ArrayLike,
    z: ArrayLike,
    *,
    mean: float,
    variance: float,
    a: ArrayLike = 0.0,
    b: ArrayLike = 0.0,
    floor: float = 0.0,
) -> Floats:
    """Return P(z_i = +1), (…, outputs): ½ (1 + erf(((E ξ + a) w·z + b) / √(2 (Var ξ ‖w∘z‖² + floor)))).

    Eq. 4 with the bias and for real-valued z. floor: variance of additive noise (comparator), in weight units squared.
    """
    w, z = _f(w), _f(z)
    u = (mean + _f(a)) * (z @ w.T) + _f(b)
    spread = np.sqrt(2 * (variance * (z**2) @ (w**2).T + floor))
    return np.asarray(0.5 * (1 + erf(u / spread)))


def beta_from_a(a: ArrayLike, *, mean: float, variance: float) -> Floats:
    """Return β = (E ξ + a)/√(2 Var ξ) (eq. 5: Gaussian (1 + a)/√(2σ²), Bernoulli (p + a)/√(2p(1 − p)))."""
    return (mean + _f(a)) / np.sqrt(2 * variance)


def a_from_beta(beta: ArrayLike, *, mean: float, variance: float) -> Floats:
    """Return a = β √(2 Var ξ) − E ξ, the inverse of `beta_from_a`; 0 at the native β."""
    return _f(beta) * np.sqrt(2 * variance) - mean


def remapped(
    beta: ArrayLike, b: ArrayLike, *, variance: float, new_mean: float, new_variance: float
) -> tuple[Floats, Floats]:
    """Return a', b' that keep β and c = b/(s‖w‖) when the noise changes: a' = β s' − E ξ', b' = b s'/s."""
    return a_from_beta(beta, mean=new_mean, variance=new_variance), _f(b) * np.sqrt(
        new_variance / variance
    )


def argument_gradients(
    w: ArrayLike, z: ArrayLike, beta: float, b: float, *, variance: float
) -> dict[str, Floats]:
    """Return the gradient of v = β w·z/‖w∘z‖ + b/(s ‖w∘z‖) of one neuron in w, β and b (eqs. 6 and 7, with the bias).

    ∂v/∂w_j = β z_j/n − (β w·z + b/s) w_j z_j²/n³ with n = ‖w∘z‖; ∂v/∂β = w·z/n; ∂v/∂b = 1/(s n). The firing
    probability's follows with dP/dv = exp(−v²)/√π.
    """
    w, z, s = _f(w), _f(z), np.sqrt(2 * variance)
    norm, product = np.sqrt(np.sum((w * z) ** 2)), float(w @ z)
    along = (beta * product + b / s) / norm**3
    return {
        "w": beta * z / norm - along * w * z**2,
        "beta": _f(product / norm),
        "b": _f(1 / (s * norm)),
    }


def data_dependent_init(t: ArrayLike, norm: ArrayLike, *, variance: float) -> tuple[Floats, Floats]:
    """Return β = 1/σ and b = −μ ‖w‖ s/σ, with μ, σ the batch mean and standard deviation of t = w·z/‖w‖ (eq. 8)."""
    t = _f(t)
    mu, sigma = t.mean(axis=0), t.std(axis=0)
    return 1 / sigma, -mu * _f(norm) * np.sqrt(2 * variance) / sigma


def scaled_probability(p: ArrayLike, alpha: ArrayLike, gamma: float) -> Floats:
    """Return Φ(α^(1−γ) x), x = Φ⁻¹(p): the probability after a common gain α, for cell noise σ_G ∝ G^γ without bias.

    γ = 1: p itself, the network normalises its weights. Any other γ does not.
    """
    return np.asarray(ndtr(_f(alpha) ** (1 - gamma) * ndtri(_f(p))))


def pair_ratio(w: ArrayLike, on_off_ratio: float, mapping: str = "differential_pair") -> Floats:
    """Return R = Σ(G⁺² + G⁻²)/Σ(G⁺ − G⁻)² per row of w when the two cells fluctuate independently; β shrinks by 1/√R.

    The range [g_min, g_max] is filled by the largest |w| of the matrix. One-sided pair:
    R = 1 + 2 (N g² + g ‖w‖₁)/‖w‖² with g = w_max/(on/off − 1); balanced pair: mid-range squared in both cells;
    reference column: the cell and the reference. A gate shared by the pair gives R = 1.
    """
    w = _f(w)
    number("on_off_ratio", on_off_ratio, above=1)
    n, square, w_max = w.shape[-1], (w**2).sum(axis=-1), np.abs(w).max()
    g_min = w_max / (on_off_ratio - 1)
    if mapping == "differential_pair":
        return 1 + 2 * (n * g_min**2 + g_min * np.abs(w).sum(axis=-1)) / square
    if mapping == "balanced_pair":
        middle = g_min + w_max / 2
        return (2 * n * middle**2 + square / 2) / square
    if mapping == "reference_column":
        middle = g_min + w_max / 2  # in units where the cell carries w/2
        return (n * middle**2 + ((middle + w / 2) ** 2).sum(axis=-1)) / (square / 4)
    raise ValueError(
        f"unknown mapping {mapping!r} Known: differential_pair, balanced_pair, reference_column"
    )


def pair_variance(
    g_pos: ArrayLike,
    g_neg: ArrayLike,
    *,
    gate: tuple[float, float],
    cell: tuple[ArrayLike, ArrayLike],
    shared: bool = True,
) -> Floats:
    """Return the variance [S²] of one pair's read g (c⁺G⁺ − c⁻G⁻); gate, cell: (mean, variance) of their factors.

    Shared gate: E[g²] (v G⁺² + v G⁻²) + Var g (m G⁺ − m G⁻)². One gate per cell: Var(g c) (G⁺² + G⁻²).
    """
    g_pos, g_neg, (m, v), (mean, variance) = _f(g_pos), _f(g_neg), map(_f, cell), gate
    second = variance + mean**2
    squares = g_pos**2 + g_neg**2
    if shared:
        return second * v * squares + variance * (m * (g_pos - g_neg)) ** 2
    return (second * (v + m**2) - (mean * m) ** 2) * squares


def product_moments(*factors: tuple[ArrayLike, ArrayLike]) -> tuple[Floats, Floats]:
    """Return mean Π m_k and variance Π (m_k² + v_k) − Π m_k² of a product of independent factors (m_k, v_k)."""
    mean = np.prod([_f(m) for m, _ in factors], axis=0)
    second = np.prod([_f(v) + _f(m) ** 2 for m, v in factors], axis=0)
    return np.asarray(mean), np.asarray(second - mean**2)


def leaky_gate_moments(p: ArrayLike, leak: ArrayLike) -> tuple[Floats, Floats]:
    """Return mean p + (1 − p) ε and variance p (1 − p)(1 − ε)² of a gate that is 1, or leaks ε when off."""
    p, leak = _f(p), _f(leak)
    return p + (1 - p) * leak, p * (1 - p) * (1 - leak) ** 2


def telegraph_moments(amplitude: ArrayLike, occupancy: ArrayLike) -> tuple[Floats, Floats]:
    """Return mean 1 − δ π₁ and variance δ² π₁ (1 − π₁) of ξ = 1 − δ s for a trap that is captured a fraction π₁."""
    delta, pi = _f(amplitude), _f(occupancy)
    return 1 - delta * pi, delta**2 * pi * (1 - pi)


def spread_gate_moments(w: ArrayLike, z: ArrayLike, p: ArrayLike) -> tuple[Floats, Floats]:
    """Return mean Σ p_ij w_ij z_j and variance Σ p_ij (1 − p_ij) w_ij² z_j² of u where every synapse has its own p_ij."""
    w, z, p = _f(w), _f(z), _f(p)
    return np.einsum("...j,ij->...i", z, p * w), np.einsum(
        "...j,ij->...i", z**2, p * (1 - p) * w**2
    )


def word_line_covariance(w: ArrayLike, z: ArrayLike, *, variance: float) -> Floats:
    """Return Cov(u_i, u_k) = Var ξ Σ_j w_ij w_kj z_j², (outputs, outputs), of noise shared by a word line."""
    scaled = _f(w) * _f(z)
    return variance * scaled @ scaled.T


def equicorrelated_variance(
    w: ArrayLike, z: ArrayLike, *, variance: float, correlation: float
) -> Floats:
    """Return Var u = Var ξ [(1 − r) ‖w∘z‖² + r (w·z)²] for noise with correlation r along a bit line.

    The argument of eq. 4 then saturates at E ξ/√(2 Var ξ r): the neuron can never be surer than that.
    """
    w, z = _f(w), _f(z)
    return np.asarray(
        variance * ((1 - correlation) * (z**2) @ (w**2).T + correlation * (z @ w.T) ** 2)
    )


def common_factor_probability(u: ArrayLike, p: float) -> Floats:
    """Return P(z = +1) where one blank-out factor hits the whole sum u: p·1[u ≥ 0] + 1 − p, since sgn(0) = +1."""
    return np.asarray(p * (_f(u) >= 0) + (1 - p))


def mean_variance(samples: int, correlation: float) -> float:
    """Return the variance of a mean of `samples` reads, in units of one read's, for lag-k correlation ρ^k.

    (1/S) [(1 + ρ)/(1 − ρ) − 2ρ (1 − ρ^S)/(S (1 − ρ)²)], which is (1/S²) Σ_ij ρ^|i−j|. For ρ > 0 the two terms cancel as
    ρ → 1; there the sum is built up bit by bit of S instead, all of it positive. Raises ValueError for ρ outside [−1, 1].
    """
    s, rho = (
        integer("samples", samples, at_least=1),
        number("correlation", correlation, at_least=-1, at_most=1),
    )
    if rho < 0:
        one_less_power = 1 - rho**s if s % 2 else -expm1(s * log(-rho))
        return ((1 + rho) / (1 - rho) - 2 * rho * one_less_power / (s * (1 - rho) ** 2)) / s
    total, row, power = (
        0.0,
        0.0,
        1.0,
    )  # of the first n reads: Σ_ij ρ^|i−j|, Σ_{k<n} ρ^k and ρ^n, from n = 0 on
    for bit in f"{s:b}":
        total, row, power = 2 * (total + rho * row**2), row * (1 + power), power**2
        if bit == "1":
            total, row, power = total + 1 + 2 * rho * row, 1 + rho * row, rho * power
    return total / s**2


def effective_samples(samples: int, correlation: float) -> float:
    """Return S_eff: how many independent reads a mean of correlated ones is worth; S (1 − ρ)/(1 + ρ) for large S.

    Infinite where the mean does not vary: an even number of reads with ρ = −1.
    """
    variance = mean_variance(samples, correlation)
    return 1 / variance if variance else inf


def static_to_noise_ratio(a: ArrayLike, programming_error: float, variance: float) -> Floats:
    """Return a² σ_p²/Var ξ: variance from a copy programmed with relative error σ_p over the variance of the noise."""
    return np.asarray(_f(a) ** 2 * programming_error**2 / variance)


def blank_out_skewness(w: ArrayLike, z: ArrayLike, p: float) -> Floats:
    """Return the skewness of u under blank-out, p(1−p)(1−2p) Σ(w z)³/Var^{3/2}: the leading error of eq. 4, 0 at p = ½."""
    w, z = _f(w), _f(z)
    third = p * (1 - p) * (1 - 2 * p) * (z**3) @ (w**3).T
    return np.asarray(third / (p * (1 - p) * (z**2) @ (w**2).T) ** 1.5)
