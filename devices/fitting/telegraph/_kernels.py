"""Compiled loops of hidden Markov models. They take arrays and scalars, write `out`, check nothing.

A hidden chain of 2 to 4 states with the transition matrix P over one read emits y = μ_state + σ Z.
A missing read has the same emission in all states: the chain goes on without it, exactly.

Two recursions run read by read (`_recursions.py`). Everything else, the emissions and the sums of
expectations, is done for a block of reads at a time, in loops that a compiler can do for several
reads at once. The slow twins of these loops, in plain Python, are in tests/helpers/hidden_chain.py.
"""

# mypy: ignore-errors

import numpy as np
from numba import njit

from devices.compiled_loops import compiled_loop
from devices.fitting.telegraph._recursions import (
    backward_of_four,
    backward_of_two,
    forward_of_four,
    forward_of_two,
)

#: Reads of a block: its arrays stay in the cache nearest to the processor.
BLOCK = 512
#: Rows that the memory of a block has: α of 4 states, their emissions, and 1/norm of the groups.
ROWS = 9

# exp(x) = 2^k exp(r) with k = round(x/ln 2) and |r| ≤ ln(2)/2. Adding 1.5·2^52 leaves k in the low
# bits of a number; ln 2 is split so that k times its first part is exact.
_ROUNDING = 6755399441055744.0
_PER_LN2 = 1.4426950408889634
_LN2 = 0.6931471803691238
_LN2_REST = 1.9082149292705877e-10
#: exp of a smaller number counts as exp of this one, 1e-300.
_SMALLEST = -690.0

# Sums may be taken in any order, so that several reads are added at once.
_ANY_ORDER = {"reassoc", "contract"}


@njit(nogil=True, inline="always")
def _exp(x, power, bits, n):
    """Replace x ≤ 0 by exp(x), to the last bit or two, for several reads at once.

    `power` is memory, and `bits` the same memory as whole numbers.
    """
    for t in range(n):
        z = max(x[t], _SMALLEST)
        shifted = z * _PER_LN2 + _ROUNDING
        power[t] = shifted
        k = shifted - _ROUNDING
        r = z - k * _LN2
        r = r - k * _LN2_REST
        # Taylor's series to r^13/13!, whose rest is below 1e-17.
        p = 1 / 6227020800.0
        p = p * r + 1 / 479001600.0
        p = p * r + 1 / 39916800.0
        p = p * r + 1 / 3628800.0
        p = p * r + 1 / 362880.0
        p = p * r + 1 / 40320.0
        p = p * r + 1 / 5040.0
        p = p * r + 1 / 720.0
        p = p * r + 1 / 120.0
        p = p * r + 1 / 24.0
        p = p * r + 1 / 6.0
        p = p * r + 0.5
        p = p * r + 1.0
        x[t] = p * r + 1.0
    for t in range(n):
        bits[t] = (bits[t] + 1023) << 52  # the exponent of 2^k
    for t in range(n):
        x[t] *= power[t]


@njit(nogil=True, inline="always")
def _emissions(y, known, levels, sigma, emission, best, power, bits):
    """Write the emissions of a block relative to the likeliest state.

    The likeliest state has exp(0) = 1, so that no read has a likelihood of 0; `best` is what was
    taken off the exponent, (y − μ)²/2σ² of the likeliest state.
    """
    n = len(y)
    half_precision = 0.5 / (sigma * sigma)
    for t in range(n):
        best[t] = np.inf
    for k in range(len(levels)):
        row = emission[k]
        for t in range(n):
            away = y[t] - levels[k]
            row[t] = away * away * half_precision * known[t]
            best[t] = min(best[t], row[t])
    for k in range(len(levels)):
        row = emission[k]
        for t in range(n):
            row[t] = best[t] - row[t]
        _exp(row, power, bits, n)


@njit(nogil=True, fastmath=_ANY_ORDER)
def _dot(a, b):
    """Return Σ a b."""
    total = 0.0
    for t in range(len(a)):
        total += a[t] * b[t]
    return total


@njit(nogil=True, fastmath=_ANY_ORDER)
def _add_moments(probability, y, known, level, out):
    """Add Σ p, Σ p (y − μ) and Σ p (y − μ)² over the known reads of a block."""
    zeroth, first, second = 0.0, 0.0, 0.0
    for t in range(len(y)):
        away = y[t] - level
        weight = probability[t] * known[t]
        zeroth += weight
        first += weight * away
        second += weight * away * away
    out[0] += zeroth
    out[1] += first
    out[2] += second


@njit(nogil=True, fastmath={"contract"})
def _ahead(y, known, levels, sigma, transitions, work):
    """Run the forward recursion; return the log-likelihood without −n ln(σ √(2π))."""
    states = len(levels)
    best, power = np.empty(BLOCK), np.empty(BLOCK)
    bits = power.view(np.int64)
    before = np.zeros(4)
    total = 0.0
    for b in range(len(work)):
        stop = min((b + 1) * BLOCK, len(y))
        n = stop - b * BLOCK
        these = slice(b * BLOCK, stop)
        alpha, emission, inverse = work[b, 0:4], work[b, 4:8], work[b, 8]
        _emissions(y[these], known[these], levels, sigma, emission, best, power, bits)
        for t in range(n):
            total -= best[t]
        first = 0
        if b == 0:  # the chain begins in each state with the same probability
            first = 1
            norm = emission[:states, 0].sum()
            total += np.log(norm / states)
            for k in range(states):
                before[k] = emission[k, 0] / norm
                alpha[k, 0] = before[k]
        if states == 2:
            total += forward_of_two(transitions, emission, alpha, before, inverse, first, n)
        else:
            total += forward_of_four(transitions, emission, alpha, before, inverse, first, n)
    return total


@njit(nogil=True)
def _back(y, known, levels, transitions, work, out, posterior):
    """Run the backward recursion; add expectations to `out`, and write the posterior."""
    states = len(levels)
    betas, weighted = np.empty((4, BLOCK)), np.empty((4, BLOCK))
    beta = np.ones(4)
    for b in range(len(work) - 1, -1, -1):
        stop = min((b + 1) * BLOCK, len(y))
        n = stop - b * BLOCK
        these = slice(b * BLOCK, stop)
        alpha, emission, inverse = work[b, 0:4], work[b, 4:8], work[b, 8]
        first = 1 if b == 0 else 0  # no transition leads to the first read of all
        if states == 2:
            backward_of_two(transitions, emission, beta, inverse, first, n, betas, weighted)
        else:
            backward_of_four(transitions, emission, beta, inverse, first, n, betas, weighted)
        for k in range(states):
            if b == 0:
                betas[k, 0] = beta[k]
            for i in range(states):
                pairs = _dot(alpha[i, : n - 1], weighted[k, 1:n])
                if b > 0:
                    pairs += work[b - 1, i, BLOCK - 1] * weighted[k, 0]
                out[i, 3 + k] += pairs * transitions[i, k]
        for k in range(states):
            for t in range(n):
                betas[k, t] *= alpha[k, t]
            _add_moments(betas[k, :n], y[these], known[these], levels[k], out[k])
            for t in range(min(n, len(posterior))):
                posterior[b * BLOCK + t, k] = betas[k, t]


@compiled_loop()
def expectation(y, known, levels, sigma, transitions, work, out, posterior):
    """Return the log-likelihood without −n ln(σ √(2π)), and write expectations and posterior.

    `out` gets a row for each state: its expected number of known reads, Σ (y − μ), Σ (y − μ)², and
    then the expected numbers of transitions to each state.

    Args:
        y: Reads, (n,); any number where one is missing.
        known: 1, or 0 where a read is missing, (n,).
        levels: μ, (states,).
        sigma: σ.
        transitions: P, (states, states), whose entries are at least 1e-12.
        work: Memory, (blocks, `ROWS`, `BLOCK`).
        out: Zeros, (states, 3 + states).
        posterior: (n, states), or (0, states) if it is not wanted.
    """
    four = transitions
    if len(levels) == 3:  # a fourth state that is never entered
        four = np.zeros((4, 4))
        four[:3, :3] = transitions
        work[:, 3] = 0.0
        work[:, 7] = 0.0
    value = _ahead(y, known, levels, sigma, four, work)
    _back(y, known, levels, four, work, out, posterior)
    return value


@compiled_loop()
def path_sums(y, known, path, levels, out):
    """Write the sums of `expectation` for a path of states that is taken for certain."""
    for t in range(len(y)):
        k = path[t]
        away = (y[t] - levels[k]) * known[t]
        out[k, 0] += known[t]
        out[k, 1] += away
        out[k, 2] += away * away
        if t > 0:
            out[path[t - 1], 3 + k] += 1.0


@compiled_loop()
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
