"""Warnings that point to the line of the user's program that led to them."""

import sys
import warnings
from types import FrameType

#: Packages whose lines are not the user's: ours, and those that call our layers in turn.
_BETWEEN = ("devices", "crossbar", "nsm", "torch", "contextlib", "functools", "concurrent")


def warn_user(message: str) -> None:
    """Warn with the nearest line of the user's program; Python shows the warning once for each.

    A fixed `stacklevel` would point into our packages: how deep a read is called depends on how
    the chip is used.

    Args:
        message: What happened, and what to do.
    """
    level = 2
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and _is_between(frame):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, stacklevel=level)


def _is_between(frame: FrameType) -> bool:
    """Return whether a frame is none of the user's; code that torch generates has no package.

    `python -m nsm` runs as `__main__`, whose package tells where it belongs.
    """
    names = frame.f_globals
    package = str(names.get("__package__") or names.get("__name__", ""))
    return package.partition(".")[0] in ("", *_BETWEEN)
