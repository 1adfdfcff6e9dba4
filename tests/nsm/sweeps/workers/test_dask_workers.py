"""Sweeps on a Dask cluster of separate processes: nothing lost, nothing twice, equal rows."""

import asyncio
import os
import socket
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest
from pandas.testing import assert_frame_equal

from nsm.sweeps import read_rows
from nsm.sweeps.workers import contents, dask_workers
from tests.helpers.worker_noise import small_sweep

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("noise")


@pytest.fixture(scope="module")
def serial(folder):
    return small_sweep(folder)


@pytest.fixture(scope="module")
def cluster():
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None
    ) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def client(cluster):
    with distributed.Client(cluster) as client:
        yield client


def assert_same(rows, serial, path):
    """The rows are those of the serial run, and the file holds each of them once."""
    assert_frame_equal(rows.drop(columns="elapsed"), serial.drop(columns="elapsed"))
    stored = read_rows(path)
    assert len(stored) == len(serial)
    assert not stored.duplicated(["task", "chip"]).any()


def kept():
    return len(contents.kept())


def test_rows_are_those_of_the_serial_run(client, folder, serial, tmp_path):
    path = tmp_path / "rows.csv"
    assert_same(small_sweep(folder, executor=client, save_to=path, block=5), serial, path)
    # Each worker has the images and the network, and the client sent each of them once.
    assert set(client.run(kept).values()) == {2}


def test_a_worker_is_killed_in_mid_task(client, folder, serial, tmp_path):
    (folder / "kill").touch()
    path = tmp_path / "rows.csv"
    assert_same(small_sweep(folder, executor=client, save_to=path), serial, path)
    assert not (folder / "kill").exists()


@pytest.mark.parametrize("allowed", [1, 3])
def test_what_dask_gives_up_tells_how_many_workers_died(allowed):
    workers = dask_workers.DaskWorkers.__new__(dask_workers.DaskWorkers)
    problem = distributed.KilledWorker("job", None, allowed)
    assert workers.given_up_after(problem) == allowed + 1
    assert workers.given_up_after(ValueError("another problem")) == 0
    assert not workers.has_died(problem)


class Restarted:
    """A client whose scheduler is another one than before, or does not answer."""

    status = "running"
    scheduler = SimpleNamespace(address="tcp://a:1")

    def __init__(self, answer):
        self.answer = answer

    def run_on_scheduler(self, function):
        if self.answer is None:
            raise OSError("Timed out")
        return self.answer


@pytest.mark.parametrize("answer", ["another", None])
@pytest.mark.parametrize(
    "problem",
    [
        distributed.comm.CommClosedError("in <TCP>: ConnectionResetError: [Errno 104]"),
        OSError("Timed out during handshake"),
        asyncio.CancelledError(),
    ],
)
def test_whatever_breaks_with_the_scheduler_is_one_message(problem, answer):
    workers = dask_workers.DaskWorkers.__new__(dask_workers.DaskWorkers)
    workers._client, workers._scheduler = Restarted(answer), "this one"
    with pytest.raises(ConnectionError, match="the Dask scheduler at tcp://a:1 ended or was rest"):
        workers.has_died(problem)


def test_a_result_that_was_not_fetched_is_computed_again_and_a_missing_file_is_not():
    workers = dask_workers.DaskWorkers.__new__(dask_workers.DaskWorkers)
    workers._client, workers._scheduler = Restarted("this one"), "this one"
    assert workers.has_died(distributed.comm.CommClosedError("in <TCP>: reset"))
    assert not workers.has_died(FileNotFoundError("a file of the user's own class"))


def test_a_slow_worker(client, folder, serial, tmp_path):
    for number in range(2):
        (folder / f"stop{number}").touch()
    path = tmp_path / "rows.csv"
    assert_same(small_sweep(folder, executor=client, save_to=path), serial, path)
    assert not list(folder.glob("stop*"))


def test_a_worker_without_the_data(cluster, client, folder, serial, tmp_path):
    old = set(client.scheduler_info()["workers"])

    def replace_workers():
        cluster.scale(3)
        while len(client.scheduler_info()["workers"]) < 3:
            time.sleep(0.05)
        client.retire_workers([*old])

    replacing = threading.Thread(target=replace_workers)
    replacing.start()
    (folder / "stop").touch()
    path = tmp_path / "rows.csv"
    assert_same(small_sweep(folder, executor=client, save_to=path, block=1), serial, path)
    replacing.join()
    # The workers of now are others than those that got the data first.
    assert not old & set(client.scheduler_info()["workers"])
    path = tmp_path / "again.csv"
    assert_same(small_sweep(folder, executor=client, save_to=path), serial, path)


def started(command, *options):
    """Return a process of Dask's command line."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    line = [sys.executable, "-m", f"distributed.cli.{command}", *options, "--no-dashboard"]
    return subprocess.Popen(line, env=environment, stderr=subprocess.DEVNULL)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_the_scheduler_is_restarted(folder, serial, tmp_path):
    path, port = tmp_path / "rows.csv", free_port()
    address = f"tcp://127.0.0.1:{port}"
    scheduler = ["dask_scheduler", "--host", "127.0.0.1", "--port", str(port)]
    worker = ["dask_worker", address, "--nthreads", "1", "--no-nanny", "--death-timeout", "60"]
    processes = [started(*scheduler), started(*worker)]

    def restart():
        while not path.exists() or len(path.read_text().splitlines()) < 3:
            time.sleep(0.02)
        processes[0].kill()
        processes[0].wait()
        processes.append(started(*scheduler))

    restarting = threading.Thread(target=restart)
    restarting.start()
    (folder / "stop").touch()
    try:
        with (
            pytest.raises(
                ConnectionError,
                match=f"the Dask scheduler at {address} ended or was restarted .*; finished rows a",
            ),
            distributed.Client(address, timeout=30) as client,
        ):
            small_sweep(folder, executor=client, save_to=path, block=1)
        restarting.join()
        assert 2 <= len(read_rows(path)) < len(serial)
        processes.append(started(*worker))
        with dask_workers.connected(address) as client:
            assert_same(small_sweep(folder, executor=client, save_to=path), serial, path)
    finally:
        for process in processes:
            process.kill()
            process.wait()


def test_no_scheduler_answers(monkeypatch):
    monkeypatch.setattr(dask_workers, "_PATIENCE", 0.5)
    with (
        pytest.raises(ConnectionError, match=r"no Dask scheduler answers at tcp://127.0.0.1:1 \("),
        dask_workers.connected("tcp://127.0.0.1:1"),
    ):
        pass


def test_without_dask_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with (
        pytest.raises(ImportError, match=r"tcp://a:1 needs Dask: pip install .nsm-crossbar\[clust"),
        dask_workers.connected("tcp://a:1"),
    ):
        pass


def test_an_asynchronous_client_is_refused(client, folder, monkeypatch):
    monkeypatch.setattr(type(client), "asynchronous", True)
    with pytest.raises(ValueError, match="executor is an asynchronous Dask client; give a synchro"):
        small_sweep(folder, executor=client)
