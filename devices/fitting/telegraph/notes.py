"""Sentences on what a trace does not tell of its telegraph noise."""

from typing import TYPE_CHECKING

import numpy as np

from devices.fitting.telegraph.chains import LEAST_SIGMA
from devices.fitting.telegraph.order import ONE, Choice
from devices.validation import Floats

if TYPE_CHECKING:
    from devices.fitting.telegraph.trace import TelegraphFit

#: Fewer transitions are less than ten dwells in each of two levels.
_FEW_TRANSITIONS = 20
#: A mean dwell of fewer periods than this is mostly a correction.
_SHORT_DWELL = 2.0
_SUSPICIOUS = 0.01
_FEW_VALUES = 20


def _times(count: int) -> str:
    """Return how often something happens in words."""
    return {0: "only at its start", 1: "only once"}.get(count, f"only {count} times")


def notes_on_order(choice: Choice, levels: int | None) -> tuple[str, ...]:
    """Return notes on how many levels were chosen, and on what else explains the trace."""
    notes = []
    best = choice.best
    if choice.rejected:
        name = choice.rejected
        notes.append(
            f"{name} would explain the trace better, but one of them is entered "
            f"{_times(choice.candidates[name].entries)}: that is a step or a read that is far off, "
            "or the trace is shorter than the dwell time."
        )
    fewest = min((one.white_bic for one in choice.candidates.values()), default=np.inf)
    if best is None and levels is None and fewest < choice.one_white and not choice.rejected:
        notes.append(
            "Noise with memory, such as drift or 1/f noise, explains the trace better than levels "
            f"do (the criterion is smaller by {min_of_levels(choice) - choice.bic[ONE]:.0f})."
        )
    if best is None and choice.bic[ONE] < choice.one_white - 10:
        notes.append("Consecutive reads are correlated, so that the standard errors are too small.")
    if best is not None and best.reads.wanders:
        notes.append(
            "The background wanders slowly, as by drift or 1/f noise. It was averaged out before "
            "levels were fitted; levels are those at its mean."
        )
    elif best is not None and best.background_bic < best.white_bic - 10:
        notes.append(
            "Reads of one level are correlated, as by 1/f noise or drift. Levels and times are "
            "those of a fit with white noise, and their standard errors are too small."
        )
    if best is not None and levels is not None and choice.bic[ONE] < best.bic:
        notes.append(
            f"One level explains the trace better: its criterion is smaller by "
            f"{best.bic - choice.bic[ONE]:.0f}."
        )
    return tuple(notes)


def notes_on_values(g: Floats) -> tuple[str, ...]:
    """Return a note if the reads [S] take so few values that these look like levels."""
    different = len(np.unique(g[np.isfinite(g)]))
    if different >= _FEW_VALUES:
        return ()
    return (
        f"The reads take only {different} different values: steps of a converter look like levels.",
    )


def notes_on_lone_reads(alone: Floats, typical: float) -> tuple[str, ...]:
    """Return a note on reads that stand alone [S], which the fit leaves out.

    Args:
        alone: These reads [S].
        typical: The median of all reads [S].
    """
    if not alone.size:
        return ()
    farthest = alone[np.argmax(np.abs(alone - typical))]
    which = "1 read stands" if len(alone) == 1 else f"{len(alone)} reads stand"
    return (
        f"{which} alone, far from all others (the farthest at {farthest:.3g} S, where the median "
        f"is {typical:.3g} S): taken for glitches, and left out of the fit as if missing.",
    )


def min_of_levels(choice: Choice) -> float:
    """Return the least criterion of all candidates with more than one level."""
    return min(value for name, value in choice.bic.items() if name != ONE)


def notes_on_proportional_noise(fit: "TelegraphFit") -> tuple[str, ...]:
    """Return a note on white noise that is proportional to the conductance."""
    share = 100 * fit.sigma / float(fit.levels[0])
    return (
        f"The white noise is proportional to the conductance, {share:.3g} % of each level, as "
        "noise of the cell is; sigma is that around the higher level.",
    )


def notes_on_chain(fit: "TelegraphFit") -> tuple[str, ...]:
    """Return notes on the numbers of a chain with two or more levels."""
    notes = []
    n, seconds = fit.transitions, len(fit.states) * fit.period
    if n < _FEW_TRANSITIONS:
        notes.append(
            f"The trace of {seconds:.3g} s holds only {n} transitions: it is shorter than ten "
            "dwell times, so that the times are uncertain."
        )
    if fit.sigma < 2 * LEAST_SIGMA * float(np.nanstd(fit.residuals + fit.levels[fit.states])):
        notes.append(
            "The reads do not scatter around their levels, as behind a coarse converter: the white "
            "noise and the standard errors of the levels are not told."
        )
    step = float(np.min(-np.diff(fit.levels)))
    if step < fit.sigma:
        notes.append(
            f"The least distance of two levels, {step:.3g} S, is below the noise of one read, "
            f"{fit.sigma:.3g} S: single states are decoded with errors."
        )
    shortest = float(np.min(-1 / np.diag(fit.rates)))
    if shortest < _SHORT_DWELL * fit.period:
        notes.append(
            f"The shortest mean dwell, {shortest:.3g} s, is below {_SHORT_DWELL:g} periods: most "
            "of these dwells are not read, and their time rests on the law of the chain."
        )
    for k, test in enumerate(fit.dwell_tests):
        if test.p_value < _SUSPICIOUS:
            notes.append(
                f"The dwell times in level {k} are not exponential (p = {test.p_value:.2g}, "
                f"{test.dwells} dwells): the trap may not be a single one, or change with time."
            )
    if any(np.isnan(one.error) for one in fit.estimates.values()):
        notes.append("The data do not determine all numbers: their standard errors are not known.")
    return tuple(notes)
