"""Every published data set by name, and the door to data of your own.

This file imports no array library, so that the command line can refuse a wrong name at once.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from nsm.datasets.files import Data


def load_digits(*, test_fraction: float = 0.25) -> Data:
    """Return the 1,797 handwritten digits that come with scikit-learn, 8×8 pixels in [0, 1].

    The split is stratified and always the same, so that results can be compared.

    Args:
        test_fraction: Share of the images that is kept for test, in (0, 1).
    """
    from nsm.datasets.digits import digits

    return digits(test_fraction)


Loader = Callable[["str | Path | None"], "Data"]


def _imported(module: str, name: str) -> Loader:
    """Return the loader `name` of a module of this package, which is imported on the first call."""

    def load(data_dir: str | Path | None) -> Data:
        data: Data = getattr(import_module(f"nsm.datasets.{module}"), name)(data_dir)
        return data

    return load


class _DataSet(NamedTuple):
    load: Loader  # takes the folder of the files
    shape: tuple[int, int, int]  # channels, rows, columns
    classes: int
    class_names: tuple[str, ...] = ()  # by default the numbers


_LETTERS = tuple("abcdefghijklmnopqrstuvwxyz")
_CIFAR10 = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)

_DATA_SETS = {
    "digits": _DataSet(lambda _: load_digits(), (1, 8, 8), 10),
    "mnist": _DataSet(_imported("mnist", "load_mnist"), (1, 28, 28), 10),
    "emnist": _DataSet(_imported("mnist", "load_emnist"), (1, 28, 28), 26, _LETTERS),
    "cifar10": _DataSet(_imported("cifar", "load_cifar10"), (3, 32, 32), 10, _CIFAR10),
    "cifar10-jpeg": _DataSet(_imported("cifar", "load_cifar10_jpeg"), (3, 32, 32), 10, _CIFAR10),
    "cifar100": _DataSet(_imported("cifar", "load_cifar100"), (3, 32, 32), 100),
    "nmnist": _DataSet(_imported("nmnist", "load_nmnist"), (10, 34, 34), 10),
    "nmnist-small": _DataSet(_imported("nmnist", "load_nmnist_small"), (10, 34, 34), 10),
    "dvs_gesture": _DataSet(_imported("dvs_gesture", "load_dvs_gesture"), (6, 64, 64), 11),
}

#: The names of all data sets.
LOADERS = tuple(_DATA_SETS)


def _known(name: str) -> _DataSet:
    from devices.validation import choice

    return _DATA_SETS[choice("data set", name, LOADERS)]


def image_shape(name: str) -> tuple[int, int, int]:
    """Return the shape (channels, rows, columns) of one image of the data set `name`.

    The rows of `Data` are flat; reshape them to (n, *image_shape(name)).

    >>> image_shape("cifar10")
    (3, 32, 32)

    Raises:
        ValueError: Unknown data set.
    """
    return _known(name).shape


def class_count(name: str) -> int:
    """Return how many classes a data set has; its labels are 0, ..., classes − 1.

    Raises:
        ValueError: Unknown data set.
    """
    return _known(name).classes


def check_source(source: str) -> str:
    """Return what names a data set, if it is a published name, an existing path, or a callable.

    Nothing is read, so that the command line can refuse a wrong name at once.

    Args:
        source: One of `LOADERS`, a path, or module:callable.

    Raises:
        ValueError: It is none of them; the message suggests the nearest name.
        FileNotFoundError: It is a path, and there is no such file or folder.
    """
    from devices.arguments import text

    text("source", source)
    # Unlike Path.exists it takes names that are too long.
    if source in LOADERS or os.path.exists(source) or ":" in source:
        return source
    other = "or give a file, a folder, or module:callable (see nsm.load_data)"
    if "/" in source or Path(source).suffix:
        raise FileNotFoundError(f"no file or folder {source[:120]}; name a data set that is there")
    try:
        _known(source)
    except ValueError as problem:
        raise ValueError(f"{problem}; {other}") from None
    raise AssertionError("a known name has been returned above")


def load_data(
    source: str | Path | Any,
    data_dir: str | Path | None = None,
    *,
    white: float | None = None,
    label_column: str | None = None,
    image_shape: Sequence[int] | None = None,
    test_fraction: float | None = None,
    split_seed: int | None = None,
    **unknown: Any,
) -> Data:
    """Return a data set: flat images (n, pixels) and labels from 0, for training and for test.

    Args:
        source: The name of a published set, one of `LOADERS`; or data of your own: an .npz or .csv
            file, a folder of IDX files, of train.csv and test.csv, or of images by class, or
            module:callable, which returns a torch Dataset or arrays; or such an object itself.
            `docs/data.md` has the formats. A published name wins over a path: write ./mnist for a
            folder called mnist.
        data_dir: Folder of a published set's files; None: the folder in the environment variable
            NSM_DATA_DIR, else a download where the publisher allows one.
        white: Value of a white pixel, by which images are divided. None: 255 for bytes and for
            whole numbers 0 to 255, 65,535 for 16-bit numbers, 1 for all others.
        label_column: Column of the labels in a CSV: "first", "last", or its name in the header;
            None: "label".
        image_shape: (channels, rows, columns) of images that come as rows of pixels; None: (1, 1,
            pixels).
        test_fraction: Share of each class that is kept for test if there is no test set; None: 0.2.
        split_seed: Seed of that split; None: 0, so that it is the same every time.
        unknown: Other options, which are refused.

    Raises:
        ValueError: Unknown data set or option, a wrong, truncated or mislabeled file, or an option
            that has no effect on the data.
        FileNotFoundError: The files are not in the folder, or there is no download.
    """
    from nsm.datasets.own.options import Options, refuse_unknown

    refuse_unknown(unknown)
    options = Options(
        white=white,
        label_column=label_column,
        image_shape=image_shape,
        test_fraction=test_fraction,
        split_seed=split_seed,
    )
    if isinstance(source, str) and source in LOADERS:
        options.refuse(*options.given, why=f"{source} is a published set")
        _check_folder(source, data_dir)
        return _load_published(source, data_dir)

    from nsm.datasets.own.source import load_own

    if isinstance(source, str):
        check_source(source)
    _check_folder(source, data_dir)
    return load_own(source, options)


def _check_folder(source: Any, data_dir: Any) -> None:
    """Raise ValueError if `data_dir` is no folder, or has no effect on a data set."""
    from devices.arguments import file_path

    if data_dir is None:
        return
    what = f"data_dir = {str(file_path('data_dir', data_dir))!r} has no effect"
    if not isinstance(source, str) or source not in LOADERS:
        raise ValueError(
            f"{what}: it is the folder of published sets; give the whole path as the data"
        )
    if source == "digits":
        raise ValueError(f"{what}: digits comes with scikit-learn; leave it out")


def _load_published(name: str, data_dir: str | Path | None) -> Data:
    """Return a published set with its description."""
    known = _known(name)
    return replace(
        known.load(data_dir),
        image_shape=known.shape,
        class_names=known.class_names or tuple(map(str, range(known.classes))),
        split="as published",
    )
