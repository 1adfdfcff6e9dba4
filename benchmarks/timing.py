"""Medians of interleaved runs: candidates take turns, so that a busy machine slows all of them alike."""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch
from threadpoolctl import threadpool_limits

import crossbar.threads

_PAUSE = 0.1  # [s]; OpenBLAS spins for about 30 ms, OpenMP for a few
_AT_LEAST = (
    0.1  # [s] that a candidate is timed for in one go, after a call that wakes caches and cores
)


@contextmanager
def threads(n: int) -> Iterator[None]:
    """Use n threads everywhere: packed reads, BLAS, torch."""
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        with crossbar.threads.threads(n), threadpool_limits(n):
            yield
    finally:
        torch.set_num_threads(before)


def medians(candidates: Mapping[str, Callable[[], object]], runs: int = 7) -> dict[str, float]:
    """Return the median time [s] of a call of each candidate over `runs` rounds.

    Before each, a pause, since threads that OpenMP and BLAS keep spinning for their next call would
    slow the next candidate; then a call that does not count, then calls for a tenth of a second.
    """
    times: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(runs):
        for name, work in candidates.items():
            time.sleep(_PAUSE)
            calls, _ = 0, work()
            start = time.perf_counter()
            while not calls or time.perf_counter() - start < _AT_LEAST:
                work()
                calls += 1
            times[name].append((time.perf_counter() - start) / calls)
    return {name: statistics.median(t) for name, t in times.items()}
