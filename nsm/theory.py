"""Closed forms: a neural sampling layer under multiplicative noise, and what a crossbar adds to it.

Arguments that several functions share: weights w (outputs, inputs); inputs z (..., inputs), ±1 or
real; `mean` and `variance`, E ξ and Var ξ of the factor of one read. s is √(2 Var ξ). Results
broadcast. Sources: Detorakis et al. 2019 (their equation numbers), or derived here and checked by
sampling (tests/nsm/test_theory.py).
"""

from math import expm1, inf, log, prod

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import erf, ndtr, ndtri

from devices.validation import Floats, array, boolean, choice, integer, number
from nsm.formula_arguments import not_negative, share, together, two, weights_and_inputs

MAPPINGS = ("differential_pair", "balanced_pair", "reference_column")


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
    """Return P(z_i = +1) = ½ (1 + erf(((E ξ + a) w·z + b)/√(2 (Var ξ ‖w∘z‖² + floor)))).

    Eq. 4 with the bias and for real-valued z.

    Args:
        w: Weights.
        z: Inputs.
        mean: E ξ.
        variance: Var ξ.
        a: Factor of the deterministic path, per output or common; 0 by default.
        b: Bias, likewise.
        floor: Variance of additive noise (a comparator's), in squared weight units.

    Returns:
        (..., outputs).
    """
    number("mean", mean)
    number("variance", variance, at_least=0)
    number("floor", floor, at_least=0)
    w, z = weights_and_inputs(w, z)
    product = z @ w.T
    a, b, _ = together(a=a, b=b, outputs=product)
    u = (mean + a) * product + b
    spread = np.sqrt(2 * (variance * (z**2) @ (w**2).T + floor))
    return np.asarray(0.5 * (1 + erf(u / spread)))


def beta_from_a(a: ArrayLike, *, mean: float, variance: float) -> Floats:
    """Return β = (E ξ + a)/√(2 Var ξ) (eq. 5).

    Gaussian noise: (1 + a)/√(2σ²). Bernoulli noise: (p + a)/√(2p (1 − p)).
    """
    number("mean", mean)
    number("variance", variance, above=0)
    return (mean + array("a", a)) / np.sqrt(2 * variance)


def a_from_beta(beta: ArrayLike, *, mean: float, variance: float) -> Floats:
    """Return a = β √(2 Var ξ) − E ξ, the inverse of `beta_from_a`; it is 0 at the native β."""
    number("mean", mean)
    number("variance", variance, at_least=0)
    return array("beta", beta) * np.sqrt(2 * variance) - mean


def remapped(
    beta: ArrayLike, b: ArrayLike, *, variance: float, new_mean: float, new_variance: float
) -> tuple[Floats, Floats]:
    """Return a' and b' that keep β and c = b/(s ‖w‖) when the noise changes.

    a' = β s' − E ξ' and b' = b s'/s.

    Args:
        beta: Factor of the normalized weights.
        b: Bias under the old noise.
        variance: Var ξ of the old noise.
        new_mean: E ξ' of the new noise.
        new_variance: Var ξ' of the new noise.
    """
    number("variance", variance, above=0)
    number("new_variance", new_variance, at_least=0)
    number("new_mean", new_mean)
    new_a = a_from_beta(beta, mean=new_mean, variance=new_variance)
    new_a, b = together(beta=new_a, b=b)
    return new_a, b * np.sqrt(new_variance / variance)


def argument_gradients(
    w: ArrayLike, z: ArrayLike, beta: float, b: float, *, variance: float
) -> dict[str, Floats]:
    """Return the gradient of one neuron's erf argument v = β w·z/‖w∘z‖ + b/(s ‖w∘z‖).

    With n = ‖w∘z‖: ∂v/∂w_j = β z_j/n − (β w·z + b/s) w_j z_j²/n³, ∂v/∂β = w·z/n and
    ∂v/∂b = 1/(s n) (eqs. 6 and 7, with the bias). The gradient of the firing probability follows
    with dP/dv = exp(−v²)/√π.

    Args:
        w: (inputs,).
        z: (inputs,).
        beta: β of the neuron.
        b: Its bias.
        variance: Var ξ.

    Returns:
        The gradients in "w", "beta" and "b".
    """
    number("beta", beta)
    number("b", b)
    number("variance", variance, above=0)
    w = array("w", w, ndim=1)
    z = array("z", z, ndim=1)
    if not w.any() or w.shape != z.shape:
        raise ValueError(f"w and z have shapes {w.shape} and {z.shape}; give (inputs,), w not 0")
    s = np.sqrt(2 * variance)
    norm = np.sqrt(np.sum((w * z) ** 2))
    product = float(w @ z)
    along = (beta * product + b / s) / norm**3
    return {
        "w": beta * z / norm - along * w * z**2,
        "beta": np.asarray(product / norm),
        "b": np.asarray(1 / (s * norm)),
    }


def data_dependent_init(t: ArrayLike, norm: ArrayLike, *, variance: float) -> tuple[Floats, Floats]:
    """Return β = 1/σ and b = −μ ‖w‖ s/σ (eq. 8): the erf argument then has mean 0 and deviation 1.

    Args:
        t: w·z/‖w‖ over a batch, (batch, outputs); μ and σ are its mean and standard deviation.
        norm: ‖w‖, (outputs,).
        variance: Var ξ.
    """
    number("variance", variance, above=0)
    t = array("t", t, ndim=2)
    norm = array("norm", norm, shape=t.shape[1:])
    if len(t) < 2:
        raise ValueError(f"t has shape {t.shape}; give two images or more, (batch, outputs)")
    mu = t.mean(axis=0)
    sigma = t.std(axis=0)
    return 1 / sigma, -mu * norm * np.sqrt(2 * variance) / sigma


def scaled_probability(p: ArrayLike, alpha: ArrayLike, gamma: float) -> Floats:
    """Return the firing probability Φ(α^(1−γ) Φ⁻¹(p)) after a common-mode gain α, without bias.

    For γ = 1 it is p: the network normalizes its weights. For any other γ it is not.

    Args:
        p: Probability before the gain.
        alpha: The gain, a factor of all conductances.
        gamma: Exponent of the cell's noise, σ_G ∝ G^γ.
    """
    number("gamma", gamma)
    before, gain = together(p=share("p", p), alpha=alpha)
    if gain.min(initial=1) <= 0:
        raise ValueError(f"alpha goes down to {gain.min():g}; give gains above 0")
    return np.asarray(ndtr(gain ** (1 - gamma) * ndtri(before)))


def pair_ratio(w: ArrayLike, on_off_ratio: float, mapping: str = "differential_pair") -> Floats:
    """Return R = Σ(G⁺² + G⁻²)/Σ(G⁺ − G⁻)² per row of w if the two cells fluctuate independently.

    β shrinks by 1/√R. A gate shared by the pair gives R = 1. The largest |w| of the matrix fills
    the range [g_min, g_max]. Differential pair: R = 1 + 2 (N g² + g ‖w‖₁)/‖w‖² with
    g = w_max/(on/off − 1), since one cell of each pair rests at g_min. Balanced pair: both cells
    also carry the middle of the range. Reference column: the cell and the reference.

    Args:
        w: Weights.
        on_off_ratio: g_max/g_min, above 1.
        mapping: A name in `MAPPINGS`.
    """
    w = array("w", w)
    if not w.ndim or not w.size:
        raise ValueError(f"w has shape {w.shape}; give (..., inputs), one weight or more")
    number("on_off_ratio", on_off_ratio, above=1)
    choice("mapping", mapping, MAPPINGS)
    n = w.shape[-1]
    square = (w**2).sum(axis=-1)
    w_max = np.abs(w).max()
    g_min = w_max / (on_off_ratio - 1)
    if mapping == "differential_pair":
        return 1 + 2 * (n * g_min**2 + g_min * np.abs(w).sum(axis=-1)) / square
    middle = g_min + w_max / 2
    if mapping == "balanced_pair":
        return (2 * n * middle**2 + square / 2) / square
    # Reference column: in units in which the cell carries w/2.
    return (n * middle**2 + ((middle + w / 2) ** 2).sum(axis=-1)) / (square / 4)


def pair_variance(
    g_pos: ArrayLike,
    g_neg: ArrayLike,
    *,
    gate: tuple[float, float],
    cell: tuple[ArrayLike, ArrayLike],
    shared: bool = True,
) -> Floats:
    """Return the variance [S²] of one pair's read, g (c⁺ G⁺ − c⁻ G⁻).

    One gate for the pair: E[g²] (v G⁺² + v G⁻²) + Var g (m G⁺ − m G⁻)². One gate per cell:
    Var(g c) (G⁺² + G⁻²).

    Args:
        g_pos: Conductance of the positive cell [S].
        g_neg: Conductance of the negative cell [S].
        gate: Mean and variance of the gate's factor g.
        cell: Mean m and variance v of the cells' factors c.
        shared: Whether the pair shares a gate.
    """
    boolean("shared", shared)
    mean_cell, variance_cell = (array("cell", value) for value in two("cell", cell))
    g_pos, g_neg, m, v = together(
        g_pos=not_negative("g_pos", g_pos),
        g_neg=not_negative("g_neg", g_neg),
        cell=mean_cell,
        variance_of_cell=not_negative("cell", variance_cell),
    )
    mean, variance = (number("gate", value) for value in two("gate", gate))
    number("variance of gate", variance, at_least=0)
    second_moment = variance + mean**2
    squares = g_pos**2 + g_neg**2
    if shared:
        return second_moment * v * squares + variance * (m * (g_pos - g_neg)) ** 2
    return (second_moment * (v + m**2) - (mean * m) ** 2) * squares


def product_moments(*factors: tuple[ArrayLike, ArrayLike]) -> tuple[Floats, Floats]:
    """Return mean Π m_k and variance Π (m_k² + v_k) − Π m_k² of a product of independent factors.

    Args:
        factors: Mean m_k and variance v_k of each.
    """
    pairs = [two("factor", factor) for factor in factors]
    means = together(**{f"mean of factor {k}": m for k, (m, _) in enumerate(pairs)})
    variances = [not_negative("factor", v) for _, v in pairs]
    mean = prod(means)
    second = prod(v + m**2 for m, v in zip(means, variances, strict=True))
    return np.asarray(mean), np.asarray(second - mean**2)


def leaky_gate_moments(p: ArrayLike, leak: ArrayLike) -> tuple[Floats, Floats]:
    """Return mean p + (1 − p) ε and variance p (1 − p)(1 − ε)² of a gate that leaks.

    Args:
        p: Probability that the gate is on, with the factor 1.
        leak: Factor ε of the gate when it is off.
    """
    p, leak = together(p=share("p", p), leak=share("leak", leak))
    return p + (1 - p) * leak, p * (1 - p) * (1 - leak) ** 2


def telegraph_moments(amplitude: ArrayLike, occupancy: ArrayLike) -> tuple[Floats, Floats]:
    """Return mean 1 − δ π₁ and variance δ² π₁ (1 − π₁) of ξ = 1 − δ s under telegraph noise.

    Args:
        amplitude: δ = ΔG/G.
        occupancy: π₁, the fraction of time in which the trap is captured (s = 1).
    """
    delta, pi = together(amplitude=amplitude, occupancy=share("occupancy", occupancy))
    return 1 - delta * pi, delta**2 * pi * (1 - pi)


def spread_gate_moments(w: ArrayLike, z: ArrayLike, p: ArrayLike) -> tuple[Floats, Floats]:
    """Return mean and variance of u under blank-out if synapses conduct with different p_ij.

    The mean is Σ p_ij w_ij z_j and the variance Σ p_ij (1 − p_ij) w_ij² z_j².

    Args:
        w: Weights.
        z: Inputs.
        p: Probability p_ij of every synapse, (outputs, inputs).
    """
    w, z = weights_and_inputs(w, z)
    p, _ = together(p=share("p", p), w=w)
    mean = np.einsum("...j,ij->...i", z, p * w)
    return mean, np.einsum("...j,ij->...i", z**2, p * (1 - p) * w**2)


def word_line_covariance(w: ArrayLike, z: ArrayLike, *, variance: float) -> Floats:
    """Return Cov(u_i, u_k) = Var ξ Σ_j w_ij w_kj z_j², (outputs, outputs), of neuron noise.

    Neuron noise is one factor per input (word line), shared by all outputs.
    """
    number("variance", variance, at_least=0)
    w, z = weights_and_inputs(w, z)
    if z.ndim != 1:
        raise ValueError(f"z has shape {z.shape}; give one vector of inputs, (inputs,)")
    weighted = w * z
    return variance * weighted @ weighted.T


def equicorrelated_variance(
    w: ArrayLike, z: ArrayLike, *, variance: float, correlation: float
) -> Floats:
    """Return Var u = Var ξ [(1 − r) ‖w∘z‖² + r (w·z)²] for noise with correlation r on a bit line.

    The argument of eq. 4 then stays below E ξ/√(2 Var ξ r) for any number of inputs: more inputs do
    not make the neuron more certain than that.

    Args:
        w: Weights.
        z: Inputs.
        variance: Var ξ.
        correlation: Correlation r of the factors of two synapses of one output.
    """
    number("variance", variance, at_least=0)
    number("correlation", correlation, at_least=-1, at_most=1)
    w, z = weights_and_inputs(w, z)
    return np.asarray(
        variance * ((1 - correlation) * (z**2) @ (w**2).T + correlation * (z @ w.T) ** 2)
    )


def common_factor_probability(u: ArrayLike, p: float) -> Floats:
    """Return P(z = +1) = p·1[u ≥ 0] + 1 − p if one blank-out factor multiplies the total sum u.

    A blanked sum is 0, and sgn(0) = +1.

    Args:
        u: Sums without the factor.
        p: Probability that the factor is 1.
    """
    number("p", p, at_least=0, at_most=1)
    return np.asarray(p * (array("u", u) >= 0) + (1 - p))


def mean_variance(samples: int, correlation: float) -> float:
    """Return the variance of a mean of S reads in units of one read's, for lag-k correlation ρ^k.

    (1/S) [(1 + ρ)/(1 − ρ) − 2ρ (1 − ρ^S)/(S (1 − ρ)²)], which is (1/S²) Σ_ij ρ^|i−j|.

    Args:
        samples: Number of reads S.
        correlation: ρ, from −1 to 1.
    """
    s = integer("samples", samples, at_least=1)
    rho = number("correlation", correlation, at_least=-1, at_most=1)
    if rho < 0:
        one_less_power = 1 - rho**s if s % 2 else -expm1(s * log(-rho))
        return ((1 + rho) / (1 - rho) - 2 * rho * one_less_power / (s * (1 - rho) ** 2)) / s
    # For ρ > 0 the two terms of the formula cancel as ρ → 1. The double sum is built up over the
    # bits of S instead (n -> 2n, n -> n + 1), with positive terms only. Starting at n = 0:
    total = 0.0  # Σ_ij ρ^|i−j| over the first n reads
    row = 0.0  # Σ_{k<n} ρ^k
    power = 1.0  # ρ^n
    for bit in f"{s:b}":
        total, row, power = 2 * (total + rho * row**2), row * (1 + power), power**2
        if bit == "1":
            total, row, power = total + 1 + 2 * rho * row, 1 + rho * row, rho * power
    return total / s**2


def effective_samples(samples: int, correlation: float) -> float:
    """Return S_eff, the number of independent reads whose mean varies as much.

    For large S it is S (1 − ρ)/(1 + ρ). It is infinite if the mean does not vary: for an even
    number of reads with ρ = −1. Arguments as of `mean_variance`.
    """
    variance = mean_variance(samples, correlation)
    return 1 / variance if variance else inf


def static_to_noise_ratio(a: ArrayLike, programming_error: float, variance: float) -> Floats:
    """Return a² σ_p²/Var ξ, the static error of the deterministic path over the noise.

    Args:
        a: Factor of the deterministic path.
        programming_error: σ_p, relative error of its programmed weights.
        variance: Var ξ.
    """
    number("programming_error", programming_error, at_least=0)
    number("variance", variance, above=0)
    return np.asarray(array("a", a) ** 2 * programming_error**2 / variance)


def blank_out_skewness(w: ArrayLike, z: ArrayLike, p: float) -> Floats:
    """Return the skewness of u under blank-out, p (1 − p)(1 − 2p) Σ(w z)³/(Var u)^{3/2}.

    It is the leading error of the normal approximation in eq. 4, and 0 at p = ½.

    Args:
        w: Weights.
        z: Inputs.
        p: Probability that a synapse conducts.
    """
    number("p", p, above=0, below=1)
    w, z = weights_and_inputs(w, z)
    third = p * (1 - p) * (1 - 2 * p) * (z**3) @ (w**3).T
    return np.asarray(third / (p * (1 - p) * (z**2) @ (w**2).T) ** 1.5)
