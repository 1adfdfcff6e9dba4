"""The measurements of a search as jobs, in this process or in several."""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Any

from threadpoolctl import threadpool_limits

from crossbar.threads import set_threads
from nsm.verdict.bench import Bench

#: A function of the bench and further arguments, and these.
Job = tuple[Callable[..., Any], tuple[Any, ...]]

#: What a worker process measures with; set once when it starts.
_BENCH: list[Bench] = []


def _start(bench: Bench) -> None:
    """Keep the bench of a worker process, which computes on one thread."""
    threadpool_limits(1)
    set_threads(1)
    _BENCH[:] = [bench]


def _run(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """Return the result of a job in a worker process."""
    return function(_BENCH[0], *arguments)


class Jobs:
    """Runs jobs on one bench; images and networks travel to each worker once.

    Args:
        bench: Networks and images.
        workers: Number of processes; 1 for this one alone.
    """

    def __init__(self, bench: Bench, workers: int):
        self._bench = bench
        self._pool: ProcessPoolExecutor | None = None
        if workers > 1:
            self._pool = ProcessPoolExecutor(
                workers,
                mp_context=multiprocessing.get_context("spawn"),
                initializer=_start,
                initargs=(bench,),
            )

    def __enter__(self) -> "Jobs":
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def results(self, jobs: Sequence[Job]) -> Iterator[tuple[int, Any]]:
        """Yield number and result of every job as it finishes."""
        if self._pool is None:
            for number, (function, arguments) in enumerate(jobs):
                yield number, function(self._bench, *arguments)
            return
        futures = {self._pool.submit(_run, *job): number for number, job in enumerate(jobs)}
        for future in as_completed(futures):
            yield futures[future], future.result()
