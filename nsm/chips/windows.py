"""The windows of a convolution on tiles as inputs of its arrays."""

import math
from collections.abc import Iterator

from crossbar.reads.inputs import Inputs
from crossbar.reads.span import Span
from crossbar.reads.windows import packed_windows
from nsm.nn.digital import Values
from nsm.nn.geometry import Patches

#: Numbers in windows that are in memory at a time. No result depends on it.
NUMBERS_AT_ONCE = 1 << 23


def _are_cut_as_bits(patches: Patches, z: Values) -> bool:
    """Return whether the windows are those of states that `packed_windows` can cut."""
    simple = max(patches.spread or (1,)) == 1 and patches.padding_mode == "zeros"
    simple = simple and min(*patches.padding, *patches.padding_end) >= 0
    fits = z.ndim == len(patches.kernel) + 2 and z.shape[1] == patches.channels
    return z.dtype == bool and simple and fits and len(patches.kernel) <= 2


def windows_in_blocks(
    patches: Patches, z: Values, span: Span
) -> tuple[Iterator[tuple[Inputs, Span]], tuple[int, ...]]:
    """Return the windows that reads of a convolution see, in blocks, and the sizes of the output.

    Windows of numbers take as much memory as there are inputs in a window times locations of an
    image; a block has some rows of locations of one image. Reads are numbered as by `Span.at`.

    Args:
        patches: How the convolution cuts its inputs.
        z: (images, channels, *sizes), from the first that the span needs.
        span: Reads of the layer, of all locations each.

    Returns:
        For each block, in the order of the reads, its inputs and its reads; and the sizes.
    """
    shape = patches.out_shape(*z.shape[2:])
    locations = math.prod(shape)
    inputs = patches.channels * math.prod(patches.kernel)
    if _are_cut_as_bits(patches, z) or len(z) * locations * inputs <= NUMBERS_AT_ONCE:
        cut, shape = windows_of(patches, z)
        return iter([(cut, span.at(locations))]), shape
    return _blocks(patches, z, span, shape), shape


def _blocks(
    patches: Patches, z: Values, span: Span, shape: tuple[int, ...]
) -> Iterator[tuple[Inputs, Span]]:
    per_row = math.prod(shape[1:])
    inputs = patches.channels * math.prod(patches.kernel)
    step = max(1, NUMBERS_AT_ONCE // (per_row * inputs))
    for read, image in zip(range(span.first, span.last), span.rows, strict=True):
        windows = patches.view(z[image : image + 1])[0]
        for start in range(0, shape[0], step):
            cut = windows[start : start + step].reshape(-1, inputs)
            first = (read * shape[0] + start) * per_row
            yield Inputs(cut), Span(first, first + len(cut))


def windows_of(
    patches: Patches, z: Values, group: int | None = None
) -> tuple[Inputs, tuple[int, ...]]:
    """Return the windows of images as inputs of a read, and the sizes of the output.

    They are those of `Patches.of`. Windows of states are cut as packed bits, without an array of
    numbers in between.

    Args:
        patches: How the convolution cuts its inputs.
        z: (images, channels, *sizes), numbers or states.
        group: Group of channels; None for all channels.
    """
    if not _are_cut_as_bits(patches, z):
        cut, shape = patches.of(z, group)
        return Inputs(cut), shape
    shape = patches.out_shape(*z.shape[2:])
    if group is not None:
        width = patches.channels // patches.groups
        z = z[:, group * width : (group + 1) * width]

    def sides(sizes: tuple[int, ...], of_new_axis: int) -> tuple[int, int]:
        """Return sizes along two axes: a signal is an image of one row."""
        rows, columns = (of_new_axis, *sizes)[-2:]
        return rows, columns

    packed = packed_windows(
        z.reshape(*z.shape[:2], -1, z.shape[-1]),
        sides(patches.kernel, 1),
        stride=sides(patches.stride, 1),
        dilation=sides(patches.dilation, 1),
        padding=sides(patches.padding, 0),
        padding_end=sides(patches.padding_end, 0),
    )
    return Inputs(packed), shape
