"""Compiled loops of hidden Markov models. They take arrays and scalars, write `out`, check nothing.

A hidden chain of 2 to 4 states with the transition matrix P over one read emits y = μ_state + σ Z.
A missing read (NaN) has the same emission in all states: the chain goes on without it, exactly.
Their slow twins, in plain Python, are in tests/helpers/hidden_chain.py.
"""

# mypy: ignore-errors

import numpy as np
from numba import njit

#: Reads whose scale factors are multiplied before one logarithm is taken; with the least
#: probability of a transition, 1e-12, their product stays above 1e-192.
_READS_PER_LOG = 16


@njit(nogil=True, inline="always")
def _forward(y, levels, sigma, transitions, states, alpha, emission, scale):
    """Write filtered probabilities, emissions relative to the likeliest state, and 1/scale.

    The chain begins in each state with the same probability. Returns the log-likelihood without
    the constant −n ln(σ √(2π)).
    """
    half_precision = 0.5 / (sigma * sigma)
    total = 0.0
    product = 1.0
    for t in range(len(y)):
        if np.isnan(y[t]):
            for k in range(states):
                emission[t, k] = 1.0
        else:
            best = np.inf
            for k in range(states):
                away = y[t] - levels[k]
                emission[t, k] = away * away * half_precision
                best = min(best, emission[t, k])
            total -= best
            for k in range(states):
                # The likeliest state has exp(0) = 1, so that no read has a likelihood of 0.
                emission[t, k] = np.exp(best - emission[t, k])
        norm = 0.0
        for k in range(states):
            if t == 0:
                predicted = 1.0 / states
            else:
                predicted = 0.0
                for i in range(states):
                    predicted += alpha[t - 1, i] * transitions[i, k]
            alpha[t, k] = predicted * emission[t, k]
            norm += alpha[t, k]
        inverse = 1.0 / norm
        for k in range(states):
            alpha[t, k] *= inverse
        scale[t] = inverse
        product *= norm
        if t % _READS_PER_LOG == 0:
            total += np.log(product)
            product = 1.0
    return total + np.log(product)


@njit(nogil=True, inline="always")
def _backward(y, levels, transitions, states, alpha, emission, scale, out, posterior):
    """Add expectations to `out`, and write the probabilities of the states of each read.

    `out` has a row for each state: its expected number of known reads, Σ (y − μ), Σ (y − μ)², and
    then the expected numbers of transitions to each state.
    """
    last = len(y) - 1
    keeps = len(posterior) > 0
    beta = np.ones(states)
    weighted = np.empty(states)
    for t in range(last, -1, -1):
        known = not np.isnan(y[t])
        for k in range(states):
            probability = alpha[t, k] * beta[k]
            if keeps:
                posterior[t, k] = probability
            if known:
                away = y[t] - levels[k]
                out[k, 0] += probability
                out[k, 1] += probability * away
                out[k, 2] += probability * away * away
        if t == 0:
            break
        for k in range(states):
            weighted[k] = emission[t, k] * beta[k] * scale[t]
        for i in range(states):
            following = 0.0
            for k in range(states):
                step = transitions[i, k] * weighted[k]
                out[i, 3 + k] += alpha[t - 1, i] * step
                following += step
            beta[i] = following


@njit(nogil=True, inline="always")
def _both(y, levels, sigma, transitions, states, alpha, emission, scale, out, posterior):
    """Run the forward and the backward pass; `states` is a constant, which unrolls the loops."""
    value = _forward(y, levels, sigma, transitions, states, alpha, emission, scale)
    _backward(y, levels, transitions, states, alpha, emission, scale, out, posterior)
    return value


@njit(nogil=True, cache=True)
def expectation(y, levels, sigma, transitions, work, out, posterior):
    """Return the log-likelihood, and write what `_backward` says.

    Args:
        y: Reads, (n,).
        levels: μ, (states,).
        sigma: σ.
        transitions: P, (states, states), whose entries are above 0.
        work: Memory, (n, 9).
        out: Zeros, (states, 3 + states).
        posterior: (n, states), or (0, states) if it is not wanted.
    """
    states = len(levels)
    alpha = work[:, 0:4]
    emission = work[:, 4:8]
    scale = work[:, 8]
    if states == 2:
        return _both(y, levels, sigma, transitions, 2, alpha, emission, scale, out, posterior)
    if states == 3:
        return _both(y, levels, sigma, transitions, 3, alpha, emission, scale, out, posterior)
    return _both(y, levels, sigma, transitions, 4, alpha, emission, scale, out, posterior)


@njit(nogil=True, cache=True)
def viterbi(y, levels, sigma, transitions, came_from, path):
    """Write the most probable path, (n,), and return ln P of its transitions.

    The first state counts with its probability 1/states. `came_from` is memory, (n, states) bytes.
    """
    states = len(levels)
    half_precision = 0.5 / (sigma * sigma)
    log_p = np.log(transitions)
    score = np.zeros(states)
    next_score = np.empty(states)
    for t in range(len(y)):
        top = -np.inf
        for k in range(states):
            best = 0.0
            origin = k
            if t > 0:
                best = -np.inf
                for i in range(states):
                    reached = score[i] + log_p[i, k]
                    if reached > best:
                        best = reached
                        origin = i
            came_from[t, k] = origin
            if not np.isnan(y[t]):
                away = y[t] - levels[k]
                best -= away * away * half_precision
            next_score[k] = best
            top = max(top, best)
        for k in range(states):
            score[k] = next_score[k] - top
    path[-1] = np.argmax(score)
    total = -np.log(states)
    for t in range(len(y) - 1, 0, -1):
        path[t - 1] = came_from[t, path[t]]
        total += log_p[path[t - 1], path[t]]
    return total
