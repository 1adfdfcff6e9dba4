"""Arrays of images and labels: NPZ files, arrays by name, arrays in order."""

import re
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nsm.datasets.own.parts import Found, Part
from nsm.unpacking import check_npz

#: Names of images and of the labels that belong to them.
PAIRS = (("x", "y"), ("images", "labels"), ("data", "labels"), ("data", "target"))
_NAMES = tuple(dict.fromkeys(name for pair in PAIRS for name in pair))
#: Words for a part of the data, before or after such a name.
_WORDS = {"train": "train", "test": "test", "val": "val", "valid": "val", "validation": "val"}
_KEY = re.compile(rf"(?:({'|'.join(_WORDS)})_)?({'|'.join(_NAMES)})(?:_({'|'.join(_WORDS)}))?")
_CLASS_NAMES = ("class_names", "classes")
_TAKEN = (
    "x, y or images, labels; with a test set x_train, y_train, x_test, y_test or train_images, "
    "train_labels, test_images, test_labels"
)


def read_npz(path: Path) -> Found:
    """Return the images and labels of an NPZ file, see `from_names`.

    Raises:
        ValueError: The file is truncated, no NPZ, or holds objects or other names.
    """
    try:
        if not zipfile.is_zipfile(path):
            raise zipfile.BadZipFile("it is no zip archive")
        check_npz(path, _is_read)
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive if _is_read(name)}
            others = [name for name in archive if not _is_read(name)]
    except (ValueError, OSError, EOFError, zlib.error, zipfile.BadZipFile) as problem:
        objects = "Object arrays" in str(problem)
        hint = "save names as text, y.astype(str)" if objects else "write it with numpy.savez"
        raise ValueError(f"{path} is truncated or no NPZ of arrays ({problem}); {hint}") from None
    return from_names(arrays, str(path), others)


def _is_read(name: str) -> bool:
    return name.lower() in _CLASS_NAMES or bool(_KEY.fullmatch(name.lower()))


def from_names(arrays: Mapping[str, Any], source: str, others: Sequence[str] = ()) -> Found:
    """Return images and labels that are told apart by their names.

    The names are x, y or images, labels (or data, labels, or data, target), alone or with train and
    test before or after them: x_train or train_images. Case does not matter. Validation images
    (x_val, val_images) are left out. class_names, if there, are the names of all classes.

    Args:
        arrays: arrays by name.
        source: Where they are from, for messages.
        others: Further names, for messages.

    Raises:
        ValueError: Images or labels are missing, or there are two of one kind.
    """
    by_part: dict[str, dict[str, Any]] = {}
    class_names = None
    for key, value in arrays.items():
        if key.lower() in _CLASS_NAMES:
            class_names = np.asarray(value).tolist()
            continue
        match = _KEY.fullmatch(key.lower())
        if match is None:
            others = [*others, key]
            continue
        before, name, after = match.groups()
        if before and after:
            raise ValueError(f"{source} has the key {key!r}; name it {before}_{name}")
        word = _WORDS[before or after] if before or after else "all"
        names = by_part.setdefault(word, {})
        if name in names:
            raise ValueError(
                f"{source} has two arrays for {name!r} of one part ({key!r}); keep one"
            )
        names[name] = value
    listed = ", ".join(map(repr, [*arrays, *others])) or "nothing"
    if "all" in by_part and len(by_part) > 1:
        raise ValueError(
            f"{source} holds {listed}: images without a part beside train or test; keep one kind"
        )
    parts = {word: _pair(by_part[word], word, source) for word in by_part if word != "val"}
    train = parts.get("all") or parts.get("train")
    if train is None and "test" not in parts:
        raise ValueError(f"{source} holds {listed}, but no images and labels; give {_TAKEN}")
    return Found(train, parts.get("test"), class_names)


def _pair(names: Mapping[str, Any], word: str, source: str) -> Part:
    """Return the images and labels of one part, or raise ValueError."""
    pairs = [pair for pair in PAIRS if set(pair) <= set(names)]
    which = "" if word == "all" else f" for {word}"
    if len(pairs) != 1 or len(names) != 2:
        raise ValueError(
            f"{source} holds {', '.join(map(repr, names))}{which}, which is not one array of "
            f"images and one of labels; give {_TAKEN}"
        )
    ((images, labels),) = pairs
    return Part(names[images], names[labels], name_of(source, word))


def name_of(source: str, word: str) -> str:
    """Return what messages call the images of a part: "train", "test", or "all"."""
    return {
        "all": f"the images of {source}",
        "train": f"the training images of {source}",
        "test": f"the test images of {source}",
    }[word]


def from_order(values: Sequence[Any], source: str) -> Found:
    """Return images and labels that come in order.

    Args:
        values: x, y; or x_train, y_train, x_test, y_test; or (x_train, y_train), (x_test, y_test).
        source: Where they are from, for messages.

    Raises:
        ValueError: Another number of arrays.
    """
    if len(values) == 2 and all(isinstance(v, tuple) and len(v) == 2 for v in values):
        values = [array for pair in values for array in pair]
    pairs = list(zip(values[::2], values[1::2], strict=False))
    words = {2: ("all",), 4: ("train", "test")}.get(len(values))
    if words is not None:
        parts = [Part(x, y, name_of(source, w)) for (x, y), w in zip(pairs, words, strict=True)]
        return Found(parts[0], parts[1] if len(parts) == 2 else None)
    raise ValueError(
        f"{source} gives {len(values)} values; give x, y or x_train, y_train, x_test, y_test"
    )
