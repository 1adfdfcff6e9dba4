"""Running the tasks of a sweep: one row per task and chip, resumable, on many workers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from numpy.typing import ArrayLike

from devices.arguments import listed
from devices.seeding import RNG, seed_sequence
from devices.validation import boolean, instance
from nsm.progress import progress_bar
from nsm.sweeps.completed_rows import Blocks, Rows
from nsm.sweeps.data import check_saving, check_settings, checked_data
from nsm.sweeps.hashing.identity import remembering
from nsm.sweeps.rows.checked_lines import from_row
from nsm.sweeps.rows.row_file import RowFile
from nsm.sweeps.rows.sidecar import described, write_sidecar
from nsm.sweeps.rows.sidecar_file import note_finished
from nsm.sweeps.tasks import Task
from nsm.sweeps.until import Until
from nsm.sweeps.workers.contents import Shelf
from nsm.sweeps.workers.dask_workers import DaskWorkers, is_client
from nsm.sweeps.workers.dispatch import PoolWorkers, results
from nsm.sweeps.workers.jobs import (
    Experiment,
    check_block,
    check_until,
    checked_part,
)
from nsm.sweeps.workers.work import Job, run_job


def collect(
    tasks: Sequence[Task],
    x: Any,
    y: ArrayLike,
    *,
    chips: int,
    samples: int,
    rng: RNG,
    save_to: str | Path | None = None,
    executor: Any = None,
    progress: bool = True,
    sampling: str = "exact",
    calibrate: Any = None,
    part: tuple[int, int] | None = None,
    block: int | None = None,
    until: Until | None = None,
    keep_wrong: bool = False,
) -> pd.DataFrame:
    """Run every task on `chips` chips and return one row per task and chip, in that order.

    Chip number c has the same seed in every task, so that curves compare the same chips. The rows
    do not depend on executor, workers, parts or blocks. One file may hold more values, networks
    and chips of the same experiment; a file of another one is refused, and the message says why.

    Args:
        tasks: From `grid`.
        x: Images (n, ...), as the networks take them; a tuple of arrays for several inputs.
        y: Labels 0, ..., classes − 1, (n,); (n, ...) if outputs have further axes.
        chips: Chips per task, each programmed from its own seed.
        samples: Noisy passes per image.
        rng: A seed, a Generator, or None.
        save_to: File (.csv or .parquet) that gets each row when it is finished; the same call with
            a seed resumes it. A TOML file beside it tells what made the rows, see `sidecar`.
        executor: `worker_pool(n)`, another executor of `concurrent.futures`, or a Dask `Client`;
            None: this process. A job whose worker dies runs again, see `workers.dispatch`.
        progress: Whether to show a progress bar.
        sampling: "exact" draws every cell, "moments" one normal per output.
        calibrate: Images on which every chip with converters of open range is calibrated; or a
            mapping with these as "x" and options, see `Calibration.given`. None: open DACs are
            refused. A point with a compensation is calibrated again, with it, after age and gain.
        part: (i, n) for every n-th row from the i-th; the parts together are the rows of None.
        block: Images of one chip that a job reads, see `Experiment.jobs`; None: all.
        until: When a chip has read enough images, see `Until`; None: it reads all.
        keep_wrong: Whether "wrong" holds the places in `y.ravel()` that were wrong; not in a file.

    Returns:
        Columns network, the axes, gain, reprogrammed_scale, seconds (age [s]), chip, errors,
        images (labels that were read), samples, seed (of `map_to_crossbar(..., rng=seed)`), elapsed
        [s], and hashes: model, task, experiment; wrong if asked.

    Raises:
        ValueError: Bad data or arguments, or points, before any work (see `point_checks`).
        OSError: A job lost its worker in every run, the Dask scheduler is gone, or a row cannot be
            written. Rows in the file are kept.
    """
    check_executor(executor)
    save_to = check_saving(save_to, rng=rng, keep_wrong=keep_wrong, until=until)
    options = {"chips": chips, "samples": samples, "sampling": sampling, "until": until}
    plan = _planned(tasks, x, y, rng, calibrate, part, block, options)
    return _collect(plan, save_to, executor, boolean("progress", progress), keep_wrong)


@dataclass(frozen=True)
class _Plan:
    """What one call computes.

    Attributes:
        tasks: The tasks by their ids.
        experiment: What they share.
        identity: Its hashes, see `rows.experiment.SHARED`.
        part: Number of the part and how many there are; None for all rows.
        block: Images of a job; None for all.
    """

    tasks: dict[str, Task]
    experiment: Experiment
    identity: str
    part: tuple[int, int] | None
    block: int | None

    def rows(self) -> Rows:
        """Return what completes results to rows."""
        shared = {"samples": self.experiment.samples, "experiment": self.identity}
        return Rows(self.tasks, shared)

    def name_of(self, job: Job) -> str:
        """Return what messages call a job."""
        task = self.tasks[job.task]
        values = [f"{name} = {value!r}" for name, value in task.parameters.items()]
        return ", ".join([f"network {task.network!r}", *values, f"chip {job.chip}"])


def _planned(
    tasks: Sequence[Task],
    x: Any,
    y: ArrayLike,
    rng: RNG,
    calibrate: Any,
    part: Any,
    block: Any,
    options: dict[str, Any],
) -> _Plan:
    """Return what a call of `collect` computes, checked; arguments as there."""
    tasks = listed("tasks", tasks, "the list that nsm.grid returns")
    for task in tasks:
        instance("task in tasks", task, Task, advice="give what nsm.grid returns")
    if not tasks:
        raise ValueError(
            "there are no tasks to run; make some with nsm.grid(model, hardware, axes)"
        )
    check_settings(**{name: options[name] for name in ("chips", "samples", "sampling")})
    chosen = checked_part(part)
    check_block(block, options["until"], tasks, options["sampling"])
    with remembering():
        found = checked_data(tasks, x, y, calibrate)
        check_until(options["until"], found.labels)
        experiment = Experiment(
            x=found.images,
            y=found.labels,
            calibration=found.calibration,
            seed=seed_sequence(rng),
            plans=found.plans,
            **options,
        )
        by_id = {t.id: t for t in tasks}
        return _Plan(by_id, experiment, experiment.identity(tasks), chosen, block)


def check_executor(executor: Any) -> None:
    """Raise ValueError unless something can run jobs."""
    if executor is None or isinstance(executor, Executor) or is_client(executor):
        return
    raise ValueError(
        f"executor is a {type(executor).__name__}; give nsm.sweeps.worker_pool(n), another "
        "executor of concurrent.futures, or a Dask client: Client(cluster) or Client(address)"
    )


def _results(
    plan: _Plan, keys: Sequence[tuple[str, int]], executor: Any
) -> Iterator[tuple[Job, dict[str, Any]]]:
    """Yield jobs and their results as they finish."""
    if executor is None:
        for job in plan.experiment.jobs(plan.tasks, keys, plan.block, None):
            result = run_job(job)
            assert isinstance(result, dict)
            yield job, result
        return
    with Shelf() as shelf:
        workers = DaskWorkers(executor, shelf) if is_client(executor) else PoolWorkers(executor)
        jobs = plan.experiment.jobs(plan.tasks, keys, plan.block, shelf)
        yield from results(jobs, len(keys), workers, shelf, plan.name_of)


def _collect(
    plan: _Plan, save_to: str | Path | None, executor: Any, progress: bool, keep_wrong: bool
) -> pd.DataFrame:
    """Run the jobs that the file lacks and return the rows; arguments as of `collect`."""
    rows = plan.rows()
    models = {t.training: t.model_id for t in plan.tasks.values()}
    keys = plan.experiment.keys(plan.tasks, plan.part)
    file = None
    about = (list(plan.tasks.values()), plan.experiment, plan.identity)
    if save_to is not None:
        here = partial(described, save_to, *about)
        file = RowFile(save_to, rows.columns, plan.identity, models, here)
    done = {key: from_row(row) for key, row in file.done.items()} if file else {}
    missing = [key for key in keys if key not in done]
    blocks = Blocks()
    with file or nullcontext(), progress_bar(enabled=progress) as bar:
        if file:
            write_sidecar(file.path, *about)
            file.plan(missing)
        before = len(keys) - len(missing)
        item = bar.add_task("sweep", total=len(keys), completed=before, note="", unit="rows")
        for job, result in _results(plan, missing, executor):
            complete = blocks.add(job, result)
            if complete is None:
                continue
            wrong = complete.pop("wrong", None)
            done[job.task, job.chip] = complete | ({"wrong": wrong} if keep_wrong else {})
            row = rows.complete(complete)
            if file:
                file.append(row)
            bar.update(item, advance=1, note=_note(row))
        if file:
            file.finish(done)
            note_finished(file.path, len({*file.done, *done}))
    # A file may hold more tasks and chips, and show their values under other names.
    table = pd.DataFrame([rows.complete(done[key]) for key in keys], columns=rows.columns)
    if keep_wrong:
        table["wrong"] = [done[key]["wrong"] for key in keys]
    return table


def _note(row: dict[str, Any]) -> str:
    """Return what the progress bar tells of a row."""
    error = row["errors"] / row["images"] if row["images"] else 0.0
    return f"{row['network']} error {100 * error:.2f} %"
