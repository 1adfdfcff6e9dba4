"""Rows on disk: complete lines, of one experiment, with one writer at a time."""

import csv
import os
import resource
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nsm.sweeps.rows.checked_lines import check_of
from nsm.sweeps.rows.places import check_row_files
from nsm.sweeps.rows.row_file import RowFile
from tests.helpers.rows import COLUMNS, EXPERIMENT, row

HEADER = b"network,chip,errors,task,experiment,check\r\n"


def line(*cells):
    """Return the line of a row, with its check."""
    check = check_of(dict(zip(COLUMNS, cells, strict=False)))
    return ",".join([*cells, check]).encode() + b"\r\n"


def written(path, n=3, experiment=EXPERIMENT):
    with RowFile(path, COLUMNS, experiment) as file:
        for chip in range(n):
            file.append(row(chip, experiment=experiment))
    return path


def read(path):
    with open(path, newline="") as f:
        return list(csv.DictReader(f))


@contextmanager
def disk_of(n_bytes):
    """No file may grow beyond n_bytes: a real failing write, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_rows_are_read_as_they_were_written(tmp_path):
    path = written(tmp_path / "rows.csv")
    assert path.read_bytes().startswith(HEADER)
    assert [r["network"] for r in read(path)] == ["a, b"] * 3
    assert [float(r["errors"]) for r in read(path)] == [0.1 + 0.2] * 3
    with RowFile(path, COLUMNS, EXPERIMENT) as file:
        assert {*file.done} == {("t", 0), ("t", 1), ("t", 2)}
        file.append(row(3, errors=None))
    assert [r["chip"] for r in read(path)] == ["0", "1", "2", "3"]
    assert read(path)[3]["errors"] == ""


def test_every_row_is_on_disk_before_the_next(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda number: synced.append(os.fstat(number).st_size))
    with RowFile(tmp_path / "rows.csv", COLUMNS, EXPERIMENT) as file:
        sizes = [len(HEADER)]
        for chip in range(3):
            file.append(row(chip))
            sizes.append((tmp_path / "rows.csv").stat().st_size)
    assert synced == sizes


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_torn_last_line_is_cut_off_and_complete_lines_are_kept(tmp_path_factory, data):
    path = written(tmp_path_factory.mktemp("torn") / "rows.csv")
    whole = path.read_bytes()
    cut = data.draw(st.integers(0, len(whole)))
    path.write_bytes(whole[:cut])
    kept = max(0, whole[:cut].count(b"\n") - 1)
    with RowFile(path, COLUMNS, EXPERIMENT) as file:
        assert {*file.done} == {("t", chip) for chip in range(kept)}
        for chip in range(kept, 3):
            file.append(row(chip))
    assert path.read_bytes() == whole


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"some notes of mine", "it does not start with a header of this sweep"),
        (
            b"a,b\r\n1,2\r\n",
            "its columns are a,b, this sweep's are network,chip,errors,task,experiment,check",
        ),
        (
            HEADER + line("a", "0", "1", "t", "canonical-other-hardware-settings"),
            "the images or labels differ",
        ),
        (
            HEADER + line("a", "0", "1", "t", "canonical-data-other-others"),
            "the hardware before the axes and samples, seed, sampling, calibration or until differ",
        ),
        (
            HEADER + line("a", "0", "1", "t", "12345678-9abcdef0-12345678"),
            "its rows are identified in another way, as by an earlier version",
        ),
    ],
)
def test_a_file_of_another_experiment_is_refused_and_untouched(content, message, tmp_path):
    path = tmp_path / "rows.csv"
    path.write_bytes(content)
    with pytest.raises(
        ValueError,
        match=rf"rows.csv holds another experiment: {message}.*Name another file, or move",
    ):
        RowFile(path, COLUMNS, EXPERIMENT)
    assert path.read_bytes() == content


def test_a_second_writer_is_refused_until_the_first_is_done(tmp_path):
    path = tmp_path / "rows.csv"
    with RowFile(path, COLUMNS, EXPERIMENT) as file:
        with pytest.raises(
            ValueError, match="is being written by another sweep; wait for it, or name another file"
        ):
            RowFile(path, COLUMNS, EXPERIMENT)
        file.append(row(0))
    with RowFile(path, COLUMNS, EXPERIMENT) as file:
        assert {*file.done} == {("t", 0)}


def test_a_refused_file_is_not_left_locked(tmp_path):
    path = written(tmp_path / "rows.csv")
    with pytest.raises(ValueError, match="the images or labels differ"):
        RowFile(path, COLUMNS, EXPERIMENT.replace("data", "other"))
    with RowFile(path, COLUMNS, EXPERIMENT) as file:
        assert len(file.done) == 3


def test_places_that_cannot_be_written_are_named(tmp_path):
    with pytest.raises(ValueError, match="the folder .*nowhere does not exist; create it first"):
        RowFile(tmp_path / "nowhere" / "rows.csv", COLUMNS, EXPERIMENT)
    with pytest.raises(ValueError, match=r"it is a folder; name a file, such as .*rows.csv"):
        RowFile(tmp_path, COLUMNS, EXPERIMENT)


def test_a_failing_sync_names_the_file_and_what_to_do(tmp_path, monkeypatch):
    def full(number):
        raise OSError(28, "No space left on device")

    path = written(tmp_path / "rows.csv", n=1)
    with RowFile(path, COLUMNS, EXPERIMENT) as file:
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(
            OSError,
            match=r"rows.csv \(No space left on device\); the rows before are safe: make room",
        ):
            file.append(row(1))


def test_a_full_disk_keeps_the_rows_before_and_says_so(tmp_path):
    path = written(tmp_path / "rows.csv")
    whole = path.read_bytes()
    message = r"could not write to .*rows.csv \(File too large\); the rows before are safe"
    # The message must survive the closing of the file, which tries to write once more.
    with (
        disk_of(len(whole) + 5),
        pytest.raises(OSError, match=message),
        RowFile(path, COLUMNS, EXPERIMENT) as file,
    ):
        file.append(row(3))
    with RowFile(path, COLUMNS, EXPERIMENT) as file:  # the torn line that the full disk left
        assert {*file.done} == {("t", 0), ("t", 1), ("t", 2)}
        file.append(row(3))
    assert path.read_bytes().startswith(whole)
    assert [r["chip"] for r in read(path)] == ["0", "1", "2", "3"]


def test_a_file_of_another_form_is_refused_by_its_ending(tmp_path):
    for name in ("rows.xlsx", "rows"):
        with pytest.raises(ValueError, match=rf"unknown ending of .*{name}.*Known: .csv, .parquet"):
            check_row_files(tmp_path / name)
    check_row_files(tmp_path / "rows.CSV")
