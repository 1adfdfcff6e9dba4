"""What files unpack to: declared sizes are compared with the file, and with memory, before any is
taken for them.
"""

import math
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Protocol

import numpy as np

#: Bytes that are unpacked at a time.
_PIECE = 1 << 20
#: How many bytes a byte of deflate, the compression of gzip and zip, can stand for.
LARGEST_RATIO = 1032
#: Memory that is free if nobody tells how much that is [bytes].
_UNKNOWN = 1 << 62
#: Where Linux tells the memory of a container: its limit, and what is in use.
_CONTAINERS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)


class Readable(Protocol):
    """A file, or what unpacks one."""

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, at most `size`; none at the end."""
        ...


def free_memory() -> int:
    """Return the memory that this machine, or its container, has left [bytes].

    Where the system does not tell it, that is more than any machine has.
    """
    free = [_UNKNOWN]
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        free += [1024 * int(li.split()[1]) for li in lines if li.startswith("MemAvailable:")]
    except (OSError, ValueError, IndexError):
        pass
    for limit, used in _CONTAINERS:
        try:
            free.append(int(Path(limit).read_text()) - int(Path(used).read_text()))
        except (OSError, ValueError):  # no such file, or "max"
            continue
    return max(min(free), 0)


def check_memory(source: str | Path, size: int) -> None:
    """Raise ValueError if a file takes more memory than there is.

    Args:
        source: Its name in messages.
        size: What it takes [bytes].
    """
    free = free_memory()
    if size > free:
        raise ValueError(
            f"{source} takes {size / 1e9:.3g} GB of memory, and {free / 1e9:.3g} GB are free; give "
            "less data, or another machine"
        )


def read_at_most(stream: Readable, most: int, too_long: Callable[[], str]) -> bytes:
    """Return what a stream still holds, and stop unpacking where it is too long.

    Args:
        stream: A file, or what unpacks one.
        most: Bytes that it may hold.
        too_long: Returns the message of a stream that holds more.

    Raises:
        ValueError: It holds more bytes.
    """
    content = bytearray()
    while piece := stream.read(_PIECE):
        content += piece
        if len(content) > most:
            raise ValueError(too_long())
    return bytes(content)


def declared_size(info: zipfile.ZipInfo, source: str | Path) -> int:
    """Return the size that a zip archive declares of a file in it [bytes].

    Raises:
        ValueError: Its compressed bytes cannot stand for so many.
    """
    ratio = 1 if info.compress_type == zipfile.ZIP_STORED else LARGEST_RATIO
    known = info.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    if known and info.file_size > ratio * (info.compress_size + 1):
        raise ValueError(
            f"{source} is damaged: it declares {info.file_size} bytes of {info.filename}, which "
            f"its {info.compress_size} compressed bytes cannot hold; fetch it again"
        )
    return info.file_size


def check_npz(path: Path, is_read: Callable[[str], bool] = lambda name: True) -> None:
    """Raise ValueError if arrays of an NPZ file hold less than they declare, or memory has no room.

    Memory is counted for the arrays and for the same numbers as float32.

    Args:
        path: The file, a zip archive.
        is_read: Says of the name of an array whether it is read.

    Raises:
        zipfile.BadZipFile: It is no zip archive.
    """
    total = 0
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            name = info.filename.removesuffix(".npy")
            if not is_read(name):
                continue
            size = declared_size(info, path)
            with archive.open(info) as file:
                found = _array_size(file)
            if found is None:  # numpy says what is wrong with it
                total += size
                continue
            count, wanted = found
            if wanted != size:
                raise ValueError(
                    f"the array {name} declares {wanted} bytes, and the archive has {size} of them"
                )
            total += size + 4 * count
    check_memory(path, total)


def check_parquet(path: str | Path) -> None:
    """Raise ValueError if the columns of a Parquet file hold more than memory has room for.

    A column of equal values is compressed to nearly nothing: the numbers of rows and columns are
    counted, 8 bytes each, where that is more than the uncompressed sizes that the file declares.

    Args:
        path: The file; pyarrow is there.
    """
    import pyarrow.parquet as pq

    footer = pq.read_metadata(path)
    declared = sum(footer.row_group(k).total_byte_size for k in range(footer.num_row_groups))
    check_memory(path, max(declared, 8 * footer.num_rows * footer.num_columns))


def _array_size(file: IO[bytes]) -> tuple[int, int] | None:
    """Return the numbers and the bytes that an NPY file declares; None if it is none of numbers."""
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    try:
        shape, _, dtype = readers[np.lib.format.read_magic(file)](file)
    except (ValueError, KeyError, EOFError):
        return None
    if dtype.hasobject:
        return None
    count = math.prod(shape)  # of Python's integers: those of numpy overflow
    return count, file.tell() + count * dtype.itemsize
