"""CIFAR-10 and CIFAR-100 in their binary versions, and CIFAR-10 as JPEG files.

The python versions of the data sets are not read: they are pickles, which can run any code.
"""

import hashlib
import io
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nsm.datasets.files import (
    Data,
    Remote,
    check_balance,
    fetch,
    find,
    flat,
    labels_from_zero,
    missing,
    read_files,
)
from nsm.unpacking import check_npz

_TRAIN, _TEST = 50_000, 10_000
#: Bytes of an image, the end of a record: 1,024 of red, of green, and of blue, each row by row.
_PIXELS = 3 * 32 * 32
#: Bytes beyond those of the published files that are read, so that a message can tell their number.
_NAMED = 1 << 20


class _Version(NamedTuple):
    """The files of one data set.

    Attributes:
        folder: Folder of the files, also in the archive.
        train: Files of the training images.
        test: File of the test images.
        labels: Number of classes of each label byte before the pixels; the last label is used.
        remote: The archive.
    """

    folder: str
    train: tuple[str, ...]
    test: str
    labels: tuple[int, ...]
    remote: Remote


# Formats and MD5s: A. Krizhevsky, "The CIFAR-10 dataset", the web page of both data sets.
_URL = "https://www.cs.toronto.edu/~kriz/"
_CIFAR10 = _Version(
    "cifar-10-batches-bin",
    tuple(f"data_batch_{i}.bin" for i in range(1, 6)),
    "test_batch.bin",
    (10,),
    Remote(
        f"{_URL}cifar-10-binary.tar.gz",
        "c32a1d4ab5d03f1284b67883e8d87530",
        "cifar-10-binary.tar.gz",
    ),
)
_CIFAR100 = _Version(
    "cifar-100-binary",
    ("train.bin",),
    "test.bin",
    (20, 100),
    Remote(
        f"{_URL}cifar-100-binary.tar.gz",
        "03b5dce01913d631647c71ecec9e9cb8",
        "cifar-100-binary.tar.gz",
    ),
)


def _check_distinct(raws: Sequence[bytes], files: Sequence[str], place: Path) -> None:
    """Raise ValueError if two files have the same content.

    The balance of classes does not show it: each batch of CIFAR-10 may be balanced by itself.
    """
    seen: dict[bytes, str] = {}
    for raw, file in zip(raws, files, strict=True):
        first = seen.setdefault(hashlib.sha256(raw).digest(), file)
        if first != file:
            raise ValueError(
                f"{first} and {file} in {place} hold the same bytes, but no two published files "
                "do; fetch it again"
            )


def _records(
    raw: bytes, n: int, classes: tuple[int, ...], source: Path
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return images (n, 3072) and labels (n,) of a binary file of n records."""
    size = len(classes) + _PIXELS
    if len(raw) != n * size:
        raise ValueError(
            f"{source} has {len(raw)} bytes; the published file has {n} records of {size}, "
            f"{n * size}: fetch it again"
        )
    table = np.frombuffer(raw, np.uint8).reshape(n, size)
    labels = [labels_from_zero(table[:, i], 0, k, source) for i, k in enumerate(classes)]
    return table[:, len(classes) :], labels[-1]


def _load(version: _Version, data_dir: str | Path | None, below: str, download: bool) -> Data:
    """Return a data set from its folder or archive, which may lie in a subfolder `below`."""
    folders = [version.folder, below, f"{below}/{version.folder}"]
    found = find(data_dir, folders, [version.train[0], version.remote.name])
    if found is None and (not download or data_dir is not None):
        raise missing(
            f"{version.folder}/{version.train[0]}",
            data_dir,
            f"put the binary version there, {version.remote.name} or its folder "
            "(python and matlab versions are not read)",
        )
    found = found or fetch(version.remote)
    archive = found.name == version.remote.name
    place = found if archive else found.parent
    files = [*version.train, version.test]
    counts = [_TRAIN // len(version.train)] * len(version.train) + [_TEST]
    names = [f"{version.folder}/{f}" for f in files] if archive else files
    raws = read_files(place, names, max(counts) * (len(version.labels) + _PIXELS) + _NAMED)
    _check_distinct(raws, files, place)
    *train, (x_test, y_test) = (
        _records(raw, n, version.labels, place / f)
        for raw, n, f in zip(raws, counts, files, strict=True)
    )
    y_train = np.concatenate([y for _, y in train])
    for y in (y_train, y_test):
        check_balance(y, version.labels[-1], place)
    return Data(flat(np.concatenate([x for x, _ in train])), y_train, flat(x_test), y_test)


def load_cifar10(data_dir: str | Path | None = None, *, download: bool = True) -> Data:
    """Return CIFAR-10 (Krizhevsky 2009): 50,000 + 10,000 images (3, 32, 32), flat (n, 3072).

    Args:
        data_dir: Folder of the binary version (the folder cifar-10-batches-bin or the archive
            cifar-10-binary.tar.gz), or the folder above their folder cifar10; None: NSM_DATA_DIR.
        download: Whether the archive (162 MB) is downloaded if no folder is named.

    Raises:
        FileNotFoundError: The files are not found and may not be downloaded.
        ValueError: A file is not the published one.
    """
    return _load(_CIFAR10, data_dir, "cifar10", download)


def load_cifar100(data_dir: str | Path | None = None, *, download: bool = True) -> Data:
    """Return CIFAR-100 with its 100 fine labels: 50,000 + 10,000 images, as `load_cifar10`.

    Args:
        data_dir: Folder of the binary version (the folder cifar-100-binary or the archive
            cifar-100-binary.tar.gz), or the folder above their folder cifar100; None: NSM_DATA_DIR.
        download: Whether the archive is downloaded if no folder is named.

    Raises:
        FileNotFoundError: The files are not found and may not be downloaded.
        ValueError: A file is not the published one.
    """
    return _load(_CIFAR100, data_dir, "cifar100", download)


def _decode(jpeg: bytes, name: str) -> NDArray[np.uint8]:
    """Return one JPEG of 32×32 pixels as (3, 32, 32); `name` is what messages call it."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(jpeg), formats=("JPEG",)) as image:
            if image.size != (32, 32) or image.mode != "RGB":
                raise ValueError(f"it is {image.size[0]} × {image.size[1]}, {image.mode}")
            return np.asarray(image).transpose(2, 0, 1)
    except (OSError, ValueError) as problem:
        reason = "it is truncated" if isinstance(problem, OSError) else problem
        raise ValueError(
            f"{name} is not a JPEG of 32 × 32 pixels in color: {reason}; make the archive again"
        ) from None


def _read_jpegs(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.integer], NDArray[np.uint8]]:
    """Return data, offsets and labels of an archive of JPEGs, checked; see `load_cifar10_jpeg`."""
    try:
        check_npz(path)
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            data, offsets, labels = (archive[key] for key in ("data", "offsets", "labels"))
    except (KeyError, TypeError, ValueError, EOFError, zlib.error, zipfile.BadZipFile) as problem:
        raise ValueError(
            f"{path} is truncated or no archive of JPEGs ({problem}); make it again"
        ) from None
    n = _TRAIN + _TEST
    types = data.dtype == np.uint8 and labels.dtype == np.uint8 and offsets.dtype.kind in "iu"
    if not types or data.ndim != 1:
        raise ValueError(
            f"{path} holds data {data.dtype}{data.shape}, offsets {offsets.dtype} and labels "
            f"{labels.dtype}; give bytes (any,), whole numbers and bytes"
        )
    if labels.shape != (n,) or offsets.shape != (n + 1,):
        raise ValueError(
            f"{path} holds {labels.shape} labels and {offsets.shape} offsets; "
            f"give ({n},) and ({n + 1},)"
        )
    rising = (np.diff(offsets.astype(np.int64)) > 0).all()
    if offsets[0] != 0 or offsets[-1] != len(data) or not rising:
        raise ValueError(
            f"{path}: offsets do not rise from 0 to its {len(data)} bytes of data; make it again"
        )
    return data, offsets, labels


def load_cifar10_jpeg(data_dir: str | Path | None = None) -> Data:
    """Return CIFAR-10 from an archive of JPEGs, cifar10_jpeg.npz; decoding takes about 10 s.

    JPEG is lossy: do not compare errors on these images with published ones. The archive holds
    `data` (uint8, the JPEG files in one array), `offsets` (60,001 integers: where each file begins
    and the last one ends) and `labels` (60,000, uint8): the training images, then the test images.

    Args:
        data_dir: Folder of the archive, or the folder above its folder cifar10 or cifar10-jpeg;
            None: NSM_DATA_DIR.

    Raises:
        FileNotFoundError: The archive is not found.
        ValueError: The archive is truncated or wrong.
    """
    path = find(data_dir, ["cifar10", "cifar10-jpeg"], ["cifar10_jpeg.npz"])
    if path is None:
        raise missing(
            "cifar10_jpeg.npz", data_dir, "no one publishes it; the lossless set is 'cifar10'"
        )
    data, offsets, labels = _read_jpegs(path)
    y = labels_from_zero(labels, 0, 10, path)
    check_balance(y[:_TRAIN], 10, path)
    check_balance(y[_TRAIN:], 10, path)
    jpegs = memoryview(data)
    images = np.empty((len(y), 3, 32, 32), np.uint8)
    for i in range(len(y)):
        images[i] = _decode(bytes(jpegs[offsets[i] : offsets[i + 1]]), f"image {i} of {path}")
    return Data(flat(images[:_TRAIN]), y[:_TRAIN], flat(images[_TRAIN:]), y[_TRAIN:])
