"""Files of data sets: how they are found, downloaded, opened and checked."""

import gzip
import io
import os
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nsm.unpacking import declared_size, read_at_most


@dataclass(frozen=True, eq=False)
class Data:
    """A data set, split into images for training and for test.

    It unpacks as `x_train, y_train, x_test, y_test = data`.

    Attributes:
        x_train: Images (n, pixels), float32. Published sets and bytes are in [0, 1].
        y_train: Labels (n,), int64 from 0.
        x_test: Images (m, pixels), float32, with the scale of `x_train`.
        y_test: Labels (m,), int64 from 0.
        image_shape: (channels, rows, columns) of an image; (1, 1, pixels) if it is not known.
        class_names: Name of every class, in the order of the labels; by default their numbers.
        split: What divided the images into training and test, in words.
    """

    x_train: NDArray[np.float32]
    y_train: NDArray[np.int64]
    x_test: NDArray[np.float32]
    y_test: NDArray[np.int64]
    image_shape: tuple[int, int, int] = field(default=(0, 0, 0), kw_only=True)
    class_names: tuple[str, ...] = field(default=(), kw_only=True)
    split: str = field(default="as given", kw_only=True)

    def __post_init__(self) -> None:
        if self.image_shape == (0, 0, 0):
            object.__setattr__(self, "image_shape", (1, 1, self.x_test.shape[1]))
        if not self.class_names:
            largest = max(int(y.max(initial=-1)) for y in (self.y_train, self.y_test))
            object.__setattr__(self, "class_names", tuple(map(str, range(largest + 1))))

    def __iter__(self) -> Iterator[NDArray[Any]]:
        return iter((self.x_train, self.y_train, self.x_test, self.y_test))

    def __repr__(self) -> str:
        return (
            f"Data({len(self.y_train)} training and {len(self.y_test)} test images of shape "
            f"{self.image_shape} as rows of {self.x_test.shape[1]} values, "
            f"{len(self.class_names)} classes, split {self.split})"
        )


class Remote(NamedTuple):
    """A file on the web.

    Attributes:
        url: Its address.
        md5: Its MD5, as its publisher or a library that checks it states it.
        name: Its name in the cache.
    """

    url: str
    md5: str
    name: str


#: Bytes that an archive may hold beside its files.
_FRAME = 1 << 20
#: What the standard library raises for a truncated or damaged archive.
_BROKEN = (EOFError, gzip.BadGzipFile, zlib.error, zipfile.BadZipFile, tarfile.TarError)


def named_folder(data_dir: str | Path | None) -> Path | None:
    """Return the folder the user named: `data_dir`, else the variable NSM_DATA_DIR, else None."""
    named = data_dir if data_dir is not None else os.environ.get("NSM_DATA_DIR")
    return None if named is None else Path(named)


def find(data_dir: str | Path | None, below: Sequence[str], names: Sequence[str]) -> Path | None:
    """Return the first existing file or folder of a data set, or None.

    Args:
        data_dir: The folder to look in; None: NSM_DATA_DIR, see `named_folder`.
        below: Its subfolders to look in afterwards.
        names: names to look for in each folder, in this order.
    """
    root = named_folder(data_dir)
    folders = () if root is None else (root, *(root / b for b in below))
    return next((f / n for f in folders for n in names if (f / n).exists()), None)


def missing(what: str, data_dir: str | Path | None, advice: str) -> FileNotFoundError:
    """Return the error of a data set that was not found.

    Args:
        what: The file that was looked for.
        data_dir: The folder it was looked for in, as the user gave it.
        advice: what to do.
    """
    where = named_folder(data_dir) or "any folder (set NSM_DATA_DIR or data_dir)"
    return FileNotFoundError(f"no {what} in {where}; {advice}")


def fetch(remote: Remote) -> Path:
    """Return the path of a file in the user's cache, after a download if necessary; check its MD5.

    Raises:
        OSError: The download failed.
        ValueError: The MD5 differs.
    """
    import pooch

    instead = f"fetch {remote.name} by hand and give its folder as data_dir or NSM_DATA_DIR"
    try:
        path = pooch.retrieve(
            remote.url, f"md5:{remote.md5}", remote.name, pooch.os_cache("nsm-crossbar")
        )
    except OSError as problem:  # errors of `requests` are OSErrors too, with pages of text
        reason = problem.strerror or type(problem).__name__
        raise OSError(
            f"cannot download {remote.name} from {remote.url} ({reason}); go online, or {instead}"
        ) from None
    except ValueError:  # from pooch, which has removed the file with the wrong checksum
        raise ValueError(
            f"{remote.url} is not the published {remote.name}: its MD5 is not {remote.md5}; "
            f"{instead}"
        ) from None
    return Path(path)


@contextmanager
def unpacking(source: str | Path) -> Iterator[None]:
    """Raise ValueError, with its name, for a gzip stream that is truncated or damaged."""
    try:
        yield
    except _BROKEN as problem:
        raise ValueError(f"{source} is truncated or not gzip ({problem}); fetch it again") from None


def gunzip(raw: bytes, source: str | Path, most: int) -> bytes:
    """Return the content of a gzip stream.

    Args:
        raw: The stream.
        source: Its name in messages.
        most: Bytes that it may unpack to.

    Raises:
        ValueError: The stream is truncated or damaged, or unpacks to more.
    """
    with unpacking(source), gzip.GzipFile(fileobj=io.BytesIO(raw)) as stream:
        return read_at_most(stream, most, lambda: _unpacks_to_more(source, most))


def _unpacks_to_more(source: str | Path, most: int) -> str:
    return (
        f"{source} unpacks to more than {most} bytes, which no published file has; fetch it again"
    )


def read_files(place: Path, names: Sequence[str], most: int) -> list[bytes]:
    """Return the content of several files, without unpacking anything to disk.

    Args:
        place: A folder, a zip archive, or a gzipped tar archive.
        names: The files in it.
        most: Bytes that each of them may have. An archive holds as much of other files.

    Raises:
        FileNotFoundError: A file is missing in the folder.
        ValueError: The archive is truncated, is none, or lacks a file; or a file is larger.
    """
    if place.is_dir():
        absent = [n for n in names if not (place / n).is_file()]
        if absent:
            raise FileNotFoundError(
                f"no {absent[0]} in {place}; the data set is {', '.join(names)}: fetch it again"
            )
        for n in names:
            _check_size(place / n, (place / n).stat().st_size, most)
        return [(place / n).read_bytes() for n in names]
    try:
        found = (_from_zip if place.suffix == ".zip" else _from_tar)(place, names, most)
    except _BROKEN as problem:
        reason = str(problem).partition(":\n")[0]  # tarfile adds a line per compression it tried
        raise ValueError(f"{place} is truncated or no archive ({reason}); fetch it again") from None
    absent = [n for n in names if n not in found]
    if absent:
        raise ValueError(
            f"{place} holds no {absent[0]}; it is not the official archive: fetch it again"
        )
    return [found[n] for n in names]


def _check_size(file: Path, size: int, most: int) -> None:
    """Raise ValueError if a file, or what an archive declares of it, is too large."""
    if size > most:
        raise ValueError(
            f"{file} has {size} bytes, and the published file at most {most}: fetch it again"
        )


def _from_zip(place: Path, names: Sequence[str], most: int) -> dict[str, bytes]:
    with zipfile.ZipFile(place) as archive:
        there = [n for n in names if n in archive.namelist()]
        for n in there:
            _check_size(place / n, declared_size(archive.getinfo(n), place), most)
        return {n: archive.read(n) for n in there}


def _from_tar(place: Path, names: Sequence[str], most: int) -> dict[str, bytes]:
    found = {}
    # Decompressed to the end first, where gzip's checksum is: tarfile alone would stop before it.
    raw = gunzip(place.read_bytes(), place, 2 * most * len(names) + _FRAME)
    with tarfile.open(fileobj=io.BytesIO(raw)) as archive:
        for member in archive:
            wanted = member.isfile() and member.name in names
            if wanted:
                _check_size(place / member.name, member.size, most)
            stream = archive.extractfile(member) if wanted else None
            if stream is not None:
                found[member.name] = stream.read()
    return found


def flat(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return images (n, ...) of bytes as (n, pixels), float32 in [0, 1]."""
    x = images.reshape(len(images), -1).astype(np.float32)
    x /= np.float32(255)  # in place, so that a large set is not held twice
    return x


def labels_from_zero(
    labels: NDArray[np.uint8], first: int, classes: int, source: str | Path
) -> NDArray[np.int64]:
    """Return labels first, ..., first + classes − 1 as int64 labels that count from 0.

    Args:
        labels: (n,), as the file holds them.
        first: Smallest label in the file.
        classes: Number of classes.
        source: Name of the file in messages.

    Raises:
        ValueError: A label is outside the classes.
    """
    wrong = np.flatnonzero((labels < first) | (labels >= first + classes))
    if len(wrong):
        raise ValueError(
            f"{source} is mislabeled: label {labels[wrong[0]]} of image {wrong[0]} is not one of "
            f"the {classes} classes {first} to {first + classes - 1}; fetch it again"
        )
    return labels.astype(np.int64) - first


def check_balance(labels: NDArray[np.int64], classes: int, source: str | Path) -> None:
    """Raise ValueError unless every class has the same number of images.

    For data sets that are balanced by construction: of many files that were swapped or cut, this
    is the only trace.

    Args:
        labels: (n,), from 0.
        classes: Number of classes.
        source: Name of the file in messages.
    """
    counts = np.bincount(labels, minlength=classes)
    if (counts != len(labels) / classes).any():
        raise ValueError(
            f"{source} is mislabeled, or is another file under this name: classes have "
            f"{counts.min()} to {counts.max()} images, each must have {len(labels) / classes:g}; "
            "fetch it again"
        )
