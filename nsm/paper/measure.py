"""The names of measurements, by which rows of the table choose one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from nsm.datasets.files import Data
from nsm.paper import uncertainty
from nsm.paper.angles import angles
from nsm.paper.errors import convergence, error, perceptron
from nsm.paper.experiment import Experiment
from nsm.paper.percentiles import percentiles
from nsm.paper.ranges import on_levels, weight_range

#: A measurement runs one seed of an experiment and returns what its result file holds.
MEASUREMENTS: dict[str, Callable[[Experiment, int, Data, Path], dict[str, Any]]] = {
    "error": error,
    "perceptron": perceptron,
    "percentiles": percentiles,
    "angles": angles,
    "range": weight_range,
    "levels": on_levels,
    "convergence": convergence,
    "sampled": uncertainty.sampled,
    "dropout": uncertainty.dropout,
    "ensemble": uncertainty.ensemble,
}
