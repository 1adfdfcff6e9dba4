"""Printed letters: images that a network trained on digits or photographs has never seen.

They are drawn, because the handwritten letters of EMNIST are not at hand everywhere. The fonts are
those that come with matplotlib, prepared as MNIST's digits are.
"""

from pathlib import Path

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

#: Letters that differ clearly from every digit (BDGIJOQSZ and bgijloqsz do not), one of each two
#: that look alike large and small.
LETTERS = "ACEFHKLMNPRTUVWXYadefhnrt"
FONTS = (
    "DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSansMono", "DejaVuSerif",
    "DejaVuSerif-Bold", "DejaVuSerif-Italic", "STIXGeneral", "STIXGeneralBol",
    "STIXGeneralItalic",
)  # fmt: skip
#: Height of a font in pixels before a letter is made small.
_LARGE = 96
#: Side of the box into which MNIST's digits are scaled, in units of the side of the image.
_BOX = 20 / 28
#: Largest angle by which a letter leans [degrees].
_LEAN = 15.0


def letters(n: int, side: int, seed: int = 0) -> NDArray[np.float32]:
    """Return random letters in random fonts, leaning a little, bright on dark.

    As in MNIST a letter is scaled into a box of 20/28 of the side, and its center of mass is in the
    middle of the image (LeCun et al. 1998).

    Args:
        n: Number of images.
        side: Rows and columns of an image.
        seed: Seed of letters, fonts and angles.

    Returns:
        Flat images (n, side²) in [0, 1].
    """
    draw = np.random.default_rng(seed)
    folder = Path(mpl.get_data_path()) / "fonts" / "ttf"
    fonts = [ImageFont.truetype(folder / f"{name}.ttf", _LARGE) for name in FONTS]
    images = np.zeros((n, side, side), np.float32)
    for image in images:
        letter = LETTERS[draw.integers(len(LETTERS))]
        font = fonts[draw.integers(len(fonts))]
        image[:] = _centered(_glyph(letter, font, draw.uniform(-_LEAN, _LEAN)), side)
    return images.reshape(n, side**2)


def _glyph(letter: str, font: ImageFont.FreeTypeFont, degrees: float) -> Image.Image:
    """Return a letter that leans, cut to its box."""
    page = Image.new("L", (3 * _LARGE, 3 * _LARGE))
    ImageDraw.Draw(page).text((_LARGE, _LARGE), letter, fill=255, font=font)
    page = page.rotate(degrees, resample=Image.Resampling.BILINEAR)
    return page.crop(page.getbbox())


def _centered(glyph: Image.Image, side: int) -> NDArray[np.float32]:
    """Return a letter, scaled into its box, with its center of mass in the middle."""
    scale = _BOX * side / max(glyph.size)
    size = [max(1, round(scale * length)) for length in glyph.size]
    small = np.asarray(glyph.resize(size, Image.Resampling.LANCZOS), np.float32) / 255
    image = np.zeros((side, side), np.float32)
    corner = []
    for axis, length in enumerate(small.shape):
        weights = small.sum(axis=1 - axis)
        middle = float((weights * (np.arange(length) + 0.5)).sum() / weights.sum())
        corner.append(int(np.clip(round(side / 2 - middle), 0, side - length)))
    image[corner[0] : corner[0] + small.shape[0], corner[1] : corner[1] + small.shape[1]] = small
    return image
