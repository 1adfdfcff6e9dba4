"""`python -m nsm.paper`: run the table and write the report."""

from pathlib import Path
from typing import Annotated

import typer

from nsm.cli.errors import clear_errors
from nsm.paper.report import write_report
from nsm.paper.run import run
from nsm.places import check_folder

OutOption = Annotated[
    Path, typer.Option(help="Folder of results and unfinished trainings; the same one resumes.")
]
ReportOption = Annotated[Path, typer.Option(help="Folder for RESULTS.md and its figures.")]
OnlyOption = Annotated[
    list[str] | None,
    typer.Option(help="Names of experiments; default: all that are affordable."),
]
DataOption = Annotated[
    Path | None, typer.Option(help="Folder of the data (default: NSM_DATA_DIR).")
]
WorkersOption = Annotated[
    int, typer.Option(help="Experiments at the same time, one thread each.", min=1)
]
EarlierOption = Annotated[
    Path | None,
    typer.Option(help="Folder of results that count as done, such as examples/paper/results."),
]


def main(
    out: OutOption = Path("results/paper"),
    report: ReportOption = Path("results/paper"),
    only: OnlyOption = None,
    data_dir: DataOption = None,
    workers: WorkersOption = 2,
    earlier: EarlierOption = None,
) -> None:
    """Run the paper's experiments, resume unfinished ones, and write RESULTS.md."""
    check_folder(out)
    check_folder(report, ("RESULTS.md",))
    run(out, only or None, data_dir=data_dir, workers=workers, earlier=earlier)
    typer.echo(write_report(out, report))


if __name__ == "__main__":
    with clear_errors():
        typer.run(main)
