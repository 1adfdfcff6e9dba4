"""Worker processes on this machine, of which each is replaced when it dies."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future
from queue import SimpleQueue
from typing import Any

from devices.validation import integer

#: Seconds between the looks of a worker at whether its parent is still there [s].
_LOOKS = 0.5

#: A call that waits for a worker: its future, the function, and its arguments. None ends a worker.
_Call = tuple["Future[Any]", Callable[..., Any], tuple[Any, ...], dict[str, Any]]


def worker_pool(workers: int) -> WorkerPool:
    """Return an executor of `workers` fresh processes, see `WorkerPool`."""
    return WorkerPool(workers)


class WorkerPool(Executor):
    """An executor of fresh processes, started when they are needed first.

    The processes are started by loky: nothing is forked from a process that has run threads of
    torch or numba, the program's own file is not run again, and classes that are defined in it or
    in a notebook are sent along (cloudpickle). Each worker has one call at a time. A worker that
    dies fails only the call that it had, with a `BrokenExecutor`, and is replaced. Workers end
    within about a second when this process dies.

    Args:
        workers: Number of processes.
    """

    def __init__(self, workers: int):
        self.workers = integer("workers", workers, at_least=1)
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._is_shut = False
        self._threads = [
            threading.Thread(
                target=_serve, args=(self._calls,), daemon=True, name=f"nsm worker {i}"
            )
            for i in range(self.workers)
        ]
        for thread in self._threads:
            thread.start()
        self._end = weakref.finalize(self, _send_home, self._calls, self.workers)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Return the future of fn(*args, **kwargs), computed by the next free worker."""
        with self._lock:
            if self._is_shut:
                raise RuntimeError("this pool of workers is shut down; make another one")
            future: Future[Any] = Future()
            self._calls.put((future, fn, args, kwargs))
            return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the workers after their calls; with `cancel_futures` the waiting ones are dropped."""
        with self._lock:
            self._is_shut = True
        while cancel_futures and not self._calls.empty():
            call = self._calls.get()
            if call is not None:
                call[0].cancel()
        self._end()
        if wait:
            for thread in self._threads:
                thread.join()


def _send_home(calls: SimpleQueue[_Call | None], workers: int) -> None:
    for _ in range(workers):
        calls.put(None)


def _serve(calls: SimpleQueue[_Call | None]) -> None:
    """Run calls in a process of their own, one after the other, until there are no more."""
    process: Any = None
    while (call := calls.get()) is not None:
        future, fn, args, kwargs = call
        if not future.set_running_or_notify_cancel():
            continue
        try:
            if process is None:
                process = _new_process()
            result = process.submit(fn, *args, **kwargs).result()
        except BaseException as problem:
            if isinstance(problem, BrokenExecutor) and process is not None:
                process.shutdown(wait=False, kill_workers=True)
                process = None
            future.set_exception(problem)
        else:
            future.set_result(result)
        del call, future, fn, args, kwargs  # what they hold may be large, and the wait long
    if process is not None:
        process.shutdown(wait=True, kill_workers=True)  # it has no call: nothing is lost


def _new_process() -> Any:
    """Return an executor of one fresh process."""
    from loky import ProcessPoolExecutor  # `import nsm.sweeps` is to be fast

    return ProcessPoolExecutor(1, initializer=_prepare, initargs=(os.getpid(),))


def _prepare(parent: int) -> None:
    """Prepare a worker process: it ends when its parent has died."""
    from loky import process_executor

    # Loky replaces workers that grow by 300 MB. Data sets and chips are larger than that, and a new
    # worker needs seconds to import torch.
    if hasattr(process_executor, "_USE_PSUTIL"):
        process_executor._USE_PSUTIL = False
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    """End this process when its parent is another one, because the first has died."""
    while os.getppid() == parent:
        time.sleep(_LOOKS)
    os._exit(1)
