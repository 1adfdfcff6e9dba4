"""Contrast of two colors, as the guidelines for accessible web pages define it."""

from matplotlib.colors import to_rgb
from matplotlib.typing import ColorType

#: Least contrast of text that everyone can read (WCAG 2.2, success criterion 1.4.3).
READABLE = 4.5


def luminance(color: ColorType) -> float:
    """Return the relative luminance of a color, 0 (black) to 1 (white).

    It is 0.2126 R + 0.7152 G + 0.0722 B of the linear components, where a component c of sRGB is
    c/12.92 up to 0.04045 and ((c + 0.055)/1.055)^2.4 above (IEC 61966-2-1; WCAG 2.2, definition of
    relative luminance).
    """
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color)]
    return float(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])


def contrast(one: ColorType, other: ColorType) -> float:
    """Return the contrast of two colors, (L1 + 0.05)/(L2 + 0.05) of their luminances, 1 to 21."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def text_color(ground: ColorType) -> str:
    """Return "black" or "white", whichever stands out more on a ground.

    The product of both contrasts is 21, so that the larger one is at least √21 = 4.58.
    """
    return max(("black", "white"), key=lambda color: contrast(color, ground))
