"""Nonlinear least squares on cells, with standard errors that allow for how cells differ."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from devices.validation import Floats

#: From so many cells on, their scatter is known well enough for standard errors.
FEWEST_CLUSTERS = 20


_TOLERANCE = 1e-8
_STIFFEST = 1e12


def minimized(
    residuals: Callable[[Floats], Floats],
    start: Floats,
    low: Floats,
    high: Floats,
    most_steps: int = 60,
) -> tuple[Floats, Floats]:
    """Return the parameters within bounds that minimize the sum of squares, and the derivatives.

    The method is that of Levenberg and Marquardt (J. SIAM 11, 431, 1963) with the normal equations.
    A parameter that a step would carry beyond its bound stays there, and the others are solved for.
    For a few parameters and thousands of residuals it takes a tenth of the time of
    `scipy.optimize.least_squares`, which decomposes the derivatives by singular values.

    Args:
        residuals: Returns the residuals, a vector.
        start: Parameters to start from; they are moved into the bounds.
        low: Lower bounds.
        high: Upper bounds.
        most_steps: The search ends after so many steps.

    Returns:
        The parameters, and the derivatives of the residuals there, (residuals, parameters).
    """
    x = np.clip(start, low, high)
    r = residuals(x)
    damping = 1e-3
    for _ in range(most_steps):
        jacobian = _derivatives(residuals, x, r, low, high)
        normal, gradient = jacobian.T @ jacobian, jacobian.T @ r
        before = float(r @ r)
        while damping < _STIFFEST:
            moved = np.clip(x - _step(normal, gradient, damping, x, low, high), low, high)
            after = residuals(moved)
            if float(after @ after) < before:
                break
            damping *= 4
        else:
            break
        x, r, damping = moved, after, damping / 5
        if before - float(r @ r) < _TOLERANCE * before:
            break
    return x, _derivatives(residuals, x, r, low, high)


def _derivatives(
    residuals: Callable[[Floats], Floats], x: Floats, r: Floats, low: Floats, high: Floats
) -> Floats:
    """Return derivatives of residuals by one-sided differences that stay within the bounds."""
    columns = []
    for k in range(len(x)):
        step = 1e-6 * max(abs(x[k]), 1e-2)
        if x[k] + step > high[k]:
            step = -step
        near = x.copy()
        near[k] += step
        columns.append((residuals(near) - r) / step)
    return np.array(columns).T


def _step(
    normal: Floats, gradient: Floats, damping: float, x: Floats, low: Floats, high: Floats
) -> Floats:
    """Return the damped step, 0 for parameters at a bound that it would leave."""
    free = ~((x <= low) & (gradient > 0) | (x >= high) & (gradient < 0))
    step = np.zeros(len(x))
    scale = np.diag(normal)[free]
    floor = 1e-12 * scale.max(initial=1e-300)
    damped = normal[np.ix_(free, free)] + np.diag(damping * np.maximum(scale, floor))
    step[free] = np.linalg.lstsq(damped, gradient[free], rcond=None)[0]
    return step


class CellFit(NamedTuple):
    """Least squares over the values of cells.

    Attributes:
        theta: The parameters.
        covariance: Their covariance.
        residuals: Residuals (values, cells); NaN where a value is missing.
        effective: Number of parameters, enlarged by how much more cells scatter than values.
    """

    theta: Floats
    covariance: Floats
    residuals: Floats
    effective: float


def fit_cells(
    residuals: Callable[[Floats], Floats], start: Floats, low: Floats, high: Floats, free: int
) -> CellFit:
    """Return the parameters that minimize the sum of squared residuals.

    With J the derivatives of the residuals r, s² = RSS/(free − p) and B = JᵀJ, the covariance is
    s² B⁻¹. From `FEWEST_CLUSTERS` cells on it is B⁻¹ M B⁻¹ with M the sum of u uᵀ over cells and
    u = (1 − JᵀJ B⁻¹)⁻¹ Jᵀr of one cell (Bell and McCaffrey 2002, CR3). It holds if the values of a
    cell are not independent. `effective` is the trace of M B⁻¹/s², at least p
    (Takeuchi's criterion).

    Args:
        residuals: Returns (values, cells), with NaN where a value is missing.
        start: Parameters to start from, within the bounds.
        low: Lower bounds.
        high: Upper bounds.
        free: Number of values minus the number of cells whose own level is fitted too.
    """
    if not len(start):
        return CellFit(start, np.empty((0, 0)), residuals(start), 0.0)
    known = np.isfinite(residuals(start))
    theta, jacobian = minimized(lambda theta: residuals(theta)[known], start, low, high)
    r = residuals(theta)
    p = len(theta)
    inverse = np.linalg.pinv(jacobian.T @ jacobian)
    variance = float(np.sum(r[known] ** 2)) / max(free - p, 1)
    plain = np.asarray(variance * inverse, dtype=np.float64)
    owner = np.broadcast_to(np.arange(r.shape[1]), r.shape)[known]
    cells = len(np.unique(owner))
    if cells < FEWEST_CLUSTERS:
        return CellFit(theta, plain, r, float(p))
    score, own = np.zeros((r.shape[1], p)), np.zeros((r.shape[1], p, p))
    np.add.at(score, owner, jacobian * r[known][:, None])
    np.add.at(own, owner, jacobian[:, :, None] * jacobian[:, None, :])
    # A cell that the parameters follow has smaller residuals than it should.
    corrected = (np.linalg.pinv(np.eye(p) - own @ inverse) @ score[:, :, None])[:, :, 0]
    meat = corrected.T @ corrected * cells / (cells - 1)
    extra = float(np.trace(meat @ inverse)) / variance if variance else float(p)
    covariance = np.asarray(inverse @ meat @ inverse, dtype=np.float64)
    return CellFit(theta, covariance, r, max(extra, float(p)))
