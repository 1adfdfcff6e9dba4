"""N-MNIST: recordings become ten binary images of their ON events, or are refused."""

import os
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nsm import load_data
from nsm.datasets import image_shape
from nsm.datasets import nmnist as events
from nsm.datasets.mnist import load_mnist
from nsm.datasets.nmnist import load_nmnist, load_nmnist_small

pytest.importorskip("tonic", reason="the extra `events` is not installed")
ROOT = Path(os.environ.get("NSM_DATA_DIR", "nowhere"))
REAL = ROOT / "nmnist-small" / "nmnist_small.zip"
ONE = [(3, 4, 1, 1000)]


@pytest.fixture(autouse=True)
def no_folder(monkeypatch):
    monkeypatch.delenv("NSM_DATA_DIR", raising=False)


def recording(rows):
    """Bytes of events (x, y, polarity, t [µs]): 8, 8, 1 and 23 bits each."""
    return b"".join(bytes([x, y]) + (p << 23 | t).to_bytes(3, "big") for x, y, p, t in rows)


def image_by_hand(rows):
    """The slow twin: one event after the other."""
    image, last = np.zeros((10, 34, 34)), max((t for _, _, p, t in rows if p), default=0)
    for x, y, p, t in rows:
        if p:
            image[min(10 * t // max(last, 1), 9), y, x] = 1
    return image


def in_time(rows):
    """The rows in the order of their time, as the camera writes them."""
    return sorted(rows, key=lambda row: row[3])


ROWS = (
    st.lists(
        st.tuples(
            st.integers(0, 33), st.integers(0, 33), st.integers(0, 1), st.integers(0, 2**23 - 1)
        ),
        min_size=1,
        max_size=60,
    )
    .filter(lambda rows: any(p for _, _, p, _ in rows))
    .map(in_time)
)


@settings(deadline=None)
@given(ROWS)
def test_a_recording_is_read_and_binned_as_by_hand(rows):
    found = events.read_recording(recording(rows), "a.bin")
    assert [tuple(map(int, e)) for e in found[["x", "y", "p", "t"]]] == rows
    np.testing.assert_array_equal(events.time_bins(found), image_by_hand(rows))


def test_bins_have_equal_width_up_to_the_last_on_event():
    rows = [
        (0, 1, 1, 0),
        (1, 1, 1, 99),
        (2, 1, 1, 100),
        (3, 1, 1, 999),
        (4, 1, 1, 1000),
        (5, 1, 0, 500),
        (6, 1, 0, 9000),
    ]
    image = events.time_bins(events.read_recording(recording(in_time(rows)), "a.bin"))
    assert [tuple(map(int, i)) for i in np.argwhere(image)] == [
        (0, 1, 0),
        (0, 1, 1),
        (1, 1, 2),
        (9, 1, 3),
        (9, 1, 4),
    ]
    off = np.array([(5, 1, 500, 0)], events._EVENT)
    assert not events.time_bins(off).any()


def test_the_time_goes_on_after_an_overflow_of_the_clock():
    rows = [(1, 2, 1, 8000), (0, 240, 0, 8191), (3, 4, 1, 5), (0, 240, 0, 8191), (5, 6, 0, 5)]
    assert events.read_recording(recording(rows), "a.bin")["t"].tolist() == [
        8000,
        8192 + 5,
        2 * 8192 + 5,
    ]


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", r"a.bin has 0 bytes"),
        (recording(ONE * 3)[:-2], r"a.bin has 13 bytes"),
        (
            recording([*ONE, (34, 0, 1, 5)]),
            r"not an N-MNIST recording: it has an event at \(34, 0\), pixels are 0 to 33",
        ),
        (
            recording([(0, 200, 1, 5)]),
            r"it has an event at \(0, 200\), pixels are 0 to 33",
        ),
        (
            recording([(0, 240, 1, 5)]),
            r"it has no event, pixels",
        ),  # 240 marks an overflow of the clock
        (
            recording([(1, 1, 1, 5), (2, 2, 0, 5), (3, 3, 1, 4)]),
            r"a.bin is not an N-MNIST recording: its time runs back from 5 to 4 µs",
        ),
        (
            recording([(1, 1, 0, 5), (2, 2, 0, 6)]),
            r"a.bin is not an N-MNIST recording: none of its 2 events is ON",
        ),
    ],
)
def test_a_wrong_recording_is_refused(raw, message):
    with pytest.raises(ValueError, match=message):
        events.read_recording(raw, "a.bin")


SAMPLES = {
    "Train/7/00001.bin": ONE,
    "Train/0/00002.bin": [(33, 0, 1, 9)],
    "Train/3/00003.bin": [(3, 4, 1, 1001)],
    "Test/3/00001.bin": [(3, 4, 1, 1002)],
}


def write(place, samples):
    """Write recordings below a folder, or into a zip archive."""
    content = {name: recording(s) if isinstance(s, list) else s for name, s in samples.items()}
    if place.suffix == ".zip":
        place.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("Train/", b"")
            archive.writestr("__MACOSX/Train/7/._00001.bin", b"what some machines add")
            for name, raw in content.items():
                archive.writestr(name, raw)
        return place
    for name, raw in content.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(raw)
    return place


@pytest.mark.parametrize(
    "place", ["", "nmnist-small", "nmnist_small.zip", "nmnist-small/nmnist_small.zip"]
)
def test_a_part_is_read_in_the_order_of_its_numbers(place, tmp_path):
    write(tmp_path / place, SAMPLES)
    data = load_data("nmnist-small", tmp_path)
    assert (data.y_train.tolist(), data.y_test.tolist(), data.y_train.dtype) == (
        [7, 0, 3],
        [3],
        np.int64,
    )
    assert (data.x_train.shape, data.x_train.dtype) == ((3, 11560), np.float32)
    assert np.argwhere(data.x_train.reshape(-1, *image_shape("nmnist-small"))).tolist() == [
        [0, 9, 4, 3],
        [1, 9, 0, 33],
        [2, 9, 4, 3],
    ]


@pytest.mark.parametrize("place", ["f", "nmnist_small.zip"])
def test_a_wrong_part_is_refused(place, tmp_path):
    where = tmp_path if place == "f" else tmp_path / place
    with pytest.raises(
        FileNotFoundError,
        match=r"no nmnist_small.zip in .*; zip some recordings of N-MNIST, Train/<digit>",
    ):
        load_nmnist_small(tmp_path)
    write(where, {n: s for n, s in SAMPLES.items() if "Train" in n})
    with pytest.raises(ValueError, match=r"holds no Test/<digit>/<number>.bin"):
        load_nmnist_small(tmp_path)
    write(where, {**SAMPLES, "Test/8/00002.bin": recording(ONE)[:-1]})
    with pytest.raises(ValueError, match=r"Test/8/00002.bin has 4 bytes"):
        load_nmnist_small(tmp_path)
    write(where, {**SAMPLES, "Train/10/00004.bin": ONE})
    with pytest.raises(
        ValueError,
        match=r"Train/10/00004.bin is mislabeled: its folder must be a digit, 0 to 9",
    ):
        load_nmnist_small(tmp_path)


@pytest.mark.parametrize("place", ["", "nmnist_small.zip"])
@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Train/7/00001.bin", "Train/5/00009.bin"),
        ("Train/3/00003.bin", "Test/3/00009.bin"),
        ("Test/3/00001.bin", "Test/4/00009.bin"),
    ],
)
def test_a_recording_of_two_classes_or_of_both_parts_is_refused(place, first, second, tmp_path):
    write(tmp_path / place, {**SAMPLES, second: SAMPLES[first]})
    with pytest.raises(
        ValueError,
        match=rf"{first} and .*{second} hold the same bytes; .* in Train or in Test: fetch",
    ):
        load_nmnist_small(tmp_path)


def test_a_damaged_zip_is_refused(tmp_path, rng):
    noise = [
        tuple(row)
        for row in np.column_stack(
            [rng.integers(0, 34, (400, 2)), rng.integers(0, 2, (400, 2))]
        ).tolist()
    ]
    path = write(tmp_path / "nmnist_small.zip", {**SAMPLES, "Train/7/00001.bin": in_time(noise)})
    complete = path.read_bytes()
    path.write_bytes(complete[: len(complete) // 2])
    with pytest.raises(
        ValueError,
        match=r"nmnist_small.zip is truncated or no zip archive \(File is not a zip file\)",
    ):
        load_nmnist_small(tmp_path)
    at = complete.index(b"Train/7/00001.bin", complete.index(b"._00001.bin") + 20) + 200
    path.write_bytes(complete[:at] + bytes([complete[at] ^ 0xFF]) + complete[at + 1 :])
    with pytest.raises(ValueError, match=r"Train/7/00001.bin is damaged \(.*\)"):
        load_nmnist_small(tmp_path)


@pytest.mark.parametrize("below", ["", "nmnist"])
@pytest.mark.parametrize("zipped", [False, True])
def test_the_full_set_has_as_many_recordings_as_published(zipped, below, tmp_path, monkeypatch):
    for split in ("Train", "Test"):
        part = {n: s for n, s in SAMPLES.items() if split in n}
        write(tmp_path / below / f"{split.lower()}.zip" if zipped else tmp_path / below, part)
    with pytest.raises(
        ValueError,
        match=r"holds 3 train recordings, N-MNIST has 60000; .* as 'nmnist-small'",
    ):
        load_nmnist(tmp_path)
    monkeypatch.setattr(events, "_RECORDINGS", {"train": 3, "test": 2})
    with pytest.raises(ValueError, match=r"holds 1 test recordings, N-MNIST has 2"):
        load_nmnist(tmp_path)
    monkeypatch.setattr(events, "_RECORDINGS", {"train": 3, "test": 1})
    assert load_data("nmnist", tmp_path).y_train.tolist() == [7, 0, 3]


def test_the_full_set_is_downloaded_with_the_checksums_tonic_knows(tmp_path, monkeypatch):
    for folder, where in ((tmp_path, tmp_path), (None, "any folder")):
        with pytest.raises(
            FileNotFoundError,
            match=rf"no N-MNIST in {where}.*; put train.zip and test.zip of Orchard",
        ):
            load_nmnist(folder, download=False)
    asked = []

    def retrieve(url, known, name, path):
        asked.append(known)
        return str(write(tmp_path / name, SAMPLES))

    monkeypatch.setattr("pooch.retrieve", retrieve)
    monkeypatch.setattr(events, "_RECORDINGS", {"train": 3, "test": 1})
    assert load_nmnist().y_test.tolist() == [3]
    assert asked == ["md5:20959b8e626244a1b502305a9e6e2031", "md5:69ca8762b2fe404d9b9bad1103e97832"]


def test_without_tonic_the_error_says_how_to_get_it(tmp_path, monkeypatch):
    write(tmp_path, SAMPLES)
    monkeypatch.setitem(sys.modules, "tonic", None)
    for load in (load_nmnist, load_nmnist_small):
        with pytest.raises(
            ImportError,
            match=r'tonic, which is not installed; pip install "nsm-crossbar\[events\]"',
        ):
            load(tmp_path)


@pytest.mark.skipif(not REAL.exists(), reason="NSM_DATA_DIR has no nmnist-small")
def test_real_recordings_show_the_digits_of_mnist():
    data = load_nmnist_small(ROOT)
    assert (data.x_train.shape, data.x_test.shape) == ((1000, 11560), (100, 11560))
    assert set(np.unique(data.x_train)) == {0, 1}
    frames = data.x_test.reshape(-1, 10, 34, 34)
    assert (
        frames.sum((2, 3)) > 0
    ).mean() > 0.99  # three saccades: there are events in all ten bins
    if not (ROOT / "mnist").exists():
        pytest.skip("NSM_DATA_DIR has no MNIST to compare with")
    mnist = load_mnist(ROOT)
    # Recording k was made of MNIST's image k (Orchard et al. 2015).
    np.testing.assert_array_equal(data.y_train, mnist.y_train[:1000])
    np.testing.assert_array_equal(data.y_test, mnist.y_test[:100])
    seen = frames.mean(1).reshape(100, -1) - frames.mean((0, 1)).ravel()
    shown = np.pad(mnist.x_test[:100].reshape(-1, 28, 28), ((0, 0), (3, 3), (3, 3)))
    shown = shown.reshape(100, -1) - shown.mean(0).ravel()
    own = [np.corrcoef(a, b)[0, 1] for a, b in zip(seen, shown, strict=True)]
    turned = [
        np.corrcoef(a, b.reshape(34, 34).T.ravel())[0, 1] for a, b in zip(seen, shown, strict=True)
    ]
    assert np.mean(own) > 2 * np.mean(turned)  # rows are rows: the recording is not transposed
