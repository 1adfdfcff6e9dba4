"""How far every axis may go: the table of a page, and its verdict in words."""

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
from nsm.report.swept import Swept
from nsm.sweeps.axes import TRAINING_SEED

#: Largest tolerated rise of the error [percentage points].
ALLOWED = 1.0
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


def _limit_cell(
    rows: pd.DataFrame, axis: str, reference: str, *, rising: bool
) -> tuple[str, str] | None:
    """Return the limit of one network, and its range over chips; None if there is none."""
    whole = limit_of(rows, axis, reference, rising=rising)
    if whole is None:
        return None
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
    order = [text for text in dict.fromkeys(
        value_text(v, axis) for v in rows[axis]) if text in kept]  # fmt: skip
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
        texts.append(
            f"From chip to chip the error at the point of comparison varies by {spread.min():.1f} "
            f"to {spread.max():.1f} points (one standard deviation)."
        )
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


def networks_of(sweeps: Sequence[Swept]) -> list[str]:
    """Return the names of all networks, in the order of the files."""
    return list(dict.fromkeys(name for swept in sweeps for name in swept.networks))


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
    errors: dict[str, float] = {}
    for swept in sweeps:
        errors = {**reference_errors(swept), **errors}
    lines.append((
        "Test error at the point of comparison [%]",
        [_error_cell(errors[n], images) if n in errors else ("unknown", "") for n in names],
    ))  # fmt: skip
    for swept in sweeps:
        for row in limit_rows(swept):
            lines.append((row.label, [row.cells.get(n, ("not swept", "")) for n in names]))
    colors = [COLORS[place % len(COLORS)] for place in places_of(names, networks=True)]
    return Table(
        caption="Interpolated limits: where the mean error has risen by one point",
        columns=names,
        rows=lines,
        colors=colors,
        note=_note(sweeps),
    )


def verdicts(sweeps: Sequence[Swept], software: Mapping[str, float]) -> list[str]:
    """Return one paragraph for each network: whether it works on this chip, and up to where."""
    names = networks_of(sweeps)
    errors: dict[str, float] = {}
    for swept in sweeps:
        errors = {**reference_errors(swept), **errors}
    limits = [row for swept in sweeps for row in limit_rows(swept)]
    return [
        f"{_works(name, errors.get(name), software.get(name))} {_keeps(name, limits)}".strip()
        for name in names
    ]


def _works(name: str, percent: float | None, software: float | None) -> str:
    """Return whether a network works at the point of comparison."""
    if percent is None:
        return f"{name} has no rows at the point of comparison."
    if software is None:
        return (
            f"{name} has {percent:.1f} % error at the point of comparison; its error in software "
            "is not known, so that this page cannot say what the chip costs."
        )
    loss = percent - 100 * software
    side = "above" if loss >= 0 else "below"
    works = "works" if loss < ALLOWED else "does not work"
    return (
        f"{name} {works} at the point of comparison: {percent:.1f} % error, {abs(loss):.1f} points "
        f"{side} its error in software."
    )


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
