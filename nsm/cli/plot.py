"""`nsm plot`: robustness curves of a sweep's rows."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nsm.cli.options import console

if TYPE_CHECKING:
    import pandas as pd


def plot(
    rows: Annotated[Path, typer.Argument(help="CSV of a sweep.")],
    x: Annotated[str, typer.Option(help="Column along the axis.")],
    out: Annotated[Path, typer.Option(help="Figure to write: .png, .pdf or .svg.")],
    group: Annotated[str | None, typer.Option(help="Column that tells lines apart.")] = None,
    facet: Annotated[str | None, typer.Option(help="Column that tells panels apart.")] = None,
    where: Annotated[
        list[str] | None, typer.Option(help="COLUMN=VALUE: only these rows; may be repeated.")
    ] = None,
    errors: Annotated[str, typer.Option(help="Error axis: auto, log or linear.")] = "auto",
) -> None:
    """Draw the robustness curves of a sweep's rows."""
    from devices.validation import choice
    from nsm.disk import check_folder_of
    from nsm.sweeps.row_file import read_rows, row_columns

    check_folder_of(out)
    choice("figure format", out.suffix, (".png", ".pdf", ".svg"))
    choice("error axis", errors, ("auto", "log", "linear"))
    columns = [c for c in row_columns(rows) if c not in ("task", "experiment")]
    chosen = [_condition(text, columns) for text in where or []]
    for column in (x, group, facet):
        if column is not None:
            choice("column", column, columns)

    from nsm.plots import facet_error_rate, plot_error_rate, save_figure

    table = read_rows(rows)
    for column, value in chosen:
        table = _rows_with(table, column, value)
    if facet is None:
        ax = plot_error_rate(table, x=x, group=group, error_axis=errors)
    else:
        ax = facet_error_rate(table, facet=facet, x=x, group=group, error_axis=errors).axes[0]
    save_figure(ax, out)
    console().print(f"drawn: {out}")


def _condition(text: str, columns: list[str]) -> tuple[str, str]:
    """Return column and value of an option such as "gain=1.0", or raise ValueError."""
    from devices.validation import choice

    column, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"--where {text!r} is no condition; give COLUMN=VALUE, such as gain=1.0")
    return choice("column", column, columns), value


def _rows_with(table: "pd.DataFrame", column: str, value: str) -> "pd.DataFrame":
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
