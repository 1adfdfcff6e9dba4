"""Images that a network was not trained on: turned and shifted ones."""

import numpy as np
from numpy.typing import ArrayLike

from devices.validation import array, integer, number, shortened
from nsm.nn.inference import Floats


def rotated(x: ArrayLike, degrees: float) -> Floats:
    """Return square images turned anticlockwise about their center, with linear interpolation.

    Pixels from outside the image are 0; pixels that leave it are lost.

    Args:
        x: Flat images (batch, side²), pixels in [0, 1].
        degrees: Angle [degrees].

    Returns:
        The same shape, in [0, 1].
    """
    from scipy.ndimage import rotate

    images = array("x", x, ndim=2, truth_values=True)
    side = _side(images)
    if images.size and (images.min() < 0 or images.max() > 1):
        raise ValueError(
            f"x holds pixels from {images.min():g} to {images.max():g}; scale them to [0, 1] first"
        )
    angle = number("degrees", degrees, unit="degrees")
    turned = rotate(images.reshape(-1, side, side), angle, axes=(2, 1), reshape=False, order=1)
    return np.clip(turned, 0, 1).reshape(images.shape)


def shifted(x: ArrayLike, right: int, down: int = 0) -> Floats:
    """Return square images moved by whole pixels.

    Pixels from outside the image are 0; pixels that leave it are lost.

    Args:
        x: Flat images (batch, side²).
        right: Pixels to the right; negative to the left.
        down: Pixels downward; negative upward; default 0.

    Returns:
        The same shape.

    Raises:
        ValueError: The images are not square, or nothing of them would be left.
    """
    images = array("x", x, ndim=2, truth_values=True)
    side = _side(images)
    for name, step in (("right", right), ("down", down)):
        if integer(name, step, at_least=1 - side) >= side:
            raise ValueError(
                f"{name} = {shortened(step)} is not allowed; give a whole number of at most "
                f"{side - 1}, since more moves images of {side} × {side} pixels out of their frame"
            )
    frame = np.pad(images.reshape(-1, side, side), ((0, 0), (side, side), (side, side)))
    moved = frame[:, side - down : 2 * side - down, side - right : 2 * side - right]
    return moved.reshape(images.shape)


def _side(images: Floats) -> int:
    """Return the side of square images in pixels, or raise ValueError."""
    side = round(images.shape[1] ** 0.5)
    if side == 0 or side**2 != images.shape[1]:
        raise ValueError(
            f"x has {images.shape[1]} pixels an image, which is no square; "
            "give flat images of side × side"
        )
    return side
