"""Fixtures of the tests of the paper's experiments."""

from functools import partial

import pytest
import torch

import nsm.paper.run as runner
from nsm.datasets import load_digits
from nsm.datasets.files import Data
from nsm.nn import architectures as networks
from nsm.paper import percentiles, report
from nsm.paper.percentiles import sums_over_updates
from tests.helpers.tiny_paper import TINY, WIDTHS, Inline


@pytest.fixture(scope="module")
def data():
    x_train, y_train, x_test, y_test = load_digits()
    return Data(x_train[:250], y_train[:250], x_test[:60], y_test[:60])


@pytest.fixture
def tiny(monkeypatch, data):
    """Replace the table by a tiny one on digits, and run it in this process."""
    threads = torch.get_num_threads()
    for module in (runner, report):
        monkeypatch.setattr(module, "EXPERIMENTS", TINY)
    monkeypatch.setattr(runner, "load_data", lambda name, folder: data)
    monkeypatch.setattr(runner, "worker_pool", Inline)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    # The measurement "percentiles" builds its networks itself.
    for name in ("nsm_mlp", "stnn_mlp"):
        monkeypatch.setattr(percentiles.networks, name, partial(getattr(networks, name), WIDTHS))
    monkeypatch.setattr(percentiles, "sums_over_updates", partial(sums_over_updates, updates=4))
    yield
    torch.set_num_threads(threads)
