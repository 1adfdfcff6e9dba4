"""Threads of compiled loops: how many there are, and the pool that runs them.

No result depends on their number.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache

from devices.validation import integer

# Linux tells how many cores this process may use; elsewhere count all of the machine.
_threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
_pool = cache(ThreadPoolExecutor)


def threads_now() -> int:
    """Return the number of threads in use."""
    return _threads


def set_threads(n: int) -> int:
    """Use `n` threads from now on, and return the number that was in use before."""
    global _threads
    before = _threads
    _threads = integer("threads", n, at_least=1)
    return before


@contextmanager
def threads(n: int) -> Iterator[None]:
    """Use `n` threads inside a `with` block."""
    before = set_threads(n)
    try:
        yield
    finally:
        set_threads(before)


def run_each(work: Callable[[int], object], n: int) -> None:
    """Call work(0) … work(n − 1), several at once. `work` must not call `run_each` itself."""
    # One iterator for all threads, so that a thread takes the next index as soon as it is free.
    remaining = iter(range(n))

    def take() -> None:
        for i in remaining:
            work(i)

    others = [_pool(_threads - 1).submit(take) for _ in range(min(_threads, n) - 1)]
    take()
    for other in others:
        other.result()
