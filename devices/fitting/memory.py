"""The likelihood of cells with a mean of their own and a memory from cycle to cycle."""

from collections.abc import Callable
from dataclasses import dataclass
from math import nan
from typing import NamedTuple

import numpy as np

from devices.validation import Floats

#: How the deviations of a cell may depend on those before, from the simplest to the richest.
MODELS = ("independent", "AR(1)", "AR(1) and independent")
# A smaller d2d/c2c is no spread between devices.
_SMALLEST_RATIO = 1e-4
# Bounds of ln (d2d/c2c), logit rho and logit share.
_BOUNDS = [(np.log(_SMALLEST_RATIO), -np.log(_SMALLEST_RATIO)), (-7.0, 7.0), (-7.0, 7.0)]
# Starts of logit rho and logit share, of which the likeliest is taken.
_STARTS: dict[str, list[tuple[float, ...]]] = {
    MODELS[0]: [()],
    MODELS[1]: [(rho,) for rho in (-3.0, -1.5, 0.0, 1.5, 3.0)],
    MODELS[2]: [(rho, share) for rho in (-1.0, 0.5, 2.0, 3.5) for share in (-2.0, -0.5, 1.0)],
}


class MemoryFit(NamedTuple):
    """Values y = m + b + ε of cells, with b ~ N(0, d2d²) per cell and ε ~ N(0, c2c²) per cycle.

    Attributes:
        mean: m.
        d2d: Standard deviation of b.
        c2c: Standard deviation of ε.
        rho: Correlation per cycle of the AR(1) part of ε; 0 without one.
        share: Fraction of the variance of ε in the AR(1) part; 1 without independent part.
        errors: Standard errors of these by name; NaN where the data do not tell.
        memory: Which of `MODELS` it is.
    """

    mean: float
    d2d: float
    c2c: float
    rho: float
    share: float
    errors: dict[str, float]
    memory: str


@dataclass(frozen=True)
class _Innovations:
    """Sums over all values of what a filter did not foresee, in units of c2c².

    Attributes:
        log_variance: Σ ln F, with F the variance of a value, given those before.
        squares: Σ v²/F for the values around the best mean.
        precision: Σ w²/F for a constant w = 1 in place of the values: 1/variance of the mean.
        mean: The best mean.
        count: Number of values.
    """

    log_variance: float
    squares: float
    precision: float
    mean: float
    count: int

    def log_likelihood(self, variance: float) -> float:
        """Return the restricted log-likelihood at c2c² = variance, up to a constant."""
        terms = (self.count - 1) * np.log(variance) + self.log_variance + np.log(self.precision)
        return float(-0.5 * (terms + self.squares / variance))

    @property
    def variance(self) -> float:
        """The c2c² that maximizes the restricted likelihood."""
        return self.squares / (self.count - 1)


def fit_memory(y: Floats) -> MemoryFit:
    """Return the most likely spreads and memory of cells, with standard errors.

    The restricted likelihood is that of all differences, whatever the mean (Patterson and Thompson
    1971): it has no bias from the mean that is fitted too. Of the `MODELS`, the one with the
    smallest Bayesian information criterion is chosen.

    Args:
        y: Values, (cells, cycles); NaN where one is missing.
    """
    from scipy.optimize import minimize  # takes almost a second to import, and few need it

    best, least = None, np.inf
    ratio = _first_ratio(y)
    for free, model in enumerate(MODELS, 1):

        def loss(x: Floats, model: str = model) -> float:
            sums = _filtered(y, *_shape(x, model))
            return -sums.log_likelihood(sums.variance)

        starts = [np.array([ratio, *rest]) for rest in _STARTS[model]]
        start = min(starts, key=loss)
        found = minimize(loss, start, method="L-BFGS-B", bounds=_BOUNDS[:free])
        criterion = 2 * found.fun + (free + 2) * np.log(np.isfinite(y).sum())
        if criterion < least:
            best, least = (model, found.x), criterion
    assert best is not None
    return _with_errors(y, *best)


def _first_ratio(y: Floats) -> float:
    """Return ln (d2d/c2c) from moments."""
    within = float(np.nanmean(np.nanvar(y, axis=1)))
    between = float(np.nanvar(np.nanmean(y, axis=1)))
    return float(np.clip(np.log(max(between, 1e-300) / max(within, 1e-300)) / 2, -5, 5))


def _shape(x: Floats, model: str) -> tuple[float, float, float]:
    """Return d2d/c2c, rho and share of the parameters of a model."""
    ratio = float(np.exp(x[0]))
    rho = float(1 / (1 + np.exp(-x[1]))) if model != MODELS[0] else 0.0
    share = float(1 / (1 + np.exp(-x[2]))) if model == MODELS[2] else 1.0
    return ratio, rho, share


def _filtered(y: Floats, ratio: float, rho: float, share: float) -> _Innovations:
    """Return the innovations of a Kalman filter; y is centered, for the sake of rounding."""
    from devices.fitting._memory_kernels import innovations  # numba is imported when it is needed

    log_variance, vv, vw, ww, count = innovations(y, ratio, rho, share).tolist()
    mean = vw / ww
    return _Innovations(log_variance, vv - mean * vw, ww, mean, int(count))


def _with_errors(y: Floats, model: str, x: Floats) -> MemoryFit:
    """Return the fit at the most likely parameters, with errors from the curvature there."""
    ratio, rho, share = _shape(x, model)
    sums = _filtered(y, ratio, rho, share)
    c2c = float(np.sqrt(sums.variance))
    d2d = ratio * c2c if ratio > 2 * _SMALLEST_RATIO else 0.0
    free = 2 + MODELS.index(model)
    at = np.array([d2d, c2c, rho, share][:free])

    def likelihood(p: Floats) -> float:
        d, c, r, s = np.append(p, [d2d, c2c, rho, share][free:]).tolist()
        return _filtered(y, d / c, r, s).log_likelihood(c * c)

    inside = d2d > 0 and all(0.001 < q < 0.999 for q in at[2:])
    errors = dict.fromkeys(("d2d", "c2c", "rho", "share"), nan)
    if inside:
        steps = np.where(np.arange(free) < 2, 1e-3 * c2c, 1e-3 * np.minimum(at, 1 - at))
        variance = np.diag(np.linalg.pinv(-_curvature(likelihood, at, steps)))
        values = np.sqrt(np.where(variance > 0, variance, nan))
        errors |= dict(zip(errors, values.tolist(), strict=False))
    else:
        errors["c2c"] = c2c / np.sqrt(2 * sums.count)
    errors["mean"] = c2c / np.sqrt(sums.precision)
    return MemoryFit(sums.mean, d2d, c2c, rho, share, errors, model)


def _curvature(f: Callable[[Floats], float], at: Floats, steps: Floats) -> Floats:
    """Return the second derivatives of f, by central differences."""
    n = len(at)
    found = np.empty((n, n))
    for i in range(n):
        for j in range(i + 1):
            e, d = np.zeros(n), np.zeros(n)
            e[i], d[j] = steps[i], steps[j]
            four = f(at + e + d) - f(at + e - d) - f(at - e + d) + f(at - e - d)
            found[i, j] = found[j, i] = four / (4 * steps[i] * steps[j])
    return found
