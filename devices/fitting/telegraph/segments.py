"""Traps that come and go: the parts of a trace in which telegraph noise is active."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from devices.fitting.screening import conductances
from devices.fitting.telegraph.em import Reads
from devices.fitting.telegraph.order import TWO, Candidate, fitted, one_level_bic
from devices.fitting.telegraph.trace import FEWEST_READS, TelegraphFit, fit_telegraph
from devices.validation import Floats, number

#: The trace has so many windows unless the caller wants others.
_WINDOWS = 100
_READS_PER_WINDOW = 400
#: Clear evidence (Kass and Raftery 1995, doi:10.1080/01621459.1995.10476572), for each of many
#: windows.
_CLEAR = 20.0
_FEWEST_TRANSITIONS = 3


@dataclass(frozen=True, kw_only=True, eq=False)
class ActiveSegment:
    """Part of a trace in which telegraph noise is active.

    Attributes:
        start: First read.
        stop: Read after the last one.
        seconds: Time from the first to the last [s].
        fit: Telegraph noise of two levels that was fitted to these reads alone.
    """

    start: int
    stop: int
    seconds: float
    fit: TelegraphFit


@dataclass(frozen=True, kw_only=True, eq=False)
class ActiveSegments:
    """Where telegraph noise is active in a trace.

    Attributes:
        segments: The parts, in their order; none if there is no telegraph noise.
        share: Share of the trace's time in which it is active.
        window: Length of the windows [reads]: ends of segments are known to about one window.
        evidence: For each window, by how much the criterion of one level exceeds that of two;
            negative where one level is better, −inf where there are too few reads.
        notes: Sentences on what the trace does not tell.
    """

    segments: tuple[ActiveSegment, ...]
    share: float
    window: int
    evidence: Floats
    notes: tuple[str, ...] = ()


def active_segments(
    trace: ArrayLike, period: float, *, window: float | None = None
) -> ActiveSegments:
    """Find the parts of a trace in which telegraph noise is active.

    The trace is cut into windows. In each of them two levels compete with one, which may have a
    background with memory (`fit_telegraph`). A window is active if the Bayesian information
    criterion of two levels is smaller by 20 or more, the trap switches three times or more, and its
    step exceeds the white noise of one read: few reads do not tell smaller steps from wander.
    Neighboring active windows make a segment, to which two levels are fitted.

    A window must hold several dwells: a trap that is slower than the windows is not found, and its
    steps are then background.

    Args:
        trace: Conductances of consecutive reads [S], (reads,); NaN where one is missing.
        period: Time from one read to the next [s].
        window: Length of a window [s]; default None: a hundredth of the trace, but 400 reads or
            more.

    Raises:
        ValueError: If the trace is no row of conductances, the period is not positive, or the
            window is longer than the trace or shorter than 50 reads.
    """
    g = conductances("trace", trace, ndim=1)
    period = number("period", period, above=0, unit="s")
    length = _window_reads(len(g), period, window)
    starts = np.arange(0, len(g) - length + 1, length)
    stops = np.append(starts[1:], len(g))
    evidence = np.array([_evidence(g[a:b]) for a, b in zip(starts, stops, strict=True)])
    segments, notes = [], []
    for first, last in _groups(evidence > _CLEAR):
        a, b = int(starts[first]), int(stops[last])
        try:
            fit = fit_telegraph(g[a:b], period, levels=2)
        except ValueError as error:
            notes.append(f"Reads {a} to {b} look active, but cannot be fitted: {error}")
            continue
        segments.append(ActiveSegment(start=a, stop=b, seconds=(b - a) * period, fit=fit))
    if not segments:
        notes.append(
            f"No window of {length * period:.3g} s shows telegraph noise; slower traps need longer "
            "windows."
        )
    return ActiveSegments(
        segments=tuple(segments),
        share=sum(one.stop - one.start for one in segments) / len(g),
        window=length,
        evidence=evidence,
        notes=tuple(notes),
    )


def _window_reads(n: int, period: float, window: float | None) -> int:
    """Return the length of a window [reads]."""
    if n < FEWEST_READS:
        raise ValueError(f"trace has {n} reads, too few; give at least {FEWEST_READS}")
    if window is None:
        return min(max(n // _WINDOWS, _READS_PER_WINDOW), n)
    least, most = FEWEST_READS * period, n * period
    return int(number("window", window, at_least=least, at_most=most, unit="s") / period + 0.5)


def _evidence(g: Floats) -> float:
    """Return by how much the criterion of one level exceeds that of two; −inf if it cannot."""
    known = np.isfinite(g)
    if known.sum() < FEWEST_READS or not np.ptp(g[known]) > 0:
        return -np.inf
    reads = Reads((g - g[known].mean()) / g[known].std())
    white, memory = one_level_bic(reads)
    found: dict[str, Candidate] = {}
    fitted(reads, TWO, found, white)
    if TWO not in found:
        return -np.inf
    switches = np.count_nonzero(np.diff(found[TWO].path[0]))
    levels, sigma, _ = found[TWO].maximum.structure.unpack(found[TWO].maximum.theta)
    if switches < _FEWEST_TRANSITIONS or abs(levels[0] - levels[1]) < sigma:
        return -np.inf
    return min(white, memory) - found[TWO].bic


def _groups(active: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the first and the last of each run of active windows."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], active, [False]])))
    return [(int(a), int(b) - 1) for a, b in zip(edges[::2], edges[1::2], strict=True)]
