"""Every data set by name, with the shape of its images and its number of classes.

This file imports no array library, so that the command line can refuse a wrong name at once.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from nsm.datasets.files import Data


def load_digits(*, test_fraction: float = 0.25) -> Data:
    """Return the 1,797 handwritten digits that come with scikit-learn, 8×8 pixels in [0, 1].

    The split is stratified and always the same, so that results can be compared.

    Args:
        test_fraction: share of the images that is kept for test, in (0, 1).
    """
    from sklearn.datasets import load_digits as bundled
    from sklearn.model_selection import train_test_split

    from nsm.datasets.files import Data

    x, y = bundled(return_X_y=True)
    parts = train_test_split(x / 16, y, test_size=test_fraction, stratify=y, random_state=0)
    x_train, x_test, y_train, y_test = parts
    return Data(
        x_train.astype("f4"), y_train.astype("i8"), x_test.astype("f4"), y_test.astype("i8")
    )


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


_DATA_SETS = {
    "digits": _DataSet(lambda _: load_digits(), (1, 8, 8), 10),
    "mnist": _DataSet(_imported("mnist", "load_mnist"), (1, 28, 28), 10),
    "emnist": _DataSet(_imported("mnist", "load_emnist"), (1, 28, 28), 26),
    "cifar10": _DataSet(_imported("cifar", "load_cifar10"), (3, 32, 32), 10),
    "cifar10-jpeg": _DataSet(_imported("cifar", "load_cifar10_jpeg"), (3, 32, 32), 10),
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
        ValueError: unknown data set.
    """
    return _known(name).shape


def class_count(name: str) -> int:
    """Return how many classes a data set has; its labels are 0, ..., classes − 1.

    Raises:
        ValueError: unknown data set.
    """
    return _known(name).classes


def load_data(name: str, data_dir: str | Path | None = None) -> Data:
    """Return a data set by name: flat images (n, pixels) in [0, 1] and labels.

    Args:
        name: one of `LOADERS`.
        data_dir: folder of the data set's files; None: the folder in the environment variable
            NSM_DATA_DIR, else a download where the publisher allows one. Each loader lists the
            files that it reads.

    Raises:
        ValueError: unknown data set, or a wrong, truncated or mislabeled file.
        FileNotFoundError: the files are not in the folder, or there is no download.
    """
    return _known(name).load(data_dir)
