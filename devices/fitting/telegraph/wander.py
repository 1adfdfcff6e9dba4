"""Levels on a background that wanders slowly: the background is averaged out between the steps."""

from collections.abc import Callable

import numpy as np

from devices.fitting.telegraph.chains import FreeLevels
from devices.fitting.telegraph.em import Maximum, Reads, ascend, at
from devices.fitting.telegraph.starts import best_ascent, starts
from devices.validation import Floats

#: Lengths of the averages that are tried [reads].
_WINDOWS = (256, 2048, 16384)
#: Reads of the first part of a trace, and how much longer a trace is whose part is tried first.
_PART = 32_768
_PARTS = 2
_ROUNDS = 2
_ITERATIONS = 6
#: An average over fewer dwells of each level would take the steps for background.
_DWELLS_PER_WINDOW = 4


def moving_average(x: Floats, window: int) -> Floats:
    """Return the mean of known values within half a window on either side; 0 where none is."""
    known = np.isfinite(x)
    sums = np.concatenate([[0.0], np.cumsum(np.where(known, x, 0.0))])
    counts = np.concatenate([[0], np.cumsum(known)])
    at_read = np.arange(len(x))
    start = np.maximum(at_read - window // 2, 0)
    stop = np.minimum(at_read + window // 2 + 1, len(x))
    return np.asarray((sums[stop] - sums[start]) / np.maximum(counts[stop] - counts[start], 1))


def _centered(reads: Reads, steps: Floats, window: int) -> Reads:
    """Return the trace less a background: the average of what the steps leave, of mean 0."""
    wander = moving_average(reads.trace - steps, window)
    return Reads(reads.trace - (wander - wander.mean()), wander=wander - wander.mean())


def _two_levels(reads: Reads, window: int) -> tuple[Reads, Maximum] | None:
    """Return the trace less a background of this window, and two levels in it; None without.

    In turns, two levels are fitted to the trace less the background, and the background is the
    moving average of the trace less the levels of the most probable path.
    """
    two = FreeLevels(2)
    quiet = _centered(reads, np.zeros(len(reads.y)), window)
    best = best_ascent(quiet, two, starts(quiet, two), iterations=2)
    if best is None:
        return None
    for _ in range(_ROUNDS):
        best = ascend(quiet, best, iterations=_ITERATIONS)
        path, _log_p = quiet.path(two, best.theta)
        quiet = _centered(reads, two.unpack(best.theta)[0][path], window)
        best = at(quiet, two, best.theta)
    p = two.unpack(best.theta)[2]
    if window < _DWELLS_PER_WINDOW * (1 / p[0, 1] + 1 / p[1, 0]):
        return None
    return quiet, ascend(quiet, best, iterations=_ITERATIONS)


def two_levels_on_wander(
    reads: Reads, hopeless: Callable[[Reads, Maximum], bool] = lambda reads, two: False
) -> list[tuple[Reads, Maximum]]:
    """Return the trace less a background and two levels in it, for several lengths of averages.

    The background begins as the moving average of the trace. Lengths of less than four dwells of
    both levels are left out, so that a part of a long trace has several dwells too: lengths that
    are hopeless on its first part are not tried on the whole trace.

    Args:
        reads: The trace.
        hopeless: Whether two levels on a background explain a part far worse than the background.
    """
    found = []
    part = Reads(reads.trace[:_PART])
    for window in _WINDOWS:
        if 4 * window > len(reads.y):
            break
        if len(reads.y) > _PARTS * _PART and 2 * window <= _PART:
            first = _two_levels(part, window)
            if first is not None and hopeless(*first):
                continue
        whole = _two_levels(reads, window)
        if whole is not None:
            found.append(whole)
    return found
