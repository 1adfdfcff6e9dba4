"""Sweeps: what a job costs beside its computation, and what a second worker brings."""

import resource
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

import numpy as np
import torch
from distributed import Client, LocalCluster
from torch import nn

import nsm
from crossbar import Hardware
from devices import preset
from nsm.sweeps import run, worker_pool
from nsm.sweeps.workers import dask_workers
from nsm.sweeps.workers.dispatch import PoolWorkers
from nsm.sweeps.workers.work import Job

#: Chips of a schedule whose jobs compute nothing, and points of its grid.
_DRY_ROWS, _DRY_POINTS = 100_000, 1_000
#: Chips of the other sweeps.
_EMPTY_ROWS, _FULL_ROWS = 400, 24


def _no_work(jobs: list[Job], threads: int | None = None, sent: Any = ()) -> list[dict[str, Any]]:
    """Return the results of jobs without computing them."""
    counts = {"errors": 0, "images": 1, "wrong": None, "elapsed": 0.0}
    names = ("task", "chip", "first", "seed")
    return [{name: getattr(job, name) for name in names} | counts for job in jobs]


class Inline(Executor):
    """Runs each call at once, in this process."""

    workers = 1

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Return the finished future of a call."""
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


def sweep_seconds(rows: int, points: int, executor: Any, *, work: bool, samples: int = 1) -> float:
    """Return the seconds of a sweep of the MNIST perceptron's shape, from its grid to its rows."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(784, 300), nn.ReLU(), nn.Linear(300, 10))
    rng = np.random.default_rng(0)
    x, y = rng.random((1000, 784)), rng.integers(0, 10, 1000)
    hardware = Hardware(device=preset("rram_wan2022"))
    before = run.PoolWorkers, dask_workers.run_with
    if not work:
        run.PoolWorkers = lambda executor: PoolWorkers(executor, _no_work)  # type: ignore
        dask_workers.run_with = _no_work
    start = time.perf_counter()
    try:
        tasks = nsm.grid(model, hardware, {"gain": np.linspace(0.1, 1.0, points)})
        options = {"chips": rows // points, "samples": samples, "rng": 0, "executor": executor}
        nsm.collect(tasks, x, y, **options, progress=False)
    finally:
        run.PoolWorkers, dask_workers.run_with = before
    return time.perf_counter() - start


def table() -> list[str]:
    """Return the rows of the table."""
    lines = ["| sweep | chips | time | per chip |", "|---|---|---|---|"]

    def add(name: str, rows: int, seconds: float) -> None:
        lines.append(f"| {name} | {rows:,} | {seconds:.1f} s | {1e3 * seconds / rows:.2f} ms |")

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    dry = sweep_seconds(_DRY_ROWS, _DRY_POINTS, Inline(), work=False)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    add("schedule alone", _DRY_ROWS, dry)
    with worker_pool(2) as pool:
        sweep_seconds(4, 4, pool, work=True)  # starts the processes
        add("jobs that compute nothing, 2 workers", _EMPTY_ROWS,
            sweep_seconds(_EMPTY_ROWS, 20, pool, work=False))  # fmt: skip
    two = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with LocalCluster(**two) as cluster, Client(cluster) as client:
        sweep_seconds(4, 4, client, work=True)
        add("jobs that compute nothing, 2 workers of Dask", _EMPTY_ROWS,
            sweep_seconds(_EMPTY_ROWS, 20, client, work=False))  # fmt: skip
        add("1000 images, 20 samples, 2 workers of Dask", _FULL_ROWS,
            sweep_seconds(_FULL_ROWS, 12, client, work=True, samples=20))  # fmt: skip
    speeds = {}
    for workers in (1, 2):
        with worker_pool(workers) as pool:
            sweep_seconds(2 * workers, 2, pool, work=True)
            speeds[workers] = sweep_seconds(_FULL_ROWS, 12, pool, work=True, samples=20)
            add(f"1000 images, 20 samples, {workers} worker(s)", _FULL_ROWS, speeds[workers])
    ratio = speeds[1] / speeds[2]
    return [
        *lines,
        "",
        f"Two workers are {ratio:.2f} × as fast as one. The schedule of {_DRY_ROWS:,} chips took "
        f"{grown:.0f} MB of memory, with its rows.",
    ]


if __name__ == "__main__":
    print("\n".join(table()))
