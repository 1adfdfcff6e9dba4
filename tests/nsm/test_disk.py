"""Writes in one step: modes, links, full disks, killed writes; and places that are refused."""

import errno
import os
import platform
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from nsm import disk
from nsm.disk import new_temporary, write_file, write_folder, write_text
from nsm.places import check_file, check_folder, check_room


@pytest.fixture
def umask():
    """Sets the umask 0027 for the test."""
    before = os.umask(0o027)
    yield
    os.umask(before)


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.usefixtures("umask")
def test_a_new_file_honors_the_umask_and_another_keeps_the_mode_of_the_old(tmp_path):
    path = tmp_path / "rows.csv"
    write_text(path, "new")
    assert mode_of(path) == 0o640
    path.chmod(0o604)
    write_text(path, "newer")
    assert (mode_of(path), path.read_text()) == (0o604, "newer")


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "rows.csv"
    link.symlink_to(tmp_path / "elsewhere" / "there.csv")
    check_file(link)
    write_text(link, "rows")
    assert link.is_symlink()
    assert (tmp_path / "elsewhere" / "there.csv").read_text() == "rows"


def no_room_in(folder, text):
    """Return what writes a text, but finds the disk of a folder full."""

    def write(place):
        place.write_text(text[:2])
        if folder in place.parents:
            raise OSError(errno.ENOSPC, "No space left on device")
        place.write_text(text)

    return write


def test_what_cannot_be_written_is_kept_and_named(tmp_path, monkeypatch):
    full, other = tmp_path / "full", tmp_path / "other"
    for folder in (full, other):
        folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(other))
    path = full / "net.safetensors"
    path.write_text("old")
    with pytest.raises(OSError, match=r"No space left on device\); what stood there") as told:
        write_file(path, no_room_in(full, "weights"))
    kept = Path(re.search(r"the new content is in (\S+):", str(told.value))[1])
    assert (kept.parent, kept.suffix, kept.read_text()) == (other, ".safetensors", "weights")
    assert path.read_text() == "old"
    assert os.listdir(full) == ["net.safetensors"]


def test_what_can_be_written_nowhere_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(disk, "_elsewhere", lambda: iter([tmp_path]))
    with pytest.raises(OSError, match="nor could the new content be kept"):
        write_file(tmp_path / "a.csv", no_room_in(tmp_path, "rows"))
    with pytest.raises(OSError, match=r"No space left on device\); what stood there.*untouched$"):
        write_file(tmp_path / "a.csv", no_room_in(tmp_path, "rows"), keep=False)
    assert os.listdir(tmp_path) == []


def test_all_files_of_a_folder_are_kept_together(tmp_path, monkeypatch):
    full, other = tmp_path / "full", tmp_path / "other"
    other.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(other))

    def write(folder):
        write_text(folder / "one.csv", "1")
        write_file(folder / "two.csv", no_room_in(full, "two"))

    with pytest.raises(OSError, match=r"could not write to .*full \(No space left") as told:
        write_folder(full, write)
    kept = Path(re.search(r"all files are in (\S+)", str(told.value))[1])
    assert [kept.parent, *os.listdir(other)] == [other, kept.name]
    assert {p.name: p.read_text() for p in kept.iterdir()} == {"one.csv": "1", "two.csv": "two"}


KILLED = """
import os, sys
from pathlib import Path
from nsm.disk import write_file
write_file(Path(sys.argv[1]), lambda place: os.kill(os.getpid(), 9))
"""


def test_the_next_run_removes_what_a_killed_write_left_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "rows.csv"
    done = subprocess.run([sys.executable, "-c", KILLED, path], cwd=Path(__file__).parents[2])
    (left,) = os.listdir(tmp_path)
    assert (done.returncode, left[:10], left[-4:]) == (-9, ".rows.csv.", ".csv")
    living = new_temporary(path)
    node = re.sub("[^A-Za-z0-9]", "_", platform.node())[:40]
    others = [left.replace(node, "another_machine"), ".rows.csv.swp", f"{left[1:]}"]
    for name in others:
        (tmp_path / name).touch()
    monkeypatch.setattr(disk, "_cleaned", set())
    check_file(path)
    assert sorted(os.listdir(tmp_path)) == sorted([living.name, *others])


def test_a_device_is_not_replaced(tmp_path):
    with pytest.raises(ValueError, match="cannot write /dev/full: it is a device; name a file"):
        write_text("/dev/full", "rows")
    assert stat.S_ISCHR(os.stat("/dev/full").st_mode)


def made(kind, folder):
    """Return a place that cannot be written."""
    path = folder / "rows.csv"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "circle":
        path.symlink_to(path)
    elif kind == "long":
        path = folder / f"{'ä' * 126}.csv"
    elif kind == "long folder":
        path = folder / ("n" * 300) / "rows.csv"
    elif kind == "missing":
        path = folder / "no" / "rows.csv"
    return Path("/dev/full") if kind == "device" else path


REFUSED = {
    "pipe": "it is a pipe; name a file, such as rows.csv",
    "folder": r"it is a folder; name a file, such as .*rows.csv/rows.csv",
    "device": "cannot write /dev/full: it is a device; name a file",
    "circle": "it is a link that leads in a circle",
    "long": "its name of 256 bytes, or its whole path, is too long",
    "long folder": "its name of 300 bytes, or its whole path, is too long",
    "missing": "the folder .*no does not exist; create it first",
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_place_that_takes_no_file_is_refused(kind, tmp_path):
    path = made(kind, tmp_path)
    with pytest.raises(ValueError, match=REFUSED[kind]):
        check_file(path)


@pytest.mark.parametrize("kind", ["pipe", "device", "long", "long folder"])
def test_a_place_that_takes_no_folder_is_refused(kind, tmp_path):
    wanted = {"pipe": "rows.csv is a pipe; name a folder", "device": "/dev/full is a device"}
    with pytest.raises(ValueError, match=wanted.get(kind, REFUSED[kind])):
        check_folder(made(kind, tmp_path))


def test_a_folder_whose_file_is_another_folder_is_refused(tmp_path):
    (tmp_path / "out" / "cost.csv").mkdir(parents=True)
    check_folder(tmp_path / "out", ["report.csv"])
    with pytest.raises(ValueError, match="cost.csv: it is a folder"):
        check_folder(tmp_path / "out", ["report.csv", "cost.csv"])


def test_a_full_or_read_only_disk_is_told_before_any_work(tmp_path, monkeypatch):
    for number, text in ((errno.ENOSPC, "No space left"), (errno.EROFS, "Read-only")):

        def refuse(*_, number=number):
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(Path, "write_bytes", refuse)
        with pytest.raises(ValueError, match=f"takes no new file \\({text}"):
            check_file(tmp_path / "rows.csv")
        with pytest.raises(ValueError, match=f"takes no new file \\({text}"):
            check_folder(tmp_path / "a" / "b")
    assert os.listdir(tmp_path) == []


def test_a_disk_with_too_little_room_is_refused(tmp_path):
    check_room(tmp_path / "net", 1)
    with pytest.raises(ValueError, match="takes 1e\\+12 MB, and its disk has"):
        check_room(tmp_path / "net", 10**18)
