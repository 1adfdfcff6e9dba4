"""Telegraph noise of a trap that comes and goes: the fit of one segment of a trace."""

from dataclasses import replace
from typing import Any

from devices import ActiveSegments, TelegraphFit, active_segments, fit_telegraph
from devices.validation import Floats

#: So many segments are named in a note.
_NAMED = 12


def check_trace_options(
    *, levels: int | None = None, active: bool = False, window: float | None = None
) -> None:
    """Raise ValueError if an option of `fit_trace` has no effect beside the others."""
    if window is not None and not active:
        raise ValueError("--window has no effect without --active; add it, or leave it out")
    if levels is not None and active:
        raise ValueError("--levels has no effect with --active, which fits two; leave one out")


def fit_trace(
    trace: Floats,
    period: float,
    *,
    levels: int | None = None,
    active: bool = False,
    window: float | None = None,
) -> TelegraphFit:
    """Return telegraph noise of a whole trace, or of its longest active segment.

    Args:
        trace: Conductances of consecutive reads [S], (reads,).
        period: Time from one read to the next [s].
        levels: Number of levels; None to choose it.
        active: Whether only the longest part is fitted in which the trap is active.
        window: Length of the windows [s] that are searched; None for a hundredth of the trace.

    Raises:
        ValueError: If the options exclude one another, no part is active, or the trace cannot be
            fitted.
    """
    check_trace_options(levels=levels, active=active, window=window)
    if not active:
        return fit_telegraph(trace, period, levels=levels)
    found = active_segments(trace, period, window=window)
    if not found.segments:
        raise ValueError(
            " ".join(found.notes) + " Leave out --active to fit the whole trace, or give another "
            "--window"
        )
    best = max(found.segments, key=lambda one: one.stop - one.start)
    fit = best.fit
    counts: dict[str, Any] = {
        "values": len(trace),
        "active segments": len(found.segments),
        "fitted reads": best.stop - best.start,
    }
    of_segment = {n: c for n, c in fit.counts.items() if n not in ("values", "cells")}
    return replace(
        fit,
        counts=counts | of_segment,
        notes=(*_notes(found, best.start, best.stop, period), *fit.notes, *found.notes),
    )


def _notes(found: ActiveSegments, start: int, stop: int, period: float) -> list[str]:
    """Return where the trap is active, and what was fitted."""
    segments = found.segments
    named = ", ".join(f"{one.start}:{one.stop}" for one in segments[:_NAMED])
    rest = f" and {len(segments) - _NAMED} more" if len(segments) > _NAMED else ""
    is_one = len(segments) == 1
    return [
        f"The trap is active for {100 * found.share:.3g} % of the trace, in {len(segments)} "
        f"{'segment' if is_one else 'segments'}: reads {named}{rest}. Their ends are known to "
        f"about {found.window * period:.3g} s.",
        f"Fitted were reads {start}:{stop} alone"
        + ("" if is_one else "; another segment is fitted with --reads FIRST:LAST")
        + ". The model is active all the time.",
    ]
