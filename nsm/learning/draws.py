"""What a run of learning draws: the order of samples, and the noise of their reads."""

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from crossbar.reads.normals import normals
from crossbar.reads.span import Span, draws
from devices.seeding import child, stream
from nsm.learning.gradient import Singles
from nsm.learning.layer import LearningLayer
from nsm.learning.network import LearningNetwork
from nsm.learning.reads import Kind


class Stream(IntEnum):
    """Random streams of a run of learning."""

    PULSES = 0
    ORDER = 1
    FORWARD = 2
    BACKWARD = 3
    RULE = 4
    VALIDATION = 5


class Draws:
    """The draws of samples, each by its number.

    Args:
        network: The layers.
        images: How many images there are.
        seed: Seed of the run.
    """

    def __init__(self, network: LearningNetwork, images: int, seed: np.random.SeedSequence):
        self._layers = network.layers
        self._images = images
        self._seed = seed
        self._order: tuple[int, NDArray[np.intp]] = (-1, np.empty(0, np.intp))

    def rows(self, first: int, last: int) -> NDArray[np.intp]:
        """Return which images are the samples from number `first` to before `last`."""
        return np.array([self._row(sample) for sample in range(first, last)], dtype=np.intp)

    def noise(self, first: int, last: int) -> tuple[list[Singles], list[Singles | None]]:
        """Return the noise of forward and of transposed reads of these samples, by layer."""
        span = Span(first, last)
        forward = [
            _noise(layer, span, child(self._seed, Stream.FORWARD, number))
            for number, layer in enumerate(self._layers)
        ]
        backward = [
            _noise_back(layer, span, child(self._seed, Stream.BACKWARD, number))
            for number, layer in enumerate(self._layers)
        ]
        return forward, backward

    def _row(self, sample: int) -> int:
        """Return which image is sample number `sample`."""
        epoch, place = divmod(sample, self._images)
        if self._order[0] != epoch:
            order = stream(self._seed, Stream.ORDER, epoch).permutation(self._images)
            self._order = (epoch, order)
        return int(self._order[1][place])


def _noise(layer: LearningLayer, span: Span, seed: np.random.SeedSequence) -> Singles:
    if layer.kind is Kind.SIGMOID:
        law = np.random.Generator.logistic
        parts = [draws(span, layer.outputs, seed, law).astype(np.float32)]
        if layer.readout.has_noise:
            parts.append(normals(span, layer.outputs, child(seed, 1)))
        if layer.is_noisy:
            parts.append(normals(span, layer.outputs, child(seed, 0)))
        return np.hstack(parts)
    if layer.kind is Kind.SIGN and layer.is_noisy:
        of_cells = normals(span, layer.outputs, child(seed, 0))
        return np.hstack([normals(span, layer.outputs, seed), of_cells])
    if layer.kind in (Kind.RECTIFIED, Kind.OUTPUTS) and not layer.is_noisy:
        return np.zeros((span.reads, 0), np.float32)
    return normals(span, layer.outputs, seed)


def _noise_back(layer: LearningLayer, span: Span, seed: np.random.SeedSequence) -> Singles | None:
    return normals(span, layer.inputs, seed) if layer.needs_noise_back else None
