"""`nsm demo`: the demonstration of `nsm.cli.demo` as a command."""

from pathlib import Path
from typing import Annotated

import typer

from nsm.cli.interrupts import keeping
from nsm.cli.options import Seed, Threads, Workers, console, use_threads


def demo(
    out: Annotated[Path, typer.Option(help="Folder for rows, figures and index.html.")] = Path(
        "results"
    ),
    workers: Workers = 2,
    seed: Seed = 0,
    threads: Threads = 1,
) -> None:
    """Train three networks on digits, map them to a FeFET crossbar, sweep five non-idealities."""
    from nsm.places import check_folder

    check_folder(out)  # before the demonstration imports torch

    from nsm.cli import demo as demonstration

    use_threads(threads)
    with keeping(lambda: f"finished rows are in {out}; the same command goes on from there"):
        page = demonstration.run(out, workers=workers, seed=seed)
    console().print(f"done: open {page}")
