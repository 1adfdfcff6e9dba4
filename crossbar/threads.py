"""Threads of compiled loops: how many, and the pool that runs them. No result depends on their number."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache

from devices.validation import integer

_threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
_pool = cache(ThreadPoolExecutor)


def threads_now() -> int:
    """Return how many threads are used."""
    return _threads


def set_threads(n: int) -> int:
    """Use `n` threads from now on; return how many it was before."""
    global _threads
    before, _threads = _threads, integer("threads", n, at_least=1)
    return before


@contextmanager
def threads(n: int) -> Iterator[None]:
    """Use `n` threads inside the `with`."""
    before = set_threads(n)
    try:
        yield
    finally:
        set_threads(before)


def run_each(work: Callable[[int], object], n: int) -> None:
    """Call work(0) … work(n − 1), several at once. `work` must not call this itself."""
    left = iter(range(n))  # shared: whoever is free takes the next

    def take() -> None:
        for i in left:
            work(i)

    others = [_pool(_threads - 1).submit(take) for _ in range(min(_threads, n) - 1)]
    take()
    for other in others:
        other.result()
