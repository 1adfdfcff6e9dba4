"""Threads of compiled loops: how many there are, and the pool that runs them.

No result depends on their number.
"""

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from functools import cache

from devices.validation import integer

# Linux tells how many cores this process may use; elsewhere count all of the machine.
_threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
_pool = cache(ThreadPoolExecutor)
# A forked process has none of the threads of its parent, whose pool would wait for them forever.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)
_here = threading.local()  # whether this thread works for a `run_each` already


def threads_now() -> int:
    """Return the number of threads in use."""
    return _threads


def set_threads(n: int) -> int:
    """Use `n` threads from now on, and return the number that was in use before."""
    global _threads
    before = _threads
    _threads = integer("threads", n, at_least=1)
    return before


class Limit:
    """A number that belongs to the process, and that `with` blocks of several threads set.

    Blocks may overlap. The number of the block that began last holds, and the last block that ends
    brings back what was there before the first one.

    Args:
        set_number: Sets a number, and returns what brings back the one before.
    """

    def __init__(self, set_number: Callable[[int], Callable[[], object]]):
        self._set_number = set_number
        self._lock = threading.Lock()
        self._held: list[tuple[object, int]] = []
        self._restore: Callable[[], object] = lambda: None

    @contextmanager
    def held(self, n: int) -> Iterator[None]:
        """Set a number inside a `with` block."""
        block = (object(), n)
        with self._lock:
            restore = self._set_number(n)
            if not self._held:
                self._restore = restore
            self._held.append(block)
        try:
            yield
        finally:
            with self._lock:
                self._held.remove(block)
                if self._held:
                    self._set_number(self._held[-1][1])
                else:
                    self._restore()


def _set_loops(n: int) -> Callable[[], object]:
    before = set_threads(n)
    return lambda: set_threads(before)


_loops = Limit(_set_loops)


def threads(n: int) -> AbstractContextManager[None]:
    """Use `n` threads inside a `with` block; blocks of several threads may overlap."""
    return _loops.held(n)


def run_each(work: Callable[[int], object], n: int) -> None:
    """Call work(0) … work(n − 1), several at once.

    Work that calls `run_each` itself has the threads of the outer call: the inner one calls its
    own work in turn.
    """
    several = min(_threads, n)
    if several <= 1 or getattr(_here, "works", False):
        for i in range(n):
            work(i)
        return
    # One iterator for all threads, so that a thread takes the next index as soon as it is free.
    remaining = iter(range(n))

    def take() -> None:
        _here.works = True
        try:
            for i in remaining:
                work(i)
        finally:
            _here.works = False

    others = [_pool(_threads - 1).submit(take) for _ in range(several - 1)]
    take()
    for other in others:
        other.result()
