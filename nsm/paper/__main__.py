"""`python -m nsm.paper`: run the table and write the report."""

from pathlib import Path
from typing import Annotated

import typer

from nsm.cli.errors import clear_errors
from nsm.cli.interrupts import clear_interrupts, keeping
from nsm.paper.markdown import table
from nsm.paper.report import write_report
from nsm.paper.run import find_experiments, run
from nsm.paper.table import EXPERIMENTS, GROUPS
from nsm.places import check_folder

OutOption = Annotated[
    Path, typer.Option(help="Folder of results and unfinished trainings; the same one resumes.")
]
ReportOption = Annotated[
    Path | None,
    typer.Option(help="Folder for RESULTS.md and its figures (default: that of --out)."),
]
OnlyOption = Annotated[
    list[str] | None,
    typer.Option(
        help=f"An experiment, or a group ({', '.join(GROUPS)}); repeat it to run several. Default: "
        "all that data and machine allow."
    ),
]
DataOption = Annotated[
    Path | None, typer.Option(help="Folder of the data (default: NSM_DATA_DIR).")
]
WorkersOption = Annotated[
    int, typer.Option(help="Experiments at the same time, one thread each.", min=1)
]
EarlierOption = Annotated[
    Path | None,
    typer.Option(help="Folder of results that count as done, such as examples/paper/runs."),
]
ElsewhereOption = Annotated[
    Path | None,
    typer.Option(help="Folder of results that are taken over where this machine cannot run them."),
]
ListOption = Annotated[bool, typer.Option("--list", help="Print the table of experiments.")]


def main(
    out: OutOption = Path("results/paper"),
    report: ReportOption = None,
    only: OnlyOption = None,
    data_dir: DataOption = None,
    workers: WorkersOption = 2,
    earlier: EarlierOption = None,
    elsewhere: ElsewhereOption = None,
    list_only: ListOption = False,
) -> None:
    """Run the paper's experiments, resume unfinished ones, and write RESULTS.md."""
    if list_only:
        typer.echo("\n".join(listed(only)))
        return
    report = out if report is None else report
    check_folder(out)
    check_folder(report, ("RESULTS.md",))
    with keeping(lambda: kept(out)):
        run(
            out, only or None, data_dir=data_dir, workers=workers, earlier=earlier,
            elsewhere=elsewhere,
        )  # fmt: skip
    typer.echo(write_report(out, report))


def kept(out: Path) -> str:
    """Return what a stopped run leaves, and how it goes on."""
    return f"finished results and epochs are in {out}; the same command goes on from there"


def listed(names: list[str] | None = None) -> list[str]:
    """Return the rows of the table of experiments, of those that are named or all."""
    experiments = find_experiments(names or [e.name for e in EXPERIMENTS])
    groups = {section: name for name, section in GROUPS.items()}
    header = ["experiment", "group", "network", "data", "epochs", "seeds", "samples", "paper [%]"]
    rows = [
        [e.name, groups[e.section], e.label, e.data, e.epochs, len(e.seeds), e.samples, e.paper]
        for e in experiments
    ]
    return table(header, rows)


if __name__ == "__main__":
    with clear_errors(), clear_interrupts():
        typer.run(main)
