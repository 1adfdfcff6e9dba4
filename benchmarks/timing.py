"""Medians of interleaved runs: candidates take turns, so that a busy machine slows all of them alike."""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch
from threadpoolctl import threadpool_limits

from crossbar import parallel

_PAUSE = 0.1  # [s]; OpenBLAS spins for about 30 ms, OpenMP for a few


@contextmanager
def threads(n: int) -> Iterator[None]:
    """Use n threads everywhere: packed reads, BLAS, torch."""
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        with parallel.threads(n), threadpool_limits(n):
            yield
    finally:
        torch.set_num_threads(before)


def medians(candidates: Mapping[str, Callable[[], object]], runs: int = 7) -> dict[str, float]:
    """Return the median time [s] of each candidate over `runs` rounds, after one that does not count.

    Before each, a pause: threads that OpenMP and BLAS keep spinning for their next call would slow the next candidate.
    """
    times: dict[str, list[float]] = {name: [] for name in candidates}
    for round_number in range(runs + 1):
        for name, work in candidates.items():
            time.sleep(_PAUSE)
            start = time.perf_counter()
            work()
            if round_number:
                times[name].append(time.perf_counter() - start)
    return {name: statistics.median(t) for name, t in times.items()}
