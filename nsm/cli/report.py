"""`nsm report`: one page on the rows of a sweep."""

from pathlib import Path
from typing import Annotated

import typer

from nsm.cli.edited import warn_of_edited
from nsm.cli.options import console
from nsm.cli.plot import Chance, Software, software_from


def report(
    rows: Annotated[
        list[Path], typer.Argument(help="Rows of a sweep; several files for one page.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="Page to write (default: the first file's name, .html).")
    ] = None,
    tolerances: Annotated[
        Path | None, typer.Option(help="CSV of nsm tolerance, shown below the verdict.")
    ] = None,
    title: Annotated[str, typer.Option(help="Heading of the page.")] = "",
    software: Software = None,
    chance: Chance = None,
) -> None:
    """Write one self-contained page: verdict, curves, heat maps, tiles, parameters, origin."""
    from nsm.report.checks import check_page, default_page
    from nsm.sweeps.rows.stored_rows import row_columns

    target = default_page(rows[0]) if out is None else out
    check_page(target)
    for path in rows:
        row_columns(path)
    errors = software_from(software)

    from nsm.report import write_report
    from nsm.report.tolerance_file import check_networks, tolerance_part

    if tolerances is not None:
        check_networks(tolerances, rows)
    parts = [] if tolerances is None else [tolerance_part(tolerances)]
    page = write_report(rows, target, title=title, software=errors, chance=chance, tolerances=parts)
    warn_of_edited(rows)
    console().print(f"written: {page}", soft_wrap=True)
