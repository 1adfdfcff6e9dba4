"""Jobs on their way through workers: a few at a time, and again if a worker dies.

A call of a worker costs its scheduler a few milliseconds. Jobs that take a fraction of a second
travel together in a bundle, and return together.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, Protocol

from nsm.sweeps.workers.contents import Shelf
from nsm.sweeps.workers.work import Job, Lacked, contents_of, run_jobs

#: How often a job is run in all if its worker dies every time.
TRIES = 3
#: Jobs that are on their way for each worker, so that it never waits for the next one.
PER_WORKER = 2
#: Time that a bundle of jobs is to take [s]: long beside what its call costs.
_SECONDS = 0.5
#: Time that a bundle takes at least for each worker [s]: what a call costs the one process that
#: serves all workers.
_SECONDS_PER_WORKER = 0.01
#: Most jobs of a bundle.
_MOST = 100
#: Bundles that each worker is still to get, so that all of them end at about the same time.
_LEFT_PER_WORKER = 4


class Workers(Protocol):
    """Runs jobs."""

    def count(self) -> int:
        """Return the number of workers."""
        ...

    def submit(self, jobs: list[Job], sent: list[bytes]) -> Any:
        """Start some jobs and return their future; `sent` are bytes that their worker lacked."""
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
    work: Callable[..., Any] = run_jobs

    def count(self) -> int:
        """Return the number of workers; that of processors if the executor does not tell."""
        found = getattr(self.executor, "workers", None) or getattr(
            self.executor, "_max_workers", None
        )
        return found if isinstance(found, int) else os.cpu_count() or 1

    def submit(self, jobs: list[Job], sent: list[bytes]) -> Any:
        """Start some jobs and return their future."""
        try:
            return self.executor.submit(self.work, jobs, threads=1, sent=sent)
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
    """A bundle of jobs on its way.

    Attributes:
        jobs: The jobs.
        deaths: Workers that died while they ran.
        sent: Whether their worker was sent what it lacked.
        future: Their future.
    """

    jobs: list[Job]
    deaths: int = 0
    sent: bool = False
    future: Any = None

    def apart(self, deaths: int) -> list[_Run]:
        """Return the jobs as runs of their own, after so many further deaths."""
        return [_Run([job], self.deaths + deaths) for job in self.jobs]


class _Bundles:
    """Cuts jobs into bundles: the first ones hold one job, later ones as many as time allows.

    Args:
        jobs: The jobs, made one by one.
        rows: How many rows they make at least.
    """

    def __init__(self, jobs: Iterator[Job], rows: int):
        self._jobs = jobs
        self._rows = rows
        self._taken = 0
        self._done = 0
        self._seconds = 0.0

    def count_in(self, results: list[dict[str, Any]]) -> None:
        """Learn from finished jobs how long one takes."""
        self._done += len(results)
        self._seconds += sum(result["elapsed"] for result in results)

    def next(self, workers: int) -> list[Job]:
        """Return the next bundle; it is empty when no job is left."""
        size = 1
        if self._done:
            seconds = max(_SECONDS, _SECONDS_PER_WORKER * workers)
            in_time = int(seconds * self._done / max(self._seconds, 1e-3))
            left = (self._rows - self._taken) // (_LEFT_PER_WORKER * workers)
            size = max(1, min(in_time, left, _MOST))
        bundle = list(itertools.islice(self._jobs, size))
        self._taken += len(bundle)
        return bundle


def results(
    jobs: Iterator[Job], rows: int, workers: Workers, shelf: Shelf, name_of: Callable[[Job], str]
) -> Iterator[tuple[Job, dict[str, Any]]]:
    """Yield the jobs and their results as they finish.

    Jobs are taken and submitted as workers become free. A job whose worker dies runs again; it is
    run `TRIES` times in all. Dask has a number of its own (`distributed.scheduler.allowed-failures`
    and one): what it gives up is not run again. Jobs of a bundle that fails run again one by one.

    Args:
        jobs: The jobs, made one by one.
        rows: How many rows they make at least.
        workers: What runs them.
        shelf: Where workers find values.
        name_of: Returns what messages call a job.

    Raises:
        OSError: The worker died in every run of a job, which is named.
    """
    finished: SimpleQueue[int] = SimpleQueue()
    running: dict[int, _Run] = {}
    numbers = itertools.count()
    bundles = _Bundles(jobs, rows)

    def start(run: _Run, sent: list[bytes]) -> None:
        number = next(numbers)
        run.future = workers.submit(run.jobs, sent)
        running[number] = run
        run.future.add_done_callback(lambda _: finished.put(number))

    try:
        while True:
            while len(running) < PER_WORKER * (count := max(1, workers.count())):
                bundle = bundles.next(count)
                if not bundle:
                    break
                start(_Run(bundle), [])
            if not running:
                return
            run = running.pop(finished.get())
            try:
                found = run.future.result()
            except BaseException as problem:
                for again in _after(problem, run, workers, name_of):
                    start(again, [])
                continue
            if isinstance(found, Lacked):
                start(run, _bytes_for(run, shelf))
                continue
            bundles.count_in(found)
            yield from zip(run.jobs, found, strict=True)
    finally:  # after an error, jobs that have not started are not worth starting
        for run in running.values():
            run.future.cancel()


def _after(
    problem: BaseException, run: _Run, workers: Workers, name_of: Callable[[Job], str]
) -> list[_Run]:
    """Return what runs again after a problem; jobs that have failed alone raise it."""
    given_up = workers.given_up_after(problem)
    died = not given_up and workers.has_died(problem)
    if len(run.jobs) > 1 and isinstance(problem, Exception):
        return run.apart(deaths=int(died or given_up > 0))
    if given_up:
        raise _dead(run, name_of, given_up) from problem
    if not died:
        raise problem
    (again,) = run.apart(deaths=1)
    if again.deaths >= TRIES:
        raise _dead(run, name_of, again.deaths) from problem
    return [again]


def _dead(run: _Run, name_of: Callable[[Job], str], deaths: int) -> ChildProcessError:
    """Return the error of a job whose workers have died too often."""
    return ChildProcessError(
        f"{name_of(run.jobs[0])}: {deaths} workers died, one after the other, while they computed "
        "this chip (they crashed, or were killed, perhaps for lack of memory); finished rows are "
        "kept: use fewer workers at a time, or leave this point out"
    )


def _bytes_for(run: _Run, shelf: Shelf) -> list[bytes]:
    """Return the bytes of all values of some jobs, since the next worker may lack others."""
    if run.sent:
        raise RuntimeError(f"a worker lacks values of task {run.jobs[0].task} that were sent to it")
    run.sent = True
    return [shelf.data(content) for content in contents_of(run.jobs)]
