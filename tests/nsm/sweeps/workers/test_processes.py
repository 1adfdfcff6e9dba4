"""Worker processes: replaced when they die, gone when their parent dies, for classes of scripts."""

import errno
import os
import subprocess
import sys
import time
from concurrent.futures import BrokenExecutor, CancelledError

import pytest

from nsm.sweeps import worker_pool
from nsm.sweeps.workers.contents import Shelf
from tests.helpers.worker_noise import small_sweep

SCRIPT = """
import os, signal, sys, time
import numpy as np, torch
from torch import nn
import nsm
from crossbar import Hardware
from devices import Device, ReadNoise

class Mine(nn.Module):  # classes of this program itself, and no guard around its main part
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(8, 3)
    def forward(self, x):
        return torch.tanh(self.a(x))

class Loud(ReadNoise):
    def moments(self, g):
        return np.ones(np.shape(g)), np.full(np.shape(g), 0.01)
    def sample(self, g, state, n_reads, *, rng, period):
        return 1 + 0.1 * rng.standard_normal((n_reads, *np.shape(g))), state

torch.manual_seed(0)
device = Device(g_min=1e-6, g_max=1e-5, read_noise=Loud())
tasks = nsm.grid(Mine(), Hardware(device=device), {"gain": [0.1, 1.0]})
x, y = np.random.default_rng(0).random((9, 8)), np.arange(9) % 3
settings = dict(chips=2, samples=2, rng=0, progress=False)
pool = nsm.sweeps.worker_pool(1)
rows = [nsm.collect(tasks, x, y, executor=e, **settings) for e in (None, pool)]
assert rows[0].drop(columns="elapsed").equals(rows[1].drop(columns="elapsed"))
worker = pool.submit(os.getpid).result()
pool.submit(time.sleep, 60)
print(worker, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def is_running(pid):
    """Return whether a process runs; one that has ended and was not waited for does not."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_classes_of_a_script_run_in_workers_that_end_with_it(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, script], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == -9, done.stderr
    # It ends at once where nothing else runs.
    worker, deadline = int(done.stdout), time.monotonic() + 60
    while is_running(worker) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_running(worker)


@pytest.fixture(scope="module")
def pool():
    with worker_pool(2) as pool:
        yield pool


def test_a_killed_worker_is_replaced_and_fails_only_its_own_call(pool):
    calls = [pool.submit(os._exit, 9), pool.submit(time.sleep, 0.01)]
    with pytest.raises(BrokenExecutor):
        calls[0].result()
    assert calls[1].result() is None
    assert pool.submit(abs, -1).result() == 1


def test_rows_are_the_same_though_workers_are_killed(pool, tmp_path):
    once = small_sweep(tmp_path)
    (tmp_path / "kill").touch()
    again = small_sweep(tmp_path, executor=pool, save_to=tmp_path.parent / "killed.csv")
    assert not list(tmp_path.glob("kill*"))
    assert again.drop(columns="elapsed").equals(once.drop(columns="elapsed"))
    lines = (tmp_path.parent / "killed.csv").read_text().splitlines()
    assert len(lines) == len(set(lines)) == 1 + len(once)


def test_errors_and_results_pass(pool):
    with pytest.raises(ZeroDivisionError):
        pool.submit(divmod, 1, 0).result()
    local = [3]
    assert pool.submit(lambda: local[0] + 1).result() == 4  # functions of any kind


def test_a_pool_that_is_shut_down_takes_no_calls():
    pool = worker_pool(1)
    running = [pool.submit(time.sleep, 0.2) for _ in range(3)]
    pool.shutdown(cancel_futures=True)
    assert running[0].done()
    with pytest.raises(CancelledError):
        running[2].result()
    with pytest.raises(RuntimeError, match="this pool of workers is shut down; make another one"):
        pool.submit(abs, 1)


@pytest.mark.parametrize("workers", [0, 1.5, "two"])
def test_numbers_of_workers_are_checked(workers):
    with pytest.raises(ValueError, match=f"workers = {workers!r}"):
        worker_pool(workers)


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (
            errno.EMFILE,
            r"\(Too many open files\); allow more open files \(ulimit -n 1024\), or use",
        ),
        (errno.ENOSPC, r"\(No space left on device\); make room in /dev/shm"),
        (errno.EIO, "see the documentation of your system, or use fewer workers"),
    ],
)
@pytest.mark.parametrize("moment", ["made", "started"])
def test_a_worker_that_cannot_be_started_is_one_sentence(number, advice, moment, monkeypatch):
    class Refused:
        def __init__(self, *_, **__):
            if moment == "made":
                raise OSError(number, os.strerror(number))

        def submit(self, *_):
            raise OSError(number, os.strerror(number))

        def shutdown(self, **_):
            pass

    monkeypatch.setattr("loky.ProcessPoolExecutor", Refused)
    with worker_pool(1) as pool, pytest.raises(OSError, match=f"cannot start a worker .*{advice}"):
        pool.submit(os.getpid).result()


def test_values_that_find_no_room_on_their_way_are_one_sentence(monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with Shelf() as shelf:
        monkeypatch.setattr("pathlib.Path.write_bytes", refuse)
        with pytest.raises(OSError, match=r"cannot pass 0.0\d+ MB .*No space left.* in TMPDIR"):
            shelf.put_once(bytes(10_000))
