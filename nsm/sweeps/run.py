"""Running the tasks of a sweep: one row per task and chip, resumable, in many processes."""

import hashlib
import multiprocessing
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from threadpoolctl import threadpool_limits

from crossbar.threads import threads as threads_of_loops
from devices.seeding import RNG, child, seed_number, seed_sequence
from nsm.chips.calibration import has_open_converters
from nsm.chips.map import map_to_crossbar
from nsm.chips.monte_carlo import wrong_images
from nsm.nn.inference import Labels
from nsm.progress import progress_bar
from nsm.sweeps.axes import CHIP_AXES
from nsm.sweeps.calibration import Calibration
from nsm.sweeps.data import Images, check_saving, check_settings, checked_data, few_of
from nsm.sweeps.identity import canonical, short_hash
from nsm.sweeps.row_file import IDENTITY, RESULTS, RowFile, from_row
from nsm.sweeps.tasks import Task

#: The arguments of `run_task` except `threads`.
Job = tuple[Task, int, Images, Labels, int, int, str, Calibration | None]


def worker_pool(workers: int) -> ProcessPoolExecutor:
    """Return an executor of `workers` fresh processes.

    The processes are spawned: a fork of one that has run threads of torch or numba may hang.
    """
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))


def run_task(
    task: Task,
    chip: int,
    x: Images,
    y: Labels,
    samples: int,
    seed: int,
    sampling: str,
    calibration: Calibration | None,
    threads: int | None,
) -> dict[str, Any]:
    """Return the result of one chip of one task: task, chip, errors, wrong, seed, elapsed [s].

    The chip is `map_to_crossbar(..., rng=seed)`, calibrated (`chip.calibrate(..., rng=seed)`, if it
    has converters of open range), aged, changed by the common-mode gain, compensated if the task
    says so, and read by `wrong_images(..., rng=seed)`. A chip that is compensated is calibrated
    again with it.

    Args:
        task: The point of the sweep.
        chip: Number of the chip, which the row repeats.
        x: Images (n, ...).
        y: Labels (n, ...).
        samples: Noisy passes per image.
        seed: seed of the chip and of its reads.
        sampling: "exact" or "moments".
        calibration: How the chip is calibrated; None if it is not.
        threads: threads of the numerical libraries; None: as they are set.
    """
    start = time.perf_counter()
    with ExitStack() as limits:
        if threads is not None:
            limits.enter_context(threadpool_limits(threads))
            limits.enter_context(threads_of_loops(threads))
        mapped = map_to_crossbar(
            task.model,
            task.hardware,
            rng=seed,
            reprogrammed_scale=task.reprogrammed_scale,
            example=few_of(x),
        )
        is_calibrated = calibration is not None and has_open_converters(mapped.layers)
        if calibration is not None and is_calibrated:
            mapped.calibrate(calibration.images, **calibration.options, rng=seed)
        mapped.age(task.seconds)
        mapped.scale_conductances(task.gain)
        per = task.compensation
        if calibration is not None and is_calibrated and per is not None:
            mapped.calibrate(calibration.images, **calibration.options, compensation=per, rng=seed)
        elif per is not None:
            mapped.compensate(per, rng=seed)
        wrong = wrong_images(mapped, x, y, samples, rng=seed, sampling=sampling)
    return {
        "task": task.id,
        "chip": chip,
        "errors": int(wrong.sum()),
        "wrong": np.flatnonzero(wrong),
        "seed": seed,
        "elapsed": round(time.perf_counter() - start, 3),
    }


def _hashed(images: Images) -> list[tuple[Any, ...]]:
    """Return what identifies arrays that are too large to be copied into canonical bytes."""
    inputs = images if isinstance(images, tuple) else (images,)
    digests = [hashlib.sha256(np.ascontiguousarray(part)).digest() for part in inputs]
    return [(part.shape, part.dtype.str, d) for part, d in zip(inputs, digests, strict=True)]


@dataclass(frozen=True)
class _Settings:
    """What all tasks of one call of `collect` share, checked."""

    x: Images
    y: Labels
    calibration: Calibration | None
    chips: int
    samples: int
    sampling: str
    seed: np.random.SeedSequence

    def experiment(self, tasks: Sequence[Task]) -> str:
        """Return short hashes of what all rows of one file share, see `row_file.SHARED`."""
        bases = sorted({canonical(t.base) for t in tasks})
        reads = [self.samples, self.sampling, self.seed.entropy, self.seed.spawn_key]
        if self.calibration is not None:
            reads += [_hashed(self.calibration.images), self.calibration.options]
        parts = (
            IDENTITY,
            short_hash((*_hashed(self.x), self.y), 8),
            short_hash(bases, 8),
            short_hash(reads, 8),
        )
        return "-".join(parts)

    def jobs(self, tasks: Sequence[Task], done: Collection[tuple[str, int]]) -> list[Job]:
        """Return one job per task and chip that is not done; chip c has one seed in all tasks."""
        seeds = [seed_number(child(self.seed, c)) for c in range(self.chips)]
        return [
            (task, c, self.x, self.y, self.samples, seeds[c], self.sampling, self.calibration)
            for task in tasks
            for c in range(self.chips)
            if (task.id, c) not in done
        ]


@dataclass(frozen=True)
class _Rows:
    """Completes the results of `run_task` to rows, whose columns it fixes."""

    tasks: Mapping[str, Task]  # by id
    shared: Mapping[str, Any]  # columns that are the same in every row

    @cached_property
    def parameters(self) -> list[str]:
        """Names of all axes of the tasks, except those of `CHIP_AXES`, in order."""
        names = dict.fromkeys(name for t in self.tasks.values() for name in t.parameters)
        return [name for name in names if name not in CHIP_AXES]

    @property
    def columns(self) -> list[str]:
        """Names of all columns."""
        return ["network", *self.parameters, *CHIP_AXES, *RESULTS]

    def complete(self, result: Mapping[str, Any]) -> dict[str, Any]:
        """Return the row of a result of `run_task`; an axis that its task lacks is None.

        Args:
            result: What `run_task` returned, or the row that holds it.
        """
        task = self.tasks[result["task"]]
        return {
            "network": task.network,
            **dict.fromkeys(self.parameters),
            **task.parameters,
            **{name: task.parameters.get(name, getattr(task, name)) for name in CHIP_AXES},
            **{name: result[name] for name in ("chip", "errors", "seed", "elapsed", "task")},
            "model": task.model_id,
            **self.shared,
        }


def _results(jobs: list[Job], executor: Executor | None) -> Iterator[dict[str, Any]]:
    """Yield the results of the jobs as they finish."""
    if executor is None:
        for job in jobs:
            yield run_task(*job, threads=None)
        return
    futures = [executor.submit(run_task, *job, threads=1) for job in jobs]
    try:
        for future in as_completed(futures):
            yield future.result()
    finally:  # after an error, jobs that have not started are not worth starting
        for future in futures:
            future.cancel()


def collect(
    tasks: Sequence[Task],
    x: Any,
    y: ArrayLike,
    *,
    chips: int,
    samples: int,
    rng: RNG,
    save_to: str | Path | None = None,
    executor: Executor | None = None,
    progress: bool = True,
    sampling: str = "exact",
    calibrate: Any = None,
    keep_wrong: bool = False,
) -> pd.DataFrame:
    """Run every task on `chips` chips and return one row per task and chip, in that order.

    Chip number c has the same seed in every task, so that curves compare the same chips. The rows
    do not depend on the executor or on the number of its workers. One file may hold more values,
    networks and chips of the same experiment; a file of another experiment is refused, and the
    message says what differs.

    Args:
        tasks: From `grid`.
        x: Images (n, ...), as the networks take them; a tuple of arrays for several inputs.
        y: Labels 0, ..., classes − 1, (n,); (n, ...) if outputs have further axes, as in
            segmentation.
        chips: chips per task, each programmed from its own seed.
        samples: Noisy passes per image.
        rng: A seed, a Generator, or None.
        save_to: CSV to which every row is appended when it is finished; the same call resumes it.
            Needs a seed, since with `rng=None` there is nothing to resume by.
        executor: Runs the jobs, see `worker_pool`; None: this process.
        progress: Whether to show a progress bar.
        sampling: "exact" draws every cell, "moments" one normal per output.
        calibrate: Images on which every chip with converters of open range is calibrated; or a
            mapping with these as "x" and options: {"x": images, "method": "least_squares"}, see
            `MappedNetwork.calibrate`. None (default): open DACs are refused. A point with a
            compensation is calibrated again, with it, after age and gain.
        keep_wrong: Whether rows hold in "wrong" the numbers of the images (places in `y.ravel()`)
            that were wrong, for `nsm.statistics`. Not with `save_to`: a file holds counts only.

    Returns:
        Columns network, the axes, gain, reprogrammed_scale, seconds (age [s]), chip, errors,
        images (number of labels), samples, seed (`map_to_crossbar(model, hardware, rng=seed)`
        makes the same chip), elapsed [s], and hashes: model, task, experiment; wrong if asked.

    Raises:
        ValueError: Bad data or arguments, or points, before any work (see `point_checks`).
    """
    if not tasks:
        raise ValueError(
            "there are no tasks to run; make some with nsm.grid(model, hardware, axes)"
        )
    check_settings(chips=chips, samples=samples, sampling=sampling)
    check_saving(save_to, rng=rng, keep_wrong=keep_wrong)
    settings = _Settings(
        *checked_data(tasks, x, y, calibrate), chips, samples, sampling, seed_sequence(rng)
    )
    return _collect(tasks, settings, save_to, executor, progress, keep_wrong)


def _collect(
    tasks: Sequence[Task],
    settings: _Settings,
    save_to: str | Path | None,
    executor: Executor | None,
    progress: bool,
    keep_wrong: bool,
) -> pd.DataFrame:
    """Run the jobs that the file lacks and return the rows; arguments as of `collect`."""
    by_id = {t.id: t for t in tasks}
    experiment = settings.experiment(tasks)
    shared = {"images": settings.y.size, "samples": settings.samples, "experiment": experiment}
    rows = _Rows(by_id, shared)
    models = {t.training: t.model_id for t in tasks}
    file = None if save_to is None else RowFile(save_to, rows.columns, experiment, models)
    done = {key: from_row(row) for key, row in file.done.items()} if file else {}
    with file or nullcontext(), progress_bar(enabled=progress) as bar:
        jobs = settings.jobs(list(by_id.values()), done)
        total = len(by_id) * settings.chips
        if file:
            file.plan((job[0].id, job[1]) for job in jobs)
        item = bar.add_task("sweep", total=total, completed=total - len(jobs), note="")
        for result in _results(jobs, executor):
            row = rows.complete(result)
            done[result["task"], result["chip"]] = result
            if file:
                file.append(row)
            error = row["errors"] / row["images"]
            bar.update(item, advance=1, note=f"{row['network']} error {error:.2%}")
        if file:
            file.finish(done)
    # A file may hold more tasks and chips, and show their values under other names.
    asked = [done[task, chip] for task in by_id for chip in range(settings.chips)]
    frame = pd.DataFrame([rows.complete(result) for result in asked], columns=rows.columns)
    if keep_wrong:
        frame["wrong"] = [result["wrong"] for result in asked]
    return frame
