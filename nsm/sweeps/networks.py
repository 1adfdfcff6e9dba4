"""Networks of the command line and of sweep files: a file, a shipped network, or module:callable.

Names are checked without torch, so that a wrong one is refused at once.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nsm.importing import imported, names_callable
from nsm.shipped import locate

if TYPE_CHECKING:
    from torch import nn

    from nsm.datasets.files import Data

#: Seed of torch while a callable makes its network, so that it makes the same one every time.
SEED = 0


def check_network(source: str, folder: Path | None = None) -> str:
    """Return what names a network, if it is a file, a shipped network, or module:callable.

    Args:
        source: The text. A file wins over the other two.
        folder: Where a file is looked for first; None: the current folder alone.

    Returns:
        The path of a file, or module:callable.

    Raises:
        FileNotFoundError: It is none of them; the message lists the shipped networks.
    """
    if folder is not None and (folder / source).is_file():
        return str(folder / source)
    if names_callable(source) and not Path(source).is_file():
        return source
    try:
        return str(locate(source))
    except FileNotFoundError as problem:
        raise FileNotFoundError(f"{problem}; or give module:callable, which makes one") from None


def network_name(source: str) -> str:
    """Return the name of a network that is given without one: that of its file or callable."""
    return source.rpartition(":")[2] if names_callable(source) else Path(source).stem


def load_network(source: str) -> nn.Module:
    """Return the network that a checked source names, see `check_network`.

    A callable is imported, from the current folder first, and called without arguments. It may also
    be a module that is there already.

    Raises:
        ValueError: There is no such callable, it needs arguments, or it returns no torch module; or
            the file holds no network that can be built without code of yours. Errors inside the
            callable are its own.
    """
    import torch
    from torch import nn

    from nsm.nn.stochastic import seed_torch

    if not names_callable(source) or Path(source).is_file():
        return _of_file(source)
    if os.getcwd() not in sys.path:  # worker processes import the network's classes again
        sys.path.append(os.getcwd())
    with torch.random.fork_rng(devices=[]):
        seed_torch(SEED)
        made: Any = imported(source, "a torch.nn.Module")
        if not isinstance(made, nn.Module):
            seed_torch(SEED)  # the import draws too, but only the first one in a process
            _check_call(made, source)
            made = made()
    if not isinstance(made, nn.Module):
        raise ValueError(f"{source} returns a {type(made).__name__}; return a torch.nn.Module")
    return made


def _of_file(path: str) -> nn.Module:
    """Return the network in a file; a message that asks for Python says where to write it."""
    from nsm.nn.files.checkpoint import load

    try:
        return load(path)
    except ValueError as problem:
        reason, _, advice = str(problem).rpartition("; ")
        if "nsm.load" not in advice:
            raise
        todo = advice[advice.find("build the network") :] if "build the" in advice else advice
        raise ValueError(
            f"{reason}; give module:callable: a function in a Python file of the current folder "
            f"that returns the network (in it, {todo})"
        ) from None


def _check_call(made: Any, source: str) -> None:
    """Raise ValueError if a callable cannot be called without arguments."""
    try:
        signature = inspect.signature(made)
    except (ValueError, TypeError):  # compiled functions do not all tell
        return
    try:
        signature.bind()
    except TypeError as problem:
        raise ValueError(
            f"{source} could not be called without arguments: {problem}; name a callable that "
            "needs none"
        ) from None


def images_for(models: Mapping[str, nn.Module], data: Data, source: str) -> Any:
    """Return the test images of a data set in the form that all networks take.

    Args:
        models: Networks by name.
        data: The data set, whose images are rows of pixels.
        source: What messages call the data set.

    Returns:
        Rows of pixels, (n, pixels), or images, (n, channels, rows, columns).

    Raises:
        ValueError: A network takes neither, or two networks take different ones.
    """
    from nsm.nn.inference import output_shape

    flat = data.x_test
    forms = [flat, flat.reshape(len(flat), *data.image_shape)]
    problems: dict[str, str] = {}
    for images in forms:
        problems.clear()
        for name, model in models.items():
            try:
                output_shape(model, images[:2])
            except ValueError as problem:
                problems[name] = str(problem)
        if not problems:
            return np.asarray(images)
    name, reason = next(iter(problems.items()))
    others = [n for n in models if n not in problems]
    alone = f", which {', '.join(map(repr, others))} takes" if others else ""
    raise ValueError(
        f"{name} takes the images of {source} neither as {flat.shape[1]} values nor in the shape "
        f"{tuple(data.image_shape)}{alone}; choose --data ({reason})"
    )


def first_images(
    what: str, count: int | None, images: Any, source: str, *, kind: str = "test"
) -> Any:
    """Return the first images of a data set.

    Args:
        what: What asks for them, such as "--images".
        count: How many; None for all.
        images: All of them, (n, ...).
        source: What messages call the data set.
        kind: Which images they are, "test" (default) or "training", for messages.

    Raises:
        ValueError: There are not so many.
    """
    if count is not None and count > len(images):
        raise ValueError(
            f"{what} = {count}, but {source} has {len(images)} {kind} images; give at most so "
            "many, or leave it out"
        )
    return images[:count]


def training_images(data: Data, like: Any, count: int) -> Any:
    """Return the first training images of a data set, in the form of its test images.

    Args:
        data: The data set.
        like: Its test images in the form that networks take, see `images_for`.
        count: How many images.

    Raises:
        ValueError: There are not so many.
    """
    if count > len(data.x_train):
        raise ValueError(
            f"{count} images for the calibration are not there; the data has {len(data.x_train)} "
            "training images"
        )
    return data.x_train[:count].reshape(count, *like.shape[1:])
