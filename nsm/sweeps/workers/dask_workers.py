"""The workers of a Dask cluster: data and networks are scattered once, and moved where they lack.

The package `distributed` is optional (the extra `cluster`); nothing here is imported without it.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from typing import Any

from nsm.sweeps.workers.contents import Content, Shelf
from nsm.sweeps.workers.work import Job, contents_of, run_jobs

#: Seconds for which the number of workers is not asked again [s].
_ASKED_EVERY = 1.0
#: Seconds until a scheduler that does not answer is given up [s].
_PATIENCE = 10


def is_client(executor: Any) -> bool:
    """Return whether something is a Dask client, without importing Dask."""
    distributed = sys.modules.get("distributed")
    return distributed is not None and isinstance(executor, distributed.Client)


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """Yield a client of the Dask scheduler at an address, closed at the end.

    Args:
        address: Such as "tcp://host:8786".

    Raises:
        ImportError: Dask is not installed.
        ConnectionError: No scheduler answers there.
    """
    try:
        from distributed import Client
    except ImportError:
        raise ImportError(
            f'the scheduler {address} needs Dask: pip install "nsm-crossbar[cluster]"'
        ) from None
    try:
        client = Client(address, timeout=_PATIENCE)
    except (OSError, ValueError) as problem:
        raise ConnectionError(
            f"no Dask scheduler answers at {address} ({problem}); start one with `dask scheduler`, "
            "which prints its address, such as tcp://host:8786"
        ) from None
    with client:
        try:
            yield client
        except ConnectionError:  # it has one message, and Dask would log its own ones on closing
            logging.getLogger("distributed").setLevel(logging.CRITICAL)
            raise


def run_with(jobs: list[Job], values: list[bytes]) -> Any:
    """Run some jobs in a Dask worker, which has fetched the bytes of their values."""
    return run_jobs(jobs, threads=1, sent=values)


class DaskWorkers:
    """The workers of a Dask client.

    Every value is scattered once, as bytes; a worker that lacks it fetches it from another one. If
    the last worker that held it dies, it is scattered again.

    Args:
        client: The client.
        shelf: Where the values lie on this machine.

    Raises:
        ValueError: The client is asynchronous.
        ConnectionError: The client is closed.
    """

    def __init__(self, client: Any, shelf: Shelf):
        if client.asynchronous:
            raise ValueError(
                "executor is an asynchronous Dask client; give a synchronous one: Client(address)"
            )
        self._client = client
        self._shelf = shelf
        self._scattered: dict[str, Any] = {}
        self._count, self._asked = 0, -_ASKED_EVERY
        self._scheduler = self._id()

    def _id(self) -> str:
        """Return what names the running scheduler.

        Raises:
            ConnectionError: It does not answer.
        """
        try:
            if self._client.status != "running":
                raise OSError(f"the client is {self._client.status}")
            found = self._client.run_on_scheduler(_scheduler_id)
        except Exception as problem:  # whatever the connection raises
            raise self._lost(str(problem)) from None
        return str(found)

    def _lost(self, why: str) -> ConnectionError:
        address = getattr(self._client.scheduler, "address", "an unknown address")
        return ConnectionError(
            f"the Dask scheduler at {address} ended or was restarted ({why}); finished rows are "
            "kept: start it and its workers, and run the same command again: with save_to it goes "
            "on from the rows of the file"
        )

    def count(self) -> int:
        """Return the number of threads of all workers, asked once a second."""
        if time.monotonic() - self._asked >= _ASKED_EVERY:
            try:
                self._count = sum(self._client.nthreads().values())
            except Exception as problem:  # whatever the connection raises
                raise self._lost(str(problem)) from None
            self._asked = time.monotonic()
        return self._count

    def submit(self, jobs: list[Job], sent: list[bytes]) -> Any:
        """Start some jobs and return their future; `sent` is empty, since workers lack nothing."""
        try:
            values = [self._future(content) for content in contents_of(jobs)]
            return self._client.submit(run_with, jobs, values, pure=False)
        except ConnectionError:  # it says already what happened
            raise
        except Exception as problem:  # whatever the connection raises
            if self._client.status == "running":
                raise
            raise self._lost(str(problem)) from None

    def _future(self, content: Content) -> Any:
        """Return the Dask future of a value's bytes."""
        known = self._scattered.get(content.hash)
        if known is None or known.status in ("cancelled", "lost", "error"):
            while not self.count():
                self._client.wait_for_workers(1)
            known = self._client.scatter(self._shelf.data(content), hash=False)
            self._scattered[content.hash] = known
        return known

    def has_died(self, problem: BaseException) -> bool:
        """Return whether a job is gone with its workers; Dask runs others again by itself.

        A job's own OSError and one of the connection that fetches its result look alike, so that
        the scheduler is asked after both.

        Raises:
            ConnectionError: The scheduler has ended or is another one.
        """
        from distributed.client import FutureCancelledError
        from distributed.comm import CommClosedError

        gone = (CancelledError, asyncio.CancelledError, FutureCancelledError, CommClosedError)
        if not isinstance(problem, (*gone, OSError)):
            return False
        if self._id() != self._scheduler:
            raise self._lost("its jobs are gone")
        return isinstance(problem, gone)

    def given_up_after(self, problem: BaseException) -> int:
        """Return how many workers died before Dask gave the job up; 0 if it has not.

        Dask runs a job whose worker dies again by itself, `distributed.scheduler.allowed-failures`
        (3 unless configured) times.
        """
        from distributed.scheduler import KilledWorker

        return problem.allowed_failures + 1 if isinstance(problem, KilledWorker) else 0


def _scheduler_id(dask_scheduler: Any) -> str:
    return str(dask_scheduler.id)
