"""N-MNIST: digits seen by an event camera, as ten binary images of their ON events."""

import hashlib
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nsm.datasets.files import Data, Remote, fetch, find, missing
from nsm.unpacking import declared_size

BINS = 10  # time bins: the channels of a sample
SENSOR = 34  # pixels across and down, of a window of the moving ATIS sensor
_RECORDINGS = {"train": 60_000, "test": 10_000}
_EVENT = np.dtype([("x", int), ("y", int), ("t", int), ("p", int)])
_BYTES = 5  # of one event: x, y, and one bit of polarity with 23 bits of time [µs]
_LARGEST = 1 << 24  # bytes of a recording; published ones have some ten thousand
_CLASSES = tuple("0123456789")


def _tonic() -> Any:
    """Return tonic's description of the data set and its reader of recordings."""
    try:
        from tonic import datasets, io
    except ImportError:
        raise ImportError(
            'N-MNIST is read with tonic, which is not installed; pip install "nsm-crossbar[events]"'
        ) from None
    return datasets.NMNIST, io.read_mnist_file


def time_bins(events: NDArray[Any]) -> NDArray[np.float32]:
    """Return one recording as (10, 34, 34): 1 where a pixel had an ON event in a time bin.

    The ten bins have equal width, from 0 to the last ON event, as the authors of the NSM made them.
    An event on the border of two bins belongs to the later one, and the last event to the last bin;
    the authors left both out.

    Args:
        events: Records with the fields x, y [pixels], t [µs] and p (1: ON).
    """
    on = events[events["p"] == 1]
    image = np.zeros((BINS, SENSOR, SENSOR), np.float32)
    if len(on):
        bins = np.minimum(on["t"] * BINS // max(on["t"].max(), 1), BINS - 1)
        image[bins, on["y"], on["x"]] = 1
    return image


def read_recording(raw: bytes, source: str | Path) -> NDArray[Any]:
    """Return the events of one .bin file of N-MNIST (Orchard et al. 2015), read with tonic.

    Args:
        raw: The content of the file.
        source: Its name in messages.

    Returns:
        Records with the fields x, y [pixels], t [µs] and p (1: ON).

    Raises:
        ValueError: The file is truncated or not a recording of N-MNIST.
        ImportError: Tonic is not installed.
    """
    if not raw or len(raw) % _BYTES:
        raise ValueError(
            f"{source} has {len(raw)} bytes, not a multiple of the {_BYTES} of an event; "
            "fetch it again"
        )
    _, read = _tonic()
    events: NDArray[Any] = read(io.BytesIO(raw), dtype=_EVENT, is_stream=True)
    outside = events[(events["x"] >= SENSOR) | (events["y"] >= SENSOR)]
    if len(outside) or not len(events):
        what = f"an event at ({outside[0]['x']}, {outside[0]['y']})" if len(outside) else "no event"
        raise ValueError(
            f"{source} is not an N-MNIST recording: it has {what}, pixels are 0 to {SENSOR - 1}; "
            "fetch it again"
        )
    back = np.flatnonzero(np.diff(events["t"]) < 0)
    # Times can only rise: 23 bits hold 8.4 s, a recording lasts 0.3 s, and tonic has already added
    # the overflows of a longer one.
    if len(back):
        before, after = events["t"][back[0] : back[0] + 2]
        raise ValueError(
            f"{source} is not an N-MNIST recording: its time runs back from {before} to {after} "
            "µs, events are in the order of their time; fetch it again"
        )
    if not (events["p"] == 1).any():
        raise ValueError(
            f"{source} is not an N-MNIST recording: none of its {len(events)} events is ON, its "
            "image would be blank; fetch it again"
        )
    return events


def _list(place: Path, top: str) -> list[PurePosixPath]:
    """Return the recordings below `top` (Train or Test) of a folder or zip archive.

    They are sorted by their numbers, which is the order of MNIST.
    """
    if place.is_dir():
        names = [p.relative_to(place).as_posix() for p in place.glob(f"{top}/*/*.bin")]
    else:
        try:
            with zipfile.ZipFile(place) as archive:
                names = [
                    n for n in archive.namelist() if re.fullmatch(rf"{top}/[^/]+/[^/]+\.bin", n)
                ]
        except zipfile.BadZipFile as problem:
            raise ValueError(
                f"{place} is truncated or no zip archive ({problem}); fetch it again"
            ) from None
    found = sorted((PurePosixPath(n) for n in names), key=lambda p: (p.stem, p.parent.name))
    for p in found:
        if p.parent.name not in _CLASSES:
            raise ValueError(
                f"{place}/{p} is mislabeled: its folder must be a digit, 0 to 9; fetch it again"
            )
    return found


def _contents(place: Path, names: list[PurePosixPath]) -> Iterator[bytes]:
    """Yield the content of each recording."""
    if place.is_dir():
        yield from ((place / p).read_bytes() for p in names)
        return
    with zipfile.ZipFile(place) as archive:
        for p in names:
            size = declared_size(archive.getinfo(str(p)), place)
            if size > _LARGEST:
                raise ValueError(
                    f"{place}/{p} has {size} bytes, and no recording of 0.3 s has more than "
                    f"{_LARGEST}: fetch it again"
                )
            try:
                yield archive.read(str(p))
            except (zipfile.BadZipFile, zlib.error, EOFError) as problem:
                raise ValueError(f"{place}/{p} is damaged ({problem}); fetch it again") from None


def _load(train: Path, test: Path, counts: dict[str, int] | None) -> Data:
    """Return the recordings below Train and Test, which may lie in two archives.

    All recordings are listed and counted before the first one is read. counts: how many each split
    must have; None: any number.
    """
    lists = {"train": (train, _list(train, "Train")), "test": (test, _list(test, "Test"))}
    for split, (place, names) in lists.items():
        if counts is None and not names:
            raise ValueError(
                f"{place} holds no {split.title()}/<digit>/<number>.bin; fetch it again"
            )
        if counts is not None and len(names) != counts[split]:
            raise ValueError(
                f"{place} holds {len(names)} {split} recordings, N-MNIST has {counts[split]}; "
                "fetch it again, or load a part of it as 'nmnist-small'"
            )
    arrays: list[NDArray[Any]] = []
    # Digest of a recording -> its split and class, and the first file that has it.
    seen: dict[bytes, tuple[PurePosixPath, str]] = {}
    for place, names in lists.values():
        x = np.empty((len(names), BINS * SENSOR * SENSOR), np.float32)
        for row, name, raw in zip(x, names, _contents(place, names), strict=True):
            source = f"{place}/{name}"
            row[:] = time_bins(read_recording(raw, source)).ravel()
            where, first = seen.setdefault(hashlib.sha256(raw).digest(), (name.parent, source))
            if where != name.parent:  # the noise of the camera makes all recordings different
                raise ValueError(
                    f"{first} and {source} hold the same bytes; a recording is of one digit, in "
                    "Train or in Test: fetch them again"
                )
        arrays += [x, np.array([int(p.parent.name) for p in names], np.int64)]
    return Data(*arrays)


def load_nmnist(data_dir: str | Path | None = None, *, download: bool = True) -> Data:
    """Return N-MNIST (Orchard et al. 2015): 60,000 + 10,000 recordings, 10 classes.

    A recording is (10, 34, 34), flat (n, 11560); the arrays take 3.2 GB.

    Args:
        data_dir: Folder of Train and Test, or of train.zip and test.zip, or the folder above their
            folder nmnist; None: NSM_DATA_DIR.
        download: Whether the archives (1.2 GB) are downloaded, from the address that tonic has, if
            no folder is named.

    Raises:
        FileNotFoundError: The recordings are not found and may not be downloaded.
        ValueError: A recording is wrong, or their number is.
        ImportError: Tonic is not installed.
    """
    official, _ = _tonic()
    below = ["nmnist", "NMNIST"]
    folder = find(data_dir, below, ["Train"])
    if folder is not None:
        return _load(folder.parent, folder.parent, _RECORDINGS)
    train, test = (
        find(data_dir, below, [f"{split}.zip", f"nmnist-{split}.zip"]) for split in _RECORDINGS
    )
    if (train is None or test is None) and (not download or data_dir is not None):
        raise missing(
            "N-MNIST",
            data_dir,
            "put train.zip and test.zip of Orchard et al. 2015 (or Train and Test) there",
        )
    train = train or fetch(Remote(official.train_url, official.train_md5, "nmnist-train.zip"))
    test = test or fetch(Remote(official.test_url, official.test_md5, "nmnist-test.zip"))
    return _load(train, test, _RECORDINGS)


def load_nmnist_small(data_dir: str | Path | None = None) -> Data:
    """Return a part of N-MNIST, with any number of recordings (10, 34, 34), flat (n, 11560).

    Args:
        data_dir: Folder of nmnist_small.zip, or of Train and Test, or the folder above their folder
            nmnist-small; None: NSM_DATA_DIR.

    Raises:
        FileNotFoundError: The recordings are not found.
        ValueError: A recording is wrong, or Train or Test has none.
        ImportError: Tonic is not installed.
    """
    found = find(data_dir, ["nmnist-small"], ["nmnist_small.zip", "Train"])
    if found is None:
        raise missing(
            "nmnist_small.zip",
            data_dir,
            "zip some recordings of N-MNIST, Train/<digit>/*.bin and Test/<digit>/*.bin",
        )
    place = found if found.suffix == ".zip" else found.parent
    return _load(place, place, None)
