"""DVS128 Gesture: files in its own format become chunks of binary frames, or are refused."""

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nsm import load_data
from nsm.datasets import image_shape
from nsm.datasets.dvs_gesture import chunks, load_dvs_gesture, read_aedat31, read_labels

HEADER = (
    b"#!AER-DAT3.1\r\n#Format: RAW\r\n#Source 0: DVS128\r\n"
    b"#Start-Time: 2016-12-08 16:24:23\r\n#!END-HEADER\r\n"
)
TABLE = "class,startTime_usec,endTime_usec\n"


@pytest.fixture(autouse=True)
def no_folder(monkeypatch):
    monkeypatch.delenv("NSM_DATA_DIR", raising=False)


def packet(rows, *, event_type=1, overflow=0, size=8, valid=1):
    """One packet of events (x, y, on, t [µs]), as the README of the archive describes it."""
    words = b"".join(
        struct.pack("<II", x << 17 | y << 2 | on << 1 | valid, t) for x, y, on, t in rows
    )
    return (
        struct.pack("<HHIIIIII", event_type, 1, size, 4, overflow, len(rows), len(rows), len(rows))
        + words
    )


ROWS = st.lists(
    st.tuples(
        st.integers(0, 127), st.integers(0, 127), st.integers(0, 1), st.integers(0, 2**31 - 1)
    ),
    min_size=1,
    max_size=30,
)


@settings(deadline=None)
@given(packets=st.lists(ROWS, min_size=1, max_size=4))
def test_events_are_read_as_they_were_written_and_as_tonic_reads_them(packets, tmp_path_factory):
    path = tmp_path_factory.mktemp("aedat") / "user01_led.aedat"
    path.write_bytes(HEADER + b"".join(packet(rows) for rows in packets))
    found = read_aedat31(path)
    rows = [row for rows in packets for row in rows]
    np.testing.assert_array_equal(np.column_stack([found[k] for k in ("x", "y", "on", "t")]), rows)
    io = pytest.importorskip("tonic.io", reason="the extra `events` is not installed")
    version, start, _ = io.read_aedat_header_from_file(str(path))
    theirs = io.get_aer_events_from_file(str(path), version, start)
    np.testing.assert_array_equal(found["t"], theirs["timeStamp"])
    np.testing.assert_array_equal(found["x"], theirs["address"] >> 17 & 0x1FFF)


def test_other_events_are_skipped_and_the_clock_goes_on(tmp_path):
    path = tmp_path / "a.aedat"
    special = packet([(1, 1, 1, 7), (2, 2, 1, 8)], event_type=0)
    path.write_bytes(
        HEADER
        + special
        + packet([(5, 6, 1, 9)])
        + packet([])
        + special
        + packet([(5, 7, 0, 1)], overflow=1)
    )
    found = read_aedat31(path)
    assert (found["y"].tolist(), found["on"].tolist()) == ([6, 7], [True, False])
    assert found["t"].tolist() == [9, 2**31 + 1]


def test_events_that_are_not_valid_are_skipped(tmp_path):
    path = tmp_path / "a.aedat"
    path.write_bytes(
        HEADER
        + packet([(1, 1, 1, 3), (200, 1, 1, 4)], valid=0)
        + packet([(5, 6, 1, 9)])
        + packet([(2, 2, 1, 2**31 - 1)], valid=0)
    )
    assert {k: v.tolist() for k, v in read_aedat31(path).items()} == {
        "x": [5],
        "y": [6],
        "on": [True],
        "t": [9],
    }


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (
            b"#!AER-DAT2.0\r\n",
            r"a.aedat is not an AEDAT 3.1 file \(it starts with b'#!AER-DAT2.0'\)",
        ),
        (b"", r"is not an AEDAT 3.1 file \(it starts with b''\)"),
        (b"#!AER-DAT3.1", r"holds no valid polarity events"),
        (HEADER, r"holds no valid polarity events"),
        (HEADER + packet([(1, 1, 1, 1)], event_type=0), r"holds no valid polarity events"),
        (HEADER + packet([]), r"holds no valid polarity events"),
        (HEADER + packet([(1, 1, 1, 1)], valid=0), r"holds no valid polarity events"),
        (
            HEADER + packet([(1, 1, 1, 1)])[:20],
            r"is truncated: \d+ bytes end within a packet of events",
        ),
        (
            HEADER + packet([(1, 1, 1, 1)])[:-1],
            r"is truncated: \d+ bytes end within a packet of events",
        ),
        (HEADER + packet([(1, 1, 1, 1)], size=0), r"end within a packet of events"),
        (
            HEADER + packet([(1, 1, 1, 1)], size=4),
            r"has polarity events of 4 bytes, not 8",
        ),
        (
            HEADER + packet([(128, 3, 1, 1)]),
            r"events at x up to 128 and y up to 3, the camera's pixels are 0 to 127; fetch",
        ),
        # 15 bits each: of 13, these would be 5 and 3
        (
            HEADER + packet([(2**13 + 5, 3, 1, 1)]),
            r"events at x up to 8197 and y up to 3, the camera's pixels",
        ),
        (
            HEADER + packet([(5, 2**14 + 3, 1, 1)]),
            r"events at x up to 5 and y up to 16387, the camera's pixels",
        ),
    ],
)
def test_a_wrong_recording_is_refused(raw, message, tmp_path):
    (tmp_path / "a.aedat").write_bytes(raw)
    with pytest.raises(ValueError, match=message):
        read_aedat31(tmp_path / "a.aedat")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "",
            r"is not a table of whole numbers under the line class,startTime_usec,endTime_usec",
        ),
        (TABLE, r"is not a table of whole numbers"),
        ("1,2,3\n", r"is not a table of whole numbers"),
        (TABLE + "1,2\n", r"is not a table of whole numbers"),
        (TABLE + "1,2,x\n", r"is not a table of whole numbers"),
        (TABLE + "1,2,99999999999999999999\n", r"is not a table of whole numbers"),
        (
            TABLE + "11,2,3\n12,4,5\n",
            r"is mislabeled: class 12 is not one of 1 to 11",
        ),
        (TABLE + "0,2,3\n", r"is mislabeled: class 0 is not one of 1 to 11"),
        (
            TABLE + "1,3,3\n",
            r"is mislabeled: a gesture from 3 to 3 µs has no length",
        ),
        (
            TABLE + "4,30,40\n2,10,31\n1,5,8\n",
            r"gestures of class 2 from 10 to 31 µs and of class 4 from 30 to 40 µs overlap",
        ),
        (
            TABLE + "1,10,90\n2,20,30\n",
            r"of class 1 from 10 to 90 µs and of class 2 from 20 to 30 µs overlap",
        ),
        (
            TABLE + "1,10,20\n1,10,20\n",
            r"of class 1 from 10 to 20 µs and of class 1 from 10 to 20 µs overlap",
        ),
    ],
)
def test_a_wrong_file_of_labels_is_refused(text, message, tmp_path):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_labels(tmp_path / "a.csv")


def test_labels_are_read_whatever_ends_their_lines(tmp_path):
    for end in ("\n", "\r\n"):
        (tmp_path / "a.csv").write_bytes(
            (TABLE + "1,20,30\n11,30,50\n").replace("\n", end).encode()
        )
        assert read_labels(tmp_path / "a.csv").tolist() == [[1, 20, 30], [11, 30, 50]]


GESTURE = st.tuples(
    st.integers(0, 127), st.integers(0, 127), st.booleans(), st.integers(0, 2_400_000)
)


@settings(deadline=None)
@given(
    st.lists(GESTURE, min_size=1, max_size=50), st.integers(0, 300_000), st.integers(1, 2_400_000)
)
def test_a_gesture_is_cut_as_by_hand(rows, start, length):
    x, y, on, t = (np.array(column) for column in zip(*rows, strict=True))
    expected = np.zeros((18, 6, 64, 64), bool)
    for i, j, is_on, time in rows:
        frame = (time - start) // 16_000
        if is_on and start <= time < start + length and frame < 108:
            expected[frame // 6, frame % 6, j // 2, i // 2] = True
    np.testing.assert_array_equal(
        chunks({"x": x, "y": y, "on": on, "t": t}, start, start + length), expected
    )


def trial(
    folder,
    user,
    light="fluorescent",
    rows=((20, 40, 1, 1_000_000), (22, 40, 1, 2_000_000), (0, 0, 0, 4_199_999)),
    labels="3,900000,2500000\n",
):
    (folder / f"user{user:02d}_{light}.aedat").write_bytes(HEADER + packet(rows))
    (folder / f"user{user:02d}_{light}_labels.csv").write_text(TABLE + labels)


@pytest.fixture
def archive(tmp_path):
    """The folder of the published archive, with few gestures of each user."""
    folder = tmp_path / "DvsGesture"
    folder.mkdir()
    for user in range(1, 30):
        first = (user - 1) % 11 + 1 if user < 24 else 2 * (user - 24) + 1
        second = "" if user < 24 else f"{first % 11 + 1},2500000,4200000\n"
        trial(folder, user, labels=f"{first},900000,2500000\n{second}")
    trial(folder, 1, "fluorescent_led", labels="1,900000,1500000\n11,1500000,2500000\n")
    (folder / "trials_to_train.txt").touch()
    return folder


@pytest.mark.parametrize("given_as", ["parent", "itself"])
def test_users_1_to_23_train_and_24_to_29_test(given_as, archive):
    data = load_data("dvs_gesture", archive if given_as == "itself" else archive.parent)
    assert (data.x_train.shape, data.x_test.shape) == ((25 * 18, 24_576), (12 * 18, 24_576))
    assert (data.x_train.dtype, data.y_train.dtype) == (np.float32, np.int64)
    classes = [
        [0],
        [0, 10],
        *([k % 11] for k in range(1, 23)),
    ]  # the two recordings of user 1, then one of each other
    np.testing.assert_array_equal(data.y_train, np.repeat(np.concatenate(classes), 18))
    np.testing.assert_array_equal(data.y_test, np.repeat([*range(11), 0], 18))
    x = data.x_test.reshape(12, 18, *image_shape("dvs_gesture"))
    # 100 ms after the label's start is frame 6, 1,100 ms after it frame 68.
    assert [tuple(map(int, i)) for i in np.argwhere(x[4])] == [(1, 0, 20, 10), (11, 2, 20, 11)]
    assert data.x_train.max() == 1


def test_a_wrong_archive_is_refused(archive, tmp_path):
    (archive / "user24_fluorescent_labels.csv").unlink()
    with pytest.raises(
        ValueError,
        match=r"user24_fluorescent.aedat has no user24_fluorescent_labels.csv beside it; unpack",
    ):
        load_dvs_gesture(tmp_path)
    for user in (24, 7):
        (archive / f"user{user:02d}_fluorescent.aedat").unlink()
    with pytest.raises(
        ValueError, match=r"DvsGesture has no recording of users 7, 24 of 1 to 29; unpack it again"
    ):
        load_dvs_gesture(tmp_path)
    trial(archive, 30)
    with pytest.raises(
        ValueError,
        match=r"user30_\w+.aedat is not called user01_<light>.aedat to user29_<light>.aedat; re",
    ):
        load_dvs_gesture(tmp_path)


def ends_at(last, folder, labels):
    trial(folder, 24, rows=((20, 40, 1, 1_000_000), (0, 0, 0, last)), labels=labels)


@pytest.mark.parametrize(
    ("labels", "needed"),
    [
        ("1,900000,2500000\n2,2500000,4200000\n", 4_200_000),  # a gesture of which all is used
        (
            "2,2500000,9000000\n1,900000,2500000\n",
            2_500_000 + 108 * 16_000,
        ),  # one of which 1.728 s are used
    ],
)
def test_a_recording_must_reach_within_a_sample_of_its_last_gestures_end(labels, needed, archive):
    ends_at(needed - 96_000, archive, labels)
    assert load_dvs_gesture(archive).x_test.shape == (12 * 18, 24_576)
    ends_at(needed - 96_001, archive, labels)
    message = (
        rf"user24_fluorescent.aedat is truncated, .*: it ends at {needed - 96_001} µs; "
        r"of the gesture of class 2 that starts "
        rf"at 2500000 µs, it must reach {needed} µs to within 96000 µs"
    )
    with pytest.raises(ValueError, match=message):
        load_dvs_gesture(archive)


def test_a_gesture_after_the_end_of_a_recording_is_refused(archive):
    ends_at(2_450_000, archive, "1,900000,2500000\n2,2500000,2510000\n")
    with pytest.raises(
        ValueError,
        match=r"it ends at 2450000 µs; of the gesture of class 2 that starts at 2500000 µs",
    ):
        load_dvs_gesture(archive)


@pytest.mark.parametrize(
    ("user", "labels", "message"),
    [
        (
            25,
            "3,900000,2500000\n3,2500000,4200000\n",
            r"its test users have no gesture of class 4 of 1 to 11; unpack",
        ),
        (
            7,
            "8,900000,2500000\n",
            r"DvsGesture is mislabeled .*: its train users have no gesture of class 7 of 1 to",
        ),
    ],
)
def test_a_class_that_no_user_shows_is_refused(user, labels, message, archive):
    trial(archive, user, labels=labels)
    if user == 7:
        trial(archive, 18, labels=labels)  # the other user with class 7
    with pytest.raises(ValueError, match=message):
        load_dvs_gesture(archive)


def test_a_missing_archive_says_where_it_is_published(tmp_path):
    message = r"no DvsGesture/user01_fluorescent.aedat in {}; fetch DvsGesture.tar.gz from IBM"
    with pytest.raises(FileNotFoundError, match=message.format(tmp_path)):
        load_dvs_gesture(tmp_path)
    with pytest.raises(
        FileNotFoundError, match=message.format(r"any folder \(set NSM_DATA_DIR or data_dir\)")
    ):
        load_dvs_gesture()
