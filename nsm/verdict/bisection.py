"""Bisection on a ladder of values whose decisions may also be "not resolved"."""

from collections.abc import Callable
from dataclasses import dataclass

from nsm.verdict.decision import Decision


@dataclass(frozen=True)
class Bracket:
    """Where a ladder of values, from harmless to worst, stops being tolerated.

    Attributes:
        low: Rung of the largest value that was decided to be tolerated.
        high: Rung of the smallest value that was decided to break the network; None if no value of
            the ladder was.
        decided: Whether no rung between them was left unresolved, or the last one is tolerated.
        asked: Number of values that were measured.
    """

    low: int
    high: int | None
    decided: bool
    asked: int


def bisect(rungs: int, decide: Callable[[int], Decision], *, breaks: bool = False) -> Bracket:
    """Return where the decisions on a ladder change; rung 0 is tolerated by definition.

    The worst value is asked first, and then the middle of what is open. A value that is not
    resolved splits the open part in two: the largest tolerated value is looked for below it, and
    the smallest broken one above. Later decisions win: above a broken value none is tolerated.

    Args:
        rungs: Number of rungs, at least 1.
        decide: Returns the decision on a rung.
        breaks: Whether the last rung is known to break the network, and is not asked.
    """
    last = rungs - 1
    if last == 0:
        return Bracket(0, None, True, 0)
    low, high, asked = 0, last + 1, 0
    unresolved: list[int] = []
    if breaks:
        high = last
    rung: int | None = last if not breaks else _next_rung(low, high, unresolved)
    while rung is not None:
        found = decide(rung)
        asked += 1
        if found is Decision.TOLERATED:
            low = rung
        elif found is Decision.BROKEN:
            high = rung
        else:
            unresolved.append(rung)
        unresolved = [r for r in unresolved if low < r < high]
        rung = _next_rung(low, high, unresolved)
    return Bracket(low, high if high <= last else None, not unresolved, asked)


def _next_rung(low: int, high: int, unresolved: list[int]) -> int | None:
    """Return the middle of the widest open part; None if every part is closed."""
    first, last = min(unresolved, default=high), max(unresolved, default=low)
    parts = [(low, first), (last, high)]
    low, high = max(parts, key=lambda part: part[1] - part[0])
    return (low + high) // 2 if high - low > 1 else None
