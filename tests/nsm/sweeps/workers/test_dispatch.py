"""Jobs on their way: a few at a time, and again if a worker dies."""

import threading
import time
import tracemalloc
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor

import numpy as np
import pytest

from crossbar import Hardware
from devices import Device
from nsm import collect, grid, relu_mlp
from nsm.sweeps import run
from nsm.sweeps.workers.dispatch import PER_WORKER, PoolWorkers
from tests.helpers.worker_noise import small_sweep


def trivial(job, threads=None, sent=()):
    """The result of a job without work."""
    return {
        "task": job.task, "chip": job.chip, "first": job.first, "errors": 1, "images": 2,
        "wrong": None, "seed": job.seed, "elapsed": 0.0,
    }  # fmt: skip


class Inline(Executor):
    workers = 2

    def submit(self, fn, /, *args, **kwargs):
        future = Future()
        future.set_result(fn(*args, **kwargs))
        return future


@pytest.fixture
def without_work(monkeypatch):
    monkeypatch.setattr(run, "PoolWorkers", lambda executor: PoolWorkers(executor, trivial))


def many_points(points, chips):
    tasks = grid(
        relu_mlp((8, 6, 3)),
        Hardware(device=Device(g_min=1e-6, g_max=1e-5)),
        {"gain": np.linspace(0.1, 1.0, points)},
    )
    x, y = np.ones((3, 8)), np.array([0, 1, 2])
    return lambda **options: collect(
        tasks, x, y, chips=chips, samples=1, rng=0, progress=False, **options
    )


def test_a_dry_schedule_costs_little_time_and_memory(without_work):
    # Bounds for 10⁵ jobs: 200 MB of memory, with the rows, and half of 5 ms for each job.
    jobs = 4_000
    swept = many_points(100, jobs // 100)
    start = time.process_time()
    rows = swept(executor=Inline())
    assert len(rows) == jobs
    assert time.process_time() - start < jobs * 5e-3 / 2
    tracemalloc.start()
    swept(executor=Inline())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < jobs * 200e6 / 1e5


def test_jobs_are_submitted_as_workers_become_free(without_work):
    waiting, most, lock = 0, 0, threading.Lock()

    class Counting(ThreadPoolExecutor):
        def submit(self, fn, /, *args, **kwargs):
            nonlocal waiting, most
            with lock:
                waiting += 1
                most = max(most, waiting)

            def counted():
                nonlocal waiting
                time.sleep(0.001)
                with lock:
                    waiting -= 1
                return fn(*args, **kwargs)

            return super().submit(counted)

    with Counting(3) as executor:
        assert len(many_points(20, 5)(executor=executor)) == 100
    assert most <= PER_WORKER * 3


class Dying(Executor):
    """Runs calls in this process; some of them die instead.

    Args:
        deaths: How often the job of a chip number dies, by the number.
        revives: Whether calls are taken after a death.
    """

    workers = 1

    def __init__(self, deaths, revives=True):
        self.deaths = dict(deaths)
        self.revives = revives
        self.is_broken = False

    def submit(self, fn, /, job, **options):
        if self.is_broken and not self.revives:
            raise BrokenExecutor("broken")
        future = Future()
        if self.deaths.get(job.chip, 0):
            self.deaths[job.chip] -= 1
            self.is_broken = True
            future.set_exception(BrokenExecutor("the process was killed"))
        else:
            future.set_result(fn(job, **options))
        return future


def test_jobs_whose_worker_dies_run_again(tmp_path):
    once = small_sweep(tmp_path)
    again = small_sweep(tmp_path, executor=Dying({0: 2, 1: 1}), save_to=tmp_path / "rows.csv")
    assert again.drop(columns="elapsed").equals(once.drop(columns="elapsed"))
    assert len((tmp_path / "rows.csv").read_text().splitlines()) == 1 + len(once)


def test_the_third_death_names_the_point_and_keeps_the_rows(tmp_path):
    path = tmp_path / "rows.csv"
    with pytest.raises(
        ChildProcessError,
        match=r"network 'network', gain = 0.1, chip 1: 3 workers died, one after the other",
    ):
        small_sweep(tmp_path, executor=Dying({1: 3}), save_to=path)
    assert len(path.read_text().splitlines()) >= 2
    rows = small_sweep(tmp_path, save_to=path)
    assert rows.drop(columns="elapsed").equals(small_sweep(tmp_path).drop(columns="elapsed"))


class GivingUp(PoolWorkers):
    """Workers whose scheduler runs a job again by itself, and gives it up after four deaths."""

    def given_up_after(self, problem):
        return 4 if isinstance(problem, BrokenExecutor) else 0


def test_a_job_that_the_scheduler_gives_up_is_not_run_again(tmp_path, monkeypatch):
    executor = Dying({1: 2})
    monkeypatch.setattr(run, "PoolWorkers", GivingUp)
    with pytest.raises(ChildProcessError, match=r"chip 1: 4 workers died, one after the other, wh"):
        small_sweep(tmp_path, executor=executor)
    assert executor.deaths[1] == 1  # it was submitted once


def test_an_executor_that_stays_broken_is_named(tmp_path):
    with pytest.raises(ChildProcessError, match=r"give executor=nsm.sweeps.worker_pool\(n\)"):
        small_sweep(tmp_path, executor=Dying({1: 1}, revives=False))


@pytest.mark.parametrize("executor", [2, "tcp://localhost:8786", object()])
def test_what_runs_no_jobs_is_refused(executor, tmp_path):
    with pytest.raises(ValueError, match=f"executor is a {type(executor).__name__}; give nsm"):
        small_sweep(tmp_path, executor=executor)
