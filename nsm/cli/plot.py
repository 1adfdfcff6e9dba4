"""`nsm plot`: robustness curves of a sweep's rows."""

from pathlib import Path
from typing import Annotated

import typer

from nsm.cli.options import console


def plot(
    rows: Annotated[Path, typer.Argument(help="CSV of a sweep.")],
    x: Annotated[str, typer.Option(help="Column along the axis.")],
    out: Annotated[Path, typer.Option(help="Figure to write: .png, .pdf or .svg.")],
    group: Annotated[str | None, typer.Option(help="Column that tells lines apart.")] = None,
) -> None:
    """Draw the robustness curves of a sweep's rows."""
    from devices.validation import choice
    from nsm.disk import check_folder_of
    from nsm.sweeps.row_file import read_rows, row_columns

    check_folder_of(out)
    choice("figure format", out.suffix, (".png", ".pdf", ".svg"))
    columns = [c for c in row_columns(rows) if c not in ("task", "experiment")]
    for column in (x, group):
        if column is not None:
            choice("column", column, columns)

    from nsm.plots import plot_error_rate, save_figure

    save_figure(plot_error_rate(read_rows(rows), x=x, group=group), out)
    console().print(f"drawn: {out}")
