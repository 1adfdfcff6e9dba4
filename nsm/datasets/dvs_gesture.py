"""DVS128 Gesture (Amir et al. 2017): hand gestures seen by an event camera, as chunks of six binary images of 16 ms."""

import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nsm.datasets.files import Data, find, missing

FRAME = 16_000  # [µs]
FRAMES, CHUNK = (
    108,
    6,
)  # frames of a gesture that are used, and frames that are the channels of one sample
SENSOR, PIXELS = 128, 64  # pixels across and down of the camera and of a frame
GESTURES = 11
_TEST_FROM, _USERS = 24, 29  # users 1 to 23 train, 24 to 29 test
_PACKET = struct.Struct(
    "<HHIIIIII"
)  # type, source, bytes per event, -, overflows of the clock, capacity, events, valid
_POLARITY_EVENT = 1
_COLUMNS = "class,startTime_usec,endTime_usec"
_ROW = re.compile(r"[0-9]{1,3},[0-9]{1,12},[0-9]{1,12}")


def read_aedat31(path: Path) -> dict[str, NDArray[Any]]:
    """Return the polarity events of an AEDAT 3.1 file: x, y [pixels], on (bool), t [µs], each (events,).

    The format is that of the archive's README and of AEDAT 3.1: an event's word has its valid bit, its polarity, 15 bits of
    y and 15 of x. Packets of other events, and events marked as not valid, are passed over. (tonic 1.7 does not tell packets
    of different events apart, nor a file that was cut short, and its `read_dvs_ibm` fails.) Raises ValueError for a wrong
    file.
    """
    raw = path.read_bytes()
    if not raw.startswith(b"#!AER-DAT3.1"):
        raise ValueError(
            f"{path} is not an AEDAT 3.1 file (it starts with {raw[:12]!r}); fetch it again"
        )
    at = 0
    while (
        raw[at : at + 1] == b"#"
    ):  # no packet begins with one: its first byte is its type, below 14
        line = raw.find(b"\n", at)
        at = len(raw) if line < 0 else line + 1
    words, times = [], []
    while at < len(raw):
        end = at + _PACKET.size
        kind, _, size, _, overflows, _, number, _ = (
            _PACKET.unpack(raw[at:end]) if end <= len(raw) else (0,) * 8
        )
        at, end = end, end + size * number
        if end > len(raw) or size == 0:
            raise ValueError(
                f"{path} is truncated: {len(raw)} bytes end within a packet of events; fetch it again"
            )
        if kind == _POLARITY_EVENT:
            if size != 8:
                raise ValueError(
                    f"{path} has polarity events of {size} bytes, not 8; fetch it again"
                )
            packet = np.frombuffer(raw, "<u4", 2 * number, at).reshape(number, 2)
            words.append(packet[:, 0])
            times.append(packet[:, 1].astype(np.int64) + (overflows << 31))
        at = end
    word, t = (
        np.concatenate(words or [np.empty(0, "<u4")]),
        np.concatenate(times or [np.empty(0, np.int64)]),
    )
    valid = (word & 1).astype(bool)
    word, t = word[valid], t[valid]
    if not len(word):
        raise ValueError(f"{path} holds no valid polarity events; fetch it again")
    x, y = word >> 17 & 0x7FFF, word >> 2 & 0x7FFF
    if x.max() >= SENSOR or y.max() >= SENSOR:
        raise ValueError(
            f"{path} has events at x up to {x.max()} and y up to {y.max()}, the camera's pixels are 0 to {SENSOR - 1}; "
            "fetch it again"
        )
    return {"x": x, "y": y, "on": (word >> 1 & 1).astype(bool), "t": t}


def read_labels(path: Path) -> NDArray[np.int64]:
    """Return the rows (class 1 to 11, start [µs], end [µs]) of a file of labels. Raises ValueError for a wrong one."""
    lines = path.read_text(encoding="utf-8", errors="replace").split()
    if len(lines) < 2 or lines[0] != _COLUMNS or not all(map(_ROW.fullmatch, lines[1:])):
        raise ValueError(
            f"{path} is not a table of whole numbers under the line {_COLUMNS}; fetch it again"
        )
    rows = np.array([line.split(",") for line in lines[1:]], dtype=np.int64)
    for kind, start, end in rows:
        if not 1 <= kind <= GESTURES:
            raise ValueError(
                f"{path} is mislabelled: class {kind} is not one of 1 to {GESTURES}; fetch it again"
            )
        if start >= end:
            raise ValueError(
                f"{path} is mislabelled: a gesture from {start} to {end} µs has no length; fetch it again"
            )
    order = rows[rows[:, 1].argsort(kind="stable")]
    clash = np.flatnonzero(order[1:, 1] < order[:-1, 2])
    if len(clash):  # one user made one gesture after the other
        (kind, start, end), (other, again, stop) = order[clash[0] : clash[0] + 2]
        raise ValueError(
            f"{path} is mislabelled: the gestures of class {kind} from {start} to {end} µs and of class {other} from {again} "
            f"to {stop} µs overlap, they must follow each other; fetch it again"
        )
    return rows


def chunks(events: dict[str, NDArray[Any]], start: int, end: int) -> NDArray[np.bool_]:
    """Return a gesture from `start` to `end` [µs] as (18, 6, 64, 64): 108 frames of 16 ms, True where an ON event fell.

    Two by two pixels of the camera are one. What follows a gesture shorter than 1.728 s is empty.
    """
    frames = np.zeros((FRAMES, PIXELS, PIXELS), bool)
    t, scale = events["t"], SENSOR // PIXELS
    used = events["on"] & (t >= start) & (t < min(end, start + FRAMES * FRAME))
    frames[(t[used] - start) // FRAME, events["y"][used] // scale, events["x"][used] // scale] = (
        True
    )
    return frames.reshape(FRAMES // CHUNK, CHUNK, PIXELS, PIXELS)


def _trials(folder: Path) -> dict[int, list[Path]]:
    """Return the recordings of each user. Raises ValueError where a user or a file of labels is not there."""
    trials: dict[int, list[Path]] = {user: [] for user in range(1, _USERS + 1)}
    for path in sorted(folder.glob("*.aedat")):
        name = re.fullmatch(r"user(\d\d)_\w+", path.stem)
        if name is None or int(name[1]) not in trials:
            raise ValueError(
                f"{path} is not called user01_<light>.aedat to user{_USERS}_<light>.aedat; remove it"
            )
        trials[int(name[1])].append(path)
    absent = [str(user) for user, paths in trials.items() if not paths]
    if absent:
        raise ValueError(
            f"{folder} has no recording of users {', '.join(absent)} of 1 to {_USERS}; unpack it again"
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
    events, rows = read_aedat31(path), read_labels(_labels_of(path))
    # A sample no event reaches would be blank, and a moving hand is never still for the 96 ms of one: what ends that much
    # before the part of a gesture that is used was cut off. Less than that may be the camera's last packet.
    used, last = np.minimum(rows[:, 2], rows[:, 1] + FRAMES * FRAME), events["t"].max()
    late = np.flatnonzero((rows[:, 1] > last) | (used - last > CHUNK * FRAME))
    if len(late):
        kind, start, _ = rows[late[0]]
        raise ValueError(
            f"{path} is truncated, or its labels are another's: it ends at {last} µs; of the gesture of class {kind} that "
            f"starts at {start} µs, it must reach {used[late[0]]} µs to within {CHUNK * FRAME} µs; fetch it again"
        )
    x = np.concatenate([chunks(events, int(start), int(end)) for _, start, end in rows])
    return x.reshape(len(x), -1), np.repeat(rows[:, 0] - 1, FRAMES // CHUNK)


def load_dvs_gesture(data_dir: str | Path | None = None) -> Data:
    """Return DVS128 Gesture, 11 classes, each sample 96 ms of a gesture as (6, 64, 64), flat (n, 24576); some 2.6 GB.

    From the start of each labelled gesture, 108 binary frames of ON events of 16 ms, in 18 samples of 6 frames, as the
    authors of the NSM cut them; users 1 to 23 train, 24 to 29 test. Looks for the published archive, unpacked: the folder
    DvsGesture in `data_dir`, `NSM_DATA_DIR` or their subfolder dvs_gesture.
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
            "fetch DvsGesture.tar.gz from IBM Research's page of the DVS128 Gesture Dataset (no program can), and unpack it "
            "there",
        )
    splits: list[list[tuple[NDArray[np.bool_], NDArray[np.int64]]]] = [[], []]
    for user, paths in _trials(found.parent).items():
        splits[user >= _TEST_FROM] += [_samples(path) for path in paths]
    arrays: list[NDArray[Any]] = []
    for split, parts in zip(("train", "test"), splits, strict=True):
        absent = sorted(set(range(GESTURES)) - {int(k) for _, y in parts for k in np.unique(y)})
        if absent:  # the published labels have every class in both
            raise ValueError(
                f"{found.parent} is mislabelled or not whole: its {split} users have no gesture of class "
                f"{', '.join(str(k + 1) for k in absent)} of 1 to {GESTURES}; unpack it again"
            )
        arrays += [
            np.concatenate([x for x, _ in parts]).astype(np.float32),
            np.concatenate([y for _, y in parts]),
        ]
    return Data(*arrays)
