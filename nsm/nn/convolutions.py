"""Arguments of torch's convolutions as the windows that they cut."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from devices.validation import choice, integer, shortened
from nsm.nn.geometry import Patches, Sizes

TRANSPOSES = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, *TRANSPOSES)


def of_layer(layer: Any) -> Patches:
    """Return the windows of `nn.Conv1d`, `Conv2d`, `Conv3d` or of a transpose of these.

    Args:
        layer: A convolution of torch; its class may inherit from these.

    Raises:
        ValueError: If the layer is another one.
    """
    if not isinstance(layer, CONVOLUTIONS):
        raise ValueError(f"layer = {layer!r} is not a convolution of torch")
    return _windows(
        layer.in_channels,
        layer.kernel_size,
        stride=layer.stride,
        padding=layer.padding,
        dilation=layer.dilation,
        groups=layer.groups,
        transposed=isinstance(layer, TRANSPOSES),
        output_padding=layer.output_padding,
        padding_mode=layer.padding_mode,
    )


def of_call(
    weight: Tensor,
    *,
    stride: int | Sequence[int] = 1,
    padding: int | str | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
    transposed: bool = False,
    output_padding: int | Sequence[int] = 0,
    padding_mode: str = "zeros",
) -> Patches:
    """Return the windows of a call such as `nn.functional.conv2d` or `conv_transpose2d`.

    Args:
        weight: Weights; their shape gives channels and kernel.
        stride: As in that call: one number for all spatial axes, or one for each.
        padding: The same, or "same" or "valid" for an ordinary convolution.
        dilation: As `stride`.
        groups: Groups of channels.
        transposed: Whether the call is a transposed convolution.
        output_padding: As `stride`; only for a transposed convolution.
        padding_mode: Mode of the padding; a transposed convolution knows "zeros" only.

    Raises:
        ValueError: If torch does not allow the arguments.
    """
    channels = weight.shape[0] if transposed else weight.shape[1] * groups
    return _windows(
        channels,
        weight.shape[2:],
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        transposed=transposed,
        output_padding=output_padding,
        padding_mode=padding_mode,
    )


def _windows(
    channels: int,
    kernel_size: Sequence[int],
    *,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
    transposed: bool,
    output_padding: Any,
    padding_mode: str,
) -> Patches:
    kernel = tuple(kernel_size)
    steps = _by_axis("stride", stride, kernel, at_least=1)
    gaps = _by_axis("dilation", dilation, kernel, at_least=1)
    added = _by_axis("output_padding", output_padding, kernel, at_least=0)
    if channels % integer("groups", groups, at_least=1):
        raise ValueError(f"groups = {groups} is not allowed; give a divisor of {channels} channels")
    margin = tuple(d * (k - 1) for d, k in zip(gaps, kernel, strict=True))
    if transposed:
        _check_transposed(padding_mode, added, steps, gaps)
        cut = _by_axis("padding", padding, kernel, at_least=0)
        start = tuple(m - p for m, p in zip(margin, cut, strict=True))
        end = tuple(p + more for p, more in zip(start, added, strict=True))
        strides = (1,) * len(kernel)
    else:
        if any(added):
            raise ValueError(
                f"output_padding = {output_padding!r} is not allowed for an ordinary convolution; "
                "leave it out"
            )
        start, end = _ends(padding, kernel, margin, steps)
        strides = steps
    return Patches(
        channels,
        kernel,
        strides,
        start,
        padding_end=end,
        dilation=gaps,
        spread=steps if transposed else None,
        groups=groups,
        padding_mode=padding_mode,
    )


def _by_axis(name: str, value: Any, kernel: Sizes, at_least: int) -> Sizes:
    """Return one whole number for each spatial axis."""
    if isinstance(value, str):
        raise ValueError(f"{name} = {shortened(value)} is not allowed here; give whole numbers")
    numbers = list(value) if isinstance(value, Sequence) else [value]
    if len(numbers) not in (1, len(kernel)):
        raise ValueError(
            f"{name} = {shortened(value)} is not allowed; give one whole number, or {len(kernel)}"
        )
    checked = [integer(name, n, at_least=at_least) for n in numbers]
    return tuple(checked * len(kernel) if len(checked) == 1 else checked)


def _ends(padding: Any, kernel: Sizes, margin: Sizes, stride: Sizes) -> tuple[Sizes, Sizes]:
    """Return the padding before and behind the inputs of an ordinary convolution."""
    if not isinstance(padding, str):
        start = _by_axis("padding", padding, kernel, at_least=0)
        return start, start
    if choice("padding", padding, ("same", "valid")) == "valid":
        return (0,) * len(kernel), (0,) * len(kernel)
    if max(stride) > 1:
        raise ValueError(f'padding = "same" is not allowed with stride {stride}; give numbers')
    # An odd margin cannot be halved: torch puts the larger part behind the inputs.
    return tuple(m // 2 for m in margin), tuple(m - m // 2 for m in margin)


def _check_transposed(padding_mode: str, added: Sizes, stride: Sizes, dilation: Sizes) -> None:
    """Raise ValueError if torch refuses these options of a transposed convolution."""
    if padding_mode != "zeros":
        raise ValueError(
            f"padding_mode = {padding_mode!r} is not allowed for a transposed convolution; "
            'give "zeros"'
        )
    if any(n >= max(s, d) for n, s, d in zip(added, stride, dilation, strict=True)):
        raise ValueError(
            f"output_padding = {added} is not allowed; give less than the stride {stride} or the "
            f"dilation {dilation}"
        )
