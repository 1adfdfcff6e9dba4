"""Jobs on their way through workers: a few at a time, and again if a worker dies."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, Protocol

from nsm.sweeps.workers.contents import Shelf
from nsm.sweeps.workers.work import Job, Lacked, run_job

#: How often a job is run in all if its worker dies every time.
TRIES = 3
#: Jobs that are on their way for each worker, so that it never waits for the next one.
PER_WORKER = 2


class Workers(Protocol):
    """Runs jobs."""

    def count(self) -> int:
        """Return the number of workers."""
        ...

    def submit(self, job: Job, sent: list[bytes]) -> Any:
        """Start a job and return its future; `sent` are bytes that its worker lacked."""
        ...

    def has_died(self, problem: BaseException) -> bool:
        """Return whether a problem is the death of a worker, after which the job may run again.

        Raises:
            OSError: No job can run anymore.
        """
        ...

    def given_up_after(self, problem: BaseException) -> int:
        """Return how many workers died before the executor itself gave the job up; 0 if not so.

        Such a job is not run again.
        """
        ...


@dataclass(frozen=True)
class PoolWorkers:
    """The workers of an executor of `concurrent.futures`.

    Attributes:
        executor: The executor.
        work: What workers compute, see `run_job`.
    """

    executor: Executor
    work: Callable[..., Any] = run_job

    def count(self) -> int:
        """Return the number of workers; that of processors if the executor does not tell."""
        found = getattr(self.executor, "workers", None) or getattr(
            self.executor, "_max_workers", None
        )
        return found if isinstance(found, int) else os.cpu_count() or 1

    def submit(self, job: Job, sent: list[bytes]) -> Any:
        """Start a job and return its future."""
        try:
            return self.executor.submit(self.work, job, threads=1, sent=sent)
        except BrokenExecutor as problem:
            raise ChildProcessError(
                "a worker process died, and the executor starts no other one; give "
                "executor=nsm.sweeps.worker_pool(n), which replaces its workers, and run the same "
                "command again: with save_to it goes on from the rows of the file"
            ) from problem

    def has_died(self, problem: BaseException) -> bool:
        """Return whether a problem is the death of a worker."""
        return isinstance(problem, BrokenExecutor)

    def given_up_after(self, problem: BaseException) -> int:
        """Return 0: executors run a job once."""
        return 0


@dataclass
class _Run:
    """A job on its way.

    Attributes:
        job: The job.
        future: Its future.
        deaths: Workers that died while it ran.
        sent: Whether its worker was sent what it lacked.
    """

    job: Job
    future: Any
    deaths: int = 0
    sent: bool = False


def results(
    jobs: Iterator[Job], workers: Workers, shelf: Shelf, name_of: Callable[[Job], str]
) -> Iterator[tuple[Job, dict[str, Any]]]:
    """Yield the jobs and their results as they finish.

    Jobs are taken and submitted as workers become free. A job whose worker dies runs again; it is
    run `TRIES` times in all. Dask has a number of its own (`distributed.scheduler.allowed-failures`
    and one): what it gives up is not run again.

    Args:
        jobs: The jobs, made one by one.
        workers: What runs them.
        shelf: Where workers find values.
        name_of: Returns what messages call a job.

    Raises:
        OSError: The worker died in every run of a job, which is named.
    """
    finished: SimpleQueue[int] = SimpleQueue()
    running: dict[int, _Run] = {}
    started = 0

    def start(run: _Run, sent: list[bytes]) -> None:
        nonlocal started
        number, started = started, started + 1
        run.future = workers.submit(run.job, sent)
        running[number] = run
        run.future.add_done_callback(lambda _: finished.put(number))

    try:
        while True:
            while len(running) < PER_WORKER * max(1, workers.count()):
                job = next(jobs, None)
                if job is None:
                    break
                start(_Run(job, None), [])
            if not running:
                return
            run = running.pop(finished.get())
            try:
                result = run.future.result()
            except BaseException as problem:
                given_up = workers.given_up_after(problem)
                if given_up:
                    raise _dead(run, name_of, given_up) from problem
                if not workers.has_died(problem):
                    raise
                run.deaths += 1
                if run.deaths >= TRIES:
                    raise _dead(run, name_of, run.deaths) from problem
                start(run, [])
                continue
            if isinstance(result, Lacked):
                start(run, _bytes_for(run, shelf))
            else:
                yield run.job, result
    finally:  # after an error, jobs that have not started are not worth starting
        for run in running.values():
            run.future.cancel()


def _dead(run: _Run, name_of: Callable[[Job], str], deaths: int) -> ChildProcessError:
    """Return the error of a job whose workers have died too often."""
    return ChildProcessError(
        f"{name_of(run.job)}: {deaths} workers died, one after the other, while they computed this "
        "chip (they crashed, or were killed, perhaps for lack of memory); finished rows are kept: "
        "use fewer workers at a time, or leave this point out"
    )


def _bytes_for(run: _Run, shelf: Shelf) -> list[bytes]:
    """Return the bytes of all values of a job, since the next worker may lack others."""
    if run.sent:
        raise RuntimeError(f"a worker lacks values of task {run.job.task} that were sent to it")
    run.sent = True
    return [shelf.data(content) for content in run.job.contents]
