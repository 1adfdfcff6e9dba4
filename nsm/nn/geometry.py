"""Sizes and windows of convolutions and transposed convolutions in 1, 2 and 3 dimensions."""

import math
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np
from torch import Tensor, nn

from devices.validation import choice
from nsm.nn.digital import Values

Sizes = tuple[int, ...]

#: Padding modes of torch and their names in `numpy.pad`.
PADDING_MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
AXES = {1: "length", 2: "height, width", 3: "depth, height, width"}


def out_size(size: tuple[int, int], kernel: Sizes, stride: Sizes, padding: Sizes) -> Any:
    """Return the (rows, columns) of a convolution's output; below 1 if the kernel does not fit.

    Args:
        size: (rows, columns) of the input.
        kernel: (rows, columns) of a window.
        stride: Step between windows along (rows, columns).
        padding: Zeros added on each side along (rows, columns).
    """
    rows, columns = (
        (n + 2 * p - k) // s + 1 for n, k, s, p in zip(size, kernel, stride, padding, strict=True)
    )
    return rows, columns


@dataclass(frozen=True)
class Patches:
    """The windows of a convolution, placed as torch's layers place them.

    A transposed convolution of stride s, padding p and kernel k is the ordinary convolution, of
    stride 1, of its input with s − 1 zeros put between neighbors and dilation · (k − 1) − p zeros
    around it; its kernel is flipped and its input and output channels change places
    (Dumoulin and Visin 2016, arXiv:1603.07285, section 4).

    Attributes:
        channels: Channels of the input.
        kernel: Size of a window along each spatial axis; likewise all that follow.
        stride: Step between neighboring windows.
        padding: Numbers added before the first input; negative where inputs are cut off.
        padding_end: Numbers added behind the last input. Default: `padding`.
        dilation: Step between neighboring inputs of a window. Default: 1.
        spread: Step at which the inputs of a transposed convolution are placed among zeros (its
            stride). Default: None, an ordinary convolution.
        groups: Groups of channels; outputs of a group see the inputs of this group only.
        padding_mode: "zeros", "reflect", "replicate" or "circular", as in torch.
    """

    channels: int
    kernel: Sizes
    stride: Sizes
    padding: Sizes
    _: KW_ONLY
    padding_end: Sizes = ()
    dilation: Sizes = ()
    spread: Sizes | None = None
    groups: int = 1
    padding_mode: str = "zeros"

    def __post_init__(self) -> None:
        object.__setattr__(self, "padding_end", self.padding_end or self.padding)
        object.__setattr__(self, "dilation", self.dilation or (1,) * len(self.kernel))
        choice("padding mode", self.padding_mode, PADDING_MODES)

    @property
    def transposed(self) -> bool:
        """Whether the windows are those of a transposed convolution."""
        return self.spread is not None

    @property
    def extent(self) -> Sizes:
        """Inputs from the first to the last of a window, those that dilation skips included."""
        return tuple(d * (k - 1) + 1 for d, k in zip(self.dilation, self.kernel, strict=True))

    def out_shape(self, *sizes: int) -> Sizes:
        """Return the sizes of the output for inputs of these sizes, such as (height, width).

        Raises:
            ValueError: If the kernel does not fit, or if the inputs are too small to be reflected
                or wrapped around.
        """
        if len(sizes) != len(self.kernel):
            raise ValueError(f"a {self.kernel} kernel got inputs of {_times(sizes)}")
        ends = [max(pair) for pair in zip(self.padding, self.padding_end, strict=True)]
        # Circular padding repeats an input at most once; reflection does not repeat the edge.
        spare = {"circular": 0, "reflect": 1}.get(self.padding_mode)
        if spare is not None and any(p > n - spare for n, p in zip(sizes, ends, strict=True)):
            raise ValueError(
                f"inputs of {_times(sizes)} are too small for {self.padding_mode} padding of "
                f"{tuple(ends)}"
            )
        steps = self.spread or (1,) * len(sizes)
        inputs = zip(sizes, steps, self.padding, self.padding_end, strict=True)
        padded = [(n - 1) * s + 1 + start + end for n, s, start, end in inputs]
        windows = zip(padded, self.extent, self.stride, strict=True)
        shape = tuple((n - k) // s + 1 for n, k, s in windows)
        if min(shape) < 1:
            raise ValueError(
                f"a {self.kernel} kernel does not fit into inputs of {_times(sizes)}, "
                f"{self.padding} padding"
            )
        return shape

    def of(self, z: Values, group: int | None = None) -> tuple[Values, Sizes]:
        """Return the windows of images, one per row, and the sizes of the output.

        Args:
            z: (images, channels, *sizes), numbers or states.
            group: Return the windows of this group of channels only. Default: all channels, those
                of a group side by side.

        Returns:
            Windows (images · locations, channels · inputs of a kernel), and the output's sizes.
            Locations run row by row, as in torch's output. Zeros of the padding are 0: states
            (truth values) then become int8 in {−1, 0, +1}.
        """
        windows = self.view(z, group)
        shape = windows.shape[1 : len(self.kernel) + 1]
        columns = math.prod(windows.shape[len(shape) + 1 :])
        return windows.reshape(len(z) * math.prod(shape), columns), shape

    def view(self, z: Values, group: int | None = None) -> Values:
        """Return the windows of images without a copy, (images, *locations, channels, *kernel).

        Arguments are those of `of`.
        """
        if z.ndim != len(self.kernel) + 2 or z.shape[1] != self.channels:
            raise ValueError(
                f"a convolution got inputs of shape {z.shape}; "
                f"give (batch, {self.channels}, {AXES[len(self.kernel)]})"
            )
        self.out_shape(*z.shape[2:])
        if group is not None:
            width = self.channels // self.groups
            z = z[:, group * width : (group + 1) * width]
        axes = range(2, z.ndim)
        windows = np.lib.stride_tricks.sliding_window_view(
            _pad(z, self), self.extent, axis=tuple(axes)
        )
        steps = (slice(None, None, s) for s in (*self.stride, *self.dilation))
        return windows[:, :, *steps].transpose(0, *axes, 1, *(axis + len(axes) for axis in axes))

    def pad(self, x: Tensor) -> Tensor:
        """Return images spread, padded and cut as the convolution asks, as torch tensors.

        `F.conv2d(patches.pad(x), patches.kernels(weight), bias, patches.stride,
        dilation=patches.dilation, groups=patches.groups)` computes the layer's outputs.

        Args:
            x: Numbers (images, channels, *sizes), or one image (channels, *sizes).
        """
        return _pad_tensor(x, self)

    def kernels(self, weight: Tensor) -> Tensor:
        """Return the ordinary convolution's kernels, (out_channels, channels / groups, *kernel).

        Args:
            weight: Weights as torch's layer holds them, for a transposed convolution
                (in_channels, out_channels / groups, *kernel).
        """
        if not self.transposed:
            return weight
        by_group = weight.unflatten(0, (self.groups, -1)).transpose(1, 2)
        return by_group.flatten(0, 1).flip(tuple(range(2, weight.ndim)))

    def kernel_matrix(self, weight: Tensor) -> Tensor:
        """Return weights as (out_channels, channels / groups · inputs of a kernel).

        The windows of each group times its rows, `kernel_matrix(weight).chunk(groups)`, are its
        outputs.
        """
        return self.kernels(weight).flatten(1)

    def arrange(self, outputs: Values, shape: Sizes) -> Values:
        """Return outputs (reads · locations, channels') as (reads, channels', *sizes)."""
        grid = outputs.reshape(-1, *shape, outputs.shape[1])
        return np.ascontiguousarray(np.moveaxis(grid, -1, 1))


def _times(sizes: Sequence[int]) -> str:
    return " × ".join(str(n) for n in sizes)


def _pad(z: Values, patches: Patches) -> Values:
    """Return images with their zeros between, padded and cut as the convolution asks."""
    start, end = patches.padding, patches.padding_end
    added = [(max(a, 0), max(b, 0)) for a, b in zip(start, end, strict=True)]
    has_zeros = patches.padding_mode == "zeros" and max(*start, *end) > 0
    if z.dtype == bool and (has_zeros or max(patches.spread or (1,)) > 1):
        z = np.where(z, 1, -1).astype(np.int8)
    z = _spread(z, patches, np.zeros)
    if any(map(any, added)):
        z = np.pad(z, ((0, 0), (0, 0), *added), mode=PADDING_MODES[patches.padding_mode])  # type: ignore[call-overload]
    return np.asarray(z[_kept(patches)])


def _pad_tensor(x: Tensor, patches: Patches) -> Tensor:
    """Return what `_pad` returns, as tensors."""
    ends = zip(reversed(patches.padding), reversed(patches.padding_end), strict=True)
    added = [max(n, 0) for pair in ends for n in pair]
    x = _spread(x, patches, x.new_zeros)
    if any(added):
        mode = "constant" if patches.padding_mode == "zeros" else patches.padding_mode
        x = nn.functional.pad(x, added, mode=mode)
    return x[_kept(patches)]


def _spread(x: Any, patches: Patches, zeros: Any) -> Any:
    """Return the inputs of a transposed convolution with zeros between; others as they are."""
    if patches.spread is None or max(patches.spread) == 1:
        return x
    spatial = x.shape[-len(patches.kernel) :]
    sizes = [(n - 1) * s + 1 for n, s in zip(spatial, patches.spread, strict=True)]
    out = zeros((*x.shape[: -len(sizes)], *sizes), dtype=x.dtype)
    out[..., *(slice(None, None, s) for s in patches.spread)] = x
    return out


def _kept(patches: Patches) -> Any:
    """Return the slices that negative padding keeps, once positive padding has been added."""
    ends = zip(patches.padding, patches.padding_end, strict=True)
    return ..., *(slice(max(-start, 0), end if end < 0 else None) for start, end in ends)
