"""Data and networks on their way to workers: small jobs, and each value once per worker."""

import pickle
from concurrent.futures import Executor, Future

import cloudpickle
import numpy as np
import pytest
from pandas.testing import assert_frame_equal

import nsm
from crossbar import Comparator, Hardware
from devices import BlankOut, preset
from nsm.sweeps.data import checked_data
from nsm.sweeps.workers import contents
from nsm.sweeps.workers.contents import Content, LackedError, Packed, Shelf
from nsm.sweeps.workers.dispatch import PER_WORKER
from nsm.sweeps.workers.jobs import Experiment
from nsm.sweeps.workers.work import Lacked
from tests.helpers.worker_noise import small_sweep


class Inline(Executor):
    """Runs every call in this process, and keeps the bytes of its arguments."""

    workers = 2

    def __init__(self):
        self.sizes = []

    def submit(self, fn, /, *args, **kwargs):
        data = cloudpickle.dumps((fn, args, kwargs))
        self.sizes.append(len(data))
        fn, args, kwargs = pickle.loads(data)
        future = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as problem:
            future.set_exception(problem)
        return future


@pytest.fixture
def worker(monkeypatch):
    """This process as a fresh worker."""
    fresh = contents._Kept()
    monkeypatch.setattr(contents, "_KEPT", fresh)
    monkeypatch.setattr(contents, "take", fresh.take)
    return fresh


def test_a_job_is_small_whatever_data_and_network():
    model = nsm.load("mnist_mlp")
    hardware = Hardware(
        device=preset("rram_wan2022"), gate=BlankOut(0.5), gate_sharing="pair",
        comparator=Comparator(offset=1e-9),
    )  # fmt: skip
    tasks = nsm.grid(model, hardware, {"gain": [1.0]})
    x = np.random.default_rng(0).random((10_000, 784))  # as many as the test images of MNIST
    y = np.arange(10_000) % 10
    found = checked_data(tasks, x, y)
    experiment = Experiment(
        x=found.images, y=found.labels, calibration=found.calibration, chips=2, samples=20,
        sampling="exact", seed=np.random.SeedSequence(0), until=None, plans=found.plans,
    )  # fmt: skip
    with Shelf() as shelf:
        by_id = {t.id: t for t in tasks}
        keys = experiment.keys(by_id, None)
        jobs = list(experiment.jobs(by_id, keys, 1000, shelf))
        assert len(jobs) == 2 * 10
        assert max(len(pickle.dumps(job)) for job in jobs) < 20_000
        sizes = {c.hash: c.size for job in jobs for c in job.contents}
        assert len(sizes) == 2  # one network, one set of images
        assert max(sizes.values()) > x.nbytes


def test_a_worker_reads_each_value_once(tmp_path, worker, monkeypatch):
    read = []
    data = Content.data
    monkeypatch.setattr(Content, "data", lambda self: read.append(self.hash) or data(self))
    executor = Inline()
    rows = small_sweep(tmp_path, executor=executor)
    assert len(executor.sizes) == len(rows) == 9
    assert len(read) == len(set(read)) == 2
    assert max(executor.sizes) < 20_000


def test_a_worker_that_lacks_the_data_gets_them(tmp_path, worker, monkeypatch):
    there, lacking = Content.data, []

    def here(self):
        lacking.append(self.hash)
        raise LackedError(self.path)

    monkeypatch.setattr(Content, "data", here)  # no path leads to the folder from this machine
    monkeypatch.setattr(Shelf, "data", lambda self, content: there(content))
    rows = small_sweep(tmp_path, executor=Inline())
    assert 1 <= len(lacking) <= PER_WORKER * 2  # only jobs on their way before the first answer
    assert worker.hashes()
    assert_frame_equal(rows.drop(columns="elapsed"), small_sweep(tmp_path).drop(columns="elapsed"))


def test_files_that_are_gone_or_changed_are_lacking(tmp_path, worker):
    with Shelf() as shelf:
        content = shelf.put_once([*range(5000)])
        assert shelf.put_once([*range(5000)]) == content  # equal bytes are one content
        assert content.value() == [*range(5000)]
        assert worker.hashes() == [content.hash]
        other = Content("0" * 64, content.path, content.size)
        with pytest.raises(LackedError):
            other.value()
    with pytest.raises(LackedError):
        content.data()
    assert content.value() == [*range(5000)]  # it is kept


def test_small_values_travel_inside_the_job():
    with Shelf() as shelf:
        assert shelf.put({"a": 1}).value() == {"a": 1}
        assert isinstance(shelf.put({"a": 1}), Packed)
        assert isinstance(shelf.put(b"a" * contents.SMALL), Content)


def test_a_worker_forgets_what_it_used_longest_ago(worker, monkeypatch):
    monkeypatch.setattr(contents, "KEPT", 25_000)
    with Shelf() as shelf:
        a, b, c = (shelf.put_once(bytes([n]) * 10_000) for n in range(3))
        for content in (a, b, a, c):
            content.value()
        assert worker.hashes() == [a.hash, c.hash]
        worker.take([cloudpickle.dumps(bytes([n]) * 10_000) for n in range(10, 14)])
        assert len(worker.hashes()) == 4  # what one job needs is kept whatever its size


def test_other_versions_of_the_packages_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("nsm.sweeps.workers.jobs.versions_here", lambda: {"numpy": "1.0"})
    with pytest.raises(ValueError, match=r"the worker on .* has numpy .*, but the sweep was start"):
        small_sweep(tmp_path, executor=Inline())


def test_values_that_stay_lacking_end_the_sweep(tmp_path):
    executor = Inline()
    executor.submit = lambda *args, **kwargs: Inline.submit(executor, lambda: Lacked())
    with pytest.raises(RuntimeError, match="a worker lacks values of task .* that were sent to it"):
        small_sweep(tmp_path, executor=executor)
