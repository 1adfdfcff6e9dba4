"""The table of a programming error that makes measured errors most likely."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from devices.interpolation import MonotoneCubic
from devices.validation import Floats, array

# Targets are levels if there are at most so many, with so many cells each.
_MOST_LEVELS = 64
_FEWEST_PER_LEVEL = 10
# Between levels, knots have this many cells each, and there are at most so many knots.
_CELLS_PER_KNOT = 40
_MOST_KNOTS = 12
# A knot that less than this many cells speak about is not known.
_FEWEST_PER_KNOT = 5.0
_ROUNDS = 30
# No spread is fitted below this share of that of the cells nearest to its knot.
_LEAST_SPREAD = 0.2
_CONVERGED = 1e-10


class Table(NamedTuple):
    """Mean and standard deviation [S] at the knots, with their standard errors.

    Attributes:
        mean: Mean error at each knot.
        std: Standard deviation at each knot.
        mean_error: Standard error of the mean.
        std_error: Standard error of the standard deviation.
        residuals: Errors minus the interpolated mean, over the interpolated standard deviation.
    """

    mean: Floats
    std: Floats
    mean_error: Floats
    std_error: Floats
    residuals: Floats


def knots_of(g: Floats, given: Sequence[float] | None) -> Floats:
    """Return the knots [S] of the table: the given ones, the levels, or quantiles of targets."""
    if given is not None:
        knots = array("conductances", given, ndim=1)
        if len(knots) < 2 or (np.diff(knots) <= 0).any():
            raise ValueError(
                f"conductances = {knots.tolist()} must be two or more conductances [S], rising"
            )
        return knots
    levels, counts = np.unique(g, return_counts=True)
    if len(levels) <= _MOST_LEVELS and counts.min() >= _FEWEST_PER_LEVEL:
        return levels
    wanted = int(np.clip(len(g) // _CELLS_PER_KNOT, 2, _MOST_KNOTS))
    return np.unique(np.quantile(g, np.linspace(0, 1, wanted)))


def fitted_table(g: Floats, error: Floats, knots: Floats) -> Table:
    """Return the table that makes the errors [S] of cells with the targets g [S] most likely.

    The curve between knots is linear in the values near a table: y(g) = Σ B_k(g) y_k, with B the
    derivatives of the monotone cubic. Mean and standard deviation are fitted in turn, each by
    weighted least squares with the B of the last round.

    Raises:
        ValueError: If less than five cells speak about a knot.
    """
    mean, std = _binned(g, error, knots)
    # Between knots the likelihood grows without bound when a spread shrinks around one cell.
    least = _LEAST_SPREAD * std
    basis = _derivatives(knots, mean, g)
    weight = basis.sum(axis=0)
    if weight.min() < _FEWEST_PER_KNOT:
        poor = int(np.argmin(weight))
        raise ValueError(
            f"the knot at {knots[poor]:.4g} S has {max(weight[poor], 0):.1f} cells near it; give "
            f"at least {_FEWEST_PER_KNOT:g}, or other knots"
        )
    for _ in range(_ROUNDS):
        before = np.array([mean, std])
        sigma = MonotoneCubic(tuple(knots), tuple(std))(g)
        basis = _derivatives(knots, mean, g)
        scaled = basis / sigma[:, None]
        inverse = np.linalg.pinv(scaled.T @ scaled)
        mean = inverse @ (scaled.T @ (error / sigma))
        leverage = ((scaled @ inverse) * scaled).sum(axis=1)
        residual = error - basis @ mean
        # A cell that the mean follows has a smaller residual than it should.
        square = residual**2 / np.maximum(1 - leverage, 0.1)
        std, std_variance = _scored(_derivatives(knots, std, g), sigma, square, std)
        std = np.maximum(std, least)
        if np.abs(np.array([mean, std]) - before).max() < _CONVERGED * std.max():
            break
    sigma = MonotoneCubic(tuple(knots), tuple(std))(g)
    influence = scaled.T * (residual / sigma / np.maximum(1 - leverage, 0.1))
    mean_covariance = inverse @ (influence @ influence.T) @ inverse
    return Table(
        mean,
        std,
        np.sqrt(np.diag(mean_covariance)),
        np.sqrt(std_variance),
        residual / sigma,
    )


def _binned(g: Floats, error: Floats, knots: Floats) -> tuple[Floats, Floats]:
    """Return mean and standard deviation of the cells nearest to each knot, to start from."""
    nearest = np.searchsorted((knots[1:] + knots[:-1]) / 2, g)
    whole = float(error.std())
    mean, std = np.zeros(len(knots)), np.full(len(knots), whole)
    for k in range(len(knots)):
        own = error[nearest == k]
        if len(own) > 2:
            mean[k], std[k] = own.mean(), max(float(own.std()), 1e-3 * whole)
    return mean, std


def _derivatives(knots: Floats, values: Floats, g: Floats) -> Floats:
    """Return the derivatives of the curve at g by the value at each knot, (cells, knots).

    The curve is homogeneous in the values, so that their sum with the values is the curve.
    """
    scale = max(float(np.ptp(values)), 1e-3 * float(np.abs(values).max()), 1e-15)
    columns = []
    for k in range(len(knots)):
        step = np.zeros(len(knots))
        step[k] = 1e-5 * scale
        up = MonotoneCubic(tuple(knots), tuple(values + step))(g)
        down = MonotoneCubic(tuple(knots), tuple(values - step))(g)
        columns.append((up - down) / (2 * step[k]))
    return np.array(columns).T


def _scored(basis: Floats, sigma: Floats, square: Floats, std: Floats) -> tuple[Floats, Floats]:
    """Return the next standard deviations at the knots by Fisher scoring, and their variances."""
    inverse = np.linalg.pinv((basis / sigma[:, None] ** 2).T @ basis)
    score = basis / sigma[:, None] * ((square / sigma**2 - 1) / 2)[:, None]
    # A step may not make a spread negative, or divide it by more than ten.
    after = np.maximum(std + inverse @ score.sum(axis=0), 0.1 * std)
    scatter = inverse @ (score.T @ score) @ inverse
    # Few cells rarely show the tails that they have; a normal law, with inverse/2, is the least.
    return after, np.maximum(np.diag(scatter), np.diag(inverse) / 2)
