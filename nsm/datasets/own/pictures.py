"""Folders of image files, one folder per class, read with Pillow."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nsm.datasets.own.arrays import name_of
from nsm.datasets.own.labels import sorted_names
from nsm.datasets.own.parts import Found, Part

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = (".png", ".pgm", ".ppm", ".pbm", ".jpg", ".jpeg", ".bmp")
#: Folders of test images; the first that exists is taken. ImageNet calls its test images val.
_TEST_FOLDERS = ("test", "val")
_WHITE = {"uint8": 255.0, "uint16": 65535.0}


def _visible(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if not p.name.startswith("."))


def has_pictures(folder: Path) -> bool:
    """Return whether a folder holds image files up to two folders down."""
    patterns = ("*", "*/*", "*/*/*")
    return any(p.suffix.lower() in SUFFIXES for pattern in patterns for p in folder.glob(pattern))


def read_picture_folder(folder: Path) -> Found:
    """Return the images of CLASS/*.png, or of train/CLASS/*.png and test/CLASS/*.png.

    In place of test/, val/ is taken. Classes are the names of the folders below train/ in sorted
    order. Files are PNG, PGM, PPM, PBM, JPEG or BMP, gray or in color, all of one size. Names that
    begin with a dot are left out.

    Raises:
        ImportError: Pillow is not installed.
        ValueError: A file is no image, or has another size, color or depth than the first.
    """
    if not (folder / "train").is_dir():
        names = _class_names(folder)
        part = _read(folder, names, name_of(str(folder), "all"))
        return Found(part, None, names, _white(part))
    known = ("train", *_TEST_FOLDERS)
    other = [p for p in _visible(folder) if p.name not in known and p.is_dir()]
    if other:
        raise ValueError(
            f"{folder} holds {other[0].name}/ beside train/; give train/CLASS and test/CLASS only"
        )
    names = _class_names(folder / "train")
    train = _read(folder / "train", names, name_of(str(folder), "train"))
    test_folder = next((folder / t for t in _TEST_FOLDERS if (folder / t).is_dir()), None)
    if test_folder is None:
        return Found(train, None, names, _white(train))
    test = _read(test_folder, _class_names(test_folder), name_of(str(folder), "test"))
    if train.images.dtype != test.images.dtype:
        depths = [8 * part.images.dtype.itemsize for part in (train, test)]
        raise ValueError(
            f"{train.name} have {depths[0]} bits, but {test.name} have {depths[1]}; give all "
            "images one depth"
        )
    return Found(train, test, names, _white(train))


def _white(part: Part) -> float:
    return _WHITE[part.images.dtype.name]


def _class_names(folder: Path) -> list[str]:
    """Return the names of the folders of the classes, or raise ValueError."""
    entries = _visible(folder)
    stray = [p for p in entries if not p.is_dir()]
    if stray:
        raise ValueError(
            f"{stray[0]} lies beside the folders of the classes; put every image into the folder "
            "of its class, CLASS/*.png, and other files elsewhere"
        )
    return sorted_names(p.name for p in entries)


def _read(folder: Path, names: list[str], name: str) -> Part:
    """Return the images of the classes `names`, with the names as labels."""
    images: list[NDArray[Any]] = []
    labels = []
    first: Path | None = None
    for class_name in names:
        files = _visible(folder / class_name)
        if not files:
            raise ValueError(f"the folder {folder / class_name} is empty; remove it or fill it")
        for file in files:
            if file.is_dir():
                raise ValueError(
                    f"{file} is a folder within the class {class_name!r}; images are CLASS/*.png, "
                    "or train/CLASS/*.png and test/CLASS/*.png"
                )
            pixels = _pixels(file)
            first = first or file
            if images and (pixels.shape, pixels.dtype) != (images[0].shape, images[0].dtype):
                raise ValueError(
                    f"{file} is {_text(pixels)}, but {first} is {_text(images[0])}; "
                    "give all images one size and one mode"
                )
            images.append(pixels)
            labels.append(class_name)
    return Part(np.stack(images), np.array(labels), name, channels_first=True)


def _text(pixels: NDArray[Any]) -> str:
    channels, rows, columns = pixels.shape
    kind = "gray" if channels == 1 else "color"
    return f"{columns} × {rows}, {kind}, {8 * pixels.dtype.itemsize} bits"


def _pixels(file: Path) -> NDArray[Any]:
    """Return an image (channels, rows, columns) of bytes or 16-bit numbers."""
    if file.suffix.lower() not in SUFFIXES:
        raise ValueError(f"{file} is not one of {', '.join(SUFFIXES)}; put it elsewhere")
    try:
        from PIL import Image
    except ImportError:
        raise ImportError(
            f"reading {file.suffix} files needs Pillow: python -m pip install pillow"
        ) from None
    try:
        with Image.open(file) as image:
            pixels = np.asarray(_gray_or_color(image, file))
    except (OSError, Image.DecompressionBombError) as problem:
        raise ValueError(f"{file} is truncated or no image ({problem})") from None
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


def _gray_or_color(image: "Image", file: Path) -> "Image":
    """Return an image in mode L, I;16 or RGB."""
    if image.mode in ("L", "RGB", "I;16"):
        return image
    if image.mode == "1":
        return image.convert("L")
    transparent = "transparency" in image.info
    if image.mode == "P" and not transparent:
        return image.convert("RGB")
    if image.mode in ("RGBA", "LA") and image.getchannel("A").getextrema() == (255, 255):
        return image.convert(image.mode.removesuffix("A"))
    what = "is transparent" if image.mode in ("P", "RGBA", "LA") else "is neither gray nor RGB"
    raise ValueError(f"{file} (mode {image.mode}) {what}; save it in gray or in RGB")
