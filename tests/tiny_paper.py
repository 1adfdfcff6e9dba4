"""A tiny table of experiments on digits, run in this process: what tests of `nsm.paper` share."""

from concurrent.futures import Future
from functools import partial

import pytest
import torch

import nsm.paper.run as runner
from nsm import networks
from nsm.data import Data, load_digits
from nsm.paper import measure, report
from nsm.paper.measure import sums_over_updates
from nsm.paper.table import Experiment

WIDTHS = (64, 14, 12, 11, 10)
NSM = partial(networks.nsm_mlp, WIDTHS)
TINY = (
    Experiment(name="nsm", section="s", label="NSM", kind="perceptron", build=NSM, epochs=3, seeds=(0, 1), samples=3),
    Experiment(
        name="stnn", section="s", label="StNN", kind="perceptron", build=partial(networks.stnn_mlp, WIDTHS), epochs=1
    ),
    Experiment(name="relu", section="s", label="ReLU", build=partial(networks.relu_mlp, WIDTHS), epochs=2, samples=1),
    Experiment(name="curve", section="f", label="c", kind="percentiles", build=NSM),
    Experiment(name="angles", section="g", label="a", kind="angles", build=NSM, epochs=1),
    Experiment(name="large", section="s", label="l", build=NSM, gpu=True, seeds=(0, 1)),
)


@pytest.fixture(scope="module")
def data():
    x_train, y_train, x_test, y_test = load_digits()
    return Data(x_train[:250], y_train[:250], x_test[:60], y_test[:60])


class Inline:
    """A pool of no worker: a job is done when it is submitted, and what kills it kills the run."""

    def __init__(self, workers):
        self.workers = workers

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def submit(self, job, *arguments):
        future = Future()
        try:
            future.set_result(job(*arguments))
        except Exception as problem:
            future.set_exception(problem)
        return future


@pytest.fixture
def tiny(monkeypatch, data):
    """The machinery of the table, on digits and small networks, in this process."""
    threads = torch.get_num_threads()
    for module in (runner, report):
        monkeypatch.setattr(module, "EXPERIMENTS", TINY)
    monkeypatch.setattr(runner, "load_data", lambda name, folder: data)
    monkeypatch.setattr(runner, "worker_pool", Inline)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for name in ("nsm_mlp", "stnn_mlp"):  # "percentiles" builds its own
        monkeypatch.setattr(measure.networks, name, partial(getattr(networks, name), WIDTHS))
    monkeypatch.setattr(measure, "sums_over_updates", partial(sums_over_updates, updates=4))
    yield
    torch.set_num_threads(threads)


def same(found):
    """A result without the time it took."""
    return [{k: v for k, v in r.items() if k != "seconds"} for r in found]
