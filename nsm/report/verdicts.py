"""The verdict of a page in words: whether each network works on the chip, and up to where."""

from collections.abc import Mapping, Sequence

from nsm.report.limits import (
    LimitRow,
    errors_of,
    images_of,
    limit_rows,
    networks_of,
    unresolved,
)
from nsm.report.resolution import ALLOWED, NOT_RESOLVED, difference_error, resolves_one_point
from nsm.report.swept import Swept


def verdicts(sweeps: Sequence[Swept], software: Mapping[str, float]) -> list[str]:
    """Return one paragraph for each network: whether it works on this chip, and up to where."""
    names = networks_of(sweeps)
    errors = errors_of(sweeps)
    coarse, images = unresolved(sweeps), images_of(sweeps[0].rows)
    limits = [row for swept in sweeps for row in limit_rows(swept)]
    return [
        " ".join(
            text
            for text in (
                _works(name, errors.get(name), software.get(name), images),
                _loses(name, limits, images) if name in coarse else _keeps(name, limits),
            )
            if text
        )
        for name in names
    ]


def _works(name: str, percent: float | None, software: float | None, images: int) -> str:
    """Return whether a network works at the point of comparison."""
    if percent is None:
        return f"{name} has no rows at the point of comparison."
    if software is None:
        return (
            f"{name} has {percent:.1f} % error at the point of comparison; its error in software "
            "is not known, so that this page cannot say what the chip costs "
            f"(nsm report --software {name}=0.02 tells it one of 2 %)."
        )
    loss = percent - 100 * software
    side = "above" if loss >= 0 else "below"
    cost = f"{percent:.1f} % error, {abs(loss):.1f} points {side} its error in software."
    open_ = abs(loss - ALLOWED) <= difference_error(percent, 100 * software, images)
    if open_ and not resolves_one_point(percent, images):
        return (
            f"{images} images do not resolve one point, and so not whether {name} works at the "
            f"point of comparison: {cost}"
        )
    works = "works" if loss < ALLOWED else "does not work"
    return f"{name} {works} at the point of comparison: {cost}"


def _loses(name: str, limits: Sequence[LimitRow], images: int) -> str:
    """Return between which values a network loses one point that the images do not resolve."""
    own = [row for row in limits if name in row.cells and row.cells[name][0] != "< 0"]
    if not own:
        return ""
    still_open = [row for row in own if row.cells[name][0] == NOT_RESOLVED]
    shown = [row.sentence(name) for row in own if row not in still_open]
    parts = [f"{images} images do not resolve one point, so that its limits are brackets"]
    if shown:
        parts.append(f": {'; '.join(shown)}")
    parts.append(".")
    if still_open:
        listed = "; ".join(f"{row.title}, {row.side}" for row in still_open)
        parts.append(f" No value of the sweep shows a loss of one point of: {listed}.")
    return "".join(parts)


def _keeps(name: str, limits: Sequence[LimitRow]) -> str:
    """Return within which limits a network loses less than one point."""
    own = [row for row in limits if name in row.cells]
    inner = [r.sentence(name) for r in own if not r.cells[name][0].startswith(("<", ">"))]
    whole = [r.sentence(name) for r in own if r.cells[name][0].startswith(("<", ">"))]
    parts = []
    if inner:
        parts.append(f"It loses less than one point with: {'; '.join(inner)}.")
    if whole:
        parts.append(f"It tolerates everything that was swept of: {'; '.join(whole)}.")
    return " ".join(parts)
