"""Sizes and windows of convolutions."""

from dataclasses import dataclass

import numpy as np

from nsm.nn.digital import Values

Sizes = tuple[int, int]


def out_size(size: Sizes, kernel: Sizes, stride: Sizes, padding: Sizes) -> Sizes:
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
    """The windows of a convolution, placed as by `torch.nn.Conv2d`.

    Attributes:
        channels: Channels of the input.
        kernel: Size of a window, (rows, columns); likewise stride and padding.
        stride: Step between neighboring windows.
        padding: Zeros added on each side.
    """

    channels: int
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]

    def out_shape(self, height: int, width: int) -> tuple[int, int]:
        """Return the output's height and width. Raises ValueError if the kernel does not fit."""
        rows, columns = out_size((height, width), self.kernel, self.stride, self.padding)
        if rows < 1 or columns < 1:
            raise ValueError(
                f"a {self.kernel} kernel does not fit into inputs of {height} × {width}, "
                f"{self.padding} padding"
            )
        return rows, columns

    def of(self, z: Values) -> tuple[Values, tuple[int, int]]:
        """Return the windows of images, one per row, and the output's height and width.

        Args:
            z: (images, channels, height, width), numbers or states.

        Returns:
            Windows (images · locations, channels · kernel rows · kernel columns), and (h', w').
            Locations run row by row, as in torch's output. Padded inputs are 0: states (truth
            values) then become int8 in {−1, 0, +1}.
        """
        if z.ndim != 4 or z.shape[1] != self.channels:
            raise ValueError(
                f"a convolution got inputs of shape {z.shape}; "
                f"give (batch, {self.channels}, height, width)"
            )
        shape = self.out_shape(*z.shape[2:])
        if self.padding != (0, 0):
            values = np.where(z, 1, -1).astype(np.int8) if z.dtype == bool else z
            top, left = self.padding
            z = np.pad(values, ((0, 0), (0, 0), (top, top), (left, left)))
        windows = np.lib.stride_tricks.sliding_window_view(z, self.kernel, axis=(2, 3))
        windows = windows[:, :, :: self.stride[0], :: self.stride[1]]
        patches = windows.transpose(0, 2, 3, 1, 4, 5).reshape(len(z) * shape[0] * shape[1], -1)
        return patches, shape

    def arrange(self, outputs: Values, shape: tuple[int, int]) -> Values:
        """Return outputs (reads · locations, channels') as (reads, channels', h', w')."""
        grid = outputs.reshape(-1, *shape, outputs.shape[1])
        return np.ascontiguousarray(np.moveaxis(grid, 3, 1))
