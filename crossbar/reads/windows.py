"""Windows of binary images as packed inputs: what a convolution of states reads."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from crossbar.reads._windows import pack_windows
from crossbar.reads.packed import EVERYWHERE, Bits, Packed
from crossbar.reads.span import Span
from crossbar.threads import run_each, threads_now

Sizes = tuple[int, int]

#: Bits of windows below which starting a second thread costs more than it saves.
_WORTH_A_THREAD = 1 << 21


def packed_windows(
    states: NDArray[np.bool_],
    kernel: Sizes,
    *,
    stride: Sizes = (1, 1),
    dilation: Sizes = (1, 1),
    padding: Sizes = (0, 0),
    padding_end: Sizes = (0, 0),
) -> Packed:
    """Return the windows of binary images, (images · windows, channels · kernel rows · columns).

    Windows run row by row through an image, and their inputs through channels, rows and columns, as
    in torch. Zeros of the padding are neither +1 nor −1.

    Args:
        states: Images, (images, channels, height, width), True for +1 and False for −1.
        kernel: Size of a window, (rows, columns).
        stride: Step between neighboring windows.
        dilation: Step between neighboring inputs of a window.
        padding: Zeros added above and on the left.
        padding_end: Zeros added below and on the right.
    """
    geometry = (kernel, stride, dilation, padding, padding_end)
    plus = _bits(states.view(np.uint8), *geometry)
    inputs = states.shape[1] * kernel[0] * kernel[1]
    active = _active(states.shape[1:], *geometry) if any(padding + padding_end) else EVERYWHERE
    return Packed(plus, active, inputs)


@lru_cache(maxsize=64)
def _active(image: tuple[int, ...], *geometry: Sizes) -> Bits:
    """Return the bits of the inputs that lie in an image (channels, height, width), one row for
    each window.
    """
    return _bits(np.ones((1, *image), np.uint8), *geometry)


def _bits(
    images: NDArray[np.uint8],
    kernel: Sizes,
    stride: Sizes,
    dilation: Sizes,
    padding: Sizes,
    padding_end: Sizes,
) -> Bits:
    count, channels, *size = images.shape
    sides = zip(size, padding, padding_end, strict=True)
    padded = tuple(n + start + end for n, start, end in sides)
    extents = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    shape = tuple((n - k) // s + 1 for n, k, s in zip(padded, extents, stride, strict=True))
    inputs = channels * kernel[0] * kernel[1]
    out = np.empty((count * shape[0] * shape[1], -(-inputs // 8)), np.uint8)
    in_order = np.ascontiguousarray(images)
    parts = Span(0, count).split(threads_now() if out.size > _WORTH_A_THREAD // 8 else 1, 1)
    geometry = (kernel, stride, dilation, padding, padded, shape)
    run_each(
        lambda i: pack_windows(in_order, *geometry, parts[i].first, parts[i].last, out), len(parts)
    )
    return out
