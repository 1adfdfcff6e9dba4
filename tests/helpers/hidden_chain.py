"""Slow twins of the kernels of hidden chains, and traces with known telegraph noise."""

from itertools import pairwise, product

import numpy as np


def path_log_probability(y, levels, sigma, transitions, path):
    """Return ln p of reads and one path of states, with a uniform first state."""
    total = -np.log(len(levels))
    total += sum(np.log(transitions[a, b]) for a, b in pairwise(path))
    for read, state in zip(y, path, strict=True):
        if np.isfinite(read):
            z = (read - levels[state]) / sigma
            total += -(z**2) / 2 - np.log(sigma * np.sqrt(2 * np.pi))
    return total


def by_all_paths(y, levels, sigma, transitions):
    """Return ln p, expected reads per state, transitions, and the best path, by a sum over paths.

    It takes states^reads steps.
    """
    n, states = len(y), len(levels)
    paths = list(product(range(states), repeat=n))
    logs = np.array([path_log_probability(y, levels, sigma, transitions, p) for p in paths])
    total = np.logaddexp.reduce(logs)
    reads = np.zeros(states)
    counts = np.zeros((states, states))
    for path, weight in zip(paths, np.exp(logs - total), strict=True):
        for t, state in enumerate(path):
            reads[state] += weight * np.isfinite(y[t])
        for a, b in pairwise(path):
            counts[a, b] += weight
    return total, reads, counts, np.array(paths[int(np.argmax(logs))])


def by_two_passes(y, levels, sigma, transitions):
    """Return ln p, expected reads per state and transitions, by a pass ahead and one back.

    Both take every read by itself, in logarithms, so that nothing is ever normalized.
    """
    n, states = len(y), len(levels)
    away = np.where(np.isfinite(y)[:, None], (np.nan_to_num(y)[:, None] - levels) / sigma, 0.0)
    log_e = -(away**2) / 2 - np.isfinite(y)[:, None] * np.log(sigma * np.sqrt(2 * np.pi))
    log_p = np.log(transitions)
    ahead, back = np.empty((n, states)), np.zeros((n, states))
    ahead[0] = log_e[0] - np.log(states)
    for t in range(1, n):
        ahead[t] = np.logaddexp.reduce(ahead[t - 1][:, None] + log_p, axis=0) + log_e[t]
    for t in range(n - 2, -1, -1):
        back[t] = np.logaddexp.reduce(log_p + log_e[t + 1] + back[t + 1], axis=1)
    total = np.logaddexp.reduce(ahead[-1])
    posterior = np.exp(ahead + back - total)
    pairs = ahead[:-1, :, None] + log_p + (log_e + back)[1:, None, :] - total
    return total, posterior, np.exp(pairs).sum(axis=0)


def trace(noise, n, *, period, sigma, g=1e-4, rng):
    """Return n reads [S] of a cell of conductance g with this noise, and white noise sigma [S]."""
    random = np.random.default_rng(rng)
    cell = np.array(g)
    xi, _ = noise.sample(cell, noise.init(cell, rng=random), n, rng=random, period=period)
    return g * xi + sigma * random.standard_normal(n)
