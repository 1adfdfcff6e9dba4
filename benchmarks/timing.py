"""Medians of interleaved runs.

Candidates take turns, so that a busy machine slows all of them equally.
"""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch
from threadpoolctl import threadpool_limits

import crossbar.threads

_PAUSE = 0.1  # [s]; OpenBLAS spins for about 30 ms, OpenMP for a few
_AT_LEAST = 0.1  # [s] for which a candidate is called in one round


@contextmanager
def threads(n: int) -> Iterator[None]:
    """Use n threads everywhere inside a `with` block: packed reads, BLAS, torch."""
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        with crossbar.threads.threads(n), threadpool_limits(n):
            yield
    finally:
        torch.set_num_threads(before)


def medians(candidates: Mapping[str, Callable[[], object]], runs: int = 7) -> dict[str, float]:
    """Return the median time [s] of a call of each candidate.

    In each round a candidate is called once without being timed, which fills the caches, and then
    for a tenth of a second.

    Args:
        candidates: Functions to call, by name.
        runs: Number of rounds, default 7.
    """
    times: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(runs):
        for name, work in candidates.items():
            # Threads of OpenMP and BLAS keep spinning for a while after a call. Without the pause
            # they would slow the next candidate.
            time.sleep(_PAUSE)
            work()
            calls = 0
            start = time.perf_counter()
            while not calls or time.perf_counter() - start < _AT_LEAST:
                work()
                calls += 1
            times[name].append((time.perf_counter() - start) / calls)
    return {name: statistics.median(t) for name, t in times.items()}
