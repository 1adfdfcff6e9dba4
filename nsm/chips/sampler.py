"""Independent noisy passes of a chip's network."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from torch import nn

from crossbar.reads.span import Span
from devices.seeding import RNG, child, seed_sequence
from devices.validation import integer
from nsm.chips.images import InputForm
from nsm.chips.layers.tile_layer import TileLayer
from nsm.chips.planning.chain import is_chain
from nsm.chips.runs import READS_AT_ONCE, by_sample, reads_per_span, runs
from nsm.chips.streams import Stream


class Sampler(nn.Module):
    """A network on tiles, read many times.

    Attributes:
        network: The network: a copy of the user's in which weighted layers read tiles, or a chain
            of chip layers.
        inputs: What the network takes.
    """

    def __init__(self, network: nn.Module, inputs: InputForm):
        super().__init__()
        self.network = network
        self.inputs = inputs

    @property
    def layers(self) -> list[TileLayer]:
        """The layers on tiles, in order."""
        found = [m for m in self.network.modules() if isinstance(m, TileLayer)]
        return sorted(found, key=lambda layer: layer.position)

    @property
    def in_shape(self) -> tuple[int | None, ...] | None:
        """Shape of one image, with None for an axis of any length; None: any shape."""
        return self.inputs.shape

    def check_images(self, x: Any) -> Any:
        """Return images as the network takes them, checked; see `images.InputForm.checked`."""
        return self.inputs.checked(x)

    def runs(
        self,
        x: Any,
        samples: int,
        seed: np.random.SeedSequence,
        *,
        sampling: str = "exact",
        reads_at_once: int = READS_AT_ONCE,
        first: int = 0,
    ) -> Iterator[tuple[Span, Any]]:
        """Yield the reads of a run of checked images; see `runs.runs`."""
        return runs(
            self.network,
            x,
            samples,
            seed,
            sampling=sampling,
            reads_at_once=reads_at_once,
            form=self.inputs,
            locations=1 if is_chain(self.network) else self._locations,
            first=first,
        )

    @property
    def _locations(self) -> int:
        """Reads of the busiest array in one pass."""
        layers = self.layers
        return max((layer.locations * layer.neurons.drivers.planes for layer in layers), default=1)

    def block(self, first: int, last: int, total: int, samples: int) -> tuple[int, int]:
        """Return the images of a block that is read as these images are in a run of all.

        Blocks that cover all images together do so after this, too. The layers of a chain draw by
        the number of a read alone: their blocks stay as they are. Another network may compute
        differently when its batches are cut elsewhere (a dropout that torch draws, sums in single
        precision), so that its blocks begin and end where batches of the run do. If the reads of
        one image need more than a batch, the block that begins at 0 has all images, and the
        others have none.

        Args:
            first: Number of the block's first image.
            last: Number after its last image.
            total: Number of all images of the run.
            samples: Passes of every image.
        """
        for name, number in {"first": first, "last": last, "total": total}.items():
            integer(name, number, at_least=0)
        integer("samples", samples, at_least=1)
        if is_chain(self.network) or self.inputs.one_by_one:
            return first, last
        images = reads_per_span(samples, READS_AT_ONCE // self._locations) // samples
        if not images:
            return (0, total) if first == 0 else (total, total)
        starts, ends = (-(-edge // images) * images for edge in (first, last))
        return min(starts, total), min(ends, total)

    def sample(
        self,
        x: Any,
        samples: int,
        *,
        rng: RNG = None,
        sampling: str = "exact",
        reads_at_once: int = READS_AT_ONCE,
    ) -> Any:
        """Return the outputs of independent noisy passes of every image, (samples, batch, ...).

        Args:
            x: Images, (batch, ...), as an array or tensor; a tuple of them for a network of several
                inputs.
            samples: Passes of each image; they are adjacent reads.
            rng: Seed, Generator or None. Same `rng`, same reads, whatever the threads and
                `reads_at_once`.
            sampling: "exact" draws every gate and cell, "moments" one normal per output (see
                `TiledArray.read`).
            reads_at_once: Rough number of reads in memory: it bounds the memory of a pass.

        Returns:
            The logits as float64, (samples, batch, classes), or outputs of whatever shape the
            network has. A network of several outputs gives a tuple, list or dict of them.

        Raises:
            ValueError: x holds NaN or has a wrong shape, samples < 1, or the sampling is unknown.
        """
        batch, spans = self.started(x, samples, rng, sampling, reads_at_once)
        if not batch:
            return np.empty((samples, 0, self.classes))
        return by_sample([outputs for _, outputs in spans], batch, samples)

    def started(
        self, x: Any, samples: int, rng: RNG, sampling: str, reads_at_once: int, first: int = 0
    ) -> tuple[int, Iterator[tuple[Span, Any]]]:
        """Return the number of images, and the reads of a run; arguments as of `sample`.

        With `first` > 0 the images are a block of the run, which begins at its image of this
        number.
        """
        images = self.check_images(x)
        integer("samples", samples, at_least=1)
        integer("first", first, at_least=0)
        seed = child(seed_sequence(rng), Stream.SAMPLE)
        spans = self.runs(
            images, samples, seed, sampling=sampling, reads_at_once=reads_at_once, first=first
        )
        return self.inputs.batch(images), spans

    @property
    def classes(self) -> int:
        """Number of classes: the length of the axis after the batch of the network's output."""
        return self.inputs.classes
