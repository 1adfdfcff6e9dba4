"""A tiny table of experiments on digits, for the tests of `nsm.paper`."""

from concurrent.futures import Future
from functools import partial

from nsm.nn import architectures as networks
from nsm.paper.experiment import Experiment

WIDTHS = (64, 14, 12, 11, 10)
NSM = partial(networks.nsm_mlp, WIDTHS)
TINY = (
    Experiment(
        name="nsm",
        section="s",
        label="NSM",
        measures="perceptron",
        build=NSM,
        epochs=3,
        seeds=(0, 1),
        samples=3,
    ),
    Experiment(
        name="stnn",
        section="s",
        label="StNN",
        measures="perceptron",
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
    Experiment(name="curve", section="f", label="c", measures="percentiles", build=NSM),
    Experiment(name="angles", section="g", label="a", measures="angles", build=NSM, epochs=1),
    Experiment(name="large", section="s", label="l", build=NSM, gpu=True, seeds=(0, 1)),
)


class Inline:
    """Pool without workers: it runs each job on submission, so a kill of the job kills the run."""

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
    """Return results without the times they took."""
    return [{k: v for k, v in r.items() if k != "seconds"} for r in found]
