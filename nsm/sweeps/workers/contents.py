"""Data and networks on their way to workers: once per worker, known by the hash of their bytes.

The parent pickles each value once (with cloudpickle, which also takes classes of a notebook or of
the program itself) and puts it into a folder under its SHA-256. Jobs name this hash. A worker reads
the file when it needs the value for the first time, and keeps it. A worker that cannot see the
folder says what it lacks, and is sent the bytes.
"""

from __future__ import annotations

import hashlib
import pickle
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import cloudpickle

#: Bytes up to which a value travels inside its job.
SMALL = 8_000
#: Bytes of the values that a worker keeps; those of the last job are kept whatever their size.
KEPT = 1 << 30


class LackedError(Exception):
    """A worker has no access to a value."""


@dataclass(frozen=True, eq=False)
class Held:
    """A value in the same process."""

    held: Any

    def value(self) -> Any:
        """Return the value."""
        return self.held


@dataclass(frozen=True)
class Packed:
    """A small value, which travels inside its job."""

    data: bytes

    def value(self) -> Any:
        """Return the value."""
        return pickle.loads(self.data)


@dataclass(frozen=True)
class Content:
    """A large value, by the hash of its bytes.

    Attributes:
        hash: SHA-256 of the bytes, as hexadecimal digits.
        path: File that holds the bytes, on machines that see it.
        size: Number of bytes.
    """

    hash: str
    path: str
    size: int

    def value(self) -> Any:
        """Return the value, from the memory of this process or from the file.

        Raises:
            LackedError: This process has no access to it.
        """
        return _KEPT.value(self)

    def data(self) -> bytes:
        """Return the bytes in the file.

        Raises:
            LackedError: There is no such file on this machine, or it holds something else.
        """
        try:
            data = Path(self.path).read_bytes()
        except OSError:
            raise LackedError(self.path) from None
        if hashlib.sha256(data).hexdigest() != self.hash:
            raise LackedError(self.path)
        return data


#: Where a job finds a value.
Source = Held | Packed | Content


class _Kept:
    """The values that a process keeps, the last used at the end."""

    def __init__(self) -> None:
        self._values: OrderedDict[str, tuple[int, Any]] = OrderedDict()
        self._lock = threading.Lock()

    def value(self, content: Content) -> Any:
        """Return the value of a content."""
        with self._lock:
            if content.hash not in self._values:
                data = content.data()
                self._make_room(len(data))
                self._values[content.hash] = (len(data), pickle.loads(data))
            self._values.move_to_end(content.hash)
            return self._values[content.hash][1]

    def take(self, parts: Iterable[bytes]) -> None:
        """Keep values that were sent as bytes."""
        missing = {}
        with self._lock:
            for data in parts:
                name = hashlib.sha256(data).hexdigest()
                if name not in self._values:
                    missing[name] = data
            self._make_room(sum(map(len, missing.values())))
            for name, data in missing.items():
                self._values[name] = (len(data), pickle.loads(data))

    def hashes(self) -> list[str]:
        """Return the hashes of all values."""
        with self._lock:
            return list(self._values)

    def _make_room(self, size: int) -> None:
        """Drop the values that were not used for the longest time, to add some of that size."""
        while self._values and sum(n for n, _ in self._values.values()) + size > KEPT:
            self._values.popitem(last=False)


_KEPT = _Kept()
take = _KEPT.take


def kept() -> set[str]:
    """Return the hashes of the values that this process keeps."""
    return set(_KEPT.hashes())


class Shelf:
    """The folder in which a parent puts values for its workers; removed at the end."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="nsm-sweep-", ignore_cleanup_errors=True)
        self._by_hash: dict[str, Content] = {}
        self._by_object: dict[int, tuple[Any, Content]] = {}

    def put(self, value: Any) -> Source:
        """Return where workers find a value: in the job if it is small, else in the folder."""
        data = cloudpickle.dumps(value, protocol=5)
        return Packed(data) if len(data) <= SMALL else self._put(data)

    def put_once(self, value: Any) -> Source:
        """Return where workers find an object that many jobs share, pickled once."""
        known = self._by_object.get(id(value))
        if known is None:
            known = (value, self._put(cloudpickle.dumps(value, protocol=5)))
            self._by_object[id(value)] = known
        return known[1]

    def _put(self, data: bytes) -> Content:
        name = hashlib.sha256(data).hexdigest()
        if name not in self._by_hash:
            path = Path(self._folder.name) / name
            try:
                path.write_bytes(data)
            except OSError as problem:
                raise OSError(
                    f"cannot pass {len(data) / 1e6:.3g} MB to the workers through {path.parent} "
                    f"({problem.strerror}); name a folder with more room in TMPDIR, or use one "
                    "worker"
                ) from problem
            self._by_hash[name] = Content(name, str(path), len(data))
        return self._by_hash[name]

    def data(self, content: Content) -> bytes:
        """Return the bytes of a value in the folder."""
        return content.data()

    def __enter__(self) -> Shelf:
        return self

    def __exit__(
        self,
        exception: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._folder.cleanup()
