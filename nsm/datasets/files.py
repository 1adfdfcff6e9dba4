"""Data files: where they stand, how they are fetched and opened, and what is refused before anything is made of them."""

import gzip
import io
import os
import tarfile
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Data(NamedTuple):
    """Images (n, pixels) float32 in [0, 1] and labels (n,) int64, for training and for test."""

    x_train: NDArray[np.float32]
    y_train: NDArray[np.int64]
    x_test: NDArray[np.float32]
    y_test: NDArray[np.int64]


class Remote(NamedTuple):
    """A published file: its address, the MD5 its publisher (or a library that checks it) states, and its name."""

    url: str
    md5: str
    name: str


_BROKEN = (EOFError, gzip.BadGzipFile, zlib.error, zipfile.BadZipFile, tarfile.TarError)


def named_folder(data_dir: str | Path | None) -> Path | None:
    """Return the folder the user named: `data_dir`, else the environment variable NSM_DATA_DIR, else None."""
    named = data_dir if data_dir is not None else os.environ.get("NSM_DATA_DIR")
    return None if named is None else Path(named)


def find(data_dir: str | Path | None, below: Sequence[str], names: Sequence[str]) -> Path | None:
    """Return the first of `names` in the named folder, then in each of its subfolders `below`; None where none is."""
    root = named_folder(data_dir)
    folders = () if root is None else (root, *(root / b for b in below))
    return next((f / n for f in folders for n in names if (f / n).exists()), None)


def missing(what: str, data_dir: str | Path | None, advice: str) -> FileNotFoundError:
    """Return the error of a data set that is nowhere: what was looked for, where, and what to do."""
    where = named_folder(data_dir) or "any folder (set NSM_DATA_DIR or data_dir)"
    return FileNotFoundError(f"no {what} in {where}; {advice}")


def fetch(remote: Remote) -> Path:
    """Download a published file, once, into the user's cache, check its MD5, and return where it is."""
    import pooch

    instead = f"fetch {remote.name} by hand and give its folder as data_dir or NSM_DATA_DIR"
    try:
        path = pooch.retrieve(
            remote.url, f"md5:{remote.md5}", remote.name, pooch.os_cache("nsm-crossbar")
        )
    except (
        OSError
    ) as problem:  # what `requests` raises is an OSError too; its own text is pages long
        reason = problem.strerror or type(problem).__name__
        raise OSError(
            f"cannot download {remote.name} from {remote.url} ({reason}); go online, or {instead}"
        ) from None
    except ValueError:  # pooch's, where the checksum differs; it has removed what it fetched
        raise ValueError(
            f"{remote.url} is not the published {remote.name}: its MD5 is not {remote.md5}; {instead}"
        ) from None
    return Path(path)


def gunzip(raw: bytes, source: str | Path) -> bytes:
    """Return what a gzip stream holds. Raises ValueError, naming `source`, for a truncated or damaged one."""
    try:
        return gzip.decompress(raw)
    except _BROKEN as problem:
        raise ValueError(f"{source} is truncated or not gzip ({problem}); fetch it again") from None


def read_files(place: Path, names: Sequence[str]) -> list[bytes]:
    """Return the bytes of each of `names` in `place`: a folder, a zip or a gzipped tar archive.

    Nothing is unpacked to disk. Raises FileNotFoundError or ValueError for what is missing, truncated or no archive.
    """
    if place.is_dir():
        absent = [n for n in names if not (place / n).is_file()]
        if absent:
            raise FileNotFoundError(
                f"no {absent[0]} in {place}; the data set is {', '.join(names)}: fetch it again"
            )
        return [(place / n).read_bytes() for n in names]
    found = {}
    try:
        if place.suffix == ".zip":
            with zipfile.ZipFile(place) as archive:
                found = {n: archive.read(n) for n in names if n in archive.namelist()}
        else:  # unzipped to its end, where the checksum is: tarfile alone would stop before it
            with tarfile.open(fileobj=io.BytesIO(gunzip(place.read_bytes(), place))) as archive:
                for member in archive:
                    stream = (
                        archive.extractfile(member)
                        if member.isfile() and member.name in names
                        else None
                    )
                    if stream is not None:
                        found[member.name] = stream.read()
    except _BROKEN as problem:
        reason = str(problem).partition(":\n")[
            0
        ]  # tarfile goes on with one line for each compression it tried
        raise ValueError(f"{place} is truncated or no archive ({reason}); fetch it again") from None
    absent = [n for n in names if n not in found]
    if absent:
        raise ValueError(
            f"{place} holds no {absent[0]}; it is not the official archive: fetch it again"
        )
    return [found[n] for n in names]


def flat(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return images (n, ...) of bytes as (n, pixels) float32 in [0, 1]."""
    x = images.reshape(len(images), -1).astype(np.float32)
    x /= np.float32(255)  # in place: a large set is not held twice
    return x


def check_labels(
    labels: NDArray[np.uint8], first: int, classes: int, source: str | Path
) -> NDArray[np.int64]:
    """Return labels `first`, ..., `first` + `classes` - 1 as int64 counted from 0. Raises ValueError for any other."""
    wrong = np.flatnonzero((labels < first) | (labels >= first + classes))
    if len(wrong):
        raise ValueError(
            f"{source} is mislabelled: label {labels[wrong[0]]} of image {wrong[0]} is not one of the {classes} classes "
            f"{first} to {first + classes - 1}; fetch it again"
        )
    return labels.astype(np.int64) - first


def check_balance(labels: NDArray[np.int64], classes: int, source: str | Path) -> None:
    """Raise ValueError unless every class has as many images as any other, where a set has so by construction."""
    counts = np.bincount(labels, minlength=classes)
    if (counts != len(labels) / classes).any():
        raise ValueError(
            f"{source} is mislabelled, or a file stands for another: classes have {counts.min()} to {counts.max()} images, "
            f"each must have {len(labels) / classes:g}; fetch it again"
        )
