"""DVS128 Gesture (Amir et al. 2017): hand gestures seen by an event camera, as binary frames."""

import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nsm.datasets.files import Data, find, missing

FRAME = 16_000  # duration of a frame [µs]
FRAMES = 108  # frames of a gesture that are used
CHUNK = 6  # frames that are the channels of one sample
SENSOR = 128  # pixels of the camera, across and down
PIXELS = 64  # pixels of a frame, across and down
GESTURES = 11
_USERS = 29
_TEST_FROM = 24  # users 1 to 23 train, 24 to 29 test

#: Header of a packet of events: type, source, bytes per event, offset of the time in an event,
#: overflows of the clock, capacity, number of events, number of valid events.
_PACKET = struct.Struct("<HHIIIIII")
_POLARITY_EVENT = 1
_COLUMNS = "class,startTime_usec,endTime_usec"
_ROW = re.compile(r"[0-9]{1,3},[0-9]{1,12},[0-9]{1,12}")


def read_aedat31(path: Path) -> dict[str, NDArray[Any]]:
    """Return the polarity events of an AEDAT 3.1 file: x, y [pixels], on (bool), t [µs].

    The format is that of the archive's README and of AEDAT 3.1: the word of an event holds its
    valid bit, its polarity, 15 bits of y and 15 of x. Packets of other events, and events that are
    not marked as valid, are skipped. (tonic 1.7 neither tells packets of different events apart nor
    notices a truncated file, and its `read_dvs_ibm` fails.)

    Raises:
        ValueError: The file is truncated, of another format, or holds no valid events.
    """
    raw = path.read_bytes()
    if not raw.startswith(b"#!AER-DAT3.1"):
        raise ValueError(
            f"{path} is not an AEDAT 3.1 file (it starts with {raw[:12]!r}); fetch it again"
        )
    words = [np.empty(0, "<u4")]
    times = [np.empty(0, np.int64)]
    for word, t in _polarity_packets(raw, path):
        words.append(word)
        times.append(t)
    word = np.concatenate(words)
    t = np.concatenate(times)
    valid = (word & 1).astype(bool)
    word = word[valid]
    if not len(word):
        raise ValueError(f"{path} holds no valid polarity events; fetch it again")
    x = word >> 17 & 0x7FFF
    y = word >> 2 & 0x7FFF
    if x.max() >= SENSOR or y.max() >= SENSOR:
        raise ValueError(
            f"{path} has events at x up to {x.max()} and y up to {y.max()}, the camera's pixels "
            f"are 0 to {SENSOR - 1}; fetch it again"
        )
    return {"x": x, "y": y, "on": (word >> 1 & 1).astype(bool), "t": t[valid]}


def _polarity_packets(
    raw: bytes, path: Path
) -> Iterator[tuple[NDArray[np.uint32], NDArray[np.int64]]]:
    """Yield words and times [µs] of every packet of polarity events."""
    at = _end_of_header(raw)
    while at < len(raw):
        end = at + _PACKET.size
        header = _PACKET.unpack(raw[at:end]) if end <= len(raw) else (0,) * 8
        event_type, _, size, _, overflows, _, number, _ = header
        start = end
        end = start + size * number
        if end > len(raw) or size == 0:
            raise ValueError(
                f"{path} is truncated: {len(raw)} bytes end within a packet of events; "
                "fetch it again"
            )
        if event_type == _POLARITY_EVENT:
            if size != 8:
                raise ValueError(
                    f"{path} has polarity events of {size} bytes, not 8; fetch it again"
                )
            packet = np.frombuffer(raw, "<u4", 2 * number, start).reshape(number, 2)
            # The clock has 31 bits; the packet counts how often it has overflowed.
            yield packet[:, 0], packet[:, 1].astype(np.int64) + (overflows << 31)
        at = end


def _end_of_header(raw: bytes) -> int:
    """Return where the lines of text that begin with # end.

    No packet begins with that character: its first byte is its type, which is below 14.
    """
    at = 0
    while raw[at : at + 1] == b"#":
        line = raw.find(b"\n", at)
        at = len(raw) if line < 0 else line + 1
    return at


def read_labels(path: Path) -> NDArray[np.int64]:
    """Return the rows (class 1 to 11, start [µs], end [µs]) of a file of labels.

    Raises:
        ValueError: The file is no table of labels, or its gestures have no length or overlap.
    """
    lines = path.read_text(encoding="utf-8", errors="replace").split()
    if len(lines) < 2 or lines[0] != _COLUMNS or not all(map(_ROW.fullmatch, lines[1:])):
        raise ValueError(
            f"{path} is not a table of whole numbers under the line {_COLUMNS}; fetch it again"
        )
    rows = np.array([line.split(",") for line in lines[1:]], dtype=np.int64)
    for gesture, start, end in rows:
        if not 1 <= gesture <= GESTURES:
            raise ValueError(
                f"{path} is mislabeled: class {gesture} is not one of 1 to {GESTURES}; "
                "fetch it again"
            )
        if start >= end:
            raise ValueError(
                f"{path} is mislabeled: a gesture from {start} to {end} µs has no length; "
                "fetch it again"
            )
    order = rows[rows[:, 1].argsort(kind="stable")]
    clash = np.flatnonzero(order[1:, 1] < order[:-1, 2])
    if len(clash):  # one user made the gestures, so they cannot overlap
        (gesture, start, end), (other, again, stop) = order[clash[0] : clash[0] + 2]
        raise ValueError(
            f"{path} is mislabeled: the gestures of class {gesture} from {start} to {end} µs and "
            f"of class {other} from {again} to {stop} µs overlap, they must follow each other; "
            "fetch it again"
        )
    return rows


def chunks(events: dict[str, NDArray[Any]], start: int, end: int) -> NDArray[np.bool_]:
    """Return a gesture as 108 frames of 16 ms in 18 chunks (18, 6, 64, 64), True at an ON event.

    Two by two pixels of the camera are one pixel of a frame. Frames after the end of a gesture that
    is shorter than 1.728 s are empty.

    Args:
        events: As `read_aedat31` returns them.
        start: start of the gesture [µs].
        end: Its end [µs].
    """
    frames = np.zeros((FRAMES, PIXELS, PIXELS), bool)
    t = events["t"]
    merged = SENSOR // PIXELS
    used = events["on"] & (t >= start) & (t < min(end, start + FRAMES * FRAME))
    row = events["y"][used] // merged
    column = events["x"][used] // merged
    frames[(t[used] - start) // FRAME, row, column] = True
    return frames.reshape(FRAMES // CHUNK, CHUNK, PIXELS, PIXELS)


def _trials(folder: Path) -> dict[int, list[Path]]:
    """Return the recordings of each user; every user and every file of labels must exist."""
    trials: dict[int, list[Path]] = {user: [] for user in range(1, _USERS + 1)}
    for path in sorted(folder.glob("*.aedat")):
        name = re.fullmatch(r"user(\d\d)_\w+", path.stem)
        if name is None or int(name[1]) not in trials:
            raise ValueError(
                f"{path} is not called user01_<light>.aedat to user{_USERS}_<light>.aedat; "
                "remove it"
            )
        trials[int(name[1])].append(path)
    absent = [str(user) for user, paths in trials.items() if not paths]
    if absent:
        raise ValueError(
            f"{folder} has no recording of users {', '.join(absent)} of 1 to {_USERS}; "
            "unpack it again"
        )
    for paths in trials.values():
        for path in paths:
            if not _labels_of(path).is_file():
                raise ValueError(
                    f"{path} has no {_labels_of(path).name} beside it; unpack the archive again"
                )
    return trials


def _labels_of(path: Path) -> Path:
    return path.with_name(f"{path.stem}_labels.csv")


def _samples(path: Path) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Return the chunks (n, 24576) of one recording and their classes (n,), from 0."""
    events = read_aedat31(path)
    rows = read_labels(_labels_of(path))
    # A moving hand is never still for the 96 ms of a sample. A recording that ends at least so long
    # before the last used frame of a gesture was cut off; one that ends a little earlier may only
    # have lost the camera's last packet.
    used = np.minimum(rows[:, 2], rows[:, 1] + FRAMES * FRAME)
    last = events["t"].max()
    late = np.flatnonzero((rows[:, 1] > last) | (used - last > CHUNK * FRAME))
    if len(late):
        gesture, start, _ = rows[late[0]]
        raise ValueError(
            f"{path} is truncated, or its labels are of another recording: it ends at {last} µs; "
            f"of the gesture of class {gesture} that starts at {start} µs, it must reach "
            f"{used[late[0]]} µs to within {CHUNK * FRAME} µs; fetch it again"
        )
    x = np.concatenate([chunks(events, int(start), int(end)) for _, start, end in rows])
    return x.reshape(len(x), -1), np.repeat(rows[:, 0] - 1, FRAMES // CHUNK)


def load_dvs_gesture(data_dir: str | Path | None = None) -> Data:
    """Return DVS128 Gesture, 11 classes: samples of 96 ms as (6, 64, 64), flat (n, 24576).

    From the start of each labeled gesture, 108 binary frames of the ON events of 16 ms make 18
    samples of 6 frames, as the authors of the NSM cut them. Users 1 to 23 are for training, 24 to
    29 for test. The arrays take about 2.6 GB.

    Args:
        data_dir: The unpacked archive DvsGesture, or a folder above it, also with a folder
            dvs_gesture between; None: NSM_DATA_DIR.

    Raises:
        FileNotFoundError: The recordings are not found.
        ValueError: A file is missing, truncated or wrong.
    """
    found = find(
        data_dir,
        ["DvsGesture", "dvs_gesture", "dvs_gesture/DvsGesture"],
        ["user01_fluorescent.aedat"],
    )
    if found is None:
        raise missing(
            "DvsGesture/user01_fluorescent.aedat",
            data_dir,
            "fetch DvsGesture.tar.gz from IBM Research's page of the DVS128 Gesture Dataset "
            "(no program can), and unpack it there",
        )
    splits: list[list[tuple[NDArray[np.bool_], NDArray[np.int64]]]] = [[], []]
    for user, paths in _trials(found.parent).items():
        splits[user >= _TEST_FROM] += [_samples(path) for path in paths]
    arrays: list[NDArray[Any]] = []
    for split, parts in zip(("train", "test"), splits, strict=True):
        absent = sorted(set(range(GESTURES)) - {int(k) for _, y in parts for k in np.unique(y)})
        if absent:  # in the published labels, both splits have every class
            raise ValueError(
                f"{found.parent} is mislabeled or incomplete: its {split} users have no gesture of "
                f"class {', '.join(str(k + 1) for k in absent)} of 1 to {GESTURES}; unpack it again"
            )
        arrays += [
            np.concatenate([x for x, _ in parts]).astype(np.float32),
            np.concatenate([y for _, y in parts]),
        ]
    return Data(*arrays)
