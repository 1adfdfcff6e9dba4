"""What an experiment of the paper is: network, data, recipe, epochs, seeds, published error."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from torch import nn

from nsm.datasets.files import Data

#: The usual recipe: Adam at 10⁻³ with a rate that falls along a cosine, and weight averaging.
PLAIN: dict[str, Any] = {"lr": 1e-3, "ema_decay": 0.999}
#: The recipe of perceptrons.
PERCEPTRON: dict[str, Any] = {**PLAIN, "label_smoothing": 0.1}


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """One row of the table and of the report.

    Attributes:
        name: Short name, unique in the table; results and trainings are filed under it.
        section: Heading of the report under which it is shown.
        label: What the row of the report is called.
        build: Returns the untrained network.
        measures: What is measured: a name in `nsm.paper.measure.MEASUREMENTS`; default "error".
        data: Name of the data set; default "mnist".
        epochs: Epochs of training here; default 0.
        paper_epochs: Epochs of training in the paper; default 200.
        seeds: Seeds to run, one result each; default (0,).
        recipe: Options of `nsm.fit`; default Adam at 10⁻³ with weight averaging.
        samples: Samples of the noise for each test image; default 100.
        paper: Published error [%]; None (default) if there is none.
        gpu: Whether it takes weeks on a processor. It is then run if there is a GPU, or if it is
            asked for by name; default False.
        also: Another section that shows it; default "".
        start: Name of the experiment from whose trained network it starts, seed by seed; default
            "": from random weights.
        protocol: How its measurement is made, where there is a choice; None (default): there is
            none. Its `repr` is part of what results are known by.
        images: Numbers of training and of test images that are used, the first of each; None
            (default): all.
    """

    name: str
    section: str
    label: str
    build: Callable[[], nn.Sequential]
    measures: str = "error"
    data: str = "mnist"
    epochs: int = 0
    paper_epochs: int = 200
    seeds: tuple[int, ...] = (0,)
    recipe: Mapping[str, Any] = field(default_factory=lambda: PLAIN)
    samples: int = 100
    paper: float | None = None
    gpu: bool = False
    also: str = ""
    start: str = ""
    protocol: Any = None
    images: tuple[int, int] | None = None

    def part_of(self, data: Data) -> Data:
        """Return the images that are used."""
        if self.images is None:
            return data
        train, test = self.images
        return replace(
            data,
            x_train=data.x_train[:train],
            y_train=data.y_train[:train],
            x_test=data.x_test[:test],
            y_test=data.y_test[:test],
        )
