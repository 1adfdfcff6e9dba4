"""The measurements of a search, in this process or in several."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from crossbar.threads import threads as threads_of_loops
from nsm.sweeps.workers.contents import Shelf, Source
from nsm.sweeps.workers.dispatch import TRIES
from nsm.sweeps.workers.processes import worker_pool
from nsm.thread_limits import limited_libraries
from nsm.verdict.bench import Bench


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """A function of the bench.

    Attributes:
        name: What messages call it, such as "network 'NSM', levels".
        function: Takes the bench and the arguments.
        arguments: The arguments after the bench.
    """

    name: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...]

    def result(self, bench: Bench) -> Any:
        """Return the result on a bench."""
        return self.function(bench, *self.arguments)


def _measure(bench: Source, measurement: Measurement) -> Any:
    """Return the result in a worker process, which keeps the bench and computes on one thread."""
    with limited_libraries(1), threads_of_loops(1):
        return measurement.result(bench.value())


class Measurements:
    """Runs measurements on one bench; images and networks travel to each worker once.

    The processes are those of `nsm.sweeps.worker_pool`: a script needs no
    `if __name__ == "__main__":`, and a worker that dies is replaced.

    Args:
        bench: Networks and images.
        workers: Number of processes; 1 for this one alone.

    Attributes:
        workers: As given.
    """

    def __init__(self, bench: Bench, workers: int):
        self._bench = bench
        self.workers = workers
        self._stack = ExitStack()

    def __enter__(self) -> "Measurements":
        if self.workers > 1:
            self._source = self._stack.enter_context(Shelf()).put_once(self._bench)
            self._pool = worker_pool(self.workers)
            self._stack.callback(self._pool.shutdown, cancel_futures=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def results(self, work: Sequence[Measurement]) -> Iterator[tuple[int, Any]]:
        """Yield number and result of every measurement as it finishes.

        A measurement whose worker dies is repeated; it is tried `TRIES` times in all.

        Args:
            work: The measurements.

        Raises:
            ChildProcessError: The worker died in all tries of a measurement, which is named.
        """
        if self.workers == 1:
            for number, measurement in enumerate(work):
                yield number, measurement.result(self._bench)
            return
        deaths: Counter[int] = Counter()
        running = {self._start(measurement): number for number, measurement in enumerate(work)}
        while running:
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                number = running.pop(future)
                try:
                    result = future.result()
                except BrokenExecutor as problem:
                    deaths[number] += 1
                    if deaths[number] == TRIES:
                        raise _dead(work[number]) from problem
                    running[self._start(work[number])] = number
                else:
                    yield number, result

    def _start(self, measurement: Measurement) -> "Future[Any]":
        return self._pool.submit(_measure, self._source, measurement)


def _dead(measurement: Measurement) -> ChildProcessError:
    return ChildProcessError(
        f"{measurement.name}: the worker died {TRIES} times while it measured this (it crashed, or "
        "was killed, perhaps for lack of memory); use fewer workers, or leave this axis out"
    )
