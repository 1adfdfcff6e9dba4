"""`nsm sweep`: the sweep that a file describes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nsm.cli.edited import warn_of_edited
from nsm.cli.interrupts import keeping
from nsm.cli.options import DataDir, Threads, console, use_threads
from nsm.cli.sweep_check import OnlyCheck, ShowSchema, show_check, show_schema

if TYPE_CHECKING:
    from nsm.sweeps.spec.sweep_file import Sweep
    from nsm.sweeps.spec.sweep_inputs import SweepInputs


def sweep(
    spec: Annotated[Path | None, typer.Argument(help="Sweep file (TOML).")] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="File of the rows, .csv or .parquet; the same command resumes it."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes on this machine (default: 1).", min=1)
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(help="Address of a Dask scheduler, such as tcp://host:8786, instead."),
    ] = None,
    part: Annotated[
        str | None,
        typer.Option(help="i/n: every n-th row from the i-th, for an array of n batch jobs."),
    ] = None,
    block: Annotated[
        int | None, typer.Option(help="Images of a chip that one worker reads at once.", min=1)
    ] = None,
    example: Annotated[
        bool, typer.Option("--example", help="Print a sweep file to start from.")
    ] = False,
    schema: ShowSchema = False,
    check: OnlyCheck = False,
    data_dir: DataDir = None,
    seed: Annotated[int | None, typer.Option(help="Instead of the file's seed.", min=0)] = None,
    threads: Threads = 2,
) -> None:
    """Run the sweep of a file: one row per point and chip, written as soon as it is finished."""
    from nsm.sweeps.spec.sweep_file import SAMPLE, read_sweep

    if example:
        typer.echo(SAMPLE, nl=False)
        return
    if schema:
        show_schema()
        return
    if spec is None:
        raise ValueError("which sweep? give a file; `nsm sweep --example` prints one to start from")
    _check_workers(workers, scheduler)
    chosen = None if part is None else part_of(part)
    save_to = file_of_part(out or spec.with_suffix(".csv"), chosen)
    _check_rows(save_to)
    described = read_sweep(spec)
    use_threads(threads)

    from nsm.sweeps.spec.sweep_inputs import sweep_inputs

    inputs = sweep_inputs(described, data_dir, save_to=save_to)
    if check:
        show_check(described, inputs, save_to, workers or 1)
        return
    with keeping(lambda: _kept(save_to)), _executor(workers or 1, scheduler) as executor:
        options = {"save_to": save_to, "executor": executor, "part": chosen, "block": block}
        rows = _collected(described, inputs, described.seed if seed is None else seed, options)
    warn_of_edited([save_to])
    console().print(f"{rows} rows in {save_to}")


def _kept(path: Path) -> str:
    """Return what a stopped sweep leaves, for the message."""
    from nsm.sweeps.rows.stored_rows import journal_of

    lines = 0
    with suppress(OSError):
        lines = journal_of(path).read_bytes().count(b"\n")
    rows = max(0, lines - 1)
    return f"{rows} finished rows are in {journal_of(path)}; the same command goes on from there"


def _check_rows(path: Path) -> None:
    """Raise unless rows can have the form that the name of their file tells."""
    from nsm.sweeps.rows.parquet import check_pyarrow
    from nsm.sweeps.rows.places import check_row_files

    check_row_files(path)
    check_pyarrow(path)


def _check_workers(workers: int | None, scheduler: str | None) -> None:
    """Raise ValueError if two options say who runs the sweep."""
    if scheduler is not None and workers is not None:
        raise ValueError(
            f"--workers {workers} has no effect with --scheduler {scheduler}, whose workers run "
            "the sweep; leave one out"
        )


def _collected(described: Sweep, inputs: SweepInputs, rng: int, options: dict[str, Any]) -> int:
    """Run the sweep of a file and return the number of its rows; options as of `collect`."""
    from nsm.sweeps import collect
    from nsm.sweeps.rows.sidecar import describing

    with describing(data={"name": described.data, **described.data_options}):
        rows = collect(
            inputs.tasks,
            inputs.x,
            inputs.y,
            chips=described.chips,
            samples=described.samples,
            rng=rng,
            sampling=described.sampling,
            calibrate=inputs.calibrate,
            until=described.until,
            **options,
        )
    return len(rows)


@contextmanager
def _executor(workers: int, scheduler: str | None) -> Iterator[Any]:
    """Yield what runs the jobs: None for this process, processes, or a Dask client."""
    if scheduler is not None:
        from nsm.sweeps.workers.dask_workers import connected

        with connected(scheduler) as client:
            yield client
    elif workers > 1:
        from nsm.sweeps import worker_pool

        with worker_pool(workers) as pool:
            yield pool
    else:
        yield None


def part_of(text: str) -> tuple[int, int]:
    """Return the part that a text i/n names, 1 ≤ i ≤ n.

    Raises:
        ValueError: The text has another form.
    """
    found = re.fullmatch(r"(\d+)/(\d+)", text)
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise ValueError(
            f"--part {text!r} is not allowed; give i/n, the i-th of n parts with 1 ≤ i ≤ n, such "
            "as --part 1/4"
        )
    return int(found[1]), int(found[2])


def file_of_part(path: Path, part: tuple[int, int] | None) -> Path:
    """Return the file of a part: levels.csv becomes levels.1-of-4.csv; `path` for no part."""
    return path if part is None else path.with_suffix(f".{part[0]}-of-{part[1]}{path.suffix}")
