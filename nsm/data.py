"""Data: scikit-learn's handwritten digits (always there), and MNIST in its IDX files (a folder, or downloaded)."""

import gzip
import hashlib
import os
import struct
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from devices._checks import choice


class Data(NamedTuple):
    """Images (n, pixels) float32 in [0, 1] and labels (n,) int64, for training and for test."""

    x_train: NDArray[np.float32]
    y_train: NDArray[np.int64]
    x_test: NDArray[np.float32]
    y_test: NDArray[np.int64]


# MD5 of the four uncompressed IDX files, as published by LeCun, Cortes and Burges; compression may differ.
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


def read_idx(path: str | Path) -> NDArray[np.uint8]:
    """Read one IDX file of unsigned bytes, gzipped or not. Raises ValueError for a truncated or wrong file."""
    path = Path(path)
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (EOFError, OSError, zlib.error) as problem:
        if isinstance(problem, FileNotFoundError):
            raise
        raise ValueError(f"{path} is truncated or not gzip ({problem}); fetch it again") from None
    if len(raw) < 4 or raw[:3] != b"\x00\x00\x08":
        raise ValueError(f"{path} is not an IDX file of unsigned bytes (it starts with {raw[:4].hex()!r})")
    ndim = raw[3]
    if len(raw) < 4 + 4 * ndim:
        raise ValueError(f"{path} is truncated: {len(raw)} bytes do not even hold its header; fetch it again")
    shape = struct.unpack(f">{ndim}I", raw[4 : 4 + 4 * ndim])
    wanted = 4 + 4 * ndim + int(np.prod(shape))
    if len(raw) != wanted:
        raise ValueError(
            f"{path} is truncated or too long: {len(raw)} bytes, its header promises {wanted}; fetch it again"
        )
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * ndim).reshape(shape)


def load_digits(*, test_fraction: float = 0.25) -> Data:
    """Return scikit-learn's 1,797 handwritten digits, 8×8 pixels in [0, 1]; every fourth-or-so one is for test.

    The split is stratified and fixed, so that results on it can be compared.
    """
    from sklearn.datasets import load_digits as bundled
    from sklearn.model_selection import train_test_split

    x, y = bundled(return_X_y=True)
    parts = train_test_split(x / 16, y, test_size=test_fraction, stratify=y, random_state=0)
    x_train, x_test, y_train, y_test = parts
    return Data(x_train.astype("f4"), y_train.astype("i8"), x_test.astype("f4"), y_test.astype("i8"))


def _find(folder: Path, name: str) -> Path | None:
    for candidate in (folder / name, folder / f"{name}.gz"):
        if candidate.exists():
            return candidate
    return None


def _download(name: str) -> Path:
    import pooch

    path = pooch.retrieve(
        _MNIST_URL.format(name), f"md5:{_MNIST_GZ_MD5[name]}", f"{name}.gz", pooch.os_cache("nsm-crossbar")
    )
    return Path(path)


def load_mnist(data_dir: str | Path | None = None, *, download: bool = True) -> Data:
    """Return MNIST from the four IDX files in `data_dir` (or its subfolder mnist), `NSM_DATA_DIR`, or a download.

    Pixels in [0, 1], flat (n, 784). Every file is checked against the published MD5 of its uncompressed bytes.
    Raises FileNotFoundError where nothing is found and `download` is off, ValueError for a wrong file.
    """
    named = data_dir if data_dir is not None else os.environ.get("NSM_DATA_DIR")
    arrays = []
    for name, md5 in _MNIST_MD5.items():
        path = None
        if named is not None:
            path = _find(Path(named), name) or _find(Path(named) / "mnist", name)
        if path is None and (not download or data_dir is not None):
            where = named or "any folder (set NSM_DATA_DIR or data_dir)"
            raise FileNotFoundError(f"no {name}[.gz] in {where}; put the four MNIST IDX files there, or allow download")
        path = path or _download(name)
        array = read_idx(path)
        header = struct.pack(">BBBB", 0, 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
        if hashlib.md5(header + array.tobytes()).hexdigest() != md5:
            raise ValueError(f"{path} is not the published {name}: its MD5 differs; fetch it again")
        arrays.append(array)
    x_train, y_train, x_test, y_test = arrays

    def flat(x: NDArray[np.uint8]) -> NDArray[np.float32]:
        return x.reshape(len(x), -1).astype(np.float32) / np.float32(255)

    return Data(flat(x_train), y_train.astype("i8"), flat(x_test), y_test.astype("i8"))


LOADERS = ("digits", "mnist")


def load_data(name: str, data_dir: str | Path | None = None) -> Data:
    """Return the data set called `name`: one of `LOADERS`."""
    if choice("data set", name, LOADERS) == "digits":
        return load_digits()
    return load_mnist(data_dir)
