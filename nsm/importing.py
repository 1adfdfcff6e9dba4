"""Things by the path of their import: module:callable, and whether a path leads to its thing."""

import os
import re
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

_CALLABLE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")


def names_callable(text: str) -> bool:
    """Return whether a text has the form module:callable.

    >>> names_callable("my.data:faces"), names_callable("faces.npz")
    (True, False)
    """
    return bool(_CALLABLE.fullmatch(text))


def is_importable(thing: Any) -> bool:
    """Return whether the import path of a class or function leads to it.

    It leads elsewhere for lambdas, and for what was defined inside a function.
    """
    found: Any = sys.modules.get(thing.__module__)
    for part in thing.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is thing


def imported(text: str, returns: str) -> Callable[[], Any]:
    """Return the callable that module:callable names; the current folder is searched first.

    Args:
        text: module:callable.
        returns: What messages say that the callable should return.

    Raises:
        ValueError: There is no such module or callable.
    """
    module_name, _, path = text.partition(":")
    sys.path.insert(0, os.getcwd())
    try:
        found: Any = import_module(module_name)
    except ModuleNotFoundError as problem:
        if problem.name is None or not f"{module_name}.".startswith(f"{problem.name}."):
            raise  # the module is there, but something that it imports is not
        raise ValueError(
            f"no module {module_name!r} for {text!r} (searched from {os.getcwd()})"
        ) from None
    finally:
        sys.path.remove(os.getcwd())
    for name in path.split("."):
        if not hasattr(found, name):
            raise ValueError(f"module {module_name!r} has no {path!r}, which {text!r} names")
        found = getattr(found, name)
    if not callable(found):
        raise ValueError(
            f"{text} is a {type(found).__name__}; name a callable that returns {returns}"
        )
    function: Callable[[], Any] = found
    return function
