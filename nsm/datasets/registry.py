"""Data: every data set of the paper by name, and scikit-learn's handwritten digits, which are always there."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from devices.validation import choice
from nsm.datasets.cifar import load_cifar10 as load_cifar10
from nsm.datasets.cifar import load_cifar10_jpeg as load_cifar10_jpeg
from nsm.datasets.cifar import load_cifar100 as load_cifar100
from nsm.datasets.dvs_gesture import load_dvs_gesture as load_dvs_gesture
from nsm.datasets.files import Data as Data
from nsm.datasets.mnist import load_emnist as load_emnist
from nsm.datasets.mnist import load_mnist as load_mnist
from nsm.datasets.mnist import read_idx as read_idx
from nsm.datasets.nmnist import load_nmnist as load_nmnist
from nsm.datasets.nmnist import load_nmnist_small as load_nmnist_small


def load_digits(*, test_fraction: float = 0.25) -> Data:
    """Return scikit-learn's 1,797 handwritten digits, 8×8 pixels in [0, 1]; every fourth-or-so one is for test.

    The split is stratified and fixed, so that results on it can be compared.
    """
    from sklearn.datasets import load_digits as bundled
    from sklearn.model_selection import train_test_split

    x, y = bundled(return_X_y=True)
    parts = train_test_split(x / 16, y, test_size=test_fraction, stratify=y, random_state=0)
    x_train, x_test, y_train, y_test = parts
    return Data(
        x_train.astype("f4"), y_train.astype("i8"), x_test.astype("f4"), y_test.astype("i8")
    )


class _Set(NamedTuple):
    load: Callable[[str | Path | None], Data]
    shape: tuple[int, int, int]  # channels, rows, columns
    classes: int


_SETS = {
    "digits": _Set(lambda _: load_digits(), (1, 8, 8), 10),
    "mnist": _Set(load_mnist, (1, 28, 28), 10),
    "emnist": _Set(load_emnist, (1, 28, 28), 26),
    "cifar10": _Set(load_cifar10, (3, 32, 32), 10),
    "cifar10-jpeg": _Set(load_cifar10_jpeg, (3, 32, 32), 10),
    "cifar100": _Set(load_cifar100, (3, 32, 32), 100),
    "nmnist": _Set(load_nmnist, (10, 34, 34), 10),
    "nmnist-small": _Set(load_nmnist_small, (10, 34, 34), 10),
    "dvs_gesture": _Set(load_dvs_gesture, (6, 64, 64), 11),
}
LOADERS = tuple(_SETS)


def image_shape(name: str) -> tuple[int, int, int]:
    """Return the shape (channels, rows, columns) of an image of a data set, whose rows in `Data` are flat.

    >>> image_shape("cifar10")
    (3, 32, 32)
    """
    return _SETS[choice("data set", name, LOADERS)].shape


def class_count(name: str) -> int:
    """Return how many classes a data set has; its labels are 0, ..., classes - 1."""
    return _SETS[choice("data set", name, LOADERS)].classes


def load_data(name: str, data_dir: str | Path | None = None) -> Data:
    """Return the data set called `name`, one of `LOADERS`: flat images (n, pixels) in [0, 1] and labels.

    Files are looked for in `data_dir`, else in the folder of the environment variable NSM_DATA_DIR, else downloaded where
    that is possible; each loader says which files it takes. Wrong, truncated and mislabelled files are refused.
    """
    return _SETS[choice("data set", name, LOADERS)].load(data_dir)
