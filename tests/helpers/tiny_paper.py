"""A tiny table of experiments on digits, run in this process: what tests of `nsm.paper` share."""

from concurrent.futures import Future
from functools import partial

from nsm.nn import architectures as networks
from nsm.paper.table import Experiment

WIDTHS = (64, 14, 12, 11, 10)
NSM = partial(networks.nsm_mlp, WIDTHS)
TINY = (
    Experiment(
        name="nsm",
        section="s",
        label="NSM",
        kind="perceptron",
        build=NSM,
        epochs=3,
        seeds=(0, 1),
        samples=3,
    ),
    Experiment(
        name="stnn",
        section="s",
        label="StNN",
        kind="perceptron",
        build=partial(networks.stnn_mlp, WIDTHS),
        epochs=1,
    ),
    Experiment(
        name="relu",
        section="s",
        label="ReLU",
        build=partial(networks.relu_mlp, WIDTHS),
        epochs=2,
        samples=1,
    ),
    Experiment(name="curve", section="f", label="c", kind="percentiles", build=NSM),
    Experiment(name="angles", section="g", label="a", kind="angles", build=NSM, epochs=1),
    Experiment(name="large", section="s", label="l", build=NSM, gpu=True, seeds=(0, 1)),
)


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


def same(found):
    """A result without the time it took."""
    return [{k: v for k, v in r.items() if k != "seconds"} for r in found]
