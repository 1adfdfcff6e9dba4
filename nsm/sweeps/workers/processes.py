"""Worker processes on this machine, of which each is replaced when it dies."""

from __future__ import annotations

import errno
import os
import signal
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import suppress
from queue import SimpleQueue
from types import TracebackType
from typing import Any

from devices.validation import integer

#: Seconds between the looks of a worker at whether its parent is still there [s].
_LOOKS = 0.5

#: A call that waits for a worker: its future, the function, and its arguments. None ends a worker.
_Call = tuple["Future[Any]", Callable[..., Any], tuple[Any, ...], dict[str, Any]]


def worker_pool(workers: int) -> WorkerPool:
    """Return an executor of `workers` fresh processes, see `WorkerPool`."""
    return WorkerPool(workers)


class NotStarted(OSError):
    """The system has no more files, memory or processes for a worker."""


class WorkerPool(Executor):
    """An executor of fresh processes, started when they are needed first.

    The processes are started by loky: nothing is forked from a process that has run threads of
    torch or numba, the program's own file is not run again, and classes that are defined in it or
    in a notebook are sent along (cloudpickle). Each worker has one call at a time. A worker that
    dies fails only the call that it had, with a `BrokenExecutor`, and is replaced; one that cannot
    be started fails it with an `OSError` that says what to do. Workers end within about a second
    when this process dies.

    Args:
        workers: Number of processes.
    """

    def __init__(self, workers: int):
        self.workers = integer("workers", workers, at_least=1)
        _start_tracker()
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._is_shut = False
        self._processes = _Processes()
        self._threads = [
            threading.Thread(
                target=_serve,
                args=(self._calls, self._processes),
                daemon=True,
                name=f"nsm worker {i}",
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

    def kill(self) -> None:
        """End the workers at once; their calls, and those that wait, fail."""
        self.shutdown(wait=False, cancel_futures=True)
        self._processes.kill()

    def __exit__(
        self,
        exception: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the workers: at once if this process is asked to end, else after their calls."""
        if exception is not None and not issubclass(exception, Exception):
            self.kill()
        else:
            self.shutdown()


class _Processes:
    """The processes of a pool that run now, and whether they are to end."""

    def __init__(self) -> None:
        self._running: set[Any] = set()
        self._lock = threading.Lock()
        self._is_killed = False

    def new(self) -> Any:
        """Return an executor of one fresh process."""
        with self._lock:
            if self._is_killed:
                raise BrokenExecutor("this pool of workers is killed")
            process = _new_process()
            self._running.add(process)
            return process

    def end(self, process: Any, *, wait: bool) -> None:
        """End a process, even if it has a call."""
        with self._lock:
            self._running.discard(process)
        process.shutdown(wait=wait, kill_workers=True)

    def kill(self) -> None:
        """End all of them, and start no other one."""
        with self._lock:
            self._is_killed = True
            running, self._running = self._running, set()
        for process in running:
            process.shutdown(wait=False, kill_workers=True)


def _send_home(calls: SimpleQueue[_Call | None], workers: int) -> None:
    for _ in range(workers):
        calls.put(None)


def _serve(calls: SimpleQueue[_Call | None], processes: _Processes) -> None:
    """Run calls in a process of their own, one after the other, until there are no more."""
    process: Any = None
    while (call := calls.get()) is not None:
        future, fn, args, kwargs = call
        if not future.set_running_or_notify_cancel():
            continue
        try:
            if process is None:
                process = processes.new()
            running = _started(process, fn, *args, **kwargs)
            result = running.result()
        except BaseException as problem:
            if isinstance(problem, (BrokenExecutor, NotStarted)) and process is not None:
                with suppress(OSError):
                    processes.end(process, wait=False)
                process = None
            future.set_exception(problem)
        else:
            future.set_result(result)
        del call, future, fn, args, kwargs  # what they hold may be large, and the wait long
    if process is not None:
        processes.end(process, wait=True)  # it has no call: nothing is lost


def _started(process: Any, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Return the future of a call in a process, which is started with its first one."""
    try:
        return process.submit(fn, *args, **kwargs)
    except (OSError, UnboundLocalError) as problem:
        # Where it finds no file for a pipe, loky names a variable that it has not set yet.
        cause = problem if isinstance(problem, OSError) else problem.__context__
        if not isinstance(cause, OSError):
            raise
        raise _not_started(cause) from problem


def _not_started(problem: OSError) -> NotStarted:
    """Return the error of a process that the system did not start, with what to do."""
    advice = {
        errno.EMFILE: "allow more open files (ulimit -n 1024)",
        errno.ENFILE: "close other programs, which hold all open files of this machine",
        errno.ENOSPC: "make room in /dev/shm, where processes keep their locks",
        errno.EAGAIN: "allow more processes (ulimit -u)",
        errno.ENOMEM: "free some memory",
    }
    what = advice.get(problem.errno or 0, "see the documentation of your system")
    return NotStarted(
        f"cannot start a worker process ({problem.strerror or problem}); {what}, or use fewer "
        "workers: one needs no further process"
    )


def _start_tracker() -> None:
    """Start the process that removes what dead workers leave, so that a hangup does not end it.

    Loky starts it with the first worker otherwise, from a thread, where signals cannot be ignored.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "SIGHUP"):
        return
    from loky.backend import resource_tracker

    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # which a new process inherits
    try:
        resource_tracker.ensure_running()
    except OSError as problem:
        raise _not_started(problem) from problem
    finally:
        signal.signal(signal.SIGHUP, before)


def _new_process() -> Any:
    """Return an executor of one fresh process."""
    from loky import ProcessPoolExecutor  # `import nsm.sweeps` is to be fast

    try:
        return ProcessPoolExecutor(1, initializer=_prepare, initargs=(os.getpid(),))
    except OSError as problem:
        raise _not_started(problem) from problem


def _prepare(parent: int) -> None:
    """Prepare a worker process: it ends when its parent has died, and not before.

    A terminal sends Ctrl-C to all processes. The parent decides what becomes of its workers.
    """
    from loky import process_executor

    for name in ("SIGINT", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)

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
