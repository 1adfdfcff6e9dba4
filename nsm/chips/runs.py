"""Runs of a chip: all reads of some images, in spans that fit into memory."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike
from torch import nn

from crossbar.reads.span import Span
from devices.validation import array, integer
from nsm.chips.layers import ChipLayer
from nsm.chips.read_context import Reads, reading
from nsm.chips.states import States, unpacked
from nsm.nn.inference import Floats

#: Reads of one array in memory at a time, unless the caller says otherwise.
READS_AT_ONCE = 1 << 14


def runs(
    network: nn.Sequential,
    images: Floats,
    samples: int,
    seed: np.random.SeedSequence,
    *,
    sampling: str = "exact",
    reads_at_once: int = READS_AT_ONCE,
) -> Iterator[tuple[Span, Floats]]:
    """Yield the reads of a run in spans, with their logits (reads, classes).

    Args:
        network: The layers of a chip.
        images: Checked images; the samples of one image are adjacent reads.
        samples: Passes of each image.
        seed: Seed of the run. A read's draws depend on it and on the read's number.
        sampling: "exact" or "moments".
        reads_at_once: Rough number of reads of the busiest array in memory.
    """
    integer("reads_at_once", reads_at_once, at_least=1)
    at_once = max(1, reads_at_once // _reads_per_pass(network, images[:1]))
    # A span holds complete images if at least one image fits.
    step = at_once if samples > at_once else at_once - at_once % samples
    total = len(images) * samples
    for first in range(0, total, step):
        span = Span(first, min(first + step, total), samples)
        needed = images[span.first // samples : (span.last - 1) // samples + 1]
        with reading(Reads(span, sampling, seed)):
            out: States = network(needed)
        yield span, unpacked(out)


def _reads_per_pass(network: nn.Sequential, images: Floats) -> int:
    """Return how often the busiest array is read in one pass: once, or once per location."""
    most = 1
    z = images
    for layer in network:
        assert isinstance(layer, ChipLayer)
        z, reads = layer.reads_per_input(z)
        most = max(most, reads)
    return most


def checked_images(x: ArrayLike, in_shape: tuple[int | None, ...] | None) -> Floats:
    """Return images as float64.

    Args:
        x: Images, (batch, ...).
        in_shape: Shape of one image; None for any.

    Raises:
        ValueError: x is a single image, has a wrong shape, or holds NaN.
    """
    images = array("x", x, shape=None if in_shape is None else (None, *in_shape))
    if images.ndim < 2:
        raise ValueError(f"x has shape {images.shape}; give (batch, …), one image or more")
    return images
