"""The handwritten digits that come with scikit-learn, and their split.

Both are those of `sklearn.datasets.load_digits` and `sklearn.model_selection.train_test_split`.
Importing these takes longer than a small training, so the file is read and split here.
"""

from importlib.util import find_spec
from math import ceil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from devices.validation import Floats, number
from nsm.datasets.files import Data

CLASSES = 10


def digits(test_fraction: float) -> Data:
    """Return the digits with pixels in [0, 1]; see `nsm.datasets.load_digits`.

    Raises:
        ValueError: If the fraction leaves fewer images than classes for training or for test.
    """
    number("test_fraction", test_fraction, above=0, below=1)
    x, y = _bundled()
    test_images = ceil(test_fraction * len(y))
    if min(test_images, len(y) - test_images) < CLASSES:
        raise ValueError(
            f"test_fraction = {test_fraction} leaves {len(y) - test_images} images for training "
            f"and {test_images} for test; give a fraction that leaves at least {CLASSES} for each"
        )
    train, test = stratified_split(y, test_images)
    pixels = (x / 16).astype(np.float32)
    return Data(pixels[train], y[train], pixels[test], y[test])


def _bundled() -> tuple[Floats, NDArray[np.int64]]:
    """Return pixels from 0 to 16 (images, 64), and classes (images,)."""
    package = find_spec("sklearn")  # this imports nothing
    assert package is not None
    assert package.origin is not None
    file = Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz"
    if file.is_file():
        table = np.loadtxt(file, delimiter=",")
        return table[:, :-1], table[:, -1].astype("i8")
    from sklearn.datasets import load_digits  # a version that keeps its files elsewhere

    x, y = load_digits(return_X_y=True)
    return x, y.astype("i8")


def stratified_split(
    y: NDArray[np.int64], test_images: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the images for training and those for test, with equal shares of the classes.

    It draws as `sklearn.model_selection.train_test_split(stratify=y, random_state=0)` does.

    Args:
        y: Classes, (images,).
        test_images: Number of images for test.
    """
    # The legacy generator of numpy, whose draws are frozen, as scikit-learn uses it.
    random = np.random.RandomState(0)
    _, class_of, counts = np.unique(y, return_inverse=True, return_counts=True)
    members = np.split(np.argsort(class_of, kind="stable"), np.cumsum(counts)[:-1])
    in_training = _shares(counts, len(y) - test_images, random)
    in_test = _shares(counts - in_training, test_images, random)
    train: list[int] = []
    test: list[int] = []
    for images, first, second in zip(members, in_training, in_test, strict=True):
        shuffled = images[random.permutation(len(images))]
        train.extend(shuffled[:first])
        test.extend(shuffled[first : first + second])
    return random.permutation(train), random.permutation(test)


def _shares(
    counts: NDArray[np.intp], total: int, random: np.random.RandomState
) -> NDArray[np.intp]:
    """Return how many images of each class make up `total`, in proportion to their counts.

    What rounding down leaves goes to the classes with the largest remainders; equal remainders
    take it in random order.
    """
    exact = counts / counts.sum() * total
    shares = np.floor(exact)
    missing = int(total - shares.sum())
    remainder = exact - shares
    for value in np.unique(remainder)[::-1]:
        if missing <= 0:
            break
        equal = np.flatnonzero(remainder == value)
        chosen = random.choice(equal, size=min(len(equal), missing), replace=False)
        shares[chosen] += 1
        missing -= len(chosen)
    return shares.astype(np.intp)
