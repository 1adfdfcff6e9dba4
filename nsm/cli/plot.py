"""`nsm plot`: robustness curves and heat maps of a sweep's rows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nsm.cli.edited import warn_of_edited
from nsm.cli.options import console

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


Software = Annotated[
    list[str] | None,
    typer.Option(help="NAME=0.014: error of a network in software, as a line; may be repeated."),
]
Chance = Annotated[
    float | None,
    typer.Option(help="Error of guessing as a line, 1 - 1/classes, e.g. 0.9 for ten classes."),
]


def plot(
    rows: Annotated[Path, typer.Argument(help="Rows of a sweep.")],
    x: Annotated[str, typer.Option(help="Column along the axis.")],
    out: Annotated[Path, typer.Option(help="Figure to write: .png, .pdf or .svg.")],
    y: Annotated[
        str | None, typer.Option(help="Column along the vertical axis of a heat map.")
    ] = None,
    group: Annotated[str | None, typer.Option(help="Column that tells lines apart.")] = None,
    facet: Annotated[str | None, typer.Option(help="Column that tells panels apart.")] = None,
    where: Annotated[
        list[str] | None, typer.Option(help="COLUMN=VALUE: only these rows; may be repeated.")
    ] = None,
    errors: Annotated[
        str, typer.Option(help="Scale of the errors, or of the colors: auto, log or linear.")
    ] = "auto",
    software: Software = None,
    chance: Chance = None,
    outline: Annotated[
        str | None,
        typer.Option(
            help="Outline the cells of a heat map: loss (less than 1 point above the least "
            "error) or chance (better than guessing)."
        ),
    ] = None,
) -> None:
    """Draw the robustness curves of a sweep's rows, or a heat map over two columns (--y).

    The errors in software and of guessing come from the rows' sidecar, unless they are given.
    """
    from devices.validation import choice
    from nsm.places import check_file
    from nsm.sweeps.rows.stored_rows import row_columns

    check_file(out, "figure.png")
    choice("figure format", out.suffix, (".png", ".pdf", ".svg"))
    choice("error axis", errors, ("auto", "log", "linear"))
    _check_kind(y, group=group, outline=outline, software=software)
    columns = [c for c in row_columns(rows) if c not in ("task", "experiment")]
    chosen = [_condition(text, columns) for text in where or []]
    for column in (x, y, group, facet):
        if column is not None:
            choice("column", column, columns)
    given = software_from(software)

    from nsm.plots import save_figure
    from nsm.sweeps.rows.stored_rows import read_rows

    table = read_rows(rows)
    for column, value in chosen:
        table = _rows_with(table, column, value)
    known, guessing = _levels(rows, table, given, chance)
    if y is None:
        lines = {"x": x, "group": group, "software": known or None}
        drawn = _draw_curves(table, facet, {**lines, "chance": guessing, "error_axis": errors})
    else:
        sides = {"x": x, "y": y, "outlined": outline or "none"}
        drawn = _draw_map(table, facet, {**sides, "chance": guessing, "error_axis": errors})
    save_figure(drawn, out)
    warn_of_edited([rows])
    console().print(f"drawn: {out}")


def _check_kind(
    y: str | None, *, group: str | None, outline: str | None, software: list[str] | None
) -> None:
    """Raise ValueError for an option that curves, or heat maps, do not have."""
    from devices.validation import choice

    if y is None and outline is not None:
        raise ValueError(
            f"--outline {outline} has no effect without --y, since only heat maps have cells; "
            "leave it out, or name the vertical axis"
        )
    if y is None:
        return
    if group is not None:
        raise ValueError(
            f"--group {group} has no effect with --y, since a heat map has no lines; use --facet "
            f"{group}, which draws one panel for each value"
        )
    if software:
        raise ValueError(
            f"--software {software[0]} has no effect with --y, since a heat map has no lines; "
            "leave it out"
        )
    if outline is not None:
        choice("outline", outline, ("none", "loss", "chance"))


def software_from(texts: list[str] | None) -> dict[str, float]:
    """Return the errors in software of texts such as "NSM=0.014", or raise ValueError."""
    from devices.validation import number

    found: dict[str, float] = {}
    for text in texts or []:
        name, equals, error = text.rpartition("=")
        try:
            value = float(error) if equals and name else None
        except ValueError:
            value = None
        if value is None:
            raise ValueError(
                f"--software {text!r} is no error in software; give NAME=ERROR with the error as a "
                "fraction, such as NSM=0.014"
            )
        if name in found:
            raise ValueError(f"--software {name} is given twice; leave one out")
        found[name] = number(f"--software {name}", value, at_least=0, at_most=1)
    return found


def _levels(
    path: Path, table: pd.DataFrame, given: dict[str, float], chance: float | None
) -> tuple[dict[str, float], float | None]:
    """Return the errors in software and that of guessing, given or of the sidecar."""
    from devices.validation import choice
    from nsm.report.origin import chance_level, software_errors
    from nsm.sweeps.rows.sidecar import read_sidecar

    names = [str(name) for name in dict.fromkeys(table["network"])]
    for name in given:
        choice("network with an error in software", name, names)
    sidecar = read_sidecar(path)
    told = {n: error for n, error in software_errors([sidecar]).items() if n in names}
    return {**told, **given}, chance_level([sidecar]) if chance is None else chance


def _draw_curves(table: pd.DataFrame, facet: str | None, options: dict[str, Any]) -> Axes:
    """Return the axes of the curves, or of the first panel."""
    from nsm.plots import facet_error_rate, plot_error_rate

    if facet is None:
        return plot_error_rate(table, **options)
    return facet_error_rate(table, facet=facet, **options).axes[0]


def _draw_map(table: pd.DataFrame, facet: str | None, options: dict[str, Any]) -> Axes:
    """Return the axes of the heat map, or of the first panel."""
    from nsm.plots import facet_heat_map, plot_heat_map

    if facet is None:
        return plot_heat_map(table, **options)
    return facet_heat_map(table, facet=facet, **options).axes[0]


def _condition(text: str, columns: list[str]) -> tuple[str, str]:
    """Return column and value of an option such as "gain=1.0", or raise ValueError."""
    from devices.validation import choice

    column, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"--where {text!r} is no condition; give COLUMN=VALUE, such as gain=1.0")
    return choice("column", column, columns), value


def _rows_with(table: pd.DataFrame, column: str, value: str) -> pd.DataFrame:
    """Return the rows of a table with a value in a column, or raise ValueError if there are none.

    Numbers are compared as numbers: 1 is 1.0. None is "none", or what figures call it.
    """
    from nsm.plots.axis_places import value_text
    from nsm.sweeps.labels import from_cell

    wanted = from_cell(value)
    texts = table[column].map(lambda v: value_text(v, column), na_action=None)
    found = (table[column] == wanted) | (texts == value)
    if not found.any():
        known = ", ".join(dict.fromkeys(texts))
        raise ValueError(f"no row has {column} = {value}; the rows have {known}")
    return table[found]
