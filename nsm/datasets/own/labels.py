"""Labels of your own: class numbers or class names, numbered 0, ..., n − 1 in sorted order."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from devices.validation import refuse_masked

Labels = NDArray[Any]  # int64, or text

#: Whole numbers of up to 19 digits as Python writes them, and numbers of any kind.
_WHOLE = re.compile(r"0|-?[1-9][0-9]{0,18}")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


def checked_labels(name: str, labels: ArrayLike, n: int) -> Labels:
    """Return labels (n,) as int64 or as text; whole numbers beyond int64 are text.

    Args:
        name: What messages call them, such as "y_train of faces.npz".
        labels: Integers or class names, of shape (n,) or (n, 1).
        n: Number of images.

    Raises:
        ValueError: Another shape, numbers that are no integers, or an empty class name.
    """
    refuse_masked(name, labels)
    a = np.asarray(labels)
    if a.ndim == 2 and a.shape[1] == 1:
        a = a[:, 0]
    if a.shape != (n,):
        hint = " (one-hot labels: give the position of the 1)" if a.ndim == 2 else ""
        raise ValueError(f"{name} has shape {a.shape}; {n} images need ({n},){hint}")
    if a.dtype.kind == "u" and a.size and int(a.max()) > np.iinfo(np.int64).max:
        return a.astype(np.str_)
    if a.dtype.kind in "iub":
        return a.astype(np.int64)
    texts = [v.decode() if isinstance(v, bytes) else v for v in a.tolist()]
    for i, text in enumerate(texts):
        if not isinstance(text, str) or not text.strip():
            raise ValueError(
                f"{name}: the label of image {i} is {text!r} ({a.dtype}); "
                "labels are integers or class names"
            )
    return np.asarray(texts, dtype=np.str_)


def of_texts(name: str, texts: Sequence[str]) -> Labels:
    """Return the labels that a file writes as texts: int64 if all are whole numbers, else text.

    "01", "True" and whole numbers beyond int64 are texts: as numbers they would be written in
    another way, or be others.

    Args:
        name: What messages call them.
        texts: Labels, (n,).

    Raises:
        ValueError: All are numbers, and some have a point or an exponent.
    """
    given = [text.strip() for text in texts]
    if all(_is_whole_number(text) for text in given):
        return np.array([int(text) for text in given], dtype=np.int64)
    with_point = [text for text in given if not text.lstrip("+-").isdigit()]
    if with_point and all(_NUMBER.fullmatch(text) for text in given):
        raise ValueError(
            f"{name} are numbers with a point or an exponent, such as {with_point[0]}; labels are "
            "integers or class names"
        )
    return np.asarray(texts, dtype=np.str_)


def _is_whole_number(text: str) -> bool:
    """Return whether a text is what Python writes for an integer of 64 bits."""
    return bool(_WHOLE.fullmatch(text)) and -(2**63) <= int(text) < 2**63


def sorted_names(names: Iterable[str]) -> list[str]:
    """Return class names in sorted order; names that are all whole numbers in numeric order.

    >>> sorted_names(["10", "9"]), sorted_names(["b", "10", "9"])
    (['9', '10'], ['10', '9', 'b'])
    """
    names = list(names)
    if all(n.isascii() and n.removeprefix("-").isdigit() for n in names):
        return sorted(names, key=lambda n: (int(n), n))
    return sorted(names)


def class_names_of(name: str, labels: Labels, *, all_classes: bool) -> list[str]:
    """Return the names of the classes that labels show, in the order of their numbers.

    Args:
        name: What messages call the labels.
        labels: (n,), int64 or text.
        all_classes: Whether every class is known to be among them, as among training labels. If
            not, labels are taken as class numbers from 0, and classes may be missing.

    Raises:
        ValueError: There is one class only, or the labels cannot tell all classes.
    """
    found = np.unique(labels)
    if all_classes:
        if len(found) < 2:
            raise ValueError(
                f"{name}: all labels are {found[0]!s}; training needs at least two classes"
            )
        return sorted_names(str(label) for label in found)
    if labels.dtype.kind == "U" or found[0] < 0:
        raise ValueError(
            f"{name}: labels such as {found[0]!s} do not tell the order of all classes without "
            "training labels; give class_names, or class numbers from 0"
        )
    return [str(i) for i in range(int(found[-1]) + 1)]


def numbered(
    name: str, labels: Labels, names: Sequence[str], *, are_numbers: bool
) -> NDArray[np.int64]:
    """Return labels as numbers 0, ..., classes − 1.

    Args:
        name: What messages call the labels.
        labels: (n,), int64 or text.
        names: names of the classes.
        are_numbers: Whether labels that are integers count the classes from 0 already; if not, they
            are names.

    Raises:
        ValueError: A label is not among the classes.
    """
    if labels.dtype.kind != "U" and are_numbers:
        wrong = np.flatnonzero((labels < 0) | (labels >= len(names)))
        numbers = labels
    else:
        number_of = {text: i for i, text in enumerate(names)}
        texts, place = np.unique(labels, return_inverse=True)
        numbers = np.array([number_of.get(str(text), -1) for text in texts], np.int64)[place]
        wrong = np.flatnonzero(numbers < 0)
    if len(wrong):
        listed = ", ".join(names[:10]) + (", …" if len(names) > 10 else "")
        what = f"class numbers 0 to {len(names) - 1}" if are_numbers else "classes"
        raise ValueError(
            f"{name}: the label of image {wrong[0]} is {labels[wrong[0]]!s}, which is not among "
            f"the {len(names)} {what} ({listed})"
        )
    return numbers
