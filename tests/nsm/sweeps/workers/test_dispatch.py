"""Jobs on their way: a few at a time, and again if a worker dies."""

import threading
import time
import tracemalloc
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor

import numpy as np
import pytest
import torch

from crossbar import Hardware
from devices import Device
from nsm import collect, grid, relu_mlp
from nsm.sweeps import read_rows, run
from nsm.sweeps.workers.dispatch import PER_WORKER, PoolWorkers
from nsm.sweeps.workers.work import run_jobs
from tests.helpers.worker_noise import small_sweep


def trivial(jobs, threads=None, sent=()):
    """The results of jobs without work."""
    names = ("task", "chip", "first", "seed")
    counts = {"errors": 1, "images": 2, "wrong": None, "elapsed": 0.0}
    return [{name: getattr(job, name) for name in names} | counts for job in jobs]


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
    torch.manual_seed(0)
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
        deaths: How often a chip dies, by its number; the chip of the point that comes first.
        revives: Whether calls are taken after a death.
    """

    workers = 1

    def __init__(self, deaths, revives=True):
        self.deaths = dict(deaths)
        self.points = {}  # whose chip it is that dies, by the chip's number
        self.revives = revives
        self.is_broken = False
        self.bundles = []

    def submit(self, fn, /, jobs, **options):
        if self.is_broken and not self.revives:
            raise BrokenExecutor("broken")
        self.bundles.append(len(jobs))
        future = Future()
        dying = [
            job
            for job in jobs
            if self.deaths.get(job.chip, 0)
            and self.points.setdefault(job.chip, job.task) == job.task
        ]
        for job in dying[:1]:
            self.deaths[job.chip] -= 1
            self.is_broken = True
            future.set_exception(BrokenExecutor("the process was killed"))
        if not dying:
            future.set_result(fn(jobs, **options))
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


def test_short_jobs_travel_in_bundles_and_long_ones_alone(monkeypatch):
    seconds = 0.0

    def lasting(jobs, **options):
        return [result | {"elapsed": seconds} for result in trivial(jobs)]

    monkeypatch.setattr(run, "PoolWorkers", lambda executor: PoolWorkers(executor, lasting))
    short, long = Dying({}), Dying({})
    assert len(many_points(20, 20)(executor=short)) == 400
    assert sum(short.bundles) == 400
    assert short.bundles[0] == short.bundles[-1] == 1
    assert 90 < max(short.bundles) <= 100  # fewer near the end, so that workers end together
    assert len(short.bundles) < 40
    seconds = 0.24
    many_points(20, 20)(executor=long)
    assert set(long.bundles) == {1, 2}  # half a second
    seconds = 3.0
    alone = Dying({})
    many_points(20, 20)(executor=alone)
    assert set(alone.bundles) == {1}


def many_chips(executor, **options):
    """Return the rows of 90 chips, whose jobs are bundled."""
    return many_points(3, 30)(executor=executor, **options).drop(columns="elapsed")


def test_a_death_in_a_bundle_counts_for_its_job_alone():
    executor = Dying({17: 2})
    assert many_chips(executor).equals(many_chips(None))
    assert max(executor.bundles) > 1
    with pytest.raises(ChildProcessError, match=r"gain = 0.1, chip 17: 3 workers died, one after"):
        many_chips(Dying({17: 3}))


def test_an_error_in_a_bundle_keeps_the_rows_before_it(tmp_path, monkeypatch):
    def failing(jobs, **options):
        if any(job.chip == 17 for job in jobs):
            raise OverflowError("chip 17 is too large")
        return run_jobs(jobs, **options)

    monkeypatch.setattr(run, "PoolWorkers", lambda executor: PoolWorkers(executor, failing))
    path = tmp_path / "rows.csv"
    with (
        ThreadPoolExecutor(1) as executor,
        pytest.raises(OverflowError, match="chip 17 is too large"),
    ):
        many_chips(executor, save_to=path)
    assert 17 <= len(read_rows(path)) < 90


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
