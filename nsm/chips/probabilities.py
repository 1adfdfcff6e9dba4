"""Class probabilities of a chip from many noisy passes."""

from typing import Any

import numpy as np

from devices.seeding import RNG
from devices.validation import number
from nsm.chips.class_scores import class_probabilities
from nsm.chips.runs import READS_AT_ONCE
from nsm.chips.sampler import Sampler
from nsm.nn.inference import Floats, Labels


class Probabilities(Sampler):
    """A network on tiles that classifies: probabilities from many reads, and what follows."""

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
        first: int = 0,
    ) -> Floats:
        """Return class probabilities (batch, classes): the mean softmax over `samples` passes.

        Outputs are divided by `softmax_temperature` before the softmax.
        Outputs of more axes, such as those of segmentation, have their classes on the axis after
        the batch: (batch, classes, height, width). Arguments and errors are those of `sample`.
        With `first` the images are read as those of that number and the next ones in a run of more
        images; see `block` for where a run may be cut.
        """
        batch, spans = self.started(x, samples, rng, sampling, reads_at_once, first)
        mean = np.zeros((batch, self.classes)) if not batch else None
        for span, outputs in spans:
            p = class_probabilities(outputs, self.softmax_temperature)
            if mean is None:
                mean = np.zeros((batch, *p.shape[1:]))
            start = span.first // samples - first
            edges = np.flatnonzero(np.diff(span.rows, prepend=-1))
            sums = np.add.reduceat(p, edges, axis=0)
            mean[start : start + len(sums)] += sums
        assert mean is not None
        return mean / samples

    def predict(self, x: Any, samples: int, *, rng: RNG = None, sampling: str = "exact") -> Labels:
        """Return the most probable class of every image, (batch,); see `predict_proba`."""
        return self.predict_proba(x, samples, rng=rng, sampling=sampling).argmax(axis=1)
