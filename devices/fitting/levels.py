"""Fit of levels: where they lie, and how many of them can be told apart."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike

from devices.fitting.fit import Estimate, Fit
from devices.fitting.separability import error_of_error, most_levels, normal_error, threshold
from devices.fitting.stuck import known_pairs, stuck_cells
from devices.special import ndtr
from devices.validation import Floats, number

_MOST_LEVELS = 1024
_FEWEST_PER_LEVEL = 10
# Counted errors this many standard errors above the normal ones are told.
_TAILS = 4.0


@dataclass(frozen=True, kw_only=True)
class LevelsFit(Fit):
    """Levels that were measured, and the errors with which they are told apart.

    Levels are in the order of their measured means. The error of two levels is the mean probability
    that a cell of either one lies beyond the threshold of equal likelihood between them.

    Attributes:
        targets: Targets of the levels [S].
        levels: Measured means [S], rising, which is also `model`, for `Device.levels`.
        std: Standard deviation of the cells of each level [S].
        cells: Number of cells of each level.
        thresholds: Conductances [S] between neighbors, at which they are equally likely.
        confusion: Probability that a cell of the level of the row is read as that of the column, by
            these thresholds and normal laws, (levels, levels).
        errors: Error of each pair of levels by normal laws, (levels, levels); 0 on the diagonal.
        error_errors: Standard errors of `errors`.
        counted: Share of the measured cells beyond the thresholds, for each pair of levels.
        model, estimates, notes, counts: As in `Fit`.
    """

    targets: tuple[float, ...]
    levels: tuple[float, ...]
    std: tuple[float, ...]
    cells: tuple[int, ...]
    thresholds: tuple[float, ...]
    confusion: Floats = field(repr=False)
    errors: Floats = field(repr=False)
    error_errors: Floats = field(repr=False)
    counted: Floats = field(repr=False)

    def distinguishable(
        self, *, error: float, standard_errors: float = 0.0, counted: bool = False
    ) -> tuple[float, ...]:
        """Return the most levels [S] of which neighbors are confused with at most this error.

        Args:
            error: Largest error of two neighbors, between 0 and 0.5.
            standard_errors: How many standard errors are added to each error, so that 2 asks for
                levels that are told apart beyond doubt; default 0. Negative numbers ask for the
                most levels that the measurement does not exclude.
            counted: Whether errors are shares of measured cells instead of those of normal laws.
                The standard error is then that of a binomial law.

        Raises:
            ValueError: If the error does not lie between 0 and 0.5.
        """
        number("error", error, above=0, below=0.5)
        number("standard_errors", standard_errors)
        if counted:
            n = np.add.outer(self.cells, self.cells)
            # A count of 0 of n is compatible with one more cell, hence the 1/n.
            spread = np.sqrt(self.counted * (1 - self.counted) / n + 1 / n**2)
            found = self.counted
        else:
            found, spread = self.errors, self.error_errors
        chosen = most_levels(found + standard_errors * spread, error)
        return tuple(self.levels[k] for k in chosen)


def fit_levels(target: ArrayLike, got: ArrayLike) -> LevelsFit:
    """Return the levels that cells got, and how well they are told apart.

    The cells of one target are one level, with the mean and the standard deviation of what they
    got. Cells that are stuck at an end of the range and far off from their target are counted and
    left out, as in `fit_programming`, because the slot `faults` is for them.

    Args:
        target: Targets [S], of any shape; equal targets are one level.
        got: Conductances that were measured [S], of the same shape; NaN where a cell was not read.

    Returns:
        The fit; its model is the rising tuple of levels for `Device.levels`. Its estimates are
            called "level 1" for the mean and "std of level 1" in the order of conductance, and
            "error between levels 1 and 2".

    Raises:
        ValueError: If the shapes differ, there are fewer than two levels or ten cells of each, or
            the cells of a level or two levels are all the same.
    """
    g, landed, counts = known_pairs(target, got, 2 * _FEWEST_PER_LEVEL)
    far, lowest, highest = stuck_cells(g, landed, np.unique(g))
    kept = ~(lowest | highest)
    groups = _groups(g[kept], landed[kept])
    mean = np.array([cells.mean() for _, cells in groups])
    std = np.array([cells.std(ddof=1) for _, cells in groups])
    n = np.array([len(cells) for _, cells in groups])
    fourth = np.array([np.mean((cells - cells.mean()) ** 4) for _, cells in groups])
    # The variance of a variance follows from the fourth moment; a normal law is the least.
    std_error = np.sqrt(np.maximum(fourth / std**4 - 1, 2) / (4 * (n - 1))) * std
    laws = list(zip(mean.tolist(), std.tolist(), strict=True))
    spread = list(zip((std / np.sqrt(n)).tolist(), std_error.tolist(), strict=True))
    errors, error_errors, counted = _pairwise(groups, laws, spread)
    thresholds = [threshold(laws[k], laws[k + 1]) for k in range(len(laws) - 1)]
    counts |= {"far off": int(far.sum()), "stuck": int((~kept).sum()), "levels": len(groups)}
    fit = LevelsFit(
        model=tuple(mean.tolist()),
        estimates=_estimates(laws, spread, errors, error_errors),
        counts=counts,
        targets=tuple(level for level, _ in groups),
        levels=tuple(mean.tolist()),
        std=tuple(std.tolist()),
        cells=tuple(n.tolist()),
        thresholds=tuple(thresholds),
        confusion=_confusion(mean, std, np.array(thresholds)),
        errors=errors,
        error_errors=error_errors,
        counted=counted,
    )
    return replace(fit, notes=tuple(_notes(fit)))


def _groups(g: Floats, landed: Floats) -> list[tuple[float, Floats]]:
    """Return targets [S] and the conductances that their cells got [S], by rising mean."""
    levels, counts = np.unique(g, return_counts=True)
    if not 2 <= len(levels) <= _MOST_LEVELS or counts.min() < _FEWEST_PER_LEVEL:
        raise ValueError(
            f"target holds {len(levels)} different levels with {counts.min()} to {counts.max()} "
            f"cells; give 2 to {_MOST_LEVELS} levels with at least {_FEWEST_PER_LEVEL} cells each, "
            "or fit_programming for targets that are all different"
        )
    groups = sorted(((float(g0), landed[g == g0]) for g0 in levels), key=lambda x: x[1].mean())
    for level, cells in groups:
        if np.ptp(cells) == 0:
            raise ValueError(
                f"all {len(cells)} cells of the target {level:.6g} S got {cells[0]:.6g} S; a level "
                "without spread cannot be measured: give conductances as they were read"
            )
    means = [cells.mean() for _, cells in groups]
    for (low, _), (high, _), step in zip(groups[:-1], groups[1:], np.diff(means), strict=True):
        if step == 0:
            raise ValueError(f"the cells of the targets {low:.6g} and {high:.6g} S got the same")
    return groups


def _pairwise(
    groups: list[tuple[float, Floats]],
    laws: list[tuple[float, float]],
    spread: list[tuple[float, float]],
) -> tuple[Floats, Floats, Floats]:
    """Return errors by normal laws, their standard errors and counted errors of all pairs."""
    size = len(groups)
    errors, error_errors, counted = np.zeros((3, size, size))
    ordered = [np.sort(cells) for _, cells in groups]
    for i in range(size):
        for j in range(i + 1, size):
            errors[i, j] = errors[j, i] = normal_error(laws[i], laws[j])
            error = error_of_error(laws[i], laws[j], [*spread[i], *spread[j]])
            error_errors[i, j] = error_errors[j, i] = error
            at = threshold(laws[i], laws[j])
            beyond = 1 - np.searchsorted(ordered[i], at) / len(ordered[i])
            below = np.searchsorted(ordered[j], at) / len(ordered[j])
            counted[i, j] = counted[j, i] = (beyond + below) / 2
    return errors, error_errors, counted


def _confusion(mean: Floats, std: Floats, thresholds: Floats) -> Floats:
    """Return the probabilities that cells of each level lie between each two thresholds."""
    # Laws of very different widths may have thresholds that are not in order.
    edges = np.maximum.accumulate(thresholds)
    below = ndtr((edges - mean[:, None]) / std[:, None])
    ends = np.zeros((len(mean), 1)), np.ones((len(mean), 1))
    return np.diff(np.concatenate([ends[0], below, ends[1]], axis=1), axis=1)


def _estimates(
    laws: list[tuple[float, float]],
    spread: list[tuple[float, float]],
    errors: Floats,
    error_errors: Floats,
) -> dict[str, Estimate]:
    """Return means, spreads and errors of neighbors, with their standard errors."""
    found = {}
    for k, ((mean, std), (mean_error, std_error)) in enumerate(zip(laws, spread, strict=True), 1):
        found[f"level {k}"] = Estimate(value=mean, error=mean_error, unit="S")
        found[f"std of level {k}"] = Estimate(value=std, error=std_error, unit="S", positive=True)
    for k in range(len(laws) - 1):
        found[f"error between levels {k + 1} and {k + 2}"] = Estimate(
            value=float(errors[k, k + 1]), error=float(error_errors[k, k + 1]), positive=True
        )
    return found


def _notes(fit: LevelsFit) -> Iterator[str]:
    """Yield what the data do not tell, or tell against the model."""
    if list(fit.targets) != sorted(fit.targets):
        yield (
            "The measured means are not in the order of the targets: "
            + ", ".join(f"{level:.4g}" for level in fit.targets)
            + " S by rising mean."
        )
    if fit.counts["stuck"]:
        yield (
            f"{fit.counts['stuck']} of {fit.counts['cells']} cells are stuck at an end of the "
            "range; they are left out here, and fit_programming returns their share."
        )
    for k in range(len(fit.levels) - 1):
        n = fit.cells[k] + fit.cells[k + 1]
        counted, normal = fit.counted[k, k + 1], fit.errors[k, k + 1]
        scatter = np.hypot(
            np.sqrt(max(normal * (1 - normal), 1 / n) / n), fit.error_errors[k, k + 1]
        )
        if counted > normal + _TAILS * scatter:
            yield (
                f"Levels {k + 1} and {k + 2} have tails: {100 * counted:.2g} % of their cells lie "
                f"beyond the threshold, and {100 * normal:.2g} % by normal laws. Ask for "
                "distinguishable(…, counted=True)."
            )
