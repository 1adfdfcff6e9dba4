"""Adaptive sweeps: a chip reads images until its errors, or their precision, are enough."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from devices.seeding import stream
from devices.validation import integer, number

#: Images that a chip reads at least before a precision ends the reading. A few images may all be
#: wrong, or all right, and look precise.
LEAST_IMAGES = 30
#: Key below the seed of a sweep of the order of its images; the keys of chips count from 0.
_ORDER = 1 << 31


@dataclass(frozen=True, kw_only=True)
class Until:
    """When a chip of an adaptive sweep has read enough images.

    Images are read in one shuffled order, which the seed of the sweep decides: all chips and all
    networks see the same images in the same order, so that they can be compared in pairs. After
    each image, with k errors among n images, the chip stops if

    - k exceeds `errors`, or
    - the relative standard error of the error rate, √((1 − k/n)/k), is at most `precision` and
      n ≥ 30, or
    - all images are read.

    Whichever comes first ends the reading; it does not depend on batches or workers.

    Stopping at a number of errors (inverse binomial sampling) biases the rate: at the r-th error
    among n images, the mean of r/n is above the error rate p, by about p (1 − p)/r. The image at
    which a chip stops is therefore not counted. The row holds errors = r − 1 and images = n − 1,
    whose ratio (r − 1)/(n − 1) has the mean p exactly (Haldane 1945, doi:10.1093/biomet/33.3.222),
    also for images that are drawn without replacement, and for chips that read all images before
    they stop. A chip that stops by `errors` has exactly this number of errors in its row. For
    `precision` the same correction leaves a relative bias of about `precision`² or less. The mean
    of the rates of several chips is as unbiased as each of them; the ratio of their summed counts
    is not exactly so, since chips with a high rate count fewer images.

    Attributes:
        errors: Errors that the row of a chip has when it stops, at least 1; None: any number.
        precision: Relative standard error of the error rate over images, in (0, 0.5]; None: any.

    Raises:
        ValueError: Both are None, or one is out of its range.
    """

    errors: int | None = None
    precision: float | None = None

    def __post_init__(self) -> None:
        if self.errors is None and self.precision is None:
            raise ValueError(
                "Until() never stops: give errors, such as Until(errors=100), or precision, such "
                "as Until(precision=0.1)"
            )
        if self.errors is not None:
            integer("Until.errors", self.errors, at_least=1)
        if self.precision is not None:
            number("Until.precision", self.precision, above=0, at_most=0.5)

    def counted(self, wrong: NDArray[np.bool_]) -> tuple[int, int] | None:
        """Return errors and images that the row of a chip holds; None if it reads on.

        Args:
            wrong: Whether each image was wrong, (n,), in the order in which they were read.
        """
        k = np.cumsum(wrong)
        n = np.arange(1, len(k) + 1)
        stops = np.zeros(len(k), dtype=bool)
        if self.errors is not None:
            stops |= k > self.errors
        if self.precision is not None:
            with np.errstate(divide="ignore"):
                precise = np.sqrt((1 - k / n) / k) <= self.precision
            stops |= precise & (n >= LEAST_IMAGES)
        if not stops.any():
            return None
        end = int(stops.argmax())
        return int(k[end] - wrong[end]), end


def order_of_images(seed: np.random.SeedSequence, images: int) -> NDArray[np.intp]:
    """Return the order in which the chips of an adaptive sweep read the images, (images,).

    Args:
        seed: Seed of the sweep.
        images: Number of images.
    """
    return stream(seed, _ORDER).permutation(images)
