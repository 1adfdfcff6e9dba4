"""A network on a chip.

It is a torch module whose layers with weights read tiles, with fresh noise on every read.
"""

from collections.abc import Iterator, Sequence
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from crossbar.reads.span import Span
from devices.seeding import RNG, child, seed_sequence
from devices.validation import array, integer, number
from nsm.chips import early_stopping, mapping_report
from nsm.chips.layers import ChipLayer, TileLayer
from nsm.chips.read_context import Reads, reading
from nsm.chips.states import States, unpacked
from nsm.nn.inference import Floats, Labels, check_labels, softmax

if TYPE_CHECKING:
    import pandas as pd

#: Reads of one array in memory at a time, unless the caller says otherwise.
READS_AT_ONCE = 1 << 14


class Stream(IntEnum):
    """First names of the streams of a seed.

    A chip mapped and read with the same seed shares no draw between the two.
    """

    MAP = 0
    SAMPLE = 1
    FIRING = 2
    EARLY_STOPPING = 3


class MappedNetwork(nn.Module):
    """One chip: a network programmed once into tiles.

    Calling it makes one noisy pass, tensors in and tensors out.

    Drawn once, when it was mapped: programming errors, stuck cells, comparator offsets. Drawn on
    every read: gates, read noise, comparator noise. Changed by `age` and `scale_conductances`, both
    of which add up.

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
        return [layer for layer in self.network if isinstance(layer, TileLayer)]

    @property
    def outputs(self) -> int:
        """Number of classes: outputs of the last layer on tiles."""
        return self.layers[-1].neurons.outputs

    @property
    def has_memory(self) -> bool:
        """Whether consecutive reads are correlated, which `sampling="moments"` leaves out."""
        return any(layer.neurons.main.has_memory for layer in self.layers)

    def weights(self, layer: int) -> Floats:
        """Return the weights (outputs, inputs) that layer number `layer` on tiles holds now, in
        the network's units.
        """
        on_tiles = self.layers[layer]
        return on_tiles.neurons.main.weights / on_tiles.row_factors[:, None]

    def conductances(self, layer: int) -> tuple[Floats, Floats]:
        """Return g_pos and g_neg [S] of layer number `layer` on tiles now, (word lines, bit
        lines).
        """
        return self.layers[layer].neurons.main.conductances()

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits of one noisy pass, (batch, classes), on the device and in the
        precision of x.

        Every call draws fresh noise; `sample` takes a seed. The chip has no gradient.
        """
        logits = self.sample(x.detach().double().cpu().numpy(), 1)[0]
        return torch.as_tensor(logits).to(x)

    def check_images(self, x: ArrayLike) -> Floats:
        """Return images as float64.

        Raises:
            ValueError: x is a single image, has a wrong shape, or holds NaN.
        """
        shape = None if self.in_shape is None else (None, *self.in_shape)
        images = array("x", x, shape=shape)
        if images.ndim < 2:
            raise ValueError(f"x has shape {images.shape}; give (batch, …), one image or more")
        return images

    def runs(
        self,
        images: Floats,
        samples: int,
        seed: np.random.SeedSequence,
        *,
        sampling: str = "exact",
        reads_at_once: int = READS_AT_ONCE,
    ) -> Iterator[tuple[Span, Floats]]:
        """Yield the reads of a run in spans, with their logits (reads, classes).

        Args:
            images: Checked images; the samples of one image are adjacent reads.
            samples: Passes of each image.
            seed: Seed of the run. A read's draws depend on it and on the read's number.
            sampling: "exact" or "moments".
            reads_at_once: Rough number of reads of the busiest array in memory.
        """
        integer("reads_at_once", reads_at_once, at_least=1)
        at_once = max(1, reads_at_once // self._reads_per_pass(images[:1]))
        # Spans of complete images, where some fit.
        step = at_once if samples > at_once else at_once - at_once % samples
        total = len(images) * samples
        for first in range(0, total, step):
            span = Span(first, min(first + step, total), samples)
            needed = images[span.first // samples : (span.last - 1) // samples + 1]
            with reading(Reads(span, sampling, seed)):
                out: States = self.network(needed)
            yield span, unpacked(out)

    def _reads_per_pass(self, images: Floats) -> int:
        """Return how often the busiest array is read in one pass.

        That is once, or at every location of a convolution.
        """
        most = 1
        z = images
        for layer in self.network:
            assert isinstance(layer, ChipLayer)
            z, reads = layer.reads_per_input(z)
            most = max(most, reads)
        return most

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
        runs = self.runs(images, samples, seed, sampling=sampling, reads_at_once=reads_at_once)
        parts = [logits for _, logits in runs]
        logits = np.concatenate(parts) if parts else np.empty((0, self.outputs))
        return logits.reshape(len(images), samples, -1).transpose(1, 0, 2)

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

        See `sample`.
        """
        images = self.check_images(x)
        integer("samples", samples, at_least=1)
        seed = child(seed_sequence(rng), Stream.SAMPLE)
        mean = np.zeros((len(images), self.outputs))
        runs = self.runs(images, samples, seed, sampling=sampling, reads_at_once=reads_at_once)
        for span, logits in runs:
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

        With a `confidence`, an image is read no further once its class is certain; see
        `early_stopping.classify`.
        """
        if confidence is None:
            labels = self.predict(x, samples, rng=rng, sampling=sampling)
            return labels, np.full(len(labels), samples)
        return early_stopping.classify(
            self, x, samples, rng=rng, sampling=sampling, confidence=confidence
        )

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

        Y: class numbers, (batch,).
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
        """Return the fraction of images whose most probable class is wrong.

        Y: class numbers, (batch,).
        """
        return self.errors(x, y, samples, rng=rng, sampling=sampling) / len(np.asarray(x))

    def age(self, seconds: float) -> None:
        """Let `seconds` [s] pass: drift in every cell, traps and other states of noises.

        Ages add up.
        """
        number("seconds", seconds, at_least=0, unit="s")
        for layer in self.layers:
            layer.neurons.age(seconds)

    def scale_conductances(self, factor: float) -> None:
        """Multiply every conductance by one factor, pedestals, deterministic paths and bias word
        lines included.
        """
        number("factor", factor, above=0)
        for layer in self.layers:
            layer.neurons.scale_conductances(factor)

    def report(self) -> "pd.DataFrame":
        """Return one row per layer on tiles, as mapped; see `mapping_report.report`."""
        return mapping_report.report(self.layers)

    def effective_samples(self, samples: int) -> "pd.DataFrame":
        """Return how many independent reads `samples` consecutive ones are worth.

        See `mapping_report`.
        """
        return mapping_report.effective_samples(self.layers, samples)

    def cost(self) -> "pd.DataFrame":
        """Return energy [J] and latency [s] of one pass, a row per layer on tiles.

        See `mapping_report.cost`.
        """
        return mapping_report.cost(self.layers)
