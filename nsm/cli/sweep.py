"""`nsm sweep`: the sweep that a file describes."""

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from nsm.cli.options import DataDir, Threads, Workers, console, use_threads


def sweep(
    spec: Annotated[Path | None, typer.Argument(help="Sweep file (TOML).")] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="File of the rows, .csv or .parquet; the same command resumes it."),
    ] = None,
    workers: Workers = 1,
    example: Annotated[
        bool, typer.Option("--example", help="Print a sweep file to start from.")
    ] = False,
    data_dir: DataDir = None,
    seed: Annotated[int | None, typer.Option(help="Instead of the file's seed.", min=0)] = None,
    threads: Threads = 2,
) -> None:
    """Run the sweep of a file: one row per point and chip, written as soon as it is finished."""
    from nsm.sweeps.parquet import check_pyarrow
    from nsm.sweeps.sweep_file import SAMPLE, read_sweep

    if example:
        typer.echo(SAMPLE, nl=False)
        return
    if spec is None:
        raise ValueError("which sweep? give a file; `nsm sweep --example` prints one to start from")
    save_to = out or spec.with_suffix(".csv")
    check_pyarrow(save_to)
    described = read_sweep(spec)

    from nsm.datasets import load_data
    from nsm.sweeps import collect, worker_pool
    from nsm.sweeps.networks import images_for, training_images
    from nsm.sweeps.sidecar import describing

    use_threads(threads)
    tasks = described.tasks()
    data = load_data(described.data, data_dir, **described.data_options)
    images = images_for(described.networks, data, described.data)
    calibrate = None
    if described.calibrate is not None:
        options = dict(described.calibrate)
        calibrate = {"x": training_images(data, images, options.pop("images")), **options}
    pool_of = nullcontext() if workers == 1 else worker_pool(workers)
    known = {"name": described.data, **described.data_options}
    with describing(data=known), pool_of as pool:
        rows = collect(
            tasks,
            images[: described.images],
            data.y_test[: described.images],
            chips=described.chips,
            samples=described.samples,
            rng=described.seed if seed is None else seed,
            save_to=save_to,
            executor=pool,
            sampling=described.sampling,
            calibrate=calibrate,
        )
    console().print(f"{len(rows)} rows in {save_to}")
