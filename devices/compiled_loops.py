"""Compiled loops that are kept on disk until a source that they are made of changes.

numba compiles a kept loop anew when its own file changes, but not when a file does from which it
takes the functions that it calls. After an update old machine code would run without a word.
"""

import hashlib
import re
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from numba import njit

#: Packages whose sources count; numba itself keeps apart what its versions have compiled.
PACKAGES = ["crossbar", "devices", "nsm"]
_IMPORTED = re.compile(r"^from ([\w.]+) import", re.MULTILINE)


def compiled_loop(**options: Any) -> Callable[[Any], Any]:
    """Return a decorator: `numba.njit` without the interpreter's lock, kept on disk.

    Args:
        options: Further options of `numba.njit`.
    """

    def compiled(function: Callable[..., Any]) -> Any:
        loop = njit(nogil=True, cache=True, **options)(function)
        kept: Any = getattr(getattr(loop, "_cache", None), "_cache_file", None)
        if hasattr(kept, "_source_stamp"):
            kept._source_stamp = (kept._source_stamp, _stamp(function.__module__))
            return loop
        # A numba that keeps loops in another way could give old ones, and NUMBA_DISABLE_JIT none.
        return njit(nogil=True, **options)(function)

    return compiled


@cache
def _source(module: str) -> str:
    """Return the source of a module that has been imported."""
    file = getattr(sys.modules.get(module), "__file__", None)
    return Path(file).read_text(encoding="utf-8") if file else ""


@cache
def _stamp(module: str) -> str:
    """Return the hash of a module's source and of those that it imports, of its own packages."""
    sources: dict[str, str] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name not in sources and name.split(".")[0] in PACKAGES:
            sources[name] = _source(name)
            waiting += _IMPORTED.findall(sources[name])
    text = "\0".join(f"{name}\0{sources[name]}" for name in sorted(sources))
    return hashlib.sha256(text.encode()).hexdigest()
