"""Writes in one step: a run that is killed leaves the old file or the new one, never half of one.

What cannot be written at its place is kept in a temporary file, which the message names. Temporary
files of killed writes are removed by the next run that writes to their folder.
"""

import os
import platform
import re
import secrets
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from contextvars import ContextVar
from pathlib import Path

#: Bytes of a file's name that the name of a temporary file repeats, which must not be too long.
_REPEATED = 60


def _node() -> str:
    """Return what names this machine, and among its containers the one, whose processes count."""
    name = re.sub(r"[^A-Za-z0-9]", "_", platform.node())[:40]
    try:  # containers may share the name of the machine, but not its numbers of processes
        return name + re.sub(r"\D", "", os.readlink("/proc/self/ns/pid"))
    except OSError:
        return name


#: This machine or container, in the names of temporary files.
_NODE = _node()
#: Names of temporary files: hidden, and they name the process that writes.
_TEMPORARY = re.compile(rf"\..*\.nsm-{_NODE}-(\d+)-[0-9a-f]{{8}}(\.|$)")
#: Folders in which temporary files of killed writes were looked for.
_cleaned: set[str] = set()

#: Whether `write_folder` writes, which keeps all files together.
_in_folder = ContextVar("_in_folder", default=False)
#: Writes a content to the path that it is given.
Writer = Callable[[Path], object]


def write_file(path: str | Path, write: Writer, *, keep: bool = True) -> None:
    """Write a file in one step; the old one stays until the new one is complete on the disk.

    A new file has the mode that the umask allows, and one that replaces another the mode of that.
    A link stays a link.

    Args:
        path: The file.
        write: Writes the content to the path that it is given, which ends as `path` does. Where
            that fails it is called again, for a file elsewhere.
        keep: Whether a content that cannot be written is kept in a temporary file.

    Raises:
        ValueError: A folder, a device or a pipe has the name of the file.
        OSError: It cannot be written. The message names the file that keeps the content.
    """
    target = Path(os.path.realpath(path))
    kind = what_stands_at(target)
    if kind:
        raise ValueError(f"cannot write {path}: it is {kind}; name a file")
    try:
        _replace(target, write)
    except OSError as problem:
        kept = _kept(target, write) if keep and not _in_folder.get() else ""
        raise OSError(
            f"could not write {path} ({reason(problem)}); what stood there before is untouched"
            f"{kept}"
        ) from problem


def write_text(path: str | Path, text: str, *, keep: bool = True) -> None:
    """Write a text file (UTF-8) as `write_file` does."""
    write_file(path, lambda place: place.write_text(text, encoding="utf-8"), keep=keep)


def write_folder(path: Path, write: Writer) -> None:
    """Write files into a folder, which is made; if that fails, all of them into another one.

    Args:
        path: The folder.
        write: Writes the files into the folder that it is given, by `write_file` and what calls it.

    Raises:
        OSError: A file cannot be written. The message names the folder with all files.
    """
    before = _in_folder.set(True)
    try:
        path.mkdir(parents=True, exist_ok=True)
        write(path)
    except OSError as problem:
        # The last message names a single file; all of them are written anew.
        cause = problem.__cause__ if isinstance(problem.__cause__, OSError) else problem
        raise OSError(
            f"could not write to {path} ({reason(cause)}){_kept_folder(path.name, write)}"
        ) from problem
    finally:
        _in_folder.reset(before)


def reason(problem: OSError) -> str:
    """Return why something could not be written or read, without its path."""
    return problem.strerror or str(problem)


def what_stands_at(path: Path) -> str:
    """Return what has the name of a file but is none, such as "a folder"; "" if nothing has."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return ""
    kinds = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    return "" if stat.S_ISREG(mode) else kinds.get(stat.S_IFMT(mode), "a device")


def new_temporary(path: Path) -> Path:
    """Create an empty temporary file in the folder of a file, and return its path.

    Its mode is what the umask allows. Temporary files that killed processes left are removed.
    """
    _clean(path.parent)
    name = path.name.encode()[:_REPEATED].decode(errors="ignore")
    own = f"nsm-{_NODE}-{os.getpid()}-{secrets.token_hex(4)}"
    temporary = path.with_name(f".{name}.{own}{path.suffix if len(path.suffix) < 20 else ''}")
    os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    return temporary


def has_ended(process: int) -> bool:
    """Return whether no process of this machine has a number any more; False if nobody knows."""
    if os.name == "nt":
        return False  # there the signal 0 is not a question but a key press
    with suppress(PermissionError):
        try:
            os.kill(process, 0)
        except (ProcessLookupError, OverflowError):
            return True
    return False


def _replace(target: Path, write: Writer) -> None:
    """Write a temporary file in the folder of a file, and give it the place of that file.

    In the same folder, since os.replace is atomic only within one file system.
    """
    temporary = new_temporary(target)
    try:
        mode = stat.S_IMODE(os.stat(target if target.exists() else temporary).st_mode)
        with suppress(OSError):  # some file systems have no modes
            os.chmod(temporary, mode | stat.S_IWUSR)
        write(temporary)
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())  # else a power cut could leave the new name on an empty file
        with suppress(OSError):
            os.chmod(temporary, mode)
        os.replace(temporary, target)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _kept(path: Path, write: Writer) -> str:
    """Write a content to a temporary file elsewhere, and return what a message says of it."""
    for folder in _elsewhere():
        with suppress(OSError):
            handle, name = tempfile.mkstemp(
                prefix=f"{path.stem[:_REPEATED]}.kept-", suffix=path.suffix, dir=folder
            )
            os.close(handle)
            try:
                write(Path(name))
            except BaseException:
                os.unlink(name)
                raise
            return f"; the new content is in {name}: make room, or name another place"
    return "; nor could the new content be kept anywhere else"


def _kept_folder(name: str, write: Writer) -> str:
    """Write files into a folder elsewhere, and return what a message says of it."""
    for parent in _elsewhere():
        with suppress(OSError):
            folder = Path(tempfile.mkdtemp(prefix=f"{name[:_REPEATED]}.kept-", dir=parent))
            try:
                write(folder)
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise
            return f"; all files are in {folder}"
    return "; nor could the files be kept anywhere else"


def _elsewhere() -> Iterator[Path]:
    """Yield folders for what cannot be written at its place."""
    with suppress(OSError):
        yield Path(tempfile.gettempdir())
    with suppress(OSError, RuntimeError):
        yield Path.cwd()
    with suppress(OSError, RuntimeError):
        yield Path.home()


def _clean(folder: Path) -> None:
    """Remove what killed writes of this machine left in a folder, once in a process."""
    if str(folder) in _cleaned:
        return
    _cleaned.add(str(folder))
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            found = _TEMPORARY.match(entry.name)
            if found and has_ended(int(found[1])):
                with suppress(OSError):
                    os.unlink(entry.path)
