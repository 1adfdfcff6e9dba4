"""Compiled loop that cuts the windows of binary images into packed bits. It checks nothing."""

# mypy: ignore-errors

import numpy as np
from numba import njit

from devices.compiled_loops import compiled_loop


@njit(nogil=True, inline="always")
def _pad(image, padding, padded):
    """Copy an image (channels, height, width) into the zeros of `padded`, 255 where it is 1."""
    channels, height, width = image.shape
    for channel in range(channels):
        for y in range(height):
            row = padded[channel, padding[0] + y, padding[1] :]
            for x in range(width):
                row[x] = np.uint8(-image[channel, y, x])


@njit(nogil=True, inline="always")
def _set_bit(byte, pixels, bit):
    """Set a bit of every byte whose pixel is 255."""
    for i in range(len(byte)):
        byte[i] |= pixels[i] & bit


@njit(nogil=True, inline="always")
def _flush(byte, width, stride, shape, windows, octet):
    """Write an octet of all windows, and clear it."""
    for row in range(shape[0]):
        for column in range(shape[1]):
            at = np.uintp(row * stride[0] * width + column * stride[1])
            windows[row * shape[1] + column, octet] = byte[at]
    byte[:] = 0


@compiled_loop()
def pack_windows(images, kernel, stride, dilation, padding, padded_shape, shape, first, last, out):
    """Pack the windows of images first … last − 1.

    images: (images, channels, height, width) uint8, 0 or 1. padding: zeros above and on the left.
    padded_shape: rows and columns of a padded image. shape: rows and columns of windows. out:
    (images · windows, octets) uint8. Inputs of a window run through channels, rows and columns.

    One bit of all windows of an image is set at a time. In a padded image, whose rows follow each
    other in memory, windows one step apart take it from pixels one step apart; windows that a
    stride skips, or that begin in one row and end in the next, are cut too and left out.
    """
    channels = images.shape[1]
    width = padded_shape[1]
    locations = shape[0] * shape[1]
    padded = np.zeros((channels, padded_shape[0], width), np.uint8)
    pixels = padded.reshape(channels, -1)
    byte = np.zeros((shape[0] - 1) * stride[0] * width + (shape[1] - 1) * stride[1] + 1, np.uint8)
    for image in range(first, last):
        _pad(images[image], padding, padded)
        windows = out[image * locations : (image + 1) * locations]
        bits = octet = 0
        for channel in range(channels):
            for i in range(kernel[0]):
                for j in range(kernel[1]):
                    start = i * dilation[0] * width + j * dilation[1]
                    _set_bit(byte, pixels[channel, start:], np.uint8(1 << bits))
                    bits += 1
                    if bits == 8:
                        _flush(byte, width, stride, shape, windows, octet)
                        bits = 0
                        octet += 1
        if bits:
            _flush(byte, width, stride, shape, windows, octet)
