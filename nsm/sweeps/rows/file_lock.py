"""One writer at a time for a file of rows, with what the platform has.

POSIX systems lock the open file (`fcntl.flock`), Windows one byte far behind its end (`msvcrt`). A
platform that has neither module, and a file system without locks, keep a small file `NAME.lock`
that names the writing process. The first two locks end with the process, however it ends.
"""

from __future__ import annotations

import errno
import os
import platform
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import IO, Any

from nsm.disk import has_ended

fcntl: ModuleType | None
msvcrt: ModuleType | None
try:
    import fcntl
except ImportError:  # Windows
    fcntl = None
try:
    import msvcrt
except ImportError:  # everything else
    msvcrt = None

#: What a file system without locks answers.
_NO_LOCKS = (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOLCK)
#: The byte that is locked under Windows, where other readers may not read locked bytes: it lies
#: behind the end of every file of rows, as in SQLite.
FAR_BYTE = 1 << 30

#: Ends a lock.
Release = Callable[[], None]


class Busy(Exception):
    """Another process holds the lock; the text says which, if that is known."""


def lock(file: IO[Any], path: Path) -> Release:
    """Lock a file of rows for this process, and return what ends the lock.

    Args:
        file: The file, opened for writing.
        path: Its path.

    Raises:
        Busy: Another process, or another part of this one, holds the lock.
    """
    try:
        if fcntl is not None:
            return _with_fcntl(fcntl, file)
        if msvcrt is not None:
            return _with_msvcrt(msvcrt, file)
    except OSError as problem:
        if problem.errno not in _NO_LOCKS:
            raise
    return _with_lock_file(Path(f"{path}.lock"))


def _with_fcntl(module: Any, file: IO[Any]) -> Release:
    """Lock the open file; closing it ends the lock."""
    try:
        module.flock(file, module.LOCK_EX | module.LOCK_NB)
    except BlockingIOError:
        raise Busy from None
    return lambda: None


def _with_msvcrt(module: Any, file: IO[Any]) -> Release:
    """Lock one byte behind the end of the file, and leave the position as it was."""

    def at_far_byte(mode: int) -> None:
        before = file.tell()
        file.seek(FAR_BYTE)
        try:
            module.locking(file.fileno(), mode, 1)
        finally:
            file.seek(before)

    try:
        at_far_byte(module.LK_NBLCK)
    except OSError as problem:
        if problem.errno in _NO_LOCKS:
            raise
        raise Busy from None
    return lambda: at_far_byte(module.LK_UNLCK)


def _with_lock_file(path: Path) -> Release:
    """Make the lock file, or take over that of a process of this machine that has ended."""
    own = f"{platform.node()} {os.getpid()}"
    for _ in range(2):
        try:
            with open(path, "x", encoding="utf-8") as file:
                file.write(own)
            return lambda: path.unlink(missing_ok=True)
        except FileExistsError:
            owner = path.read_text(encoding="utf-8")
        if not _has_ended(owner):
            break
        path.unlink(missing_ok=True)
    raise Busy(
        f"{path} says that process {owner or 'unknown'!r} writes it; if it does not run "
        "any more, remove that file"
    )


def _has_ended(owner: str) -> bool:
    """Return whether "machine process" names a process of this machine that has ended."""
    node, _, process = owner.rpartition(" ")
    return node == platform.node() and process.isdecimal() and has_ended(int(process))
