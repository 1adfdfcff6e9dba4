"""Images of your own: their shape, their scale, and whether they are finite numbers."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from devices.validation import finite, real_array

Shape = tuple[int, int, int]

#: Numbers of channels of images whose channels come last: gray, color, color with a fourth channel.
_CHANNELS_LAST = (1, 3, 4)
#: Images that are tested at a time for whole numbers, so that no second copy of all is made.
_AT_ONCE = 1000
#: Ratio of the largest numbers of two parts that are not whole, above which one is in bytes.
_FAR_APART = 50


def as_array(value: Any) -> Any:
    """Return a torch tensor as numpy, from whatever device it is on; other values as they are."""
    return value.detach().cpu().numpy() if is_tensor(value) else value


def is_tensor(value: Any) -> bool:
    """Return whether a value is a torch tensor; torch is not imported for that."""
    return hasattr(value, "detach")


def checked_images(
    name: str,
    images: ArrayLike,
    image_shape: Sequence[int] | None = None,
    *,
    channels_first: bool = False,
) -> tuple[NDArray[Any], Shape]:
    """Return images as rows (n, pixels), channels first, and the shape of one.

    Args:
        name: What messages call them, such as "x_train of faces.npz".
        images: (n, pixels), (n, rows, columns), (n, channels, rows, columns), or
            (n, rows, columns, channels) with 1, 3 or 4 channels.
        image_shape: (channels, rows, columns) of images that come as (n, pixels); None: (1, 1,
            pixels).
        channels_first: True if channels are known to come first, as in torch tensors; otherwise the
            shape tells.

    Raises:
        ValueError: They are not real numbers, none, of another or an ambiguous shape, or NaN.
    """
    a = real_array(name, images, truth_values=True)
    if a.ndim not in (2, 3, 4):
        raise ValueError(
            f"{name} has shape {a.shape}; images are (n, pixels), (n, rows, columns), "
            "(n, channels, rows, columns) or (n, rows, columns, channels)"
        )
    if not a.size:
        raise ValueError(f"{name} has shape {a.shape}: it holds no images; give at least one")
    if a.dtype.kind == "f":
        finite(name, a)
    if a.ndim == 2:
        return a, _given_shape(name, a.shape[1], image_shape)
    if image_shape is not None:
        raise ValueError(
            f"image_shape = {tuple(image_shape)!r} has no effect: {name} has shape {a.shape}, "
            "which tells it; leave it out"
        )
    if a.ndim == 3:
        a = a[:, None]
    elif not channels_first and _channels_come_last(name, a.shape):
        a = np.moveaxis(a, -1, 1)
    _, channels, rows, columns = a.shape
    return a.reshape(len(a), -1), (channels, rows, columns)


def _given_shape(name: str, pixels: int, image_shape: Sequence[int] | None) -> Shape:
    if image_shape is None:
        return 1, 1, pixels
    channels, rows, columns = image_shape
    if channels * rows * columns != pixels:
        raise ValueError(
            f"image_shape = {tuple(image_shape)!r} has {channels * rows * columns} pixels, "
            f"but the images of {name} have {pixels}"
        )
    return channels, rows, columns


def _channels_come_last(name: str, shape: tuple[int, ...]) -> bool:
    first = shape[1] in _CHANNELS_LAST
    last = shape[3] in _CHANNELS_LAST
    if first and last:
        raise ValueError(
            f"{name} has shape {shape}, in which channels may come first or last; "
            "give rows of pixels (n, pixels), channel after channel, and image_shape"
        )
    return last


def white_of(name: str, images: NDArray[Any]) -> float:
    """Return the value of a white pixel, by which images are divided.

    It is 255 for bytes above 127 and for whole numbers 0, ..., 255; 65,535 for 16-bit numbers above
    32,767; and 1 for all numbers that are not whole, and for whole numbers from −1 to 1.

    Args:
        name: What messages call the images.
        images: (n, pixels).

    Raises:
        ValueError: Other whole numbers, of which nothing tells the scale.
    """
    white = _told_white(images)
    if white is None:
        low, high = images.min(), images.max()
        raise ValueError(
            f"{name} holds whole numbers from {low:g} to {high:g}; say which value is white, "
            f"such as white={high:g}; white=1 keeps the numbers as they are"
        )
    return white


def common_white(parts: Sequence[tuple[str, NDArray[Any]]]) -> float:
    """Return the value of a white pixel of training and test images together; see `white_of`.

    Images of one part may be too dark to tell it. They have the white of the other part if they fit
    its range and type.

    Args:
        parts: What messages call the images of each part, and the images, (n, pixels).

    Raises:
        ValueError: The parts have different scales, or nothing tells the scale.
    """
    told = [_told_white(images) if images.any() else None for _, images in parts]
    known = [i for i, white in enumerate(told) if white is not None]
    if not known:
        return max(white_of(*part) for part in parts)
    name, images = parts[known[0]]
    white = white_of(name, images)
    for (other, of_other), its in zip(parts, told, strict=True):
        if its is None:
            fits = not of_other.any() or _fits_scale(of_other, white, images.dtype)
        else:
            fits = its == white and (white != 1 or not _are_far_apart(images, of_other))
        if not fits:
            raise ValueError(
                f"{name} ({_extent(images)}) and {other} ({_extent(of_other)}) have different "
                "scales; bring both to one, or say which value is white in both, such as "
                f"white={white:g}"
            )
    return white


def _told_white(images: NDArray[Any]) -> float | None:
    """Return the value of a white pixel, or None if nothing tells it."""
    low = images.min()
    high = images.max()
    if (low >= -1 and high <= 1) or not _is_whole(images):
        return 1.0
    bits = 8 * images.dtype.itemsize if images.dtype.kind == "u" else 0
    if bits in (8, 16) and high >= 1 << (bits - 1):
        return float((1 << bits) - 1)
    return 255.0 if low >= 0 and high == 255 else None


def _fits_scale(images: NDArray[Any], white: float, dtype: np.dtype[Any]) -> bool:
    """Return whether whole numbers of unknown scale may have the white of images of a type."""
    if white == 1 or images.min() < 0 or images.max() > white:
        return False
    if images.dtype == dtype:
        return True
    return white == 255 and {images.dtype.name, dtype.name} != {"uint8", "uint16"}


def _are_far_apart(images: NDArray[Any], others: NDArray[Any]) -> bool:
    """Return whether the largest |values| are further apart than those of one set can be."""
    sizes = [max(abs(float(a.min())), abs(float(a.max()))) for a in (images, others)]
    return max(sizes) > _FAR_APART * min(sizes)


def _extent(images: NDArray[Any]) -> str:
    return f"{images.dtype}, {images.min():g} to {images.max():g}"


def _is_whole(images: NDArray[Any]) -> bool:
    if images.dtype.kind != "f":
        return True
    blocks = (images[i : i + _AT_ONCE] for i in range(0, len(images), _AT_ONCE))
    return all(bool((block == np.floor(block)).all()) for block in blocks)


def scaled(name: str, images: NDArray[Any], white: float) -> NDArray[np.float32]:
    """Return images divided by `white`, in float32.

    Args:
        name: What messages call the images.
        images: (n, pixels).
        white: Value of a white pixel.

    Raises:
        ValueError: A value is too large for float32.
    """
    with np.errstate(over="ignore"):
        x = images.astype(np.float32)
    x /= np.float32(white)  # in place, so that a large set is not held twice
    finite(name, x)  # type: ignore[arg-type]
    return x
