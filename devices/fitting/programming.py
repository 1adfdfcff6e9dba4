"""Fit of the programming error to targets and the conductances that cells got."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from devices.faults.stuck import StuckCells
from devices.fitting.fit import Estimate, Fit
from devices.fitting.programming_table import Table, fitted_table, knots_of
from devices.fitting.stuck import StuckShare, known_pairs, stuck_cells, stuck_shares
from devices.programming.tabulated import TabulatedError
from devices.validation import Floats

_FEWEST_CELLS = 30
# A skewness beyond this, and beyond four standard errors, is told.
_SKEWED = 0.3


@dataclass(frozen=True, kw_only=True)
class ProgrammingFit(Fit):
    """The programming error that was fitted.

    Attributes:
        faults: Share of the cells that are stuck, for the slot `Device.faults`.
        targets: Targets [S] of the cells that were fitted.
        residuals: Their errors minus the fitted mean, in units of the fitted standard deviation.
        model, estimates, notes, counts: As in `Fit`.
    """

    faults: StuckCells
    targets: Floats = field(repr=False)
    residuals: Floats = field(repr=False)


def fit_programming(
    target: ArrayLike, got: ArrayLike, *, conductances: Sequence[float] | None = None
) -> ProgrammingFit:
    """Return the programming error σ(g) and its mean at the knots of a table.

    The errors got − target are normal with the mean and the standard deviation of a
    `TabulatedError`, whose values at the knots maximize the likelihood (Fisher scoring, with
    residuals corrected for the parameters that were fitted). If the targets are levels with ten
    cells each, these are the knots, and the values are mean and standard deviation of each level.
    Otherwise knots lie at quantiles of the targets, with 40 cells each, twelve at most.

    Standard errors allow for errors that are not normal (sandwich estimate). Cells that sit at one
    end of the range and far off from their target are stuck. They are counted and left out of the
    fit, because the slot `faults` is for them: `ProgrammingFit.faults` has their share. Other
    far-off cells are counted, and stay in the fit.

    Args:
        target: Targets [S], of any shape.
        got: Conductances that were measured after programming [S], of the same shape; NaN where a
            cell was not read.
        conductances: Target conductances [S] of the table, rising; None (default) for those above.

    Returns:
        The fit; its estimates are called "std at 5e-05 S" and "mean at 5e-05 S".

    Raises:
        ValueError: If the shapes differ, there are too few cells or targets, a knot has no cells
            near it, or all conductances or errors are the same.
    """
    g, landed, counts = known_pairs(target, got, _FEWEST_CELLS)
    levels = np.unique(g)
    if len(levels) == 1:
        raise ValueError(
            f"target is {levels[0]:.6g} S for all cells; σ(g) needs two targets or more: for one "
            "level use StateDependentError(coefficients=(σ,)) with the spread of these cells"
        )
    if np.ptp(landed) == 0 or np.ptp(landed - g) == 0:
        what = "got is the same conductance" if np.ptp(landed) == 0 else "got − target is the same"
        raise ValueError(f"{what} for all {len(g)} cells; give measured conductances")
    at = knots_of(g, conductances)
    far, lowest, highest = stuck_cells(g, landed, at)
    kept = ~(lowest | highest)
    table = fitted_table(g[kept], (landed - g)[kept], at)
    shares = stuck_shares(g, lowest, highest)
    counts |= {"far off": int(far.sum()), "stuck": int((~kept).sum())}
    return ProgrammingFit(
        model=TabulatedError(
            conductances=tuple(at.tolist()),
            std=tuple(table.std.tolist()),
            mean=tuple(table.mean.tolist()),
        ),
        estimates=_estimates(at, table) | _of_stuck(shares),
        notes=tuple(_notes(at, table, g[kept], shares, counts)),
        counts=counts,
        faults=StuckCells(p_stuck_hrs=shares[0].share, p_stuck_lrs=shares[1].share),
        targets=g[kept],
        residuals=table.residuals,
    )


def _estimates(at: Floats, table: Table) -> dict[str, Estimate]:
    """Return spread and mean at each knot."""
    found = {}
    for g, value, error in zip(at, table.std, table.std_error, strict=True):
        found[f"std at {g:.4g} S"] = Estimate(
            value=float(value), error=float(error), unit="S", positive=True
        )
    for g, value, error in zip(at, table.mean, table.mean_error, strict=True):
        found[f"mean at {g:.4g} S"] = Estimate(value=float(value), error=float(error), unit="S")
    return found


def _of_stuck(shares: tuple[StuckShare, StuckShare]) -> dict[str, Estimate]:
    """Return the shares of stuck cells, where there are some."""
    named = zip(("share stuck low", "share stuck high"), shares, strict=True)
    return {name: one.estimate for name, one in named if one.stuck}


def _notes(
    at: Floats,
    table: Table,
    g: Floats,
    shares: tuple[StuckShare, StuckShare],
    counts: dict[str, int],
) -> Iterator[str]:
    """Yield what the data do not tell, or tell against the model."""
    for one, state, name in zip(
        shares, ("lowest", "highest"), ("p_stuck_hrs", "p_stuck_lrs"), strict=True
    ):
        if one.stuck:
            yield (
                f"{one.stuck} of {one.shown} cells, {100 * one.share:.2g} %, are stuck at the "
                f"{state} target, whatever their own is; they are left out of the fit. Put "
                f"StuckCells({name}={one.share:.2g}) into the slot faults."
            )
    rest = counts["far off"] - counts["stuck"]
    if rest:
        yield (
            f"{rest} of {len(g)} cells lie more than 8 robust standard deviations off without "
            "being stuck; they stay in the fit and widen it."
        )
    nearest = np.searchsorted((at[1:] + at[:-1]) / 2, g)
    for k, conductance in enumerate(at):
        z = table.residuals[nearest == k]
        if len(z) < 2 or not z.std():
            continue
        skewness = float(np.mean((z - z.mean()) ** 3) / z.std() ** 3)
        if abs(skewness) > max(_SKEWED, 4 * np.sqrt(6 / len(z))):
            yield (
                f"Around {conductance:.3g} S the errors have a skewness of {skewness:.2f}, and "
                "the model draws them from a normal law, which has 0."
            )
