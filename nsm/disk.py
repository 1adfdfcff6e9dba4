"""Atomic writes: a run that is killed leaves the old file or the new one, never half of one."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_write(path: Path) -> Iterator[str]:
    """Yield a temporary path that replaces `path` atomically on success.

    If the `with` block raises, `path` stays as it was and the temporary file is removed.
    """
    # In the same folder, since os.replace is atomic only within one file system.
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    try:
        yield temporary
        with open(temporary, "rb") as f:
            os.fsync(f.fileno())  # else a power cut could leave the new name on an empty file
        os.chmod(temporary, 0o644)  # mkstemp makes files that only their owner can read
        os.replace(temporary, path)
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)


def check_folder_of(path: Path) -> None:
    """Raise ValueError unless the folder that `path` is to be written to exists."""
    if not path.parent.is_dir():
        raise ValueError(
            f"cannot write {path}: the folder {path.parent} does not exist; create it first"
        )


def check_new_folder(path: Path) -> None:
    """Raise ValueError unless `path` is a folder, or can be made one where it is.

    Missing folders above it are made, too.
    """
    above = path
    while not above.exists() and above != above.parent:
        above = above.parent
    if not above.is_dir():
        raise ValueError(f"cannot write to {path}: {above} is a file; name a folder")
    if not os.access(above, os.W_OK | os.X_OK):
        raise ValueError(f"cannot write to {path}: the folder {above} is not writable")


def check_no_folder(path: Path, example: str = "rows.csv") -> None:
    """Raise ValueError if a folder has the name of a file that is to be written.

    Args:
        path: The file.
        example: Name of a file that the message suggests in the folder.
    """
    if os.path.isdir(path):  # unlike Path.is_dir it takes names that are too long
        raise ValueError(
            f"cannot write {path}: it is a folder; name a file, such as {path / example}"
        )


def check_new_file(path: Path, example: str = "rows.csv") -> None:
    """Raise ValueError unless a file can be written at `path`; an existing one keeps its content.

    Args:
        path: The file.
        example: Name of a file that messages suggest in a folder.
    """
    check_folder_of(path)
    check_no_folder(path, example)
    existed = os.path.exists(path)
    try:
        with open(path, "ab"):
            pass
    except OSError as problem:
        raise ValueError(
            f"cannot write {path}: {problem.strerror}; name a file that can be written"
        ) from None
    if not existed:
        path.unlink()
