"""Decisions of a chip from many reads: which images are wrong, errors, early stopping."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from devices.seeding import RNG
from devices.validation import any_array, integer
from nsm.chips import early_stopping
from nsm.chips.probabilities import Probabilities
from nsm.nn.inference import Labels, check_labels


class MonteCarlo(Probabilities):
    """A network on tiles that classifies: errors and decisions from many reads."""

    def errors(
        self,
        x: Any,
        y: ArrayLike,
        samples: int,
        *,
        rng: RNG = None,
        sampling: str = "exact",
    ) -> int:
        """Return the number of images whose most probable class is wrong.

        Args:
            x: Images, as for `sample`; so are `samples`, `rng` and `sampling`.
            y: Class numbers, (batch,), or (batch, height, width) of segmentation, whose pixels are
                counted.
        """
        return int(self.wrong(x, y, samples, rng=rng, sampling=sampling).sum())

    def wrong(
        self,
        x: Any,
        y: ArrayLike,
        samples: int,
        *,
        rng: RNG = None,
        sampling: str = "exact",
        first: int = 0,
    ) -> NDArray[np.bool_]:
        """Return which images (pixels) have a wrong most probable class, in the shape of y.

        Args:
            x: Images, as for `sample`; so are `samples`, `rng` and `sampling`.
            y: Class numbers, as for `errors`.
            first: Number of the first image in a run of which x is a block, see `predict_proba`.
        """
        images = self.check_images(x)
        batch = self.inputs.batch(images)
        self.check_labels(y, batch, self.inputs.classes_of(images))
        p = self.predict_proba(x, samples, rng=rng, sampling=sampling, first=first)
        labels = self.check_labels(y, batch, p.shape[1] if batch else None)
        predicted = p.argmax(axis=1)
        if predicted.shape != labels.shape:
            raise ValueError(
                f"labels have shape {labels.shape}; the network gives {predicted.shape}"
            )
        return np.asarray(predicted != labels)

    def check_labels(self, y: ArrayLike, batch: int, classes: int | None) -> Labels:
        """Return labels as int64; raise ValueError unless they are classes of this many images."""
        labels = any_array("labels", y)
        integer("batch", batch, at_least=0)
        if classes is not None:
            integer("classes", classes, at_least=1)
        pixels = self.inputs.pixels
        if not pixels:
            return check_labels(labels, batch, classes)
        if labels.ndim != 1 + len(pixels) or len(labels) != batch:
            raise ValueError(
                f"labels have shape {labels.shape}; {batch} images of this network need ({batch}, "
                f"{', '.join('n' for _ in pixels)}), a class for every pixel"
            )
        return check_labels(labels.ravel(), labels.size, classes).reshape(labels.shape)

    def error_rate(
        self,
        x: Any,
        y: ArrayLike,
        samples: int,
        *,
        rng: RNG = None,
        sampling: str = "exact",
    ) -> float:
        """Return the fraction of images (of pixels) whose most probable class is wrong.

        Arguments are those of `errors`.
        """
        labels = any_array("labels", y)
        if not labels.size:
            raise ValueError("y holds no labels: there are no images to err on; give at least one")
        return self.errors(x, labels, samples, rng=rng, sampling=sampling) / labels.size

    def classify(
        self,
        x: Any,
        samples: int,
        *,
        rng: RNG = None,
        sampling: str = "exact",
        confidence: float | None = None,
    ) -> tuple[Labels, Labels]:
        """Return the most probable class of every image and the samples taken, (batch,) each.

        Args:
            x: Images, as for `sample`; so are `rng` and `sampling`.
            samples: Samples of each image, or the largest number of them with a `confidence`.
            confidence: None reads every image `samples` times. A number in (0, 1) stops reading an
                image once its class is certain, see `early_stopping.classify`.
        """
        if confidence is None:
            labels = self.predict(x, samples, rng=rng, sampling=sampling)
            return labels, np.full(len(labels), samples)
        return early_stopping.classify(
            self, x, samples, rng=rng, sampling=sampling, confidence=confidence
        )
