"""MNIST and EMNIST letters, read from their IDX files."""

import gzip
import hashlib
import math
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nsm.datasets.files import (
    Data,
    Remote,
    check_balance,
    fetch,
    find,
    flat,
    gunzip,
    labels_from_zero,
    missing,
    read_files,
    unpacking,
)
from nsm.unpacking import LARGEST_RATIO, Readable, check_memory, read_at_most

# MD5 of the four IDX files as published by LeCun, Cortes and Burges, uncompressed: the MD5 of a
# gzipped file depends on who compressed it.
_MNIST_MD5 = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
_MNIST_URL = "https://ossci-datasets.s3.amazonaws.com/mnist/{}.gz"
_MNIST_GZ_MD5 = {  # MD5 of the compressed files at that address
    "train-images-idx3-ubyte": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte": "d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte": "9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte": "ec29112dd5afa0611ce80d1b7f02629c",
}

# The archive of all splits of EMNIST, 540 MB, as NIST publishes it. The MD5 is the one that
# torchvision checks.
_EMNIST = Remote(
    "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip",
    "58c8d27c78d21e728a6bc7b3cc06412e",
    "gzip.zip",
)
_EMNIST_FILES = tuple(
    f"emnist-letters-{s}-{k}-ubyte"
    for s in ("train", "test")
    for k in ("images-idx3", "labels-idx1")
)
_EMNIST_IMAGES = {"train": 124_800, "test": 20_800}  # NIST: 145,600 characters, balanced
_LETTERS = 26
#: Bytes of the largest file of EMNIST letters, its training images.
_EMNIST_MOST = 16 + _EMNIST_IMAGES["train"] * 28 * 28
#: Bytes of the header of an IDX file of 255 sizes.
_LARGEST_HEADER = 4 + 4 * 255
#: Bytes beyond what a header promises that are read, so that a message can tell their number.
_NAMED = 1 << 20


def parse_idx(raw: bytes, source: str | Path) -> NDArray[np.uint8]:
    """Return the array in an IDX file of unsigned bytes.

    Args:
        raw: The content of the file.
        source: Its name in messages.

    Raises:
        ValueError: The content is truncated, too long, or no such file.
    """
    if len(raw) < 4 or raw[:3] != b"\x00\x00\x08":
        raise ValueError(
            f"{source} is not an IDX file of unsigned bytes (it starts with {raw[:4].hex()!r})"
        )
    ndim = raw[3]
    if len(raw) < 4 + 4 * ndim:
        raise ValueError(
            f"{source} is truncated: {len(raw)} bytes do not even hold its header; fetch it again"
        )
    shape, wanted = _promised(raw)
    if len(raw) != wanted:
        raise ValueError(_other_length(source, str(len(raw)), wanted))
    try:
        return np.frombuffer(raw, np.uint8, offset=4 + 4 * ndim).reshape(shape)
    except ValueError as problem:  # too many sizes, or a zero beside sizes of a vast product
        raise ValueError(
            f"{source} has a header of {ndim} sizes that no array has ({problem}); fetch it again"
        ) from None


def _promised(raw: bytes) -> tuple[tuple[int, ...], int]:
    """Return the shape that a header promises, and the bytes of such a file."""
    ndim = raw[3]
    shape = struct.unpack(f">{ndim}I", raw[4 : 4 + 4 * ndim])
    return shape, 4 + 4 * ndim + math.prod(shape)  # of Python's integers: those of numpy overflow


def _other_length(source: str | Path, found: str, wanted: int) -> str:
    return (
        f"{source} is truncated or too long: {found} bytes, its header promises {wanted}; "
        "fetch it again"
    )


def read_idx(path: str | Path) -> NDArray[np.uint8]:
    """Return the array in an IDX file of unsigned bytes, gzipped (.gz) or not.

    No more is read, or unpacked, than its header promises.

    Raises:
        ValueError: The file is truncated or no such file, or memory has no room for its images.
    """
    path = Path(path)
    size = path.stat().st_size
    if path.suffix == ".gz":
        with unpacking(path), gzip.open(path) as stream:
            return _read_idx(stream, path, LARGEST_RATIO * size)
    with open(path, "rb") as file:
        return _read_idx(file, path, size)


def _read_idx(stream: Readable, path: Path, largest: int) -> NDArray[np.uint8]:
    """Return the array in an opened IDX file, which can hold `largest` bytes."""
    head = stream.read(_LARGEST_HEADER)
    if head[:3] != b"\x00\x00\x08" or len(head) < 4 + 4 * head[3]:
        return parse_idx(head, path)  # which refuses it
    _, wanted = _promised(head)
    if wanted <= largest:
        check_memory(path, 5 * wanted)  # as bytes and as float32
    most = wanted + _NAMED
    rest = read_at_most(stream, most, lambda: _other_length(path, f"more than {most}", wanted))
    return parse_idx(head + rest, path)


def load_mnist(data_dir: str | Path | None = None, *, download: bool = True) -> Data:
    """Return MNIST: 60,000 + 10,000 images of 28×28 pixels, flat (n, 784), 10 classes.

    Reads the four IDX files, gzipped or not. The uncompressed content of every file is checked
    against its published MD5.

    Args:
        data_dir: Folder of the files, or the folder above their folder mnist; None: NSM_DATA_DIR.
        download: Whether the files are downloaded if no folder is named.

    Raises:
        FileNotFoundError: The files are not found and may not be downloaded.
        ValueError: A file is not the published one.
    """
    arrays = []
    for name, md5 in _MNIST_MD5.items():
        path = find(data_dir, ["mnist"], [name, f"{name}.gz"])
        if path is None and (not download or data_dir is not None):
            raise missing(
                f"{name}[.gz]",
                data_dir,
                "put the four MNIST IDX files there, or name no folder to download them",
            )
        path = path or fetch(Remote(_MNIST_URL.format(name), _MNIST_GZ_MD5[name], f"{name}.gz"))
        array = read_idx(path)
        header = struct.pack(">BBBB", 0, 0, 8, array.ndim) + struct.pack(
            f">{array.ndim}I", *array.shape
        )
        if hashlib.md5(header + array.tobytes()).hexdigest() != md5:
            raise ValueError(
                f"{path} is not the published {name}: its MD5 differs; fetch it again, or, for "
                f"other images in this format, give the folder {path.parent} as the data set"
            )
        arrays.append(array)
    x_train, y_train, x_test, y_test = arrays
    return Data(flat(x_train), y_train.astype("i8"), flat(x_test), y_test.astype("i8"))


def _emnist_files(
    data_dir: str | Path | None, download: bool
) -> tuple[Path, list[NDArray[np.uint8]]]:
    """Return where EMNIST letters was found, and its four arrays."""
    first = _EMNIST_FILES[0]
    found = find(data_dir, ["emnist", "gzip", "emnist/gzip"], [first, f"{first}.gz", _EMNIST.name])
    if found is None and (not download or data_dir is not None):
        raise missing(
            f"{first}[.gz]",
            data_dir,
            f"put the four files of EMNIST letters, or {_EMNIST.name} of NIST, there",
        )
    found = found or fetch(_EMNIST)
    archive = found.suffix == ".zip"
    place, before, after = (found, "gzip/", ".gz") if archive else (found.parent, "", found.suffix)
    names = [f"{before}{n}{after}" for n in _EMNIST_FILES]
    sources = [place / n for n in names]
    raw = read_files(place, names, _EMNIST_MOST + _NAMED)
    return place, [
        parse_idx(gunzip(r, s, _EMNIST_MOST + _NAMED) if after else r, s)
        for r, s in zip(raw, sources, strict=True)
    ]


def load_emnist(data_dir: str | Path | None = None, *, download: bool = True) -> Data:
    """Return EMNIST letters: 124,800 + 20,800 images of 28×28 pixels, 26 classes from a = 0.

    Cohen et al. 2017, arXiv:1702.05373. The published images are transposed; these are upright, as
    those of MNIST.

    Args:
        data_dir: Folder of the four IDX files or of NIST's archive gzip.zip, or the folder above
            their folder emnist or gzip; None: NSM_DATA_DIR.
        download: Whether the archive (540 MB) is downloaded if no folder is named.

    Raises:
        FileNotFoundError: The files are not found and may not be downloaded.
        ValueError: A file is not the published one.
    """
    place, arrays = _emnist_files(data_dir, download)
    parts: list[NDArray[Any]] = []
    for split, images, labels in zip(_EMNIST_IMAGES, arrays[::2], arrays[1::2], strict=True):
        n = _EMNIST_IMAGES[split]
        if images.shape != (n, 28, 28) or labels.shape != (n,):
            raise ValueError(
                f"the {split} files of EMNIST letters in {place} hold images {images.shape} and "
                f"labels {labels.shape}; the published ones hold {(n, 28, 28)} and {(n,)}: "
                "fetch them again"
            )
        source = f"EMNIST letters, {split}, in {place}"
        y = labels_from_zero(labels, 1, _LETTERS, source)
        # Only the archive has a published checksum; the balance is what tells its files apart.
        check_balance(y, _LETTERS, source)
        parts += [flat(images.transpose(0, 2, 1)), y]
    return Data(*parts)
