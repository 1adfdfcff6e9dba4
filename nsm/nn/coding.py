"""Coding of images as ±1, in front of a network: per pixel, and by several levels of each pixel."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from devices.rows import is_row
from devices.validation import finite, integer, number, real_array, shortened, within_bounds
from nsm.nn.described import as_options
from nsm.nn.digital import binarize_per_pixel, thermometer
from nsm.nn.on_chip import Digital
from nsm.nn.stochastic import Stochastic
from nsm.nn.surrogate_gradients import signs

#: Distance of the threshold above the value of a pixel that is the same in all images. A pixel that
#: is always 0 then has the threshold of `Binarize`.
_ABOVE_CONSTANT = 0.5
#: Numbers that are sorted at a time, so that no second copy of all images is made.
_AT_ONCE = 1 << 22


class Coding(Stochastic):
    """Digital coding of inputs as ±1, which passes no gradient.

    Args:
        flip: Probability in [0, 0.5) that a state changes its sign in `train()`, drawn on every
            pass; a regularizer like dropout. Nothing is drawn in `eval()`.
    """

    draws_in_eval = False

    def __init__(self, *, flip: float = 0.0) -> None:
        super().__init__()
        self.flip = number(f"{type(self).__name__}.flip", flip, at_least=0, below=0.5)

    def values(self, x: Tensor) -> Tensor:
        """Return inputs without gradient; raise ValueError if they are no tensor."""
        if not isinstance(x, Tensor):
            raise ValueError(
                f"{type(self).__name__} was called with a {type(x).__name__}; give a torch.Tensor, "
                "such as torch.as_tensor(x, dtype=torch.float32)"
            )
        return x.detach()

    def flipped(self, z: Tensor) -> Tensor:
        """Return the states, in `train()` each with its sign changed with probability `flip`."""
        if self.training and self.flip:
            return torch.where(self.uniform(z) < self.flip, -z, z)
        return z


class BinarizePerPixel(Coding):
    """Digital coding with a threshold per pixel: +1 where x_i ≥ t_i, else −1.

    The thresholds are part of the network's file. `BinarizePerPixel.of_median` sets them from
    images.

    Args:
        shape: Shape of an image: the number of pixels of flat images, or (channels, rows, columns).
        flip: Probability in [0, 0.5) that a state changes its sign in `train()`, see `Binarize`.

    Attributes:
        threshold: Thresholds t of the given shape, in units of x; 0.5 by default.
    """

    threshold: Tensor

    def __init__(self, shape: int | Sequence[int], *, flip: float = 0.0) -> None:
        super().__init__(flip=flip)
        advice = "pixels, or (channels, rows, columns)"
        sizes: list[Any] = list(shape) if is_row(shape) else [shape]  # type: ignore[arg-type]
        if not sizes:
            raise ValueError(f"BinarizePerPixel.shape = {shortened(shape)} is empty; give {advice}")
        self.shape = tuple(integer("BinarizePerPixel.shape", n, at_least=1) for n in sizes)
        self.register_buffer("threshold", torch.full(self.shape, 0.5))

    @classmethod
    def of_median(cls, images: ArrayLike, *, flip: float = 0.0) -> "BinarizePerPixel":
        """Return a coding that makes the states of every pixel as balanced as it can.

        Each threshold lies halfway between two values that the pixel takes in successive images,
        sorted by value: those nearest to the median. Where the two middle values of an even number
        of images differ, it is the median. A pixel that is the same in all images gets a threshold
        0.5 above its value.

        Args:
            images: Training images, (n, pixels) or (n, channels, rows, columns), finite.
            flip: See `BinarizePerPixel`.
        """
        x = real_array("images", images, truth_values=True)
        within_bounds("images", finite("images", x))
        if x.ndim < 2 or not x.size:
            raise ValueError(
                f"images have shape {x.shape}; give at least one image, (n, pixels) or "
                "(n, channels, rows, columns)"
            )
        layer = cls(x.shape[1:], flip=flip)
        layer.threshold.copy_(torch.from_numpy(_balancing(x).reshape(x.shape[1:])))
        return layer

    def forward(self, x: Tensor) -> Tensor:
        values = self.values(x)
        if values.shape[1:] != self.threshold.shape:
            raise ValueError(
                f"images have shape {tuple(x.shape[1:])}, but {self} has thresholds of {self.shape}"
            )
        return self.flipped(signs(values - self.threshold))

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments, as files store them."""
        return as_options(self, "shape", "flip")

    def on_chip(self) -> Digital:
        """Return the comparison with the thresholds."""
        threshold = self.threshold.detach().cpu().numpy()
        return Digital(partial(binarize_per_pixel, thresholds=threshold))

    def extra_repr(self) -> str:
        return f"shape={self.shape}, flip={self.flip}"


def _balancing(x: NDArray[Any]) -> NDArray[np.float32]:
    """Return the threshold of every pixel, see `BinarizePerPixel.of_median`."""
    n = len(x)
    columns = x.reshape(n, -1)
    step = max(1, _AT_ONCE // n)
    # A cut below image k of the sorted ones leaves k below and n − k above.
    of_cut = np.abs(np.arange(1, n) - n / 2)[:, None]
    found = []
    for i in range(0, columns.shape[1], step):
        s = np.sort(columns[:, i : i + step], axis=0)
        pixel = np.arange(s.shape[1])
        threshold = s[0].astype(np.float32) + np.float32(_ABOVE_CONSTANT)
        if n > 1:
            unbalance = np.where(s[1:] > s[:-1], of_cut, np.inf)
            k = unbalance.argmin(axis=0)
            below = s[k, pixel].astype(np.float32)
            above = s[k + 1, pixel].astype(np.float32)
            middle = below + (above - below) / 2
            # Between neighboring numbers of float32 there is no middle above the lower one.
            middle = np.where(middle > below, middle, above)
            threshold = np.where(np.isfinite(unbalance[k, pixel]), middle, threshold)
        found.append(threshold)
    return np.concatenate(found)


class Thermometer(Coding):
    """Digital coding of each value by several states: state k is +1 where x ≥ t_k, else −1.

    The thresholds lie evenly between `low` and `high`, t_k = low + (high − low) k/(levels + 1) for
    k = 1, …, levels, so that the number of states +1 rises with x like a thermometer's column.
    (Buckman et al., ICLR 2018, "Thermometer encoding".) One level between 0 and 1 is `Binarize()`.

    The states of one threshold after another stand along the second axis: (n, pixels) becomes
    (n, levels · pixels), and (n, channels, rows, columns) (n, levels · channels, rows, columns).

    Args:
        levels: Number of states per value.
        low: Value below which all states are −1, in units of x; 0 by default.
        high: Value above which all states are +1; 1 by default.
        flip: Probability in [0, 0.5) that a state changes its sign in `train()`, see `Binarize`.
    """

    def __init__(
        self, levels: int, *, low: float = 0.0, high: float = 1.0, flip: float = 0.0
    ) -> None:
        super().__init__(flip=flip)
        self.levels = integer("Thermometer.levels", levels, at_least=1)
        self.low = number("Thermometer.low", low)
        self.high = number("Thermometer.high", high, above=self.low)

    @property
    def thresholds(self) -> NDArray[np.float32]:
        """Thresholds t, (levels,), in the precision in which torch compares them."""
        share = np.arange(1, self.levels + 1) / (self.levels + 1)
        return (self.low + (self.high - self.low) * share).astype(np.float32)

    def forward(self, x: Tensor) -> Tensor:
        x = self.values(x)
        return self.flipped(torch.cat([signs(x - float(t)) for t in self.thresholds], dim=1))

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments, as files store them."""
        return as_options(self, "levels", "low", "high", "flip")

    def on_chip(self) -> Digital:
        """Return the comparisons with the thresholds."""
        return Digital(partial(thermometer, thresholds=self.thresholds))

    def extra_repr(self) -> str:
        return f"{self.levels}, low={self.low}, high={self.high}, flip={self.flip}"
