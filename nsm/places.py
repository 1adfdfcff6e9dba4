"""Where results may be written: checked before any work, in one place for all commands."""

import errno
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from nsm.disk import new_temporary, reason, what_stands_at

#: Bytes of the longest name of a file on common file systems.
_LONGEST = 255


def check_file(path: str | Path, example: str = "rows.csv") -> None:
    """Raise ValueError unless a file can be written at `path` now; nothing is left behind.

    Its folder must be there and take a new file. The name may be that of a file, which keeps its
    content, but not of a folder, a device or a pipe.

    Args:
        path: The file.
        example: Name of a file that messages suggest in a folder.
    """
    path = Path(path)
    check_name(path)
    check_folder_of(path)
    check_no_other(path, example)
    if os.path.exists(path) and not os.access(path, os.W_OK):
        raise ValueError(f"cannot write {path}: it is read-only; name another file")
    _try_new_file(Path(os.path.realpath(path)), f"cannot write {path}")


def check_files(paths: Iterable[Path | None], example: str = "rows.csv") -> None:
    """Raise ValueError unless all files can be written, see `check_file`; None is no file."""
    for path in paths:
        if path is not None:
            check_file(path, example)


def check_folder(path: Path, files: Iterable[str] = ()) -> None:
    """Raise ValueError unless files can be written to a folder now, which may be made first.

    Missing folders above it are made, too.

    Args:
        path: The folder.
        files: Names of files that will be written there.
    """
    check_name(path)
    above = path
    while not os.path.exists(above) and above != above.parent:
        above = above.parent
    if not os.path.isdir(above):
        kind = what_stands_at(above) or "a file"
        raise ValueError(f"cannot write to {path}: {above} is {kind}; name a folder")
    for name in files:
        if os.path.exists(path / name):
            check_file(path / name)
    _try_new_file(above / "new", f"cannot write to {path}")


def check_folder_of(path: Path) -> None:
    """Raise ValueError unless the folder that `path` is to be written to exists."""
    if not os.path.isdir(path.parent):  # unlike Path.is_dir it takes names that are too long
        raise ValueError(
            f"cannot write {path}: the folder {path.parent} does not exist; create it first"
        )


def check_no_other(path: Path, example: str = "rows.csv") -> None:
    """Raise ValueError if a folder, a device or a pipe has the name of a file to be written.

    Args:
        path: The file.
        example: Name of a file that the message suggests in a folder.
    """
    kind = what_stands_at(path)
    if kind:
        place = path / example if kind == "a folder" else example
        raise ValueError(f"cannot write {path}: it is {kind}; name a file, such as {place}")


def check_name(path: Path) -> None:
    """Raise ValueError if a path is longer than its file system allows, or leads in a circle."""
    number = None
    try:
        os.stat(path)
    except OSError as problem:
        number = problem.errno
    name = max(path.parts or ("",), key=lambda part: len(os.fsencode(part)))
    size = len(os.fsencode(name))
    # Where the folders above are missing, the system does not tell that a name is too long.
    if number == errno.ENAMETOOLONG or size > _LONGEST:
        raise ValueError(
            f"cannot write {str(path)[:40]}…: its name of {size} bytes, or its whole path, is too "
            "long for the file system; give a shorter one"
        )
    if number == errno.ELOOP:
        raise ValueError(f"cannot write {path}: it is a link that leads in a circle; name a file")


def check_room(path: Path, size: int) -> None:
    """Raise ValueError if the disk of a file has less room than the file will take.

    Args:
        path: The file.
        size: What it will take [bytes], beside what stands there now.
    """
    free = shutil.disk_usage(path.parent).free
    if free < size:
        raise ValueError(
            f"cannot write {path}: it takes {size / 1e6:.3g} MB, and its disk has "
            f"{free / 1e6:.3g} MB left; make room, or name a file on another disk"
        )


def _try_new_file(path: Path, what: str) -> None:
    """Raise ValueError unless the folder of a file takes a new one."""
    try:
        temporary = new_temporary(path)
        try:
            temporary.write_bytes(b"0")  # an empty file needs no room on the disk
        finally:
            temporary.unlink()
    except OSError as problem:
        raise ValueError(
            f"{what}: the folder {path.parent} takes no new file ({reason(problem)}); name another "
            "place"
        ) from None
