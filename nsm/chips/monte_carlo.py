"""Decisions of a chip from many reads: class probabilities, errors."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from devices.seeding import RNG
from devices.validation import number
from nsm.chips import early_stopping
from nsm.chips.class_scores import class_probabilities
from nsm.chips.runs import READS_AT_ONCE
from nsm.chips.sampler import Sampler
from nsm.nn.inference import Floats, Labels, check_labels


class MonteCarlo(Sampler):
    """A network on tiles that classifies: probabilities, errors, decisions from many reads."""

    _softmax_temperature = 1.0

    @property
    def softmax_temperature(self) -> float:
        """Number T by which outputs are divided before the softmax, everywhere; 1 by default.

        `calibrate_temperature` measures it. It has nothing to do with that of the cells.
        """
        return self._softmax_temperature

    @softmax_temperature.setter
    def softmax_temperature(self, value: float) -> None:
        self._softmax_temperature = number("softmax_temperature", value, above=0)

    def sample_proba(
        self,
        x: Any,
        samples: int,
        *,
        rng: RNG = None,
        sampling: str = "exact",
        reads_at_once: int = READS_AT_ONCE,
    ) -> Floats:
        """Return softmax(outputs/T) of independent noisy passes, (samples, batch, classes, ...).

        T is `softmax_temperature`. The functions of `nsm.uncertainty` take such probabilities.
        Arguments and errors are those of `sample`.
        """
        batch, spans = self.started(x, samples, rng, sampling, reads_at_once)
        if not batch:
            return np.empty((samples, 0, self.classes))
        t = self.softmax_temperature
        p = np.concatenate([class_probabilities(outputs, t) for _, outputs in spans])
        return p.reshape(batch, samples, *p.shape[1:]).swapaxes(0, 1)

    def predict_proba(
        self,
        x: Any,
        samples: int,
        *,
        rng: RNG = None,
        sampling: str = "exact",
        reads_at_once: int = READS_AT_ONCE,
    ) -> Floats:
        """Return class probabilities (batch, classes): the mean softmax over `samples` passes.

        Outputs are divided by `softmax_temperature` before the softmax.
        Outputs of more axes, such as those of segmentation, have their classes on the axis after
        the batch: (batch, classes, height, width). Arguments and errors are those of `sample`.
        """
        batch, spans = self.started(x, samples, rng, sampling, reads_at_once)
        mean = np.zeros((batch, self.classes)) if not batch else None
        for span, outputs in spans:
            p = class_probabilities(outputs, self.softmax_temperature)
            if mean is None:
                mean = np.zeros((batch, *p.shape[1:]))
            start = span.first // samples
            edges = np.flatnonzero(np.diff(span.rows, prepend=-1))
            sums = np.add.reduceat(p, edges, axis=0)
            mean[start : start + len(sums)] += sums
        assert mean is not None
        return mean / samples

    def predict(self, x: Any, samples: int, *, rng: RNG = None, sampling: str = "exact") -> Labels:
        """Return the most probable class of every image, (batch,); see `predict_proba`."""
        return self.predict_proba(x, samples, rng=rng, sampling=sampling).argmax(axis=1)

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
        return int(wrong_images(self, x, y, samples, rng=rng, sampling=sampling).sum())

    def check_labels(self, y: ArrayLike, batch: int, classes: int | None) -> Labels:
        """Return labels as int64; raise ValueError unless they are classes of this many images."""
        labels = np.asarray(y)
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
        return self.errors(x, y, samples, rng=rng, sampling=sampling) / np.asarray(y).size

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


def wrong_images(
    chip: MonteCarlo,
    x: Any,
    y: ArrayLike,
    samples: int,
    *,
    rng: RNG = None,
    sampling: str = "exact",
) -> NDArray[np.bool_]:
    """Return whether the most probable class of every image is wrong, in the shape of `y`.

    Two networks or conditions are compared best image by image, see `nsm.statistics`.

    Args:
        chip: The mapped network.
        x: Images, as for `MonteCarlo.sample`; so are `samples`, `rng` and `sampling`.
        y: Class numbers, as for `MonteCarlo.errors`.
    """
    images = chip.check_images(x)
    batch = chip.inputs.batch(images)
    chip.check_labels(y, batch, chip.inputs.classes_of(images))
    p = chip.predict_proba(x, samples, rng=rng, sampling=sampling)
    labels = chip.check_labels(y, batch, p.shape[1] if batch else None)
    predicted = p.argmax(axis=1)
    if predicted.shape != labels.shape:
        raise ValueError(f"labels have shape {labels.shape}; the network gives {predicted.shape}")
    return np.asarray(predicted != labels)
