"""Data from Python: a callable of a module, torch data sets, arrays."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nsm.datasets.own.arrays import from_names, from_order, name_of
from nsm.datasets.own.images import as_array, is_tensor
from nsm.datasets.own.parts import Found, Part

#: What a callable may return.
TAKEN = (
    "a torch Dataset of (image, label), two of them (train, test), or arrays "
    "x, y or x_train, y_train, x_test, y_test"
)


def from_object(value: Any, source: str) -> Found:
    """Return the images and labels of what a callable returned.

    Args:
        value: A map-style data set of (image, label), such as a torch Dataset; two of them, train
            and test; arrays by name, see `from_names`; or arrays in order, see `from_order`. Every
            image of a data set is read once, so that random transforms draw once.
        source: What messages call it.

    Raises:
        ValueError: It is something else.
    """
    if isinstance(value, Mapping):
        return from_names({str(k): v for k, v in value.items()}, source)
    if isinstance(value, (tuple, list)):
        if len(value) == 2 and all(_is_dataset(v) for v in value):
            train, test = value
            names = getattr(train, "classes", None)
            return Found(
                _read(train, name_of(source, "train")), _read(test, name_of(source, "test")), names
            )
        return from_order(value, source)
    if _is_dataset(value):
        part = _read(value, name_of(source, "all"))
        return Found(part, None, getattr(value, "classes", None))
    raise ValueError(f"{source} is a {type(value).__name__}; give {TAKEN}")


def _is_dataset(value: Any) -> bool:
    is_array = hasattr(value, "shape") or isinstance(value, (str, bytes, tuple, list, Mapping))
    return not is_array and hasattr(value, "__getitem__") and hasattr(value, "__len__")


def _read(dataset: Any, name: str) -> Part:
    """Return all images and labels of a map-style data set, or raise ValueError."""
    images: list[NDArray[Any]] = []
    labels = []
    for i in range(len(dataset)):
        item = dataset[i]
        if not isinstance(item, (tuple, list)) or len(item) != 2:
            raise ValueError(
                f"item {i} of {name} is a {type(item).__name__}; give pairs (image, label)"
            )
        image, label = (np.asarray(as_array(value)) for value in item)
        if images and image.shape != images[0].shape:
            raise ValueError(
                f"image {i} of {name} has shape {image.shape}, but image 0 has {images[0].shape}; "
                "give all images one shape"
            )
        images.append(image)
        labels.append(label.item() if label.size == 1 else label)
    if not images:
        raise ValueError(f"{name}: the data set is empty; give at least two images per class")
    # An image of a torch Dataset is a tensor, or what Pillow read: then channels come last.
    return Part(np.stack(images), labels, name, channels_first=is_tensor(item[0]))
