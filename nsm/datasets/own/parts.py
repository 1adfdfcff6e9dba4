"""From images and labels as they were found to a checked `Data`."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from numpy.typing import NDArray

from nsm.datasets.files import Data
from nsm.datasets.own.images import (
    Shape,
    as_array,
    checked_images,
    common_white,
    is_tensor,
    scaled,
)
from nsm.datasets.own.labels import Labels, checked_labels, class_names_of, numbered
from nsm.datasets.own.options import SPLIT_SEED, TEST_FRACTION, Options
from nsm.datasets.own.split import stratified


@dataclass(frozen=True, eq=False)
class Part:
    """Images and their labels as they were found.

    Attributes:
        images: See `nsm.datasets.own.images.checked_images`.
        labels: See `nsm.datasets.own.labels.checked_labels`.
        name: What messages call them, such as "the training images of faces.npz".
        channels_first: True if channels are known to come before rows and columns.
    """

    images: Any
    labels: Any
    name: str
    channels_first: bool = False


@dataclass(frozen=True, eq=False)
class Found:
    """What a reader found.

    Attributes:
        train: Training images, or all images if there are no others for test; None: only `test`.
        test: Images for test, or None.
        class_names: Names of all classes in the order of their numbers; None: the labels tell them.
        white: Value of a white pixel if the format defines it; None: the values tell it.
    """

    train: Part | None
    test: Part | None
    class_names: Sequence[str] | None = None
    white: float | None = None


@dataclass(frozen=True, eq=False)
class _Checked:
    """Images (n, pixels) and labels (n,) of a part, checked but neither scaled nor numbered."""

    images: NDArray[Any]
    labels: Labels
    shape: Shape
    name: str


def assemble(found: Found, options: Options) -> Data:
    """Return the data set: images scaled, labels numbered, split if no images are for test.

    Raises:
        ValueError: Naming the images or labels that are wrong, or an option without effect.
    """
    parts = [_checked(part, options) for part in (found.train, found.test) if part is not None]
    if not parts:
        raise ValueError("there are neither training nor test images")
    if found.train and found.test:
        _check_same_kind(*parts)
    first = parts[0]
    white = options.white or found.white or common_white([(p.name, p.images) for p in parts])
    names, are_numbers = _classes(first, found)
    x = [scaled(part.name, part.images, white) for part in parts]
    y = [numbered(p.name, p.labels, names, are_numbers=are_numbers) for p in parts]
    describe = partial(Data, image_shape=first.shape, class_names=tuple(names))
    if found.test is not None:
        options.refuse("test_fraction", "split_seed", why="the data has a test set")
        if found.train is None:
            x.insert(0, x[0][:0])
            y.insert(0, y[0][:0])
        return describe(x[0], y[0], x[1], y[1], split="as given")
    fraction = options.test_fraction or TEST_FRACTION
    seed = SPLIT_SEED if options.split_seed is None else options.split_seed
    train, test = stratified(y[0], names, fraction, seed)
    split = f"stratified, {fraction:g} of each class for test, seed {seed}"
    return describe(x[0][train], y[0][train], x[0][test], y[0][test], split=split)


def _checked(part: Part, options: Options) -> _Checked:
    images, shape = checked_images(
        part.name,
        as_array(part.images),
        options.image_shape,
        channels_first=part.channels_first or is_tensor(part.images),
    )
    labels = checked_labels(f"the labels of {part.name}", as_array(part.labels), len(images))
    return _Checked(images, labels, shape, part.name)


def _check_same_kind(train: _Checked, test: _Checked) -> None:
    """Raise ValueError if test images have another shape, or labels of another type."""
    if train.shape != test.shape:
        raise ValueError(
            f"the images of {train.name} have shape {train.shape}, but those of {test.name} have "
            f"{test.shape}"
        )
    if (train.labels.dtype.kind == "U") != (test.labels.dtype.kind == "U"):
        raise ValueError(
            f"{train.name} has labels such as {train.labels[0]!s} ({train.labels.dtype}), but "
            f"{test.name} such as {test.labels[0]!s} ({test.labels.dtype}); give both as names or "
            "both as numbers"
        )


def _classes(first: _Checked, found: Found) -> tuple[list[str], bool]:
    """Return the names of the classes, and whether integer labels count them from 0."""
    if found.class_names is None:
        has_training = found.train is not None
        names = class_names_of(
            f"the labels of {first.name}", first.labels, all_classes=has_training
        )
        return names, not has_training
    names = [str(name) for name in found.class_names]
    if len(set(names)) < max(2, len(names)):
        raise ValueError(
            f"class_names = {names!r} are not allowed; give at least two different names"
        )
    return names, True
