"""The tables of `nsm map` for circuit designers: cost, currents, and needs of read-outs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nsm.cli.options import console, show_table, terminal_width
from nsm.quantities import area, quantity, share

if TYPE_CHECKING:
    import pandas as pd

#: Headings of the columns of texts, which may be broken between words.
_TEXTS = ("layer", "read-out")
#: Characters that a column takes beside its texts.
_GAP = 2


def show_cost(cost: pd.DataFrame) -> None:
    """Print energy, latency and area of one inference, layer by layer, and their sum.

    Args:
        cost: The table of `MappedNetwork.cost`.
    """
    rows = []
    for row in cost.to_dict("records"):
        periphery = row["drivers [J]"] + row["selectors [J]"] + row["amplifiers [J]"]
        energies = (
            row["array [J]"],
            periphery,
            row["readout [J]"] + row["digital [J]"],
            row["total [J]"],
        )
        rows.append(
            [
                _name(row["layer"]),
                f"{row['reads']:g}",
                *(quantity(joules, "J") for joules in energies),
                quantity(row["latency [s]"], "s"),
                area(row["area [m²]"]),
            ]
        )
    headings = ("layer", "reads", "array", "periphery", "read-out", "energy", "latency", "area")
    samples = cost.attrs["samples"]
    passes = "1 sample" if samples == 1 else f"{samples:g} samples"
    _print(f"one inference, {passes}", headings, rows, last_is_sum=True)


def show_currents(needs: pd.DataFrame) -> None:
    """Print the currents of every layer and what wires take of them.

    Args:
        needs: The table of `MappedNetwork.circuit_needs`.
    """
    rows = [
        [
            _name(row["layer"]),
            quantity(row["full scale [A]"], "A"),
            quantity(row["full scale [V]"], "V"),
            quantity(row["bit line [A]"], "A"),
            _loss(row),
            quantity(row["level [A]"], "A") or "continuous",
            quantity(row["noise [A]"], "A") if row["noise [A]"] else "none",
        ]
        for row in needs.to_dict("records")
    ]
    ohms = quantity(needs.attrs["transimpedance"], "Ω")
    headings = ("layer", "full scale", f"at {ohms}", "bit line", "IR loss", "one level", "noise")
    _print("currents", headings, rows)


def show_needs(needs: pd.DataFrame) -> None:
    """Print what read-outs must tell apart, and what offset they tolerate.

    Args:
        needs: The table of `MappedNetwork.circuit_needs`.
    """
    rows = []
    for row in needs.to_dict("records"):
        bits = row["bits"]
        circuit = "comparator" if math.isnan(bits) else f"ADC, {bits:g} bits"
        rows.append(
            [
                _name(row["layer"]),
                circuit + ("*" if "assumed" in row["step is"] else ""),
                quantity(row["step [A]"], "A") or "none",
                quantity(row["step [V]"], "V"),
                quantity(row["tolerable offset [A]"], "A"),
                quantity(row["tolerable offset [V]"], "V"),
                share(row["offset / full scale"]),
                _ratio(row["offset / tolerable"]),
                _ratio(row["offset / noise"]),
            ]
        )
    attributes = needs.attrs
    volts, ohms = attributes["offset_voltage"], attributes["transimpedance"]
    limit = "offset ≤"
    of_offset = ("÷ full", "÷ limit", "÷ noise")
    headings = ("layer", "read-out", "step", "step", limit, limit, *of_offset)
    offset = f"{quantity(volts, 'V')} = {quantity(volts / ohms, 'A')}"
    _print(f"needs behind {quantity(ohms, 'Ω')}, and an offset of {offset}", headings, rows)
    for line in _notes(needs):
        console().print(line, highlight=False)


def _notes(needs: pd.DataFrame) -> list[str]:
    """Return what the table of needs leaves unsaid."""
    lines = [
        "A step separates neighboring decisions: one code of an ADC, or for comparators "
        f"{_steps_of_comparators(needs)}. Offsets up to half a step, and noise up to a sixth of it "
        "(rms), move no sum to another decision than its neighbor's."
    ]
    if needs["step is"].str.contains("assumed").any():
        lines.append("* The hardware has no adc; 8 bits are assumed, as in the energy.")
    return lines


def _steps_of_comparators(needs: pd.DataFrame) -> str:
    """Return what the step of comparators is, in words."""
    if (needs["step is"] == "noise").any():
        return "the noise of a sum, since cells are continuous"
    return "the current of one level"


def _loss(row: Mapping[Any, Any]) -> str:
    """Return mean and largest IR loss of a layer, or that there are no wires."""
    mean, largest = row["mean IR loss"], row["largest IR loss"]
    return "no wires" if math.isnan(mean) else f"{share(mean)} (≤ {share(largest)})"


def _ratio(value: float) -> str:
    """Return a ratio with two digits; "" for NaN."""
    return "" if math.isnan(value) else f"{value:.2g} ×"


def _name(layer: str) -> str:
    return layer.removeprefix("layer ")


def _print(
    title: str, headings: Sequence[str], rows: Sequence[Sequence[str]], *, last_is_sum: bool = False
) -> None:
    """Print a table whose first column is text and all others are numbers.

    A narrow terminal breaks names and circuits between words, and never a number. Columns that
    still have no room follow in a second table, which repeats the names.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    columns = [[heading, *(row[n] for row in rows)] for n, heading in enumerate(headings)]
    widths = [_least_width(column) for column in columns]
    for numbers in _fitting(widths, terminal_width()):
        table = Table(title=title, box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
        for n in numbers:
            table.add_column(
                headings[n],
                justify="right" if n else "left",
                no_wrap=headings[n] not in _TEXTS,
                min_width=widths[n],
                overflow="fold",
            )
        for number, row in enumerate(rows):
            is_sum = last_is_sum and number == len(rows) - 1
            table.add_row(*(row[n] for n in numbers), style="bold" if is_sum else None)
        show_table(table)


def _least_width(column: Sequence[str]) -> int:
    """Return the characters that a column needs at least: of a word in texts, else of a cell."""
    pieces = [cell.split() if column[0] in _TEXTS else [cell] for cell in column]
    return max(len(piece) for cell in pieces for piece in cell)


def _fitting(widths: Sequence[int], limit: float) -> list[list[int]]:
    """Return the numbers of the columns of one table or several that fit, each with the first.

    >>> _fitting([10, 8, 8, 8], 36), _fitting([10, 8, 8, 8], 50)
    ([[0, 1, 2], [0, 3]], [[0, 1, 2, 3]])
    """
    tables = [[0]]
    for number in range(1, len(widths)):
        taken = sum(widths[n] + _GAP for n in (*tables[-1], number))
        if taken > limit and len(tables[-1]) > 1:
            tables.append([0])
        tables[-1].append(number)
    return tables
