"""Augmentation: images shifted and mirrored, or single inputs flipped, which keeps the labels."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from devices.validation import integer, number


@dataclass(frozen=True)
class ShiftAndMirror:
    """Shift every image at random, with zeros coming in, and mirror half of the images.

    The paper's training on CIFAR does the same (there it is called a random crop of the image
    padded by 4 pixels). Every call draws anew for every image.

    Attributes:
        shape: (channels, rows, columns) of an image.
        shift: Largest shift in each direction [pixels]; 4 by default.
        mirror: Whether each image is mirrored left to right with probability ½.
    """

    shape: tuple[int, int, int]
    shift: int = 4
    mirror: bool = True

    def __post_init__(self) -> None:
        if len(self.shape) != 3:
            raise ValueError(
                f"shape = {self.shape!r} is not allowed; give (channels, rows, columns)"
            )
        for n in self.shape:
            integer("shape", n, at_least=1)
        integer("shift", self.shift, at_least=0)

    def __call__(self, images: Tensor, rng: np.random.Generator) -> Tensor:
        """Return the images (n, pixels), each changed by what `rng` draws for it.

        Raises:
            ValueError: If the images do not have the size of `shape`.
        """
        n = len(images)
        channels, height, width = self.shape
        if images.shape != (n, channels * height * width):
            raise ValueError(
                f"images have shape {tuple(images.shape)}; "
                f"{self} takes (n, {channels * height * width})"
            )
        where = images.device
        shifts = (rng.integers(0, 2 * self.shift + 1, n) for _ in range(2))
        down, right = (torch.from_numpy(pixels).to(where) for pixels in shifts)
        reverse = torch.from_numpy(rng.random(n) < (0.5 if self.mirror else 0.0)).to(where)
        rows = down[:, None] + torch.arange(height, device=where)
        columns = right[:, None] + torch.arange(width, device=where)
        columns = torch.where(reverse[:, None], columns.flip(1), columns)
        padded = nn.functional.pad(images.view(n, *self.shape), (self.shift,) * 4)
        image = torch.arange(n, device=where)[:, None, None, None]
        channel = torch.arange(channels, device=where)[:, None, None]
        return padded[image, channel, rows[:, None, :, None], columns[:, None, None, :]].flatten(1)


@dataclass(frozen=True)
class FlipInputs:
    """Replace every input x by 1 − x with a small probability, drawn anew on every call.

    An input coded as ±1 with the threshold ½ changes its sign, as `Binarize(flip=...)` does it.
    Real-valued inputs in [0, 1] change in the same way, so that this is one regularizer for
    networks of both kinds.

    Attributes:
        p: Probability in [0, 0.5) that an input is replaced.
    """

    p: float

    def __post_init__(self) -> None:
        number("FlipInputs.p", self.p, at_least=0, below=0.5)

    def __call__(self, images: Tensor, rng: np.random.Generator) -> Tensor:
        """Return the images (n, pixels) with the inputs replaced that `rng` chooses."""
        drawn = rng.random(tuple(images.shape), dtype=np.float32) < self.p
        chosen = torch.from_numpy(drawn).to(images.device)
        return torch.where(chosen, 1 - images, images)
