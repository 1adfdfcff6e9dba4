"""Nonlinear least squares on cells, with standard errors that allow for how cells differ."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from devices.validation import Floats

#: From so many cells on, their scatter is known well enough for standard errors.
FEWEST_CLUSTERS = 20


@dataclass(frozen=True)
class CellFit:
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
    cell are not independent. `effective` is the trace of M B⁻¹/s², at least p (Takeuchi's criterion).

    Args:
        residuals: Returns (values, cells), with NaN where a value is missing.
        start: Parameters to start from, within the bounds.
        low: Lower bounds.
        high: Upper bounds.
        free: Number of values minus the number of cells whose own level is fitted too.
    """
    from scipy.optimize import least_squares  # takes almost a second to import, and few need it

    if not len(start):
        return CellFit(start, np.empty((0, 0)), residuals(start), 0.0)
    known = np.isfinite(residuals(start))
    scale = np.maximum(np.abs(start), 1e-3)
    found = least_squares(
        lambda theta: residuals(theta)[known], start, bounds=(low, high), x_scale=scale
    )
    r = residuals(found.x)
    p = len(found.x)
    inverse = np.linalg.pinv(found.jac.T @ found.jac)
    variance = float(np.sum(r[known] ** 2)) / max(free - p, 1)
    plain = variance * inverse
    owner = np.broadcast_to(np.arange(r.shape[1]), r.shape)[known]
    cells = len(np.unique(owner))
    if cells < FEWEST_CLUSTERS:
        return CellFit(found.x, plain, r, float(p))
    score, own = np.zeros((r.shape[1], p)), np.zeros((r.shape[1], p, p))
    np.add.at(score, owner, found.jac * r[known][:, None])
    np.add.at(own, owner, found.jac[:, :, None] * found.jac[:, None, :])
    # A cell that the parameters follow has smaller residuals than it should.
    score = np.linalg.solve(np.eye(p) - own @ inverse, score[:, :, None])[:, :, 0]
    meat = score.T @ score * cells / (cells - 1)
    extra = float(np.trace(meat @ inverse)) / variance if variance else float(p)
    return CellFit(found.x, inverse @ meat @ inverse, r, max(extra, float(p)))
