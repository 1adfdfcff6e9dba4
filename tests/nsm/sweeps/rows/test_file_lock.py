"""One writer at a time on every platform: with fcntl, with msvcrt, and with neither."""

import errno
import os
import platform
import subprocess
import sys
from types import SimpleNamespace

import pytest

from nsm.sweeps.rows import file_lock
from nsm.sweeps.rows.file_lock import FAR_BYTE, Busy, lock

#: A finder that behaves as a platform without a module.
WITHOUT = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name in ("fcntl", "resource", "pwd", "grp", "termios"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
for name in ("fcntl", "resource"):
    sys.modules.pop(name, None)
sys.meta_path.insert(0, Missing())
try:
    import fcntl
except ImportError:
    pass
else:
    raise SystemExit("fcntl is still there")
"""
SWEEP = """
import numpy as np, torch, pytest, pathlib
import crossbar, devices, nsm
import nsm.sweeps.rows.row_file
torch.manual_seed(0)
device = devices.Device(g_min=1e-6, g_max=1e-5)
hardware = crossbar.Hardware(device=device, gate=devices.BlankOut(0.5))
tasks = nsm.grid(nsm.nsm_mlp((8, 12, 3)), hardware, {"gain": [0.5, 1.0]})
x, y = np.random.default_rng(0).random((4, 8)), [0, 1, 2, 0]
rows = nsm.collect(tasks, x, y, chips=1, samples=1, rng=0, save_to="rows.csv", progress=False)
assert nsm.read_rows("rows.csv").errors.tolist() == rows.errors.tolist()
assert not pathlib.Path("rows.csv.lock").exists()
columns, experiment = list(rows.columns), rows.experiment[0]
with nsm.sweeps.rows.row_file.RowFile("rows.csv", columns, experiment):
    assert pathlib.Path("rows.csv.lock").exists()
    with pytest.raises(ValueError, match="is being written by another sweep; .*csv.lock says"):
        nsm.sweeps.rows.row_file.RowFile("rows.csv", columns, experiment)
print(len(rows), "rows")
"""


def test_import_and_sweeps_work_without_fcntl(tmp_path):
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import sys; sys.path.insert(0, {os.getcwd()!r})\n{WITHOUT}{SWEEP}",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""
    assert done.stdout == "2 rows\n"


@pytest.fixture
def neither(monkeypatch):
    monkeypatch.setattr(file_lock, "fcntl", None)
    monkeypatch.setattr(file_lock, "msvcrt", None)


def ended_process():
    """Number of a process that has ended."""
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return done.pid


@pytest.mark.usefixtures("neither")
def test_the_lock_file_of_a_process_that_has_ended_is_taken_over(tmp_path):
    path = tmp_path / "rows.csv"
    with open(path, "a+b") as file:
        (tmp_path / "rows.csv.lock").write_text(f"{platform.node()} {ended_process()}")
        release = lock(file, path)
        assert (tmp_path / "rows.csv.lock").read_text() == f"{platform.node()} {os.getpid()}"
        release()
    assert not (tmp_path / "rows.csv.lock").exists()


@pytest.mark.usefixtures("neither")
@pytest.mark.parametrize("owner", ["this process", "elsewhere 1", "", "a b"])
def test_the_lock_file_of_a_process_that_may_run_is_respected(owner, tmp_path):
    path = tmp_path / "rows.csv"
    here = f"{platform.node()} {os.getpid()}"
    (tmp_path / "rows.csv.lock").write_text(here if owner == "this process" else owner)
    with (
        open(path, "a+b") as file,
        pytest.raises(Busy, match=r"rows.csv.lock says .*if it does not run any more, remove"),
    ):
        lock(file, path)


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK])
def test_a_lock_file_stands_in_on_a_file_system_without_locks(number, tmp_path, monkeypatch):
    def flock(file, operation):
        raise OSError(number, os.strerror(number))

    without = SimpleNamespace(flock=flock, LOCK_EX=2, LOCK_NB=4)
    monkeypatch.setattr(file_lock, "fcntl", without)
    path = tmp_path / "rows.csv"
    with open(path, "a+b") as file:
        release = lock(file, path)
        assert (tmp_path / "rows.csv.lock").exists()
        with pytest.raises(Busy, match=r"rows.csv.lock says that process"):
            lock(file, path)
        release()
    assert not (tmp_path / "rows.csv.lock").exists()


def test_another_failure_of_a_lock_is_told(tmp_path, monkeypatch):
    def flock(file, operation):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(file_lock, "fcntl", SimpleNamespace(flock=flock, LOCK_EX=2, LOCK_NB=4))
    with open(tmp_path / "rows.csv", "a+b") as file, pytest.raises(OSError, match="Input/output"):
        lock(file, tmp_path / "rows.csv")


class Windows(SimpleNamespace):
    """What `msvcrt.locking` does, over the locks of POSIX."""

    LK_NBLCK, LK_UNLCK = 2, 0

    def __init__(self):
        super().__init__(held=set(), calls=[])

    def locking(self, number, mode, n_bytes):
        at = os.lseek(number, 0, os.SEEK_CUR)
        key = (os.fstat(number).st_ino, at)
        self.calls.append((mode, at, n_bytes))
        if mode == self.LK_NBLCK and key in self.held:
            raise PermissionError(13, "Permission denied")
        (self.held.add if mode == self.LK_NBLCK else self.held.remove)(key)


def test_windows_locks_a_byte_behind_the_end_and_leaves_the_position(tmp_path, monkeypatch):
    windows = Windows()
    monkeypatch.setattr(file_lock, "fcntl", None)
    monkeypatch.setattr(file_lock, "msvcrt", windows)
    path = tmp_path / "rows.csv"
    with open(path, "a+b", buffering=0) as one, open(path, "a+b", buffering=0) as other:
        one.write(b"header\r\n")
        release = lock(one, path)
        assert one.tell() == 8
        assert windows.calls == [(Windows.LK_NBLCK, FAR_BYTE, 1)]
        with pytest.raises(Busy):
            lock(other, path)
        one.write(b"row\r\n")
        release()
        lock(other, path)()
    assert path.read_bytes() == b"header\r\nrow\r\n"
    assert windows.held == set()
