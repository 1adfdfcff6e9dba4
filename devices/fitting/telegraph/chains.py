"""Hidden chains of telegraph noise: their parameters, levels and transitions, and what EM needs.

A structure turns a vector of parameters into the levels μ, the width σ of the white noise and the
transition matrix P over one read. From the expectations of a forward-backward pass it gives the
parameters that maximize them (the M step), and the gradient of the log-likelihood, which by
Fisher's identity is that of the expected complete log-likelihood. Conductances are in units of the
trace's own scale.
"""

from typing import NamedTuple

import numpy as np

from devices.validation import Floats

#: No transition is less probable: else a chain that EM once left without it would never find it.
LEAST_PROBABILITY = 1e-12
#: σ is at least this share of the trace's standard deviation: levels may be free of noise.
LEAST_SIGMA = 1e-5
# Fewer expected transitions than this leave their probability at its lower bound.
_LEAST_TRANSITIONS = 0.3
# Bits of the four states of two traps.
_BITS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])


class Expected(NamedTuple):
    """Expectations of one forward-backward pass.

    Attributes:
        log_likelihood: ln p of the reads, all constants included.
        reads: Expected number of known reads in each state.
        first: Expected Σ (y − μ) in each state.
        second: Expected Σ (y − μ)² in each state.
        transitions: Expected number of transitions between states.
    """

    log_likelihood: float
    reads: Floats
    first: Floats
    second: Floats
    transitions: Floats

    @property
    def scatters(self) -> bool:
        """Whether the reads scatter around their levels, so that σ is above its least value."""
        return bool(self.second.sum() > 2 * LEAST_SIGMA**2 * self.reads.sum())


def _logit(p: Floats) -> Floats:
    p = np.clip(p, LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
    return np.log(p) - np.log1p(-p)


def _expit(x: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-x)))


def path_transitions(path: np.ndarray, states: int) -> Floats:
    """Return the numbers of transitions between states along a path, (states, states)."""
    pairs = path[:-1].astype(np.intp) * states + path[1:]
    return np.bincount(pairs, minlength=states**2).reshape(states, states).astype(np.float64)


class FreeLevels(NamedTuple):
    """n levels with any transitions between them: (μ_k), ln σ and ln(P_ij/P_ii), i ≠ j.

    Attributes:
        n: Number of levels, 2 to 4.
    """

    n: int

    @property
    def states(self) -> int:
        """Number of hidden states."""
        return self.n

    @property
    def size(self) -> int:
        """Number of parameters."""
        return self.n + 1 + self.n * (self.n - 1)

    def unpack(self, theta: Floats) -> tuple[Floats, float, Floats]:
        """Return μ (states,), σ and P (states, states)."""
        odds = np.zeros((self.n, self.n))
        odds[~np.eye(self.n, dtype=bool)] = theta[self.n + 1 :]
        odds -= odds.max(axis=1, keepdims=True)
        p = np.maximum(np.exp(odds), LEAST_PROBABILITY)
        return theta[: self.n], float(np.exp(theta[self.n])), p / p.sum(axis=1, keepdims=True)

    def maximized(self, theta: Floats, expected: Expected) -> Floats:
        """Return the parameters that maximize the expected complete log-likelihood."""
        reads = np.maximum(expected.reads, 1e-9)
        shift = expected.first / reads
        variance = (expected.second - expected.first * shift).sum() / expected.reads.sum()
        p = np.maximum(expected.transitions, 1e-9)
        p = np.maximum(p / p.sum(axis=1, keepdims=True), LEAST_PROBABILITY)
        odds = np.log(p / np.diag(p)[:, None])
        off = odds[~np.eye(self.n, dtype=bool)]
        width = 0.5 * np.log(max(variance, LEAST_SIGMA**2))
        return np.concatenate([theta[: self.n] + shift, [width], off])

    def score(self, theta: Floats, expected: Expected) -> Floats:
        """Return the gradient of the log-likelihood."""
        _, sigma, p = self.unpack(theta)
        counts = expected.transitions
        odds = counts - p * counts.sum(axis=1, keepdims=True)
        width = expected.second.sum() / sigma**2 - expected.reads.sum()
        off = odds[~np.eye(self.n, dtype=bool)]
        return np.concatenate([expected.first / sigma**2, [width], off])

    def spread(self, theta: Floats, expected: Expected) -> Floats:
        """Return about the standard errors, as if the states were known; for small steps."""
        _, sigma, p = self.unpack(theta)
        known = np.maximum(expected.transitions.sum(axis=1, keepdims=True), 1)
        odds = 1 / np.sqrt(np.maximum(known * p * (1 - p), 0.1))
        width = 1 / np.sqrt(2 * expected.reads.sum())
        off = odds[~np.eye(self.n, dtype=bool)]
        return np.concatenate([sigma / np.sqrt(np.maximum(expected.reads, 1)), [width], off])

    def determined(self, expected: Expected) -> np.ndarray:
        """Return which parameters are determined: not rates of transitions that never occur."""
        off = expected.transitions[~np.eye(self.n, dtype=bool)]
        levels = np.ones(self.n, dtype=bool)
        return np.concatenate([levels, [expected.scatters], off > _LEAST_TRANSITIONS])

    def begin(self, levels: Floats, sigma: float) -> Floats:
        """Return parameters with these levels, from which `maximized` starts."""
        return np.concatenate([levels, [np.log(sigma)], np.zeros(self.size - self.n - 1)])


class IndependentTraps(NamedTuple):
    """Two independent traps: μ = G (1 − δ₁ s₁)(1 − δ₂ s₂), in the states 2 s₁ + s₂.

    The parameters are G, the δ, ln σ, and for each trap the logits of the probabilities a of a
    capture and b of an emission over one read. Twins share δ, a and b.

    Attributes:
        twins: Whether the traps are alike.
    """

    twins: bool

    @property
    def states(self) -> int:
        """Number of hidden states."""
        return 4

    @property
    def kinds(self) -> int:
        """Number of different traps."""
        return 1 if self.twins else 2

    @property
    def size(self) -> int:
        """Number of parameters."""
        return 2 + 3 * self.kinds

    def _shared(self, theta: Floats) -> tuple[float, Floats, float, Floats, Floats]:
        """Return G, δ (2,), σ, a (2,) and b (2,)."""
        kinds = self.kinds
        delta = np.broadcast_to(theta[1 : 1 + kinds], 2)
        rates = _expit(theta[2 + kinds :]).reshape(kinds, 2)
        a, b = (np.broadcast_to(rates[:, k], 2) for k in (0, 1))
        return float(theta[0]), delta, float(np.exp(theta[1 + kinds])), a, b

    def unpack(self, theta: Floats) -> tuple[Floats, float, Floats]:
        """Return μ (states,), σ and P (states, states)."""
        g, delta, sigma, a, b = self._shared(theta)
        p = [np.array([[1 - a[k], a[k]], [b[k], 1 - b[k]]]) for k in (0, 1)]
        levels = g * np.prod(1 - delta * _BITS, axis=1)
        full = np.maximum(np.kron(p[0], p[1]), LEAST_PROBABILITY)
        return levels, sigma, full / full.sum(axis=1, keepdims=True)

    def _gradient_of_levels(self, theta: Floats) -> Floats:
        """Return dμ/d(G, δ…), (4, 1 + kinds)."""
        g, delta, *_ = self._shared(theta)
        factors = 1 - delta * _BITS
        slopes = -g * _BITS * factors[:, ::-1]
        if self.twins:
            slopes = slopes.sum(axis=1, keepdims=True)
        return np.column_stack([factors.prod(axis=1), slopes])

    def _flips(self, expected: Expected) -> Floats:
        """Return expected transitions of the bit of each kind of trap, (kinds, 2, 2)."""
        counts = expected.transitions.reshape(2, 2, 2, 2)
        flips = np.array([counts.sum(axis=(1, 3)), counts.sum(axis=(0, 2))])
        return flips.sum(axis=0, keepdims=True) if self.twins else flips

    def maximized(self, theta: Floats, expected: Expected) -> Floats:
        """Return parameters that raise the expected complete log-likelihood to its maximum.

        The levels take one Gauss-Newton step; they are bilinear, so that it is nearly exact.
        """
        slopes = self._gradient_of_levels(theta)
        weight = expected.reads[:, None] + 1e-9
        step = np.linalg.lstsq((slopes * weight).T @ slopes, slopes.T @ expected.first)[0]
        new = theta.copy()
        new[: len(step)] += step
        moved = self.unpack(new)[0] - self.unpack(theta)[0]
        squares = expected.second - 2 * moved * expected.first + moved**2 * expected.reads
        variance = max(squares.sum() / expected.reads.sum(), LEAST_SIGMA**2)
        new[len(step)] = 0.5 * np.log(variance)
        flips = self._flips(expected) + 1e-9
        p = np.column_stack([flips[:, 0, 1], flips[:, 1, 0]]) / flips.sum(axis=2)
        new[len(step) + 1 :] = _logit(p).reshape(-1)
        return new

    def score(self, theta: Floats, expected: Expected) -> Floats:
        """Return the gradient of the log-likelihood."""
        sigma = self._shared(theta)[2]
        levels = self._gradient_of_levels(theta).T @ expected.first / sigma**2
        width = expected.second.sum() / sigma**2 - expected.reads.sum()
        flips = self._flips(expected)
        left = np.column_stack([flips[:, 0, 1], flips[:, 1, 0]])
        rates = _expit(theta[2 + self.kinds :]).reshape(self.kinds, 2)
        return np.concatenate([levels, [width], (left - rates * flips.sum(axis=2)).reshape(-1)])

    def spread(self, theta: Floats, expected: Expected) -> Floats:
        """Return about the standard errors, as if the states were known; for small steps."""
        sigma = self._shared(theta)[2]
        slopes = self._gradient_of_levels(theta)
        levels = sigma / np.sqrt(expected.reads @ slopes**2 + 1e-9)
        width = 1 / np.sqrt(2 * expected.reads.sum())
        rates = _expit(theta[2 + self.kinds :]).reshape(self.kinds, 2)
        known = self._flips(expected).sum(axis=2) * rates * (1 - rates)
        return np.concatenate([levels, [width], 1 / np.sqrt(np.maximum(known, 0.1)).reshape(-1)])

    def determined(self, expected: Expected) -> np.ndarray:
        """Return which parameters are determined: all, unless σ is at its least."""
        levels = np.ones(1 + self.kinds, dtype=bool)
        return np.concatenate([levels, [expected.scatters], np.ones(2 * self.kinds, dtype=bool)])

    def begin(self, levels: Floats, sigma: float) -> Floats:
        """Return parameters near these four falling levels, from which `maximized` starts."""
        g = levels[0]
        large, small = (levels[0] - levels[2]) / g, (levels[0] - levels[1]) / g
        delta = [small] if self.twins else [large, small]
        return np.concatenate([[g], delta, [np.log(sigma)], np.zeros(2 * self.kinds)])


Structure = FreeLevels | IndependentTraps
