"""`python -m nsm.paper`: run the table and write the report."""

from pathlib import Path
from typing import Annotated

import typer

from nsm.cli.errors import clear_errors
from nsm.paper.report import write_report
from nsm.paper.run import run


def main(
    out: Annotated[
        Path,
        typer.Option(help="Folder of results and of trainings under way; the same one resumes."),
    ] = Path("results/paper"),
    report: Annotated[Path, typer.Option(help="Folder for RESULTS.md and its figures.")] = Path(
        "results/paper"
    ),
    only: Annotated[
        list[str] | None,
        typer.Option(help="Names of experiments; default: all that are affordable."),
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Folder of the data (default: NSM_DATA_DIR).")
    ] = None,
    workers: Annotated[int, typer.Option(help="Experiments at once, a thread each.", min=1)] = 2,
) -> None:
    """Run the paper's experiments, resuming what was begun, and write RESULTS.md."""
    run(out, only or None, data_dir=data_dir, workers=workers)
    typer.echo(write_report(out, report))


if __name__ == "__main__":
    with clear_errors():
        typer.run(main)
