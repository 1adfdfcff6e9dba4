"""Monte-Carlo reads of a network of chip layers: samples, class probabilities, errors."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from torch import nn

from devices.seeding import RNG, child, seed_sequence
from devices.validation import integer
from nsm.chips import early_stopping
from nsm.chips.layers import ChipLayer, TileLayer
from nsm.chips.runs import READS_AT_ONCE, checked_images, runs
from nsm.chips.streams import Stream
from nsm.nn.inference import Floats, Labels, check_labels, softmax


class MonteCarlo(nn.Module):
    """A network of chip layers, read many times.

    Attributes:
        network: The layers in order, on tiles or digital.
        in_shape: Shape of one image, with None for an axis of any length; None: any shape.
    """

    def __init__(self, layers: Sequence[ChipLayer], in_shape: tuple[int | None, ...] | None):
        super().__init__()
        for position, layer in enumerate(layers):
            layer.position = position
        self.network = nn.Sequential(*layers)
        self.in_shape = in_shape

    @property
    def layers(self) -> list[TileLayer]:
        """The layers on tiles, in order."""
        layers: Any = self.network  # torch does not tell type checkers what it iterates over
        return [tiles for layer in layers for tiles in layer.on_tiles]

    @property
    def outputs(self) -> int:
        """Number of classes: outputs of the last layer on tiles."""
        return self.layers[-1].neurons.outputs

    def check_images(self, x: ArrayLike) -> Floats:
        """Return images as float64, checked; see `runs.checked_images`."""
        return checked_images(x, self.in_shape)

    def sample(
        self,
        x: ArrayLike,
        samples: int,
        *,
        rng: RNG = None,
        sampling: str = "exact",
        reads_at_once: int = READS_AT_ONCE,
    ) -> Floats:
        """Return the logits of independent noisy passes of every image, (samples, batch, classes).

        Args:
            x: Images, (batch, inputs) or (batch, channels, height, width).
            samples: Passes of each image; they are adjacent reads.
            rng: Seed, Generator or None. Same `rng`, same reads, whatever the threads and
                `reads_at_once`.
            sampling: "exact" draws every gate and cell, "moments" one normal per output (see
                `TiledArray.read`).
            reads_at_once: Rough number of reads in memory: it bounds the memory of a pass.

        Raises:
            ValueError: x holds NaN or has a wrong shape, samples < 1, or the sampling is unknown.
        """
        images = self.check_images(x)
        integer("samples", samples, at_least=1)
        seed = child(seed_sequence(rng), Stream.SAMPLE)
        spans = runs(
            self.network, images, samples, seed, sampling=sampling, reads_at_once=reads_at_once
        )
        parts = [logits for _, logits in spans]
        logits = np.concatenate(parts) if parts else np.empty((0, self.outputs))
        return logits.reshape(len(images), samples, *logits.shape[1:]).swapaxes(0, 1)

    def predict_proba(
        self,
        x: ArrayLike,
        samples: int,
        *,
        rng: RNG = None,
        sampling: str = "exact",
        reads_at_once: int = READS_AT_ONCE,
    ) -> Floats:
        """Return class probabilities (batch, classes): the mean softmax over `samples` passes.

        Arguments and errors are those of `sample`.
        """
        images = self.check_images(x)
        integer("samples", samples, at_least=1)
        seed = child(seed_sequence(rng), Stream.SAMPLE)
        mean = np.zeros((len(images), self.outputs))
        spans = runs(
            self.network, images, samples, seed, sampling=sampling, reads_at_once=reads_at_once
        )
        for span, logits in spans:
            start = span.first // samples
            edges = np.flatnonzero(np.diff(span.rows, prepend=-1))
            sums = np.add.reduceat(softmax(logits), edges, axis=0)
            mean[start : start + len(sums)] += sums
        return mean / samples

    def predict(
        self, x: ArrayLike, samples: int, *, rng: RNG = None, sampling: str = "exact"
    ) -> Labels:
        """Return the most probable class of every image, (batch,); see `predict_proba`."""
        return self.predict_proba(x, samples, rng=rng, sampling=sampling).argmax(axis=1)

    def errors(
        self,
        x: ArrayLike,
        y: ArrayLike,
        samples: int,
        *,
        rng: RNG = None,
        sampling: str = "exact",
    ) -> int:
        """Return the number of images whose most probable class is wrong.

        Args:
            x: Images, as for `sample`; so are `samples`, `rng` and `sampling`.
            y: Class numbers, (batch,).
        """
        labels = check_labels(y, len(np.asarray(x)))
        return int((self.predict(x, samples, rng=rng, sampling=sampling) != labels).sum())

    def error_rate(
        self,
        x: ArrayLike,
        y: ArrayLike,
        samples: int,
        *,
        rng: RNG = None,
        sampling: str = "exact",
    ) -> float:
        """Return the fraction of images whose most probable class is wrong; see `errors`."""
        return self.errors(x, y, samples, rng=rng, sampling=sampling) / len(np.asarray(x))

    def classify(
        self,
        x: ArrayLike,
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
