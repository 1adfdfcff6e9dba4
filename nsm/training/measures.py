"""What is measured after every epoch of training, checked before the first."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from torch import nn

from devices.arguments import table, text
from devices.validation import integer, shortened
from nsm.nn.inference import check_labels, error_rate, output_shape, some_images
from nsm.training.mark import mark_of_arrays
from nsm.training.state import TrainingState


def images_and_labels(validation: Any) -> tuple[ArrayLike, ArrayLike]:
    """Return the two parts of `validation`, or raise ValueError if it has other parts."""
    if not isinstance(validation, (tuple, list)):
        raise ValueError(f"validation is a {type(validation).__name__}; give (images, labels)")
    if len(validation) != 2:
        raise ValueError(f"validation has {len(validation)} parts; give (images, labels)")
    return validation[0], validation[1]


def _numbers(found: Any) -> dict[str, float]:
    """Return what `measure` has returned, or raise ValueError unless they are numbers by name."""
    given = table("the result of measure", found, "numbers by name, {'margin': 0.1}")
    return {text("a name in the result of measure", k): v for k, v in given.items()}


@dataclass(frozen=True)
class Measures:
    """What is measured after every epoch.

    Attributes:
        validation: Images and labels; None for no error.
        samples: Noisy passes for the error.
        measure: Called with the network; None for no further numbers.
    """

    validation: tuple[ArrayLike, ArrayLike] | None = None
    samples: int = 10
    measure: Callable[[nn.Module], Mapping[str, float]] | None = None

    def check(self, model: nn.Module, shape: tuple[int, ...], outputs: tuple[int, ...]) -> None:
        """Raise ValueError for wrong data or settings, before any work is done.

        Args:
            model: The network.
            shape: Shape of a training image.
            outputs: What the network returns of one, (classes, ...).
        """
        if self.measure is not None and not callable(self.measure):
            raise ValueError(
                f"measure = {shortened(self.measure)} cannot be called; give a function of the "
                "network that returns numbers by name"
            )
        integer("validation_samples", self.samples, at_least=1)
        if self.validation is None:
            default = next(f.default for f in fields(self) if f.name == "samples")
            if self.samples != default:
                raise ValueError(
                    f"validation_samples = {self.samples} has no effect: there are no validation "
                    "images; leave it out"
                )
            return
        given, labels = images_and_labels(self.validation)
        images = some_images("images of validation", given, "in validation")
        classes, *places = outputs if images.shape[1:] == shape else output_shape(model, images)
        check_labels(labels, len(images), classes, tuple(places))

    def identity(self) -> dict[str, Any]:
        """Return what a checkpoint must share with the run that resumes it: its rows hold errors.

        It is empty without validation images.
        """
        if self.validation is None:
            return {}
        mark = mark_of_arrays(*(np.asarray(values) for values in self.validation))
        return {"validation": mark, "validation_samples": self.samples}

    def of(self, state: TrainingState, seed: np.random.SeedSequence) -> dict[str, float]:
        """Return the numbers of one epoch, by column."""
        found: dict[str, float] = {}
        if self.validation is not None:
            found["error"] = error_rate(
                state.computing_average, *self.validation, self.samples, rng=seed
            )
        if self.measure is not None:
            found |= _numbers(self.measure(state.model))
        return found
