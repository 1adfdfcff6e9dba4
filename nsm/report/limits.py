"""How far every axis may go: the table of a page."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from nsm.plots.axis_places import axis_scale, is_numeric, none_text, value_text
from nsm.plots.crossing import crossing
from nsm.plots.style import COLORS, places_of
from nsm.plots.texts import plain_title
from nsm.report.page import Table
from nsm.report.resolution import (
    ALLOWED,
    NOT_RESOLVED,
    bracket,
    difference_error,
    resolves_one_point,
)
from nsm.report.swept import Swept
from nsm.sweeps.axes import TRAINING_SEED

#: Last parts of the names of axes whose values are whole numbers.
WHOLE = ("levels", "bits")


@dataclass(frozen=True)
class LimitRow:
    """One line of the table of limits.

    Attributes:
        title: title of the axis.
        side: "smallest" or "largest" tolerated value, or "tolerated" categories.
        cells: text, and a smaller addition to it, by network; networks without a limit are missing.
    """

    title: str
    side: str
    cells: Mapping[str, tuple[str, str]]

    @property
    def label(self) -> str:
        """Label of the line."""
        return f"{self.title[:1].upper()}{self.title[1:]}, {self.side}"

    def sentence(self, network: str) -> str:
        """Return the limit of a network as a part of a sentence."""
        text, _ = self.cells[network]
        if text.startswith(("<", ">")):
            return f"{self.title} {'down' if text[0] == '<' else 'up'} to {text[2:]}"
        if text.startswith("between"):
            return f"{self.title} {text}"
        words = {"smallest": " of at least", "largest": " of at most", "tolerated": ":"}
        only = text.startswith("only")
        return f"{self.title}{':' if only else words[self.side]} {text}"


@dataclass(frozen=True)
class Limit:
    """How far one axis may go in one direction.

    Attributes:
        value: the interpolated value; infinity if every value of the sweep is tolerated, NaN if no
            number is, but only None (such as continuous cells).
        text: the value as a table shows it.
    """

    value: float
    text: str


def _number(value: float) -> str:
    """Return a number with two significant digits, without exponent where it is readable."""
    if value == 0 or 1e-3 <= abs(value) < 10:
        return f"{value:#.2g}"
    return f"{value:.0f}" if 10 <= abs(value) < 1e5 else f"{value:.2g}"


def _means(rows: pd.DataFrame, axis: str) -> dict[str, float]:
    """Return the mean error [%] at each value of an axis, by its text."""
    texts = rows[axis].map(lambda v: value_text(v, axis), na_action=None)
    percent = 100 * rows["errors"] / rows["images"]
    return {str(text): float(mean) for text, mean in percent.groupby(texts).mean().items()}


def limit_of(rows: pd.DataFrame, axis: str, reference: str, *, rising: bool) -> Limit | None:
    """Return how far an axis of numbers may go from its reference in one direction.

    Args:
        rows: rows of one network, which differ in this axis (and in chips) only.
        axis: its column.
        reference: value from which the rise of the error is measured, as a text.
        rising: True for larger values, False for smaller ones. None is larger than all numbers.

    Returns:
        The limit; None if the rows have no value in this direction, or none at the reference.
    """
    means = _means(rows, axis)
    if reference not in means:
        return None
    nothing = none_text(axis)
    numbers = sorted(float(v) for v in rows[axis].dropna().unique())
    start = math.inf if reference == nothing and rows[axis].isna().any() else float(reference)
    side = [v for v in numbers if (v > start if rising else v < start)]
    if not side:
        return None
    side = side if rising else side[::-1]
    at = [start, *side] if math.isfinite(start) else side
    rises = [means[value_text(v, axis)] - means[reference] for v in at]
    whole = axis.rpartition(":")[2].rpartition(".")[2] in WHOLE
    if rises[0] > ALLOWED:
        return Limit(math.nan, f"only {nothing}")
    found = crossing(at, rises, ALLOWED, scale=axis_scale(np.array(numbers)))
    if math.isinf(found):
        return Limit(found, f"{'>' if rising else '<'} {side[-1]:g}")
    if whole:
        return Limit(found, f"{math.floor(found) if rising else math.ceil(found)}")
    return Limit(found, _number(found))


def _one_chip(rows: pd.DataFrame) -> list[str]:
    """Return the columns that tell apart single chips of single trainings."""
    return [c for c in (TRAINING_SEED, "chip") if c in rows.columns]


def _strictness(limit: Limit, *, rising: bool) -> float:
    """Return a number that grows with how little a chip tolerates."""
    if math.isnan(limit.value):
        return math.inf
    if math.isinf(limit.value):
        return -math.inf
    return -limit.value if rising else limit.value


def images_of(rows: pd.DataFrame) -> int:
    """Return how many test images every row has read."""
    return int(rows["images"].iloc[0])


def _bracket_of(rows: pd.DataFrame, axis: str, reference: str, *, rising: bool) -> str:
    """Return between which values of the sweep a network loses one point, or that it is open."""
    means = _means(rows, axis)
    nothing = none_text(axis)
    numbers = sorted(float(v) for v in rows[axis].dropna().unique())
    start = math.inf if reference == nothing else float(reference)
    side = [v for v in numbers if (v > start if rising else v < start)]
    texts = [value_text(v, axis) for v in (side if rising else side[::-1])]
    outward = [reference, *texts]
    return bracket(outward, [means[t] for t in outward], images_of(rows), rising=rising)


def _limit_cell(
    rows: pd.DataFrame, axis: str, reference: str, *, rising: bool
) -> tuple[str, str] | None:
    """Return the limit of one network, and its range over chips; None if there is none.

    Where its images do not resolve one point, it is the bracket of values of the sweep.
    """
    whole = limit_of(rows, axis, reference, rising=rising)
    if whole is None:
        return None
    # Below 0 there is nothing to lose, whatever the images.
    if whole.text != "< 0" and not resolves_one_point(
        _means(rows, axis)[reference], images_of(rows)
    ):
        return _bracket_of(rows, axis, reference, rising=rising), ""
    chips = [
        limit_of(part, axis, reference, rising=rising)
        for _, part in rows.groupby(_one_chip(rows), dropna=False)
    ]
    known = sorted(
        (limit for limit in chips if limit is not None),
        key=lambda limit: _strictness(limit, rising=rising),
        reverse=rising,
    )
    if not known or known[0].text == known[-1].text:
        return whole.text, ""
    return whole.text, f"({known[0].text} to {known[-1].text})"


def _category_cell(rows: pd.DataFrame, axis: str, reference: str) -> tuple[str, str] | None:
    """Return which categories a network tolerates."""
    means = _means(rows, axis)
    if reference not in means:
        return None
    kept = [text for text, mean in means.items() if mean - means[reference] <= ALLOWED]
    texts = list(dict.fromkeys(value_text(v, axis) for v in rows[axis]))
    images, at = images_of(rows), means[reference]
    if not resolves_one_point(at, images):
        seen = [
            t for t in texts
            if t != reference and means[t] - at <= ALLOWED + difference_error(at, means[t], images)
        ]  # fmt: skip
        return (
            f"{reference}; {NOT_RESOLVED}: {', '.join(seen)}" if seen else f"only {reference}"
        ), ""
    order = [text for text in texts if text in kept]
    return (", ".join(order) if len(order) > 1 else f"only {order[0]}"), ""


def limit_rows(swept: Swept) -> list[LimitRow]:
    """Return the lines of the table for the axes of one file."""
    found = []
    for axis in swept.axes:
        rows, reference = swept.cut(axis), swept.reference[axis]
        parts = {name: rows[rows["network"].astype(str) == name] for name in swept.networks}
        sides: dict[str, dict[str, tuple[str, str] | None]]
        if is_numeric(swept.rows[axis]):
            sides = {
                side: {
                    n: _limit_cell(part, axis, reference, rising=side == "largest")
                    for n, part in parts.items()
                }
                for side in ("smallest", "largest")
            }
        else:
            cells = {n: _category_cell(part, axis, reference) for n, part in parts.items()}
            sides = {"tolerated": cells}
        for side, of_side in sides.items():
            known = {n: cell for n, cell in of_side.items() if cell is not None}
            # Without any of a non-ideality, there is nothing left to tolerate.
            if known and any(cell[0] != "< 0" for cell in known.values()):
                found.append(LimitRow(plain_title(axis), side, known))
    return found


def reference_errors(swept: Swept) -> dict[str, float]:
    """Return the mean error [%] of every network at the reference point."""
    rows = swept.cut()
    percent = 100 * rows["errors"] / rows["images"]
    means = percent.groupby(rows["network"].astype(str)).mean()
    return {name: float(means[name]) for name in swept.networks if name in means.index}


def _error_cell(percent: float, images: int) -> tuple[str, str]:
    """Return an error and its standard error over test images [%]."""
    p = percent / 100
    return f"{percent:.1f}", f"± {100 * math.sqrt(p * (1 - p) / images):.1f}"


def point_text(swept: Swept) -> str:
    """Return the reference point in words."""
    return ", ".join(f"{plain_title(axis)} = {text}" for axis, text in swept.reference.items())


def _note(sweeps: Sequence[Swept]) -> str:
    """Return how the numbers of the table were obtained."""
    rows = sweeps[0].cut()
    images, samples = int(rows["images"].iloc[0]), int(rows["samples"].iloc[0])
    chips = len(rows[_one_chip(rows)].drop_duplicates())
    percent = 100 * rows["errors"] / rows["images"]
    spread = percent.groupby(rows["network"].astype(str)).std().dropna()
    texts = [
        f"Each error is that of {images} test images with {samples} samples each; on chips, the "
        f"mean of {chips} {'chips' if chips > 1 else 'chip'}, each with its own training where "
        "there are several. ±: one standard error over test images."
    ]
    if len(spread):
        ends = list(dict.fromkeys(f"{end:.1f}" for end in (spread.min(), spread.max())))
        texts.append(
            f"From chip to chip the error at the point of comparison varies by {' to '.join(ends)} "
            "points (one standard deviation)."
        )
    texts += _unresolved_note(sweeps)
    texts.append(
        f"Limits: the value at which the mean error has risen by {ALLOWED:g} percentage point "
        f"({ALLOWED * images / 100:g} images) above that at the point of comparison, interpolated "
        "between the values of the sweep along the axis as it is drawn (levels and bits: the next "
        "whole number). They have no confidence; nsm tolerance decides at one. In parentheses: the "
        "range over single chips. “<” and “>”: the network "
        "tolerates every value of the sweep in this direction. All networks and chips see the same "
        "images."
    )
    for swept in sweeps:
        guessed = [axis for axis in swept.axes if axis not in swept.unchanged]
        if guessed:
            texts.append(
                f"Point of comparison in {swept.file}: {point_text(swept)}. It is the point of the "
                "least error, since the rows do not have, or this page does not know, the chip "
                f"without {', '.join(map(plain_title, guessed))}."
            )
        elif swept.axes:
            texts.append(f"Point of comparison in {swept.file}: {point_text(swept)}, unchanged.")
    return " ".join(texts)


def unresolved(sweeps: Sequence[Swept]) -> dict[str, float]:
    """Return the networks whose images do not resolve one point, and what one standard error is.

    Args:
        sweeps: Rows of every file.

    Returns:
        The standard error of the difference of two errors [percentage points] by network.
    """
    errors = errors_of(sweeps)
    images = images_of(sweeps[0].rows)
    return {
        name: difference_error(error, error, images)
        for name, error in errors.items()
        if not resolves_one_point(error, images)
    }


def _unresolved_note(sweeps: Sequence[Swept]) -> list[str]:
    """Return why networks have brackets for limits; empty if one point is resolved for all."""
    coarse = unresolved(sweeps)
    if not coarse:
        return []
    listed = ", ".join(f"{error:.1f} points for {name}" for name, error in coarse.items())
    return [
        f"{images_of(sweeps[0].rows)} images do not resolve one point: one standard error of the "
        f"difference of two errors is {listed}. There, limits are two values of the sweep: up to "
        "the one the mean error rises by at most one point, from the other on by more than one "
        "point and one standard error."
    ]


def errors_of(sweeps: Sequence[Swept]) -> dict[str, float]:
    """Return the mean error [%] of every network at the point of comparison of its first file."""
    errors: dict[str, float] = {}
    for swept in sweeps:
        errors = {**reference_errors(swept), **errors}
    return errors


def networks_of(sweeps: Sequence[Swept]) -> list[str]:
    """Return the names of all networks, in the order of the files."""
    return list(dict.fromkeys(name for swept in sweeps for name in swept.networks))


def _caption(sweeps: Sequence[Swept], names: Sequence[str]) -> str:
    """Return what the table shows, as far as the images resolve it."""
    coarse = unresolved(sweeps)
    images = images_of(sweeps[0].rows)
    if not coarse:
        return "Interpolated limits: where the mean error has risen by one point"
    who = "" if len(coarse) == len(names) else f" of {', '.join(coarse)}"
    return f"{images} images do not resolve one point{who}: values of the sweep around the limits"


def limit_table(sweeps: Sequence[Swept], software: Mapping[str, float]) -> Table:
    """Return the table of errors and limits, one column per network.

    Args:
        sweeps: rows of every file.
        software: error in software by network [fraction], where it is known.
    """
    names = networks_of(sweeps)
    images = int(sweeps[0].rows["images"].iloc[0])
    lines: list[tuple[str, list[tuple[str, str]]]] = []
    if software:
        cells = [
            _error_cell(100 * software[n], images) if n in software else ("unknown", "")
            for n in names
        ]
        lines.append(("Test error in software [%]", cells))
    errors = errors_of(sweeps)
    lines.append((
        "Test error at the point of comparison [%]",
        [_error_cell(errors[n], images) if n in errors else ("unknown", "") for n in names],
    ))  # fmt: skip
    for swept in sweeps:
        for row in limit_rows(swept):
            lines.append((row.label, [row.cells.get(n, ("not swept", "")) for n in names]))
    colors = [COLORS[place % len(COLORS)] for place in places_of(names, networks=True)]
    return Table(
        caption=_caption(sweeps, names),
        columns=names,
        rows=lines,
        colors=colors,
        note=_note(sweeps),
    )
