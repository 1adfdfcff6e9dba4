"""Maximum likelihood of a hidden chain: EM, Newton's last steps, the observed information."""

from typing import NamedTuple

import numpy as np

from devices.fitting.telegraph.chains import Expected, Structure
from devices.validation import Floats

#: EM ends when one iteration gains less log-likelihood than this.
_LEAST_GAIN = 0.05
MOST_ITERATIONS = 60
# Steps of the numerical information, in about standard errors: so small that the curvature hardly
# changes over one, and far larger than the gradient's rounding.
_STEP = 1e-3
#: Newton's steps end when the gradient promises less than this: 0.01 standard errors.
_LEAST_DECREMENT = 1e-4
#: After a step of less than 0.3 standard errors the information is still that of the maximum.
_NEAR = 0.1
_MOST_NEWTON_STEPS = 4
_LOG_2PI = float(np.log(2 * np.pi))


class Reads:
    """A trace in units of its own scale, with the memory of forward-backward passes.

    Attributes:
        y: Reads less a background that wanders; NaN where one is missing.
        wander: The background, (reads,), or 0 for none.
        known: Number of reads that are not missing.
    """

    def __init__(self, y: Floats, wander: Floats | float = 0.0) -> None:
        self.y = np.ascontiguousarray(y, dtype=np.float64)
        self.wander = wander
        known = np.isfinite(self.y)
        self.known = int(known.sum())
        self._emits = known.astype(np.float64)
        self._filled = np.where(known, self.y, 0.0)
        self._work: Floats | None = None

    @property
    def trace(self) -> Floats:
        """Reads with their background; NaN where one is missing."""
        return np.asarray(self.y + self.wander)

    @property
    def wanders(self) -> bool:
        """Whether a background was taken off."""
        return not isinstance(self.wander, float)

    def expected(
        self, structure: Structure, theta: Floats, posterior: Floats | None = None
    ) -> Expected:
        """Return the expectations of a forward-backward pass.

        Args:
            structure: What the parameters mean.
            theta: The parameters.
            posterior: Where to write the probabilities of the states, (reads, states), or None.
        """
        from devices.fitting.telegraph._kernels import BLOCK, ROWS, expectation

        if self._work is None:
            self._work = np.empty((-(-len(self.y) // BLOCK), ROWS, BLOCK))
        levels, sigma, p = structure.unpack(theta)
        out = np.zeros((len(levels), 3 + len(levels)))
        kept = np.empty((0, len(levels))) if posterior is None else posterior
        value = expectation(
            self._filled, self._emits, np.ascontiguousarray(levels), sigma, p, self._work, out, kept
        )
        value -= self.known * (np.log(sigma) + 0.5 * _LOG_2PI)
        return Expected(float(value), out[:, 0], out[:, 1], out[:, 2], out[:, 3:])

    def expected_of(self, path: np.ndarray, levels: Floats) -> Expected:
        """Return the expectations of a path taken for certain; its likelihood is not told."""
        from devices.fitting.telegraph._kernels import path_sums

        out = np.zeros((len(levels), 3 + len(levels)))
        states = np.ascontiguousarray(path, dtype=np.intp)
        path_sums(self._filled, self._emits, states, np.ascontiguousarray(levels), out)
        return Expected(np.nan, out[:, 0], out[:, 1], out[:, 2], out[:, 3:])

    def path(self, structure: Structure, theta: Floats) -> tuple[np.ndarray, float]:
        """Return the most probable path of states (Viterbi 1967), and ln P of its transitions."""
        from devices.fitting.telegraph._kernels import viterbi

        levels, sigma, p = structure.unpack(theta)
        states = np.empty(len(self.y), dtype=np.uint8)
        came_from = np.empty((len(self.y), len(levels)), dtype=np.uint8)
        log_p = viterbi(self.y, np.ascontiguousarray(levels), sigma, p, came_from, states)
        return states, float(log_p)


class Maximum(NamedTuple):
    """Parameters at, or near, a maximum of the likelihood.

    Attributes:
        structure: What the parameters mean.
        theta: The parameters.
        expected: Expectations there.
    """

    structure: Structure
    theta: Floats
    expected: Expected

    @property
    def log_likelihood(self) -> float:
        """ln p of the reads at these parameters."""
        return self.expected.log_likelihood


def at(reads: Reads, structure: Structure, theta: Floats) -> Maximum:
    """Return these parameters with their expectations."""
    return Maximum(structure, theta, reads.expected(structure, theta))


def ascend(
    reads: Reads, start: Maximum, *, iterations: int = MOST_ITERATIONS, needed: float = -np.inf
) -> Maximum:
    """Return what EM makes of a start (Baum et al. 1970, doi:10.1214/aoms/1177697196).

    Args:
        reads: The trace.
        start: Where EM begins.
        iterations: Number of iterations at most.
        needed: Log-likelihood below which the result is of no use. EM ends early when it does not
            get there even if its gains went on in the ratio of the last two (Aitken), or at 0.95
            if they fall more slowly.
    """
    best, gain = start, np.inf
    for i in range(iterations):
        new = at(reads, best.structure, best.structure.maximized(best.theta, best.expected))
        last, gain = gain, new.log_likelihood - best.log_likelihood
        if not gain >= 0:
            break
        best = new
        if gain < _LEAST_GAIN:
            break
        ratio = min(gain / last, 0.95) if i > 3 else 1.0
        if ratio < 1 and best.log_likelihood + gain * ratio / (1 - ratio) < needed:
            break
    return best


def information(reads: Reads, maximum: Maximum) -> Floats:
    """Return the observed information −∂²ln p/∂θ², by differences of the exact gradient.

    The gradient is Fisher's identity applied to the expectations, so that no second sums are
    needed: Louis 1982, doi:10.1111/j.2517-6161.1982.tb01203.x, gives the same matrix.
    """
    structure, theta = maximum.structure, maximum.theta
    steps = _STEP * structure.spread(theta, maximum.expected)
    free = np.flatnonzero(structure.determined(maximum.expected))
    here = structure.score(theta, maximum.expected)[free]
    rows = []
    for i in free:
        moved = theta.copy()
        moved[i] += steps[i]
        there = structure.score(moved, reads.expected(structure, moved))[free]
        rows.append((here - there) / steps[i])
    matrix = np.array(rows)
    return (matrix + matrix.T) / 2


class Polished(NamedTuple):
    """A maximum of the likelihood, and the covariance of its parameters.

    Attributes:
        maximum: The maximum.
        covariance: Inverse of the observed information, (parameters, parameters), with zeros for
            parameters at their bounds; NaN if the information is not positive definite, so that
            the data do not determine all parameters.
    """

    maximum: Maximum
    covariance: Floats


def _covariance(structure: Structure, expected: Expected, matrix: Floats) -> Floats:
    """Return the inverse of the information, with zeros for parameters at their bounds."""
    free = structure.determined(expected)
    full = np.zeros((structure.size, structure.size))
    if np.isfinite(matrix).all() and np.linalg.eigvalsh(matrix).min() > 0:
        full[np.ix_(free, free)] = np.linalg.inv(matrix)
    else:
        full[:] = np.nan
    return full


def polished(reads: Reads, maximum: Maximum) -> Polished:
    """Return the maximum itself, by Newton's steps from where EM ended, and its covariance."""
    structure = maximum.structure
    for _ in range(_MOST_NEWTON_STEPS):
        matrix = information(reads, maximum)
        covariance = _covariance(structure, maximum.expected, matrix)
        gradient = structure.score(maximum.theta, maximum.expected)
        step = covariance @ gradient
        decrement = gradient @ step
        if not decrement > _LEAST_DECREMENT:
            break
        new = at(reads, structure, maximum.theta + step)
        if not new.log_likelihood > maximum.log_likelihood:
            new = ascend(reads, maximum, iterations=20)
        maximum = new
        if decrement < _NEAR:
            break
    return Polished(maximum, covariance)
