"""The windows of a convolution on tiles as inputs of its arrays."""

from crossbar.reads.inputs import Inputs
from crossbar.reads.windows import packed_windows
from nsm.nn.digital import Values
from nsm.nn.geometry import Patches


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
    spread = max(patches.spread or (1,)) > 1
    cuts = min(*patches.padding, *patches.padding_end) < 0
    odd = spread or cuts or len(patches.kernel) > 2 or patches.padding_mode != "zeros"
    if (
        z.dtype != bool
        or odd
        or z.ndim != len(patches.kernel) + 2
        or z.shape[1] != patches.channels
    ):
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
