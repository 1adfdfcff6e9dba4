"""Where rows come from: the versions, the machine and the command of the running program."""

from __future__ import annotations

import os
import platform
import shlex
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

#: What `version_of` tells of a distribution that is not there.
NOT_INSTALLED = "not installed"
#: Distributions whose versions can change a row or the time that it takes.
DISTRIBUTIONS = ("nsm-crossbar", "numpy", "torch", "scipy", "numba", "pandas")


@cache
def version_of(distribution: str) -> str:
    """Return the version of a distribution; "not installed" if it is not."""
    try:
        return version(distribution)
    except PackageNotFoundError:  # as when this project is run from its folder
        return NOT_INSTALLED


def versions() -> dict[str, str]:
    """Return the versions of Python, of this project and of the libraries that compute rows."""
    return {
        "python": platform.python_version(),
        **{name: version_of(name) for name in DISTRIBUTIONS},
    }


def machine() -> dict[str, str]:
    """Return name, system, processor and number of processors of this machine."""
    return {
        "host": platform.node(),
        "system": platform.platform(),
        "processor": platform.machine(),
        "cores": str(os.cpu_count()),
    }


def command_line() -> str | None:
    """Return the command that started this program; None in a notebook or a Python prompt.

    The installed script of the `nsm` command, and `python -m nsm`, are "nsm".
    """
    given = sys.orig_argv[1:]
    if not given or hasattr(sys, "ps1") or "ipykernel" in sys.modules:
        return None
    if Path(sys.argv[0]).stem == "nsm" or given[:2] == ["-m", "nsm"]:
        return shlex.join(["nsm", *sys.argv[1:]])
    return shlex.join(["python", *given])
