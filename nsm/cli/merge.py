"""`nsm merge`: the rows of several parts of a sweep in one file."""

from pathlib import Path
from typing import Annotated

import typer

from nsm.cli.edited import warn_of_edited
from nsm.cli.options import console


def merge(
    rows: Annotated[list[Path], typer.Argument(help="Files of rows (CSV or Parquet).")],
    out: Annotated[
        Path, typer.Option(help="File to write (.csv or .parquet); its own rows are kept.")
    ],
) -> None:
    """Merge files of rows of one sweep; refuses other experiments and rows that do not agree."""
    from nsm.sweeps.rows.merge import merge_rows

    table = merge_rows(rows, out)
    warn_of_edited([out])
    missing = table.attrs["planned"] - table.attrs["rows"]
    console().print(
        f"{len(table)} rows of {len(rows)} files in {out}; {table.attrs['doubles']} were doubles, "
        + (f"{missing} are still missing" if missing else "none is missing"),
        soft_wrap=True,
        highlight=False,
    )
